/* PyTorch's zip files: torch.save of a state_dict or of a training checkpoint, and TorchScript
 * archives.
 *
 * All have "<any prefix>/data.pkl", a pickle that describes the tensors, and
 * "<prefix>/data/<number>", a storage each. In a TorchScript archive the tensors are attributes of
 * nested module objects; its program text is never looked at. */
#include "checkpoint/torch_tensor.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

typedef const struct cclip_pickle_value value;

static int ends_with(const struct cclip_zip_entry *entry, const char *end)
{
    const size_t length = strlen(end);
    return entry->name_length >= length &&
           !memcmp(entry->name + entry->name_length - length, end, length);
}

/* "<prefix>/data.pkl", the prefix without a slash of its own. */
static int is_pickle(const struct cclip_zip_entry *entry)
{
    const char *slash = memchr(entry->name, '/', entry->name_length);
    return slash && ends_with(entry, "/data.pkl") &&
           slash == entry->name + entry->name_length - strlen("/data.pkl");
}

static const char *what_instead(const struct cclip_zip *zip)
{
    static const struct {
        const char *end, *what;
    } others[] = {
        { ".npy", "a NumPy archive (.npz), not a checkpoint" },
        { ".weights.h5", "a Keras archive, which is not read" },
        { "/data.pkl", "a zip archive around an unpacked PyTorch file, not the file itself" },
    };
    for (size_t i = 0; i < cclip_zip_count(zip); i++)
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            if (ends_with(cclip_zip_entry(zip, i), others[k].end))
                return others[k].what;
    return "a zip archive without data.pkl: not a file of PyTorch";
}

static cclip_status find_pickle(const struct cclip_zip_entry **out, struct cclip_torch_zip *torch)
{
    for (size_t i = 0; i < cclip_zip_count(torch->zip); i++) {
        const struct cclip_zip_entry *entry = cclip_zip_entry(torch->zip, i);
        if (is_pickle(entry)) {
            *out = entry;
            torch->prefix = entry->name;
            torch->prefix_length = entry->name_length - strlen("data.pkl");
            return CCLIP_OK;
        }
    }
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: %s", torch->path, what_instead(torch->zip));
}

static cclip_status check_byte_order(const struct cclip_torch_zip *torch)
{
    static const char little[] = "little";
    char order[8] = "";
    const struct cclip_zip_entry *entry =
        cclip_torch_find(torch, "", "byteorder", strlen("byteorder"));
    if (!entry) /* files from before PyTorch 2.1 do not say; all machines of interest were
                   little-endian */
        return CCLIP_OK;
    if (entry->size > sizeof order - 1)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: byteorder has %zu bytes; \"little\" was expected", torch->path,
                          entry->size);
    const cclip_status status = cclip_zip_read(order, torch->zip, entry);
    if (!status && strcmp(order, little))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: byte order \"%s\"; only \"little\" is read",
                          torch->path, order);
    return status;
}

/* --- which values are weights --- */

static int holds_tensors(value *dict)
{
    if (!dict || dict->kind != CCLIP_PICKLE_DICT)
        return 0;
    for (size_t i = 1; i < dict->as.list.count; i += 2)
        if (cclip_torch_is_tensor(dict->as.list.items[i]))
            return 1;
    return 0;
}

/* The state_dict: the root itself, or where training scripts put it beside epoch and optimizer. */
static value *find_state_dict(value *root)
{
    static const char *const keys[] = { "state_dict", "model", "model_state_dict" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        value *dict = cclip_pickle_get(root, keys[i]);
        if (holds_tensors(dict))
            return dict;
    }
    return holds_tensors(root) ? root : NULL;
}

/* Wrappers around a model (data-parallel, compiled) put themselves in front of every name. */
static void strip_wrappers(const char **name, size_t *length)
{
    static const char *const wrappers[] = { "module.", "_orig_mod." };
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        const size_t size = strlen(wrappers[i]);
        if (*length > size && !memcmp(*name, wrappers[i], size)) {
            *name += size;
            *length -= size;
            i = SIZE_MAX; /* again from the first */
        }
    }
}

static cclip_status add_state_dict(struct cclip_torch_zip *torch, value *dict)
{
    for (size_t i = 0; i + 1 < dict->as.list.count; i += 2) {
        value *key = dict->as.list.items[i], *v = dict->as.list.items[i + 1];
        if (key->kind != CCLIP_PICKLE_TEXT || !cclip_torch_is_tensor(v))
            continue;
        const char *name = key->as.text.text;
        size_t length = key->as.text.length;
        strip_wrappers(&name, &length);
        const cclip_status status = cclip_torch_add_tensor(torch, name, length, v);
        if (status)
            return status;
    }
    return CCLIP_OK;
}

static int is_module(value *v)
{
    value *class = v && v->kind == CCLIP_PICKLE_CALL ? cclip_pickle_item(v, 0) : NULL;
    return class && class->as.global->role == CCLIP_ROLE_MODULE;
}

