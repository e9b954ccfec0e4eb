#include "formats/npy.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { MAGIC_BYTES = 8, HEADER_MAXIMUM = 1 << 16, HEADER_ALIGNMENT = 64 };

static const struct {
    const char *descr, *name;
    size_t size;
} types[CCLIP_NPY_TYPES] = {
    [CCLIP_NPY_F32] = { "<f4", "float32", 4 }, [CCLIP_NPY_F16] = { "<f2", "float16", 2 },
    [CCLIP_NPY_F64] = { "<f8", "float64", 8 }, [CCLIP_NPY_I32] = { "<i4", "int32", 4 },
    [CCLIP_NPY_I64] = { "<i8", "int64", 8 },   [CCLIP_NPY_U8] = { "|u1", "uint8", 1 },
};

const char *cclip_npy_type_name(enum cclip_npy_type type)
{
    return types[type].name;
}

size_t cclip_npy_type_size(enum cclip_npy_type type)
{
    return types[type].size;
}

/* A place in the header's text, which is a Python dictionary of three keys in any order. */
struct scan {
    const char *begin, *at, *end;
    size_t offset; /* of `begin` in the file */
    const char *name;
    int order; /* fortran_order */
    unsigned seen;
};

static cclip_status expected(const struct scan *s, const char *what)
{
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu: header of an .npy file: %s expected",
                      s->name, s->offset + (size_t)(s->at - s->begin), what);
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* Takes `c` after white space, if it is there. */
static int take(struct scan *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c)
        return 0;
    s->at++;
    return 1;
}

static int take_word(struct scan *s, const char *word)
{
    const size_t length = strlen(word);
    skip_space(s);
    if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length))
        return 0;
    s->at += length;
    return 1;
}

/* A string without escapes, in either kind of quotes. */
static cclip_status take_string(struct scan *s, char *out, size_t size)
{
    skip_space(s);
    const char quote = s->at < s->end ? *s->at : '\0';
    if (quote != '\'' && quote != '"')
        return expected(s, "a string");
    const char *text = s->at + 1;
    const char *stop = memchr(text, quote, (size_t)(s->end - text));
    if (!stop || (size_t)(stop - text) >= size)
        return expected(s, "a short string");
    memcpy(out, text, (size_t)(stop - text));
    out[stop - text] = '\0';
    s->at = stop + 1;
    return CCLIP_OK;
}

/* Element types that exist but are not read, in words a person knows. */
static cclip_status refuse_type(const struct scan *s, const char *descr)
{
    const char *why = "is not read";
    if (descr[0] == '>')
        why = "is big-endian";
    else if (strchr(descr, 'O'))
        why = "holds Python objects";
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                      "%s: element type \"%s\" %s: float16, float32, float64, int32, int64 or uint8 "
                      "expected, little-endian", s->name, descr, why);
}

static cclip_status take_type(struct scan *s, struct cclip_npy *out)
{
    char descr[32];
    skip_space(s);
    if (s->at < s->end && *s->at == '[')
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: an array of records: plain numbers expected",
                          s->name);
    const cclip_status status = take_string(s, descr, sizeof descr);
    if (status)
        return status;
    for (size_t i = 0; i < CCLIP_NPY_TYPES; i++) {
        if (!strcmp(descr, types[i].descr)) {
            out->type = (enum cclip_npy_type)i;
            return CCLIP_OK;
        }
    }
    return refuse_type(s, descr);
}

static cclip_status take_order(struct scan *s, struct cclip_npy *out)
{
    (void)out;
    s->order = take_word(s, "True");
    return s->order || take_word(s, "False") ? CCLIP_OK : expected(s, "True or False");
}

/* (), (3,), (3, 4), as Python 2 wrote it (3L, 4L). */
static cclip_status take_shape(struct scan *s, struct cclip_npy *out)
{
    if (!take(s, '('))
        return expected(s, "a tuple");
    while (!take(s, ')')) {
        uint64_t side = 0;
        const char *first = s->at;
        if (out->rank == CCLIP_LIMIT_TENSOR_RANK)
            return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %d dimensions", s->name,
                              CCLIP_LIMIT_TENSOR_RANK);
        for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
            side = side * 10 + (uint64_t)(*s->at - '0');
            if (side > CCLIP_LIMIT_TENSOR_ELEMENTS)
                return cclip_fail(CCLIP_ERROR_LIMIT, "%s: a dimension above %llu", s->name,
                                  (unsigned long long)CCLIP_LIMIT_TENSOR_ELEMENTS);
        }
        if (s->at == first)
            return expected(s, "a size");
        out->shape[out->rank++] = (size_t)side;
        (void)take(s, 'L');
        if (!take(s, ',') && !(s->at < s->end && *s->at == ')' && out->rank > 1))
            return expected(s, "a comma");
    }
    return CCLIP_OK;
}

