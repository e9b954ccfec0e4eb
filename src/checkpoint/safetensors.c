/* Safetensors: eight bytes of header length, a JSON header, then the tensors' bytes.
 *
 * The header says for each tensor its type, its shape and its bytes' place after the header. Those
 * places must cover all bytes that follow, without a hole and without an overlap: anything else is
 * a damaged file, or one that hides something. */
#include "checkpoint/checkpoint_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/json.h"

enum { LENGTH_BYTES = 8 };

struct item {
    const char *name; /* owned by the header's JSON */
    size_t begin, end; /* after the header */
    struct cclip_tensor tensor;
};

struct reader {
    struct cclip_checkpoint *checkpoint;
    size_t file;
    const char *path;
    const unsigned char *data; /* what follows the header */
    size_t size;
    struct item *items;
    size_t count;
};

static uint64_t header_length(const struct cclip_mapping *mapping)
{
    uint64_t length = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)mapping->data[i] << (8 * i);
    return length;
}

int cclip_is_safetensors(const struct cclip_mapping *mapping)
{
    return mapping->size > LENGTH_BYTES && mapping->data[LENGTH_BYTES] == '{' &&
           header_length(mapping) <= mapping->size - LENGTH_BYTES;
}

static cclip_status parse_header(cclip_json **out, struct reader *r)
{
    const struct cclip_mapping *mapping = &r->checkpoint->files[r->file].mapping;
    *out = NULL;
    if (mapping->size < LENGTH_BYTES)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: %zu bytes; a safetensors file has 8 bytes of header length at least",
                          r->path, mapping->size);
    const uint64_t length = header_length(mapping);
    if (length > CCLIP_LIMIT_SAFETENSORS_HEADER)
        return cclip_fail(CCLIP_ERROR_LIMIT,
                          "%s: a safetensors header of %" PRIu64 " bytes; at most %zu are accepted",
                          r->path, length, CCLIP_LIMIT_SAFETENSORS_HEADER);
    if (length > mapping->size - LENGTH_BYTES)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: a safetensors header of %" PRIu64
                          " bytes in a file of %zu: is the file cut short?",
                          r->path, length, mapping->size);
    const char *text = (const char *)mapping->data + LENGTH_BYTES;
    if (!length || *text != '{')
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte 8: a safetensors header begins with {",
                          r->path);
    r->data = mapping->data + LENGTH_BYTES + length;
    r->size = mapping->size - LENGTH_BYTES - (size_t)length;
    const cclip_status status = cclip_json_parse(out, text, (size_t)length, "safetensors header");
    return status ? cclip_fail_in(status, "%s", r->path) : CCLIP_OK;
}

static cclip_status read_dtype(enum cclip_dtype *out, const struct reader *r, const char *name,
                               const cclip_json *value)
{
    static const struct {
        const char *name;
        enum cclip_dtype dtype;
    } types[] = { { "F32", CCLIP_F32 }, { "F16", CCLIP_F16 }, { "BF16", CCLIP_BF16 },
                  { "F64", CCLIP_F64 }, { "I64", CCLIP_I64 }, { "I32", CCLIP_I32 },
                  { "I16", CCLIP_I16 }, { "I8", CCLIP_I8 },   { "U8", CCLIP_U8 },
                  { "BOOL", CCLIP_BOOL } };
    const char *text = cclip_json_string(value, NULL);
    if (!text)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensor \"%s\": has no \"dtype\"", r->path, name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(text, types[i].name)) {
            *out = types[i].dtype;
            return CCLIP_OK;
        }
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                      "%s: tensor \"%s\": type \"%s\" is not supported (F32, F16, BF16, F64, I64, "
                      "I32, I16, I8, U8 and BOOL are)",
                      r->path, name, text);
}

static cclip_status read_shape(struct cclip_tensor *out, const struct reader *r, const char *name,
                               const cclip_json *value)
{
    const size_t rank = cclip_json_length(value);
    if (!cclip_json_is_array(value))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensor \"%s\": has no \"shape\"", r->path, name);
    if (rank > CCLIP_LIMIT_TENSOR_RANK)
        return cclip_fail(CCLIP_ERROR_LIMIT,
                          "%s: tensor \"%s\": %zu dimensions; at most %d are accepted", r->path,
                          name, rank, CCLIP_LIMIT_TENSOR_RANK);
    for (size_t i = 0; i < rank; i++) {
        const int64_t side = cclip_json_integer(cclip_json_at(value, i), -1);
        if (side < 0)
            return cclip_fail(CCLIP_ERROR_FORMAT,
                              "%s: tensor \"%s\": \"shape\" must hold sizes of 0 or more", r->path,
                              name);
        out->shape[i] = (size_t)side;
    }
    out->rank = (int)rank;
    return CCLIP_OK;
}

static cclip_status read_place(struct item *out, const struct reader *r, const cclip_json *value)
{
    const int64_t begin = cclip_json_integer(cclip_json_at(value, 0), -1);
    const int64_t end = cclip_json_integer(cclip_json_at(value, 1), -1);
    if (cclip_json_length(value) != 2 || begin < 0 || end < begin)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: tensor \"%s\": \"data_offsets\" must be [begin, end], begin <= end",
                          r->path, out->name);
    if ((uint64_t)end > r->size)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: tensor \"%s\": bytes %" PRId64 " to %" PRId64
                          ", but only %zu follow the header: is the file cut short?",
                          r->path, out->name, begin, end, r->size);
    out->begin = (size_t)begin;
    out->end = (size_t)end;
    return CCLIP_OK;
}

