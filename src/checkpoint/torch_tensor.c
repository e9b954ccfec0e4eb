#include "checkpoint/torch_tensor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

typedef const struct cclip_pickle_value value;

/* The tensor that is being read; for messages. */
struct subject {
    struct cclip_torch_zip *torch;
    const char *name;
    int length;
};

/* What a call that makes a tensor says, in the pickle's own values. */
struct recipe {
    value *storage, *offset, *shape, *strides;
    int dtype; /* -1: the storage's */
};

struct storage {
    const struct cclip_zip_entry *entry;
    enum cclip_dtype dtype;
    size_t count; /* elements */
    const unsigned char *data;
};

static cclip_status fail_tensor(const struct subject *s, cclip_status status, const char *format,
                                ...) CCLIP_PRINTF(3, 4);

static cclip_status fail_tensor(const struct subject *s, cclip_status status, const char *format,
                                ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return cclip_fail(status, "%s: tensor \"%.*s\": %s", s->torch->path, s->length, s->name, text);
}

static enum cclip_pickle_role role_of(value *v)
{
    return v && v->kind == CCLIP_PICKLE_GLOBAL ? v->as.global->role : CCLIP_ROLE_OTHER;
}

/* What a call calls. */
static enum cclip_pickle_role called(value *v)
{
    return v && v->kind == CCLIP_PICKLE_CALL ? role_of(cclip_pickle_item(v, 0)) : CCLIP_ROLE_OTHER;
}

int cclip_torch_is_tensor(value *v)
{
    const enum cclip_pickle_role role = called(v);
    return role == CCLIP_ROLE_TENSOR || role == CCLIP_ROLE_TENSOR_OF_TYPE ||
           role == CCLIP_ROLE_PARAMETER || role == CCLIP_ROLE_TENSOR_CLASS;
}

static int is_true(value *v)
{
    return v && v->kind == CCLIP_PICKLE_BOOL && v->as.integer;
}

/* PyTorch keeps some views as they lie, with a note among the last arguments that their values are to be
 * negated. */
static int is_flipped(value *notes)
{
    return is_true(cclip_pickle_get(notes, "neg")) || is_true(cclip_pickle_get(notes, "conj"));
}

/* Parameters and tensors of a class of their own wrap the call that makes the plain tensor. */
static cclip_status unwrap(struct recipe *out, const struct subject *s, value *v)
{
    enum cclip_pickle_role role = called(v);
    value *arguments = cclip_pickle_item(v, 1);
    for (int depth = 0; depth < 4; depth++) {
        value *first = cclip_pickle_item(arguments, 0);
        if (role == CCLIP_ROLE_PARAMETER) {
            role = called(first);
            arguments = cclip_pickle_item(first, 1);
        } else if (role == CCLIP_ROLE_TENSOR_CLASS) {
            role = role_of(first);
            arguments = cclip_pickle_item(arguments, 2);
        }
    }
    if (role != CCLIP_ROLE_TENSOR && role != CCLIP_ROLE_TENSOR_OF_TYPE)
        return fail_tensor(s, CCLIP_ERROR_UNSUPPORTED, "is made in a way that is not known");
    value *dtype = role == CCLIP_ROLE_TENSOR_OF_TYPE ? cclip_pickle_item(arguments, 6) : NULL;
    if (role == CCLIP_ROLE_TENSOR_OF_TYPE && role_of(dtype) != CCLIP_ROLE_DTYPE)
        return fail_tensor(s, CCLIP_ERROR_FORMAT, "its type is missing");
    if (is_flipped(cclip_pickle_item(arguments, dtype ? 7 : 6)))
        return fail_tensor(s, CCLIP_ERROR_UNSUPPORTED,
                           "is a negative or conjugate view; save it after resolve_neg()");
    *out = (struct recipe){
        .storage = cclip_pickle_item(arguments, 0),
        .offset = cclip_pickle_item(arguments, 1),
        .shape = cclip_pickle_item(arguments, 2),
        .strides = cclip_pickle_item(arguments, 3),
        .dtype = dtype ? dtype->as.global->dtype : -1,
    };
    return CCLIP_OK;
}

/* A count of 0 or more; CCLIP_LIMIT_TENSOR_ELEMENTS bounds every one that can make sense. */
static int read_count(size_t *out, value *v)
{
    if (!v || v->kind != CCLIP_PICKLE_INTEGER || v->as.integer < 0)
        return 0;
    *out = (size_t)v->as.integer;
    return 1;
}