static const struct {
    const char *key;
    cclip_status (*take)(struct scan *s, struct cclip_npy *out);
} entries[] = { { "descr", take_type }, { "fortran_order", take_order }, { "shape", take_shape } };
enum { ENTRIES = sizeof entries / sizeof *entries };

static cclip_status take_entry(struct scan *s, struct cclip_npy *out)
{
    char key[32];
    const cclip_status status = take_string(s, key, sizeof key);
    if (status)
        return status;
    for (size_t i = 0; i < ENTRIES; i++) {
        if (strcmp(key, entries[i].key))
            continue;
        if (s->seen & 1u << i)
            return expected(s, "a key that was not there before");
        s->seen |= 1u << i;
        return take(s, ':') ? entries[i].take(s, out) : expected(s, "a colon");
    }
    return expected(s, "no key but descr, fortran_order and shape");
}

static cclip_status parse_dictionary(struct scan *s, struct cclip_npy *out)
{
    if (!take(s, '{'))
        return expected(s, "a dictionary");
    while (!take(s, '}')) {
        const cclip_status status = take_entry(s, out);
        if (status)
            return status;
        skip_space(s);
        if (!take(s, ',') && !(s->at < s->end && *s->at == '}'))
            return expected(s, "a comma");
    }
    skip_space(s);
    if (s->at != s->end)
        return expected(s, "only white space after the dictionary");
    for (size_t i = 0; i < ENTRIES; i++)
        if (!(s->seen & 1u << i))
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: header of an .npy file without \"%s\"",
                              s->name, entries[i].key);
    return CCLIP_OK;
}

static cclip_status count_elements(struct cclip_npy *out, const char *name)
{
    uint64_t count = 1;
    for (size_t i = 0; i < out->rank; i++) {
        if (out->shape[i] && count > CCLIP_LIMIT_TENSOR_ELEMENTS / out->shape[i])
            return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %llu elements", name,
                              (unsigned long long)CCLIP_LIMIT_TENSOR_ELEMENTS);
        count *= out->shape[i];
    }
    out->count = (size_t)count;
    return CCLIP_OK;
}

/* Where the dictionary begins and how long it is. */
static cclip_status find_header(struct scan *s, const unsigned char *bytes, size_t size)
{
    const size_t size_bytes = size > 6 && bytes[6] > 1 ? 4 : 2;
    if (size < MAGIC_BYTES || memcmp(bytes, "\x93NUMPY", 6))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte 0: not an .npy file", s->name);
    if (bytes[6] < 1 || bytes[6] > 3)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: version %u of the .npy format: 1 to 3 expected",
                          s->name, bytes[6]);
    s->offset = MAGIC_BYTES + size_bytes;
    if (size < s->offset)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu: the file ends inside its header",
                          s->name, size);
    uint32_t length = 0;
    for (size_t i = 0; i < size_bytes; i++)
        length |= (uint32_t)bytes[MAGIC_BYTES + i] << 8 * i;
    if (length > HEADER_MAXIMUM)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: byte %d: a header of %u bytes: at most %d expected",
                          s->name, MAGIC_BYTES, (unsigned)length, HEADER_MAXIMUM);
    if (length > size - s->offset)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu: the file ends inside its header of %u bytes",
                          s->name, size, (unsigned)length);
    s->begin = s->at = (const char *)bytes + s->offset;
    s->end = s->begin + length;
    return CCLIP_OK;
}

/* Elements at an odd place in memory are copied to a good one. */
static cclip_status align_data(struct cclip_npy *out, const unsigned char *data, size_t bytes)
{
    out->data = data;
    if ((uintptr_t)data % types[out->type].size == 0)
        return CCLIP_OK;
    out->copy = cclip_allocate(bytes, 1);
    if (!out->copy)
        return CCLIP_ERROR_MEMORY;
    memcpy(out->copy, data, bytes);
    out->data = out->copy;
    return CCLIP_OK;
}

cclip_status cclip_npy_parse(struct cclip_npy *out, const void *data, size_t size, const char *name)
{
    struct scan s = { .name = name };
    *out = (struct cclip_npy){ 0 };
    cclip_status status = find_header(&s, data, size);
    if (!status)
        status = parse_dictionary(&s, out);
    if (!status && s.order && out->rank > 1)
        status = cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: Fortran order: C order expected (save "
                                                     "numpy.ascontiguousarray of it)", name);
    if (!status)
        status = count_elements(out, name);
    if (status)
        return status;
    const size_t at = s.offset + (size_t)(s.end - s.begin);
    const uint64_t bytes = (uint64_t)out->count * types[out->type].size;
    if (bytes != size - at)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu: %zu bytes of data, but the shape needs %llu",
                          name, at, size - at, (unsigned long long)bytes);
    return align_data(out, (const unsigned char *)data + at, (size_t)bytes);
}

