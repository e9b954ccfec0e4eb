/* GGUF, versions 2 and 3 (which differ in nothing that matters here): counts, key-value pairs,
 * descriptions of the tensors, then their bytes, each tensor's padded to the alignment.
 *
 * Files of other models use the format too. Only clip.cpp's have both towers; a multimodal
 * projector of llama.cpp calls itself "clip" as well, and is told apart by its keys. */
#include "checkpoint/checkpoint_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/gguf_parts.h"

struct item {
    struct cclip_gguf_text name;
    uint64_t begin, end; /* from the start of the data section */
    struct cclip_tensor tensor;
};

struct reader {
    struct cclip_checkpoint *checkpoint;
    size_t file;
    struct cclip_gguf_cursor cursor;
    uint64_t alignment;
    struct item *items; /* in the order of the file */
    size_t count;
};

static size_t file_size(const struct reader *r)
{
    return (size_t)(r->cursor.end - r->cursor.start);
}

static cclip_status read_version(struct reader *r)
{
    uint64_t version;
    r->cursor.at += strlen("GGUF");
    const cclip_status status = cclip_gguf_take_number(&version, &r->cursor, 4, "the version");
    if (status || version == 2 || version == 3)
        return status;
    if (version && !(version & 0xffff))
        return cclip_fail(
            CCLIP_ERROR_UNSUPPORTED,
            "%s: a GGUF file with its bytes in big-endian order; only little-endian is read",
            r->cursor.path);
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: GGUF version %" PRIu64 "; 2 and 3 are read",
                      r->cursor.path, version);
}

/* Both counts are held against the file's size before anything is allocated. */
static cclip_status read_keys(struct reader *r, uint64_t *tensors)
{
    enum { LEAST = 8 + 4 + 4 + 8 }; /* an empty name, no dimension, type, place */
    uint64_t keys = 0;
    cclip_status status = cclip_gguf_take_number(tensors, &r->cursor, 8, "the number of tensors");
    if (!status)
        status = cclip_gguf_take_number(&keys, &r->cursor, 8, "the number of keys");
    if (status)
        return status;
    if (*tensors > file_size(r) / LEAST)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: claims %" PRIu64 " tensors in a file of %zu bytes", r->cursor.path,
                          *tensors, file_size(r));
    if (*tensors > CCLIP_LIMIT_TENSORS)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %" PRIu64 " tensors; at most %zu are accepted",
                          r->cursor.path, *tensors, CCLIP_LIMIT_TENSORS);
    return cclip_gguf_read_pairs(&r->checkpoint->gguf, &r->cursor, keys);
}

static cclip_status refuse_projector(const struct reader *r)
{
    return cclip_fail(
        CCLIP_ERROR_UNSUPPORTED,
        "%s: a multimodal projector of llama.cpp (mmproj), which lacks CLIP's text tower; a "
        "CLIP model was expected",
        r->cursor.path);
}

static int text_is(struct cclip_gguf_text text, const char *wanted)
{
    return text.length == strlen(wanted) && !memcmp(text.text, wanted, text.length);
}

static cclip_status check_architecture(const struct reader *r)
{
    static const char *const projector_keys[] = { "clip.projector_type",
                                                  "clip.vision.projector_type",
                                                  "clip.audio.projector_type" };
    const struct cclip_gguf *gguf = r->checkpoint->gguf;
    struct cclip_gguf_text architecture = { NULL, 0 }, type = { NULL, 0 };
    int projector = 0;
    cclip_status status = cclip_gguf_string(&architecture, gguf, "general.architecture");
    if (!status)
        status = cclip_gguf_string(&type, gguf, "general.type");
    if (!status)
        status = cclip_gguf_bool(&projector, gguf, "clip.has_llava_projector", 0);
    if (status)
        return status;
    if (!architecture.text)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: no key \"general.architecture\"",
                          r->cursor.path);
    if (!text_is(architecture, "clip"))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                          "%s: a model of architecture \"%.*s\", not a CLIP", r->cursor.path,
                          architecture.length < 100 ? (int)architecture.length : 100,
                          architecture.text);
    for (size_t i = 0; i < sizeof projector_keys / sizeof projector_keys[0]; i++)
        projector |= cclip_gguf_has(gguf, projector_keys[i]);
    return projector || text_is(type, "mmproj") ? refuse_projector(r) : CCLIP_OK;
}

static cclip_status read_alignment(struct reader *r)
{
    const cclip_status status =
        cclip_gguf_unsigned(&r->alignment, r->checkpoint->gguf, "general.alignment", 32);
    if (!status && (!r->alignment || r->alignment & (r->alignment - 1) || r->alignment > 1 << 20))
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: general.alignment %" PRIu64 " is no power of two", r->cursor.path,
                          r->alignment);
    return status;
}