static cclip_status read_counts(size_t *out, int *count, const struct subject *s, value *list,
                                const char *what)
{
    if (!list || list->kind != CCLIP_PICKLE_LIST)
        return fail_tensor(s, CCLIP_ERROR_FORMAT, "its %s is missing", what);
    if (list->as.list.count > CCLIP_LIMIT_TENSOR_RANK)
        return fail_tensor(s, CCLIP_ERROR_LIMIT, "%zu dimensions; at most %d are accepted",
                           list->as.list.count, CCLIP_LIMIT_TENSOR_RANK);
    *count = (int)list->as.list.count;
    for (int i = 0; i < *count; i++)
        if (!read_count(&out[i], list->as.list.items[i]))
            return fail_tensor(s, CCLIP_ERROR_FORMAT, "its %s holds something other than a size",
                               what);
    return CCLIP_OK;
}

const struct cclip_zip_entry *cclip_torch_find(const struct cclip_torch_zip *torch,
                                               const char *folder, const char *name,
                                               size_t name_length)
{
    char full[CCLIP_LIMIT_PATH];
    const size_t folder_length = strlen(folder),
                 length = torch->prefix_length + folder_length + name_length;
    if (length < name_length || length > sizeof full)
        return NULL;
    memcpy(full, torch->prefix, torch->prefix_length);
    memcpy(full + torch->prefix_length, folder, folder_length);
    memcpy(full + torch->prefix_length + folder_length, name, name_length);
    return cclip_zip_find(torch->zip, full, length);
}

/* ("storage", class, "12", "cpu", number of elements); "12" is the record's name. Where the storage
 * was ("cuda:0") does not matter. */
static cclip_status read_storage(struct storage *out, const struct subject *s,
                                 const struct recipe *recipe)
{
    value *class = cclip_pickle_item(recipe->storage, 1),
          *key = cclip_pickle_item(recipe->storage, 2);
    const enum cclip_pickle_role role = role_of(class);
    if (!recipe->storage || recipe->storage->kind != CCLIP_PICKLE_PERSISTENT ||
        !cclip_pickle_is_text(cclip_pickle_item(recipe->storage, 0), "storage") ||
        (role != CCLIP_ROLE_STORAGE && role != CCLIP_ROLE_BYTES_STORAGE) ||
        !key || key->kind != CCLIP_PICKLE_TEXT ||
        !read_count(&out->count, cclip_pickle_item(recipe->storage, 4)))
        return fail_tensor(s, CCLIP_ERROR_FORMAT,
                           "its storage is not described as torch.save does");
    if (role == CCLIP_ROLE_BYTES_STORAGE && recipe->dtype < 0)
        return fail_tensor(s, CCLIP_ERROR_FORMAT, "neither it nor its storage has a type");
    const int dtype = recipe->dtype >= 0 ? recipe->dtype : class->as.global->dtype;
    const size_t size = cclip_dtype_info((enum cclip_dtype)dtype)->block_bytes;
    const size_t unit = cclip_dtype_info((enum cclip_dtype)class->as.global->dtype)->block_bytes;
    const int name_length = key->as.text.length < 100 ? (int)key->as.text.length : 100;
    out->dtype = (enum cclip_dtype)dtype;
    out->entry = cclip_torch_find(s->torch, "data/", key->as.text.text, key->as.text.length);
    if (!out->entry)
        return fail_tensor(s, CCLIP_ERROR_FORMAT, "its storage data/%.*s is not in the archive",
                           name_length, key->as.text.text);
    if (out->count > out->entry->size / unit)
        return fail_tensor(
            s, CCLIP_ERROR_FORMAT,
            "its storage data/%.*s has %zu bytes, but should hold %zu elements of %zu", name_length,
            key->as.text.text, out->entry->size, out->count, unit);
    out->count = out->count * unit / size;
    return CCLIP_OK;
}

/* A deflated record is unpacked, once. Real weights hardly shrink, so a file that grows to many
 * times its size is no checkpoint. */