cclip_status cclip_npy_open(struct cclip_npy *out, const char *path)
{
    struct cclip_mapping mapping;
    *out = (struct cclip_npy){ 0 };
    cclip_status status = cclip_mapping_open(&mapping, path);
    if (status)
        return status;
    status = cclip_npy_parse(out, mapping.data, mapping.size, path);
    out->mapping = mapping;
    return status;
}

void cclip_npy_close(struct cclip_npy *npy)
{
    cclip_mapping_close(&npy->mapping);
    cclip_release(npy->copy);
    *npy = (struct cclip_npy){ 0 };
}

/* The header as bytes, `size` of them with padding; 0: as many as any number of rows needs. */
static size_t make_header(char *out, size_t room, const struct cclip_npy_writer *writer,
                          unsigned long long rows, size_t size)
{
    size_t length = 10 + (size_t)snprintf(out + 10, room - 10,
                                          "{'descr': '%s', 'fortran_order': False, 'shape': (%llu,",
                                          types[writer->type].descr, rows);
    for (size_t i = 1; i < writer->rank; i++)
        length += (size_t)snprintf(out + length, room - length, " %zu%s", writer->shape[i],
                                   i + 1 < writer->rank ? "," : "");
    length += (size_t)snprintf(out + length, room - length, "), }");
    if (!size)
        size = (length + HEADER_ALIGNMENT) / HEADER_ALIGNMENT * HEADER_ALIGNMENT;
    memset(out + length, ' ', size - length - 1);
    out[size - 1] = '\n';
    memcpy(out, "\x93NUMPY\x01\0", MAGIC_BYTES);
    out[8] = (char)((size - 10) & 255);
    out[9] = (char)((size - 10) >> 8);
    return size;
}

cclip_status cclip_npy_writer_open(struct cclip_npy_writer *out, const char *path,
                                   enum cclip_npy_type type, const size_t *shape, size_t rank)
{
    char header[512];
    *out = (struct cclip_npy_writer){ .type = type, .rank = rank + 1, .row_bytes = types[type].size };
    if (rank >= CCLIP_LIMIT_TENSOR_RANK)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %d dimensions", path,
                          CCLIP_LIMIT_TENSOR_RANK);
    for (size_t i = 0; i < rank; i++) {
        out->shape[i + 1] = shape[i];
        if (shape[i] && out->row_bytes > CCLIP_LIMIT_ALLOCATION / shape[i])
            return cclip_fail(CCLIP_ERROR_LIMIT, "%s: a row above %zu bytes", path,
                              CCLIP_LIMIT_ALLOCATION);
        out->row_bytes *= shape[i];
    }
    cclip_status status = cclip_writer_open(&out->file, path);
    if (!status && fseek(out->file.stream, 0, SEEK_SET))
        status = cclip_fail(CCLIP_ERROR_IO, "%s: a pipe: an .npy file is written to a file, its "
                                            "number of rows comes last", path);
    if (!status) {
        out->header_bytes = make_header(header, sizeof header, out, UINT64_MAX, 0);
        status = cclip_writer_write(&out->file, header, out->header_bytes);
    }
    if (status)
        cclip_npy_writer_close(out);
    return status;
}

cclip_status cclip_npy_writer_append(struct cclip_npy_writer *writer, const void *rows,
                                     size_t count)
{
    const cclip_status status =
        cclip_writer_write(&writer->file, rows, count * writer->row_bytes);
    if (!status)
        writer->shape[0] += count;
    return status;
}

cclip_status cclip_npy_writer_finish(struct cclip_npy_writer *writer)
{
    char header[512];
    make_header(header, sizeof header, writer, writer->shape[0], writer->header_bytes);
    /* The seek writes out what is still held, so a full disk may show here. */
    if (fseek(writer->file.stream, 0, SEEK_SET))
        return cclip_fail_errno(writer->file.path, "cannot write");
    const cclip_status status = cclip_writer_write(&writer->file, header, writer->header_bytes);
    return status ? status : cclip_writer_sync(&writer->file);
}

cclip_status cclip_npy_writer_commit(struct cclip_npy_writer *writer)
{
    const cclip_status status = cclip_npy_writer_finish(writer);
    return status ? status : cclip_writer_commit(&writer->file);
}

void cclip_npy_writer_close(struct cclip_npy_writer *writer)
{
    cclip_writer_close(&writer->file);
}