static cclip_status read_item(struct item *out, const struct reader *r, const char *name,
                              const cclip_json *value)
{
    struct cclip_tensor *tensor = &out->tensor;
    size_t count;
    *out = (struct item){ .name = name };
    if (!cclip_json_is_object(value))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensor \"%s\": its entry must be an object",
                          r->path, name);
    cclip_status status = read_dtype(&tensor->dtype, r, name, cclip_json_get(value, "dtype"));
    if (!status)
        status = read_shape(tensor, r, name, cclip_json_get(value, "shape"));
    if (!status)
        status = read_place(out, r, cclip_json_get(value, "data_offsets"));
    if (status)
        return status;
    status = cclip_tensor_count(&count, tensor->shape, tensor->rank);
    if (status)
        return cclip_fail_in(status, "%s: tensor \"%s\"", r->path, name);
    const size_t wanted = count * cclip_dtype_info(tensor->dtype)->block_bytes;
    if (wanted != out->end - out->begin) {
        char shape[128];
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: tensor \"%s\": %s %s takes %zu bytes, but has %zu", r->path, name,
                          cclip_dtype_info(tensor->dtype)->name,
                          cclip_shape_text(shape, sizeof shape, tensor->shape, tensor->rank),
                          wanted, out->end - out->begin);
    }
    tensor->data = r->data + out->begin;
    cclip_tensor_set_contiguous(tensor);
    return CCLIP_OK;
}

/* "__metadata__" is texts by name; another form is a damaged header. */
static cclip_status read_metadata(const struct reader *r, const cclip_json *value)
{
    struct cclip_json_iterator it;
    cclip_status status = CCLIP_OK;
    int good = cclip_json_is_object(value);
    for (int valid = cclip_json_first(&it, value); valid && good; valid = cclip_json_next(&it))
        good = cclip_json_is_string(it.value);
    if (!good)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"__metadata__\" must hold texts only", r->path);
    for (int valid = cclip_json_first(&it, value); valid && !status; valid = cclip_json_next(&it)) {
        size_t length = 0;
        const char *text = cclip_json_string(it.value, &length);
        status = cclip_checkpoint_add_note(r->checkpoint, it.key, it.key_length, text, length);
    }
    return status;
}

static cclip_status read_items(struct reader *r, const cclip_json *header)
{
    struct cclip_json_iterator it;
    const size_t length = cclip_json_length(header);
    if (!cclip_json_is_object(header))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: the safetensors header is no object", r->path);
    if (length > CCLIP_LIMIT_TENSORS)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %zu tensors; at most %zu are accepted", r->path,
                          length, CCLIP_LIMIT_TENSORS);
    r->items = cclip_allocate(length, sizeof *r->items);
    if (!r->items)
        return CCLIP_ERROR_MEMORY;
    for (int valid = cclip_json_first(&it, header); valid; valid = cclip_json_next(&it)) {
        const int is_metadata = !strcmp(it.key, "__metadata__");
        const cclip_status status = is_metadata
                                        ? read_metadata(r, it.value)
                                        : read_item(&r->items[r->count], r, it.key, it.value);
        if (status)
            return status;
        r->count += !is_metadata;
    }
    return CCLIP_OK;
}

static int compare_places(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Sorted by place, each tensor must begin where the one before it ended. */
static cclip_status check_places(const struct reader *r)
{
    size_t end = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct item *item = &r->items[i];
        if (item->begin < end)
            return cclip_fail(
                CCLIP_ERROR_FORMAT,
                "%s: tensors \"%s\" (bytes %zu to %zu) and \"%s\" (bytes %zu to %zu) overlap",
                r->path, item[-1].name, item[-1].begin, item[-1].end, item->name, item->begin,
                item->end);
        if (item->begin > end)
            return cclip_fail(CCLIP_ERROR_FORMAT,
                              "%s: bytes %zu to %zu, before tensor \"%s\", belong to no tensor",
                              r->path, end, item->begin, item->name);
        end = item->end;
    }
    if (end != r->size)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: %zu bytes follow the header, but its tensors take %zu", r->path,
                          r->size, end);
    return CCLIP_OK;
}

cclip_status cclip_safetensors_read(struct cclip_checkpoint *checkpoint, size_t file)
{
    struct reader r = { .checkpoint = checkpoint,
                        .file = file,
                        .path = checkpoint->files[file].path };
    cclip_json *header;
    cclip_status status = parse_header(&header, &r);
    if (!status)
        status = read_items(&r, header);
    if (!status && r.count) {
        qsort(r.items, r.count, sizeof *r.items, compare_places);
        status = check_places(&r);
    }
    for (size_t i = 0; i < r.count && !status; i++)
        status = cclip_checkpoint_add(checkpoint, file, r.items[i].name, strlen(r.items[i].name),
                                      &r.items[i].tensor);
    if (!checkpoint->format)
        checkpoint->format = "safetensors";
    cclip_release(r.items);
    cclip_json_close(&header);
    return status;
}