/* A module's attributes, and those of the modules in it; `name` is the path down to it. The graph
 * may reach one module on many paths, so visits are counted. Its depth is limited by its reader. */
static cclip_status add_module(struct cclip_torch_zip *torch, value *module,
                               struct cclip_buffer *name, size_t *visits)
{
    value *attributes = cclip_pickle_item(module, 2);
    const size_t length = name->length;
    cclip_status status = CCLIP_OK;
    if (!attributes || attributes->kind != CCLIP_PICKLE_DICT)
        return CCLIP_OK;
    for (size_t i = 0; i + 1 < attributes->as.list.count && !status; i += 2) {
        value *key = attributes->as.list.items[i], *v = attributes->as.list.items[i + 1];
        const int is_tensor = cclip_torch_is_tensor(v);
        if (++*visits > CCLIP_LIMIT_PICKLE_OBJECTS)
            return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %zu attributes of modules",
                              torch->path, CCLIP_LIMIT_PICKLE_OBJECTS);
        if (key->kind != CCLIP_PICKLE_TEXT || !(is_tensor || is_module(v)))
            continue;
        status = cclip_buffer_append(name, key->as.text.text, key->as.text.length);
        if (!status && !is_tensor)
            status = cclip_buffer_byte(name, '.');
        if (status)
            return cclip_fail_in(status, "%s: a tensor's name", torch->path);
        if (is_tensor)
            status = cclip_torch_add_tensor(torch, name->data, name->length, v);
        else
            status = add_module(torch, v, name, visits);
        name->length = length;
    }
    return status;
}

static cclip_status add_tensors(struct cclip_torch_zip *torch, value *root)
{
    struct cclip_checkpoint *checkpoint = torch->checkpoint;
    const size_t before = checkpoint->count;
    cclip_status status = CCLIP_OK;
    if (is_module(root)) {
        struct cclip_buffer name;
        size_t visits = 0;
        cclip_buffer_open(&name, CCLIP_LIMIT_TENSOR_NAME);
        status = add_module(torch, root, &name, &visits);
        cclip_buffer_close(&name);
    } else {
        value *dict = find_state_dict(root);
        status = dict ? add_state_dict(torch, dict) : CCLIP_OK;
    }
    if (!checkpoint->format)
        checkpoint->format = is_module(root) ? "TorchScript" : "PyTorch zip";
    if (!status && checkpoint->count == before)
        return cclip_fail(
            CCLIP_ERROR_FORMAT,
            "%s: no weights in it: a state_dict was expected, or one under \"state_dict\", "
            "\"model\" or \"model_state_dict\"",
            torch->path);
    return status;
}

/* --- the archive --- */

static cclip_status read_pickle(struct cclip_torch_zip *torch, const struct cclip_zip_entry *entry)
{
    struct cclip_pickle pickle;
    struct cclip_buffer name;
    if (entry->size > CCLIP_LIMIT_PICKLE_BYTES)
        return cclip_fail(CCLIP_ERROR_LIMIT,
                          "%s: data.pkl of %zu bytes (packed %zu); at most %zu are accepted",
                          torch->path, entry->size, entry->packed, CCLIP_LIMIT_PICKLE_BYTES);
    unsigned char *data = cclip_allocate(entry->size, 1);
    cclip_status status = data ? cclip_zip_read(data, torch->zip, entry) : CCLIP_ERROR_MEMORY;
    cclip_buffer_open(&name, CCLIP_LIMIT_PATH + 16);
    if (!status)
        status = cclip_buffer_format(&name, "%s: data.pkl", torch->path);
    if (!status)
        status = cclip_pickle_read(&pickle, data, entry->size, name.data);
    if (!status) {
        status = add_tensors(torch, pickle.root);
        cclip_pickle_close(&pickle);
    }
    cclip_buffer_close(&name);
    cclip_release(data);
    return status;
}

cclip_status cclip_torch_zip_read(struct cclip_checkpoint *checkpoint, size_t file)
{
    struct cclip_torch_zip torch = { .checkpoint = checkpoint, .file = file,
                                     .path = checkpoint->files[file].path };
    const struct cclip_mapping *mapping = &checkpoint->files[file].mapping;
    const struct cclip_zip_entry *entry = NULL;
    cclip_status status = cclip_zip_open(&torch.zip, mapping->data, mapping->size, torch.path);
    if (!status)
        status = find_pickle(&entry, &torch);
    if (!status)
        status = check_byte_order(&torch);
    if (!status) {
        torch.unpacked = cclip_allocate_zero(cclip_zip_count(torch.zip), sizeof *torch.unpacked);
        status = torch.unpacked ? read_pickle(&torch, entry) : CCLIP_ERROR_MEMORY;
    }
    cclip_release(torch.unpacked);
    cclip_zip_close(&torch.zip);
    return status;
}
