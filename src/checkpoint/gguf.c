#include "checkpoint/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "checkpoint/checkpoint_parts.h"
#include "checkpoint/gguf_parts.h"

/* The types of values, numbered as in the files. */
enum type { U8, I8, U16, I16, U32, I32, F32, BOOLEAN, STRING, ARRAY, U64, I64, F64, TYPES };

/* `least`: bytes that a value takes at least. */
static const struct {
    const char *name;
    size_t least;
} types[TYPES] = {
    [U8] = { "u8", 1 },        [I8] = { "i8", 1 },        [U16] = { "u16", 2 },
    [I16] = { "i16", 2 },      [U32] = { "u32", 4 },      [I32] = { "i32", 4 },
    [F32] = { "f32", 4 },      [BOOLEAN] = { "bool", 1 }, [STRING] = { "text", 8 },
    [ARRAY] = { "array", 12 }, [U64] = { "u64", 8 },      [I64] = { "i64", 8 },
    [F64] = { "f64", 8 },
};

struct pair {
    struct cclip_gguf_text key;
    enum type type;            /* of the elements, for an array */
    int is_array;
    size_t count;              /* 1 if it is no array */
    const unsigned char *data; /* the first element */
};

struct cclip_gguf {
    const char *path;
    const unsigned char *end; /* of the file */
    struct pair *pairs;       /* sorted by key */
    size_t count;
};

static uint64_t number(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static cclip_status fail_end(const struct cclip_gguf_cursor *c, const char *what)
{
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu: the file ends within %s: is it cut short?",
                      c->path, (size_t)(c->at - c->start), what);
}

cclip_status cclip_gguf_take_number(uint64_t *out, struct cclip_gguf_cursor *c, size_t bytes,
                                    const char *what)
{
    *out = 0;
    if ((size_t)(c->end - c->at) < bytes)
        return fail_end(c, what);
    *out = number(c->at, bytes);
    c->at += bytes;
    return CCLIP_OK;
}

cclip_status cclip_gguf_take_text(struct cclip_gguf_text *out, struct cclip_gguf_cursor *c,
                                  const char *what)
{
    uint64_t length;
    const cclip_status status = cclip_gguf_take_number(&length, c, 8, what);
    if (status)
        return status;
    if (length > (size_t)(c->end - c->at))
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: byte %zu: %s of %" PRIu64 " bytes, but only %zu are left", c->path,
                          (size_t)(c->at - c->start), what, length, (size_t)(c->end - c->at));
    *out = (struct cclip_gguf_text){ (const char *)c->at, (size_t)length };
    c->at += length;
    return CCLIP_OK;
}

/* --- reading --- */

static int shown(struct cclip_gguf_text text)
{
    return text.length < 200 ? (int)text.length : 200;
}

static cclip_status fail_key(const char *path, const struct pair *pair, cclip_status status,
                             const char *what)
{
    return cclip_fail(status, "%s: key \"%.*s\": %s", path, shown(pair->key), pair->key.text, what);
}

/* Past the elements of a value, each of which is checked to be whole. */
static cclip_status skip_elements(struct cclip_gguf_cursor *c, const struct pair *pair)
{
    if (pair->type != STRING) {
        c->at += pair->count * types[pair->type].least;
        return CCLIP_OK;
    }
    for (size_t i = 0; i < pair->count; i++) {
        struct cclip_gguf_text text;
        const cclip_status status = cclip_gguf_take_text(&text, c, "a text");
        if (status)
            return status;
    }
    return CCLIP_OK;
}

static cclip_status take_type(struct pair *pair, struct cclip_gguf_cursor *c)
{
    uint64_t type;
    const cclip_status status = cclip_gguf_take_number(&type, c, 4, "the type of a value");
    if (status)
        return status;
    if (type >= TYPES)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: key \"%.*s\": unknown type %" PRIu64, c->path,
                          shown(pair->key), pair->key.text, type);
    pair->type = (enum type)type;
    return CCLIP_OK;
}