/* --- tensors --- */

static cclip_status fail_tensor(const struct reader *r, const struct item *item,
                                cclip_status status)
{
    return cclip_fail_in(status, "%s: tensor \"%.*s\"", r->cursor.path,
                         item->name.length < 200 ? (int)item->name.length : 200, item->name.text);
}

/* Numbered as in ggml. */
static const struct {
    const char *name;
    int dtype; /* -1: known, but not read */
} types[] = {
    [0] = { "F32", CCLIP_F32 },    [1] = { "F16", CCLIP_F16 },    [2] = { "Q4_0", CCLIP_Q4_0 },
    [3] = { "Q4_1", CCLIP_Q4_1 },  [4] = { "Q4_2", -1 },          [5] = { "Q4_3", -1 },
    [6] = { "Q5_0", CCLIP_Q5_0 },  [7] = { "Q5_1", CCLIP_Q5_1 },  [8] = { "Q8_0", CCLIP_Q8_0 },
    [9] = { "Q8_1", -1 },          [10] = { "Q2_K", -1 },         [11] = { "Q3_K", -1 },
    [12] = { "Q4_K", -1 },         [13] = { "Q5_K", -1 },         [14] = { "Q6_K", -1 },
    [15] = { "Q8_K", -1 },         [16] = { "IQ2_XXS", -1 },      [17] = { "IQ2_XS", -1 },
    [18] = { "IQ3_XXS", -1 },      [19] = { "IQ1_S", -1 },        [20] = { "IQ4_NL", -1 },
    [21] = { "IQ3_S", -1 },        [22] = { "IQ2_S", -1 },        [23] = { "IQ4_XS", -1 },
    [24] = { "I8", CCLIP_I8 },     [25] = { "I16", CCLIP_I16 },   [26] = { "I32", CCLIP_I32 },
    [27] = { "I64", CCLIP_I64 },   [28] = { "F64", CCLIP_F64 },   [29] = { "IQ1_M", -1 },
    [30] = { "BF16", CCLIP_BF16 }, [34] = { "TQ1_0", -1 },        [35] = { "TQ2_0", -1 },
};

static cclip_status check_type(enum cclip_dtype *out, uint64_t type)
{
    const int known = type < sizeof types / sizeof types[0] && types[type].name;
    if (known && types[type].dtype >= 0) {
        *out = (enum cclip_dtype)types[type].dtype;
        return CCLIP_OK;
    }
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                      "type %s (%" PRIu64
                      ") is not supported (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, "
                      "Q8_0 and plain integers are)",
                      known ? types[type].name : "unknown", type);
}

/* Bytes of the tensor, whose shape and type are known. */
static cclip_status find_end(struct item *item)
{
    const struct cclip_tensor *tensor = &item->tensor;
    const struct cclip_dtype_info *info = cclip_dtype_info(tensor->dtype);
    const size_t row = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
    size_t count;
    const cclip_status status = cclip_tensor_count(&count, tensor->shape, tensor->rank);
    if (status)
        return status;
    if (row % info->block_length)
        return cclip_fail(CCLIP_ERROR_FORMAT, "rows of %zu elements, but %s has blocks of %zu", row,
                          info->name, info->block_length);
    item->end = item->begin + count / info->block_length * info->block_bytes;
    return item->end >= item->begin
               ? CCLIP_OK
               : cclip_fail(CCLIP_ERROR_FORMAT, "begins at byte %" PRIu64, item->begin);
}

/* The file has the innermost dimension first, we have it last. */
static cclip_status read_shape(struct reader *r, struct cclip_tensor *tensor)
{
    uint64_t rank, side;
    cclip_status status = cclip_gguf_take_number(&rank, &r->cursor, 4, "a tensor's rank");
    if (!status && rank > CCLIP_LIMIT_TENSOR_RANK)
        return cclip_fail(CCLIP_ERROR_LIMIT,
                          "%s: byte %zu: a tensor of %" PRIu64 " dimensions; at most %d "
                          "are accepted",
                          r->cursor.path, (size_t)(r->cursor.at - r->cursor.start), rank,
                          CCLIP_LIMIT_TENSOR_RANK);
    if (status)
        return status;
    tensor->rank = (int)rank;
    for (int i = tensor->rank - 1; i >= 0 && !status; i--) {
        status = cclip_gguf_take_number(&side, &r->cursor, 8, "a tensor's shape");
        tensor->shape[i] = (size_t)side;
    }
    return status;
}