static cclip_status unpack(unsigned char **out, const struct subject *s,
                           const struct cclip_zip_entry *entry)
{
    struct cclip_torch_zip *torch = s->torch;
    unsigned char **kept = &torch->unpacked[entry - cclip_zip_entry(torch->zip, 0)];
    const size_t file = torch->checkpoint->files[torch->file].mapping.size;
    const size_t most = CCLIP_LIMIT_UNPACKED_EXTRA + CCLIP_LIMIT_UNPACKED_TIMES * file;
    cclip_status status = CCLIP_OK;
    if (!*kept) {
        if (entry->size > most - torch->unpacked_bytes)
            return fail_tensor(s, CCLIP_ERROR_LIMIT,
                               "the archive's %zu bytes unpack to more than the limit of %zu", file,
                               most);
        unsigned char *data = cclip_arena_take(&torch->checkpoint->arena, entry->size, 1);
        status = data ? cclip_zip_read(data, torch->zip, entry) : CCLIP_ERROR_MEMORY;
        if (status)
            return status;
        torch->unpacked_bytes += entry->size;
        *kept = data;
    }
    *out = *kept;
    return status;
}

static cclip_status find_data(struct storage *storage, const struct subject *s)
{
    unsigned char *unpacked = NULL;
    if (!storage->entry->deflated)
        return cclip_zip_data(&storage->data, s->torch->zip, storage->entry);
    const cclip_status status = unpack(&unpacked, s, storage->entry);
    storage->data = unpacked;
    return status;
}

/* Every element must lie in the storage. Strides of dimensions that are never stepped along mean
 * nothing; they are made harmless. */
static cclip_status check_bounds(const struct subject *s, struct cclip_tensor *tensor,
                                 const struct storage *storage, size_t offset)
{
    size_t count = 0, last = offset;
    const cclip_status status = cclip_tensor_count(&count, tensor->shape, tensor->rank);
    if (status)
        return cclip_fail_in(status, "%s: tensor \"%.*s\"", s->torch->path, s->length, s->name);
    int inside = count ? offset < storage->count : offset <= storage->count;
    for (int i = 0; i < tensor->rank && inside; i++) {
        const size_t steps = count ? tensor->shape[i] - 1 : 0;
        if (!steps)
            tensor->stride[i] = 1;
        else if (tensor->stride[i] > (storage->count - 1 - last) / steps)
            inside = 0;
        else
            last += steps * tensor->stride[i];
    }
    char shape[128], strides[128];
    return inside ? CCLIP_OK
                  : fail_tensor(
                        s, CCLIP_ERROR_FORMAT,
                        "shape %s with strides %s from element %zu on does not fit into its "
                        "storage of %zu elements",
                        cclip_shape_text(shape, sizeof shape, tensor->shape, tensor->rank),
                        cclip_shape_text(strides, sizeof strides, tensor->stride, tensor->rank),
                        offset, storage->count);
}

static cclip_status read_tensor(struct cclip_tensor *out, const struct subject *s, value *v)
{
    struct recipe recipe = { .dtype = -1 };
    struct storage storage = { .entry = NULL };
    size_t offset = 0;
    int strides = 0;
    cclip_status status = unwrap(&recipe, s, v);
    if (!status)
        status = read_storage(&storage, s, &recipe);
    if (!status)
        status = read_counts(out->shape, &out->rank, s, recipe.shape, "shape");
    if (!status)
        status = read_counts(out->stride, &strides, s, recipe.strides, "strides");
    if (status)
        return status;
    if (strides != out->rank || !read_count(&offset, recipe.offset))
        return fail_tensor(s, CCLIP_ERROR_FORMAT, "%d dimensions, but %d strides, or no offset",
                           out->rank, strides);
    status = check_bounds(s, out, &storage, offset);
    if (!status)
        status = find_data(&storage, s);
    if (status)
        return status;
    out->dtype = storage.dtype;
    out->data = storage.data + offset * cclip_dtype_info(storage.dtype)->block_bytes;
    return CCLIP_OK;
}

cclip_status cclip_torch_add_tensor(struct cclip_torch_zip *torch, const char *name,
                                    size_t name_length, value *v)
{
    const struct subject subject = { torch, name, name_length < 200 ? (int)name_length : 200 };
    struct cclip_tensor tensor = { .rank = 0 };
    const cclip_status status = read_tensor(&tensor, &subject, v);
    return status
               ? status
               : cclip_checkpoint_add(torch->checkpoint, torch->file, name, name_length, &tensor);
}