static cclip_status take_pair(struct pair *pair, struct cclip_gguf_cursor *c)
{
    uint64_t count = 1;
    *pair = (struct pair){ .is_array = 0 };
    cclip_status status = cclip_gguf_take_text(&pair->key, c, "a key");
    if (!status)
        status = take_type(pair, c);
    if (!status && pair->type == ARRAY) {
        pair->is_array = 1;
        status = take_type(pair, c);
        if (!status && pair->type == ARRAY)
            return fail_key(c->path, pair, CCLIP_ERROR_UNSUPPORTED, "an array of arrays");
        if (!status)
            status = cclip_gguf_take_number(&count, c, 8, "the length of an array");
    }
    if (status)
        return status;
    if (count > (size_t)(c->end - c->at) / types[pair->type].least)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: key \"%.*s\": %" PRIu64
                          " elements of type %s, but only %zu bytes are left",
                          c->path, shown(pair->key), pair->key.text, count, types[pair->type].name,
                          (size_t)(c->end - c->at));
    pair->count = (size_t)count;
    pair->data = c->at;
    return skip_elements(c, pair);
}

static int compare_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const size_t shorter = a_length < b_length ? a_length : b_length;
    const int order = shorter ? memcmp(a, b, shorter) : 0;
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return compare_text(x->key.text, x->key.length, y->key.text, y->key.length);
}

static cclip_status sort_pairs(struct cclip_gguf *gguf)
{
    if (gguf->count)
        qsort(gguf->pairs, gguf->count, sizeof *gguf->pairs, compare_pairs);
    for (size_t i = 1; i < gguf->count; i++)
        if (!compare_pairs(&gguf->pairs[i - 1], &gguf->pairs[i]))
            return fail_key(gguf->path, &gguf->pairs[i], CCLIP_ERROR_FORMAT, "stands there twice");
    return CCLIP_OK;
}

cclip_status cclip_gguf_read_pairs(struct cclip_gguf **out, struct cclip_gguf_cursor *c,
                                   uint64_t count)
{
    enum { LEAST = 8 + 4 + 1 }; /* an empty key, its type, a byte */
    const size_t left = (size_t)(c->end - c->at);
    *out = NULL;
    if (count > left / LEAST)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %" PRIu64 " keys in a file of %zu bytes",
                          c->path, count, (size_t)(c->end - c->start));
    if (count > CCLIP_LIMIT_GGUF_KEYS)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %" PRIu64 " keys; at most %zu are accepted",
                          c->path, count, CCLIP_LIMIT_GGUF_KEYS);
    struct cclip_gguf *gguf = cclip_allocate_zero(1, sizeof *gguf);
    if (!gguf)
        return CCLIP_ERROR_MEMORY;
    gguf->path = c->path;
    gguf->end = c->end;
    gguf->pairs = cclip_allocate((size_t)count, sizeof *gguf->pairs);
    cclip_status status = gguf->pairs ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (; gguf->count < count && !status; gguf->count += !status)
        status = take_pair(&gguf->pairs[gguf->count], c);
    if (!status)
        status = sort_pairs(gguf);
    if (status)
        cclip_gguf_close(&gguf);
    *out = gguf;
    return status;
}

void cclip_gguf_close(struct cclip_gguf **gguf)
{
    if (!*gguf)
        return;
    cclip_release((*gguf)->pairs);
    cclip_release(*gguf);
    *gguf = NULL;
}

/* --- asking --- */

static const struct pair *find(const struct cclip_gguf *gguf, const char *key)
{
    size_t low = 0, high = gguf->count;
    const size_t length = strlen(key);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct pair *pair = &gguf->pairs[middle];
        const int order = compare_text(pair->key.text, pair->key.length, key, length);
        if (!order)
            return pair;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static cclip_status fail_type(const struct cclip_gguf *gguf, const struct pair *pair,
                              const char *wanted)
{
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: key \"%.*s\": %s was expected, but it is %s%s",
                      gguf->path, shown(pair->key), pair->key.text, wanted,
                      pair->is_array ? "an array of " : "of type ", types[pair->type].name);
}

/* An element as an integer of 64 bits; 0 if it is of another type. */
static int integer_at(int64_t *out, const struct pair *pair, size_t index)
{
    const size_t size = types[pair->type].least;
    const uint64_t bits = number(pair->data + index * size, size);
    switch (pair->type) {
    case U8:
    case U16:
    case U32:
    case U64:
        *out = (int64_t)bits;
        return bits <= INT64_MAX;
    case I8:
        *out = (int8_t)(uint8_t)bits;
        return 1;
    case I16:
        *out = (int16_t)(uint16_t)bits;
        return 1;
    case I32:
        *out = (int32_t)(uint32_t)bits;
        return 1;
    case I64:
        *out = (int64_t)bits;
        return 1;
    default:
        return 0;
    }
}