static cclip_status read_item(struct reader *r, struct item *item)
{
    uint64_t type = 0;
    *item = (struct item){ .begin = 0 };
    cclip_status status = cclip_gguf_take_text(&item->name, &r->cursor, "a tensor's name");
    if (!status)
        status = read_shape(r, &item->tensor);
    if (!status)
        status = cclip_gguf_take_number(&type, &r->cursor, 4, "a tensor's type");
    if (!status)
        status = cclip_gguf_take_number(&item->begin, &r->cursor, 8, "a tensor's place");
    if (status)
        return status;
    if (item->name.length >= 3 && !memcmp(item->name.text, "mm.", 3))
        return refuse_projector(r);
    status = check_type(&item->tensor.dtype, type);
    if (!status)
        status = find_end(item);
    if (!status && item->begin % r->alignment)
        status = cclip_fail(CCLIP_ERROR_FORMAT,
                            "its place, byte %" PRIu64 ", is no multiple of %" PRIu64, item->begin,
                            r->alignment);
    return status ? fail_tensor(r, item, status) : CCLIP_OK;
}

static int compare_places(const void *a, const void *b)
{
    const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end != y->end ? (x->end < y->end ? -1 : 1) : (x > y) - (x < y);
}

/* In the order of their places, each tensor begins where the one before it ended, padding apart. */
static cclip_status check_place(const struct reader *r, const struct item *item,
                                const struct item *before, uint64_t size)
{
    const uint64_t end = before ? before->end : 0;
    if (item->end > size)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "bytes %" PRIu64 " to %" PRIu64 " of the data, which has only %" PRIu64
                          ": is the file cut short?",
                          item->begin, item->end, size);
    if (item->begin < end)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "bytes %" PRIu64 " to %" PRIu64 " overlap tensor \"%.*s\" (bytes %" PRIu64
                          " to %" PRIu64 ")",
                          item->begin, item->end,
                          before->name.length < 200 ? (int)before->name.length : 200,
                          before->name.text, before->begin, end);
    if (item->begin - end >= r->alignment)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "bytes %" PRIu64 " to %" PRIu64 " before it belong to no tensor", end,
                          item->begin);
    return CCLIP_OK;
}

static cclip_status check_places(const struct reader *r, uint64_t size)
{
    const struct item **sorted = cclip_allocate(r->count, sizeof *sorted);
    if (!sorted)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < r->count; i++)
        sorted[i] = &r->items[i];
    if (r->count)
        qsort(sorted, r->count, sizeof *sorted, compare_places);
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < r->count && !status; i++) {
        status = check_place(r, sorted[i], i ? sorted[i - 1] : NULL, size);
        if (status)
            status = fail_tensor(r, sorted[i], status);
    }
    cclip_release(sorted);
    return status;
}

static cclip_status read_items(struct reader *r, uint64_t count)
{
    r->items = cclip_allocate((size_t)count, sizeof *r->items);
    if (!r->items)
        return CCLIP_ERROR_MEMORY;
    for (; r->count < count; r->count++) {
        const cclip_status status = read_item(r, &r->items[r->count]);
        if (status)
            return status;
    }
    return CCLIP_OK;
}

static cclip_status add_items(struct reader *r)
{
    const size_t head = (size_t)(r->cursor.at - r->cursor.start);
    const size_t start = (head + r->alignment - 1) / r->alignment * r->alignment;
    cclip_status status = check_places(r, start < file_size(r) ? file_size(r) - start : 0);
    for (size_t i = 0; i < r->count && !status; i++) {
        struct item *item = &r->items[i];
        item->tensor.data = r->cursor.start + start + item->begin;
        if (start > file_size(r)) /* nothing but tensors without elements */
            item->tensor.data = r->cursor.end;
        cclip_tensor_set_contiguous(&item->tensor);
        status = cclip_checkpoint_add(r->checkpoint, r->file, item->name.text, item->name.length,
                                      &item->tensor);
    }
    return status;
}

cclip_status cclip_gguf_read(struct cclip_checkpoint *checkpoint, size_t file)
{
    const struct cclip_checkpoint_file *from = &checkpoint->files[file];
    struct reader r = {
        .checkpoint = checkpoint,
        .file = file,
        .cursor = { from->path, from->mapping.data, from->mapping.data,
                    from->mapping.data + from->mapping.size },
    };
    uint64_t tensors = 0;
    cclip_status status = read_version(&r);
    if (!status && checkpoint->gguf)
        status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: GGUF in shards is not read", from->path);
    if (!status)
        status = read_keys(&r, &tensors);
    if (!status)
        status = check_architecture(&r);
    if (!status)
        status = read_alignment(&r);
    if (!status)
        status = read_items(&r, tensors);
    if (!status)
        status = add_items(&r);
    if (!checkpoint->format)
        checkpoint->format = "GGUF";
    cclip_release(r.items);
    return status;
}