static int number_at(double *out, const struct pair *pair, size_t index)
{
    int64_t integer;
    float single;
    if (pair->type == F32) {
        const uint32_t bits = (uint32_t)number(pair->data + 4 * index, 4);
        memcpy(&single, &bits, sizeof single);
        *out = (double)single;
    } else if (pair->type == F64) {
        const uint64_t bits = number(pair->data + 8 * index, 8);
        memcpy(out, &bits, sizeof *out);
    } else {
        if (!integer_at(&integer, pair, index))
            return 0;
        *out = (double)integer;
    }
    return 1;
}

int cclip_gguf_has(const struct cclip_gguf *gguf, const char *key)
{
    return find(gguf, key) != NULL;
}

cclip_status cclip_gguf_unsigned(uint64_t *out, const struct cclip_gguf *gguf, const char *key,
                                 uint64_t fallback)
{
    const struct pair *pair = find(gguf, key);
    int64_t value = 0;
    if (pair && (pair->is_array || !integer_at(&value, pair, 0) || value < 0))
        return fail_type(gguf, pair, "an integer of 0 or more");
    *out = pair ? (uint64_t)value : fallback;
    return CCLIP_OK;
}

cclip_status cclip_gguf_number(double *out, const struct cclip_gguf *gguf, const char *key,
                               double fallback)
{
    const struct pair *pair = find(gguf, key);
    double value = fallback;
    if (pair && (pair->is_array || !number_at(&value, pair, 0)))
        return fail_type(gguf, pair, "a number");
    *out = value;
    return CCLIP_OK;
}

cclip_status cclip_gguf_bool(int *out, const struct cclip_gguf *gguf, const char *key, int fallback)
{
    const struct pair *pair = find(gguf, key);
    if (pair && (pair->is_array || pair->type != BOOLEAN))
        return fail_type(gguf, pair, "true or false");
    *out = pair ? *pair->data != 0 : fallback;
    return CCLIP_OK;
}

/* The text at `at`, which was checked to be whole; returns the place after it. */
static const unsigned char *text_at(struct cclip_gguf_text *out, const unsigned char *at)
{
    *out = (struct cclip_gguf_text){ (const char *)at + 8, (size_t)number(at, 8) };
    return at + 8 + out->length;
}

cclip_status cclip_gguf_string(struct cclip_gguf_text *out, const struct cclip_gguf *gguf,
                               const char *key)
{
    const struct pair *pair = find(gguf, key);
    *out = (struct cclip_gguf_text){ NULL, 0 };
    if (pair && (pair->is_array || pair->type != STRING))
        return fail_type(gguf, pair, "a text");
    if (pair)
        text_at(out, pair->data);
    return CCLIP_OK;
}

cclip_status cclip_gguf_numbers(double *out, size_t capacity, size_t *length,
                                const struct cclip_gguf *gguf, const char *key)
{
    const struct pair *pair = find(gguf, key);
    *length = 0;
    if (!pair)
        return CCLIP_OK;
    if (!pair->is_array)
        return fail_type(gguf, pair, "an array of numbers");
    for (size_t i = 0; i < pair->count && i < capacity; i++)
        if (!number_at(&out[i], pair, i))
            return fail_type(gguf, pair, "an array of numbers");
    *length = pair->count;
    return CCLIP_OK;
}

cclip_status cclip_gguf_strings(struct cclip_gguf_text **out, size_t *length,
                                const struct cclip_gguf *gguf, const char *key)
{
    const struct pair *pair = find(gguf, key);
    *out = NULL;
    *length = 0;
    if (!pair)
        return CCLIP_OK;
    if (!pair->is_array || pair->type != STRING)
        return fail_type(gguf, pair, "an array of texts");
    *out = cclip_allocate(pair->count, sizeof **out);
    if (!*out)
        return CCLIP_ERROR_MEMORY;
    const unsigned char *at = pair->data;
    for (size_t i = 0; i < pair->count; i++)
        at = text_at(&(*out)[i], at);
    *length = pair->count;
    return CCLIP_OK;
}
