#include "text/vocabulary.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

/* Printable Latin-1 stands for itself; the other 68 bytes are U+0100 and on, in order. */
static int is_printable(unsigned byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

uint32_t cclip_byte_symbol(unsigned byte)
{
    if (is_printable(byte))
        return byte;
    return 256 + (byte <= 32 ? byte : byte <= 160 ? byte - 127 + 33 : 67);
}

int cclip_symbol_byte(uint32_t c)
{
    if (c < 256)
        return is_printable(c) ? (int)c : -1;
    c -= 256;
    return c <= 32 ? (int)c : c < 67 ? (int)c + 127 - 33 : c == 67 ? 173 : -1;
}

unsigned cclip_byte_in_order(unsigned n)
{
    if (n < 94)
        return n + 33;
    if (n < 94 + 12)
        return n - 94 + 161;
    if (n < 188)
        return n - 106 + 174;
    return (unsigned)cclip_symbol_byte(256 + n - 188);
}

void cclip_vocabulary_open(struct cclip_vocabulary *v)
{
    *v = (struct cclip_vocabulary){ 0 };
    cclip_buffer_open(&v->pool, CCLIP_LIMIT_JSON_FILE);
}

void cclip_vocabulary_close(struct cclip_vocabulary *v)
{
    cclip_release(v->tokens);
    cclip_release(v->slots);
    cclip_release(v->merges);
    cclip_release(v->ranked);
    cclip_buffer_close(&v->pool);
    *v = (struct cclip_vocabulary){ 0 };
}

cclip_status cclip_vocabulary_set(struct cclip_vocabulary *v, size_t id, const char *text,
                                  size_t length)
{
    if (id >= CCLIP_LIMIT_VOCABULARY)
        return cclip_fail(CCLIP_ERROR_LIMIT, "token id %zu is beyond the limit of %zu", id,
                          CCLIP_LIMIT_VOCABULARY);
    if (length > CCLIP_LIMIT_TOKEN_BYTES)
        return cclip_fail(CCLIP_ERROR_LIMIT, "token %zu has %zu bytes; at most %zu are allowed", id,
                          length, CCLIP_LIMIT_TOKEN_BYTES);
    if (!length)
        return cclip_fail(CCLIP_ERROR_FORMAT, "token %zu is empty", id);
    if (id < v->count && v->tokens[id].length)
        return cclip_fail(CCLIP_ERROR_FORMAT, "two tokens have the id %zu", id);
    cclip_status status = cclip_grow(&v->tokens, &v->tokens_capacity, id + 1, sizeof *v->tokens,
                                     CCLIP_LIMIT_VOCABULARY, "tokens");
    const size_t offset = v->pool.length;
    if (!status)
        status = cclip_buffer_append(&v->pool, text, length);
    if (status)
        return status;
    if (id >= v->count) {
        memset(v->tokens + v->count, 0, (id + 1 - v->count) * sizeof *v->tokens);
        v->count = id + 1;
    }
    v->tokens[id].offset = (uint32_t)offset;
    v->tokens[id].length = (uint32_t)length;
    return CCLIP_OK;
}

cclip_status cclip_vocabulary_set_bytes(struct cclip_vocabulary *v)
{
    cclip_status status = CCLIP_OK;
    for (unsigned n = 0; n < 512 && !status; n++) {
        char token[4 + CCLIP_WORD_END_LENGTH];
        size_t size = cclip_utf8_encode(token, cclip_byte_symbol(cclip_byte_in_order(n % 256)));
        if (n >= 256) {
            memcpy(token + size, CCLIP_WORD_END, CCLIP_WORD_END_LENGTH);
            size += CCLIP_WORD_END_LENGTH;
        }
        status = cclip_vocabulary_set(v, n, token, size);
    }
    return status;
}

static size_t text_slot(const char *text, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32);
}

static int same_text(const struct cclip_vocabulary *v, size_t id, const char *text, size_t length)
{
    return v->tokens[id].length == length &&
           !memcmp(v->pool.data + v->tokens[id].offset, text, length);
}

int32_t cclip_vocabulary_find(const struct cclip_vocabulary *v, const char *text, size_t length)
{
    for (size_t slot = text_slot(text, length) & v->slot_mask; v->slots[slot];
         slot = (slot + 1) & v->slot_mask)
        if (same_text(v, v->slots[slot] - 1, text, length))
            return (int32_t)(v->slots[slot] - 1);
    return CCLIP_NO_ID;
}

const char *cclip_vocabulary_text(const struct cclip_vocabulary *v, size_t id, size_t *length)
{
    *length = v->tokens[id].length;
    return v->pool.data + v->tokens[id].offset;
}

static void index_tokens(struct cclip_vocabulary *v)
{
    for (size_t id = 0; id < v->count; id++) {
        const char *text = v->pool.data + v->tokens[id].offset;
        const size_t length = v->tokens[id].length;
        if (!length)
            continue;
        size_t slot = text_slot(text, length) & v->slot_mask;
        while (v->slots[slot] && !same_text(v, v->slots[slot] - 1, text, length))
            slot = (slot + 1) & v->slot_mask;
        v->slots[slot] = (uint32_t)id + 1;
    }
}

static void find_byte_ids(struct cclip_vocabulary *v)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char symbol[4 + CCLIP_WORD_END_LENGTH];
        const size_t length = cclip_utf8_encode(symbol, cclip_byte_symbol(byte));
        v->byte_ids[0][byte] = cclip_vocabulary_find(v, symbol, length);
        memcpy(symbol + length, CCLIP_WORD_END, CCLIP_WORD_END_LENGTH);
        v->byte_ids[1][byte] = cclip_vocabulary_find(v, symbol, length + CCLIP_WORD_END_LENGTH);
    }
}

/* A power of two that leaves at least half of the slots empty. */
static size_t slots_for(size_t count)
{
    size_t slots = 64;
    while (slots < count * 2)
        slots *= 2;
    return slots;
}

cclip_status cclip_vocabulary_index(struct cclip_vocabulary *v, size_t merges)
{
    if (merges > CCLIP_LIMIT_VOCABULARY)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%zu merges; at most %zu are allowed", merges,
                          CCLIP_LIMIT_VOCABULARY);
    v->slot_mask = slots_for(v->count) - 1;
    v->merge_mask = slots_for(merges) - 1;
    v->slots = cclip_allocate_zero(v->slot_mask + 1, sizeof *v->slots);
    v->merges = cclip_allocate_zero(v->merge_mask + 1, sizeof *v->merges);
    v->ranked = cclip_allocate(merges, sizeof *v->ranked);
    v->ranked_capacity = merges;
    if (!v->slots || !v->merges || !v->ranked)
        return CCLIP_ERROR_MEMORY;
    index_tokens(v);
    find_byte_ids(v);
    return CCLIP_OK;
}

void cclip_vocabulary_merge_ids(struct cclip_vocabulary *v, uint32_t left, uint32_t right,
                                uint32_t id)
{
    size_t slot = cclip_merge_slot(left, right) & v->merge_mask;
    for (; v->merges[slot].rank_plus_1; slot = (slot + 1) & v->merge_mask)
        if (v->merges[slot].left == left && v->merges[slot].right == right)
            return;
    if (v->merge_count == v->ranked_capacity)
        return;
    v->ranked[v->merge_count][0] = left;
    v->ranked[v->merge_count][1] = right;
    v->merges[slot] = (struct cclip_merge){ left, right, (uint32_t)++v->merge_count, id };
}

cclip_status cclip_vocabulary_merge(struct cclip_vocabulary *v, const char *left,
                                    size_t left_length, const char *right, size_t right_length)
{
    char both[2 * CCLIP_LIMIT_TOKEN_BYTES];
    if (left_length > CCLIP_LIMIT_TOKEN_BYTES || right_length > CCLIP_LIMIT_TOKEN_BYTES)
        return cclip_fail(CCLIP_ERROR_LIMIT, "a token of more than %zu bytes",
                          CCLIP_LIMIT_TOKEN_BYTES);
    memcpy(both, left, left_length);
    memcpy(both + left_length, right, right_length);
    const struct {
        const char *text;
        size_t length;
    } parts[3] = { { left, left_length },
                   { right, right_length },
                   { both, left_length + right_length } };
    int32_t ids[3];
    for (size_t i = 0; i < 3; i++) {
        ids[i] = parts[i].length ? cclip_vocabulary_find(v, parts[i].text, parts[i].length)
                                 : CCLIP_NO_ID;
        if (ids[i] < 0)
            return cclip_fail(CCLIP_ERROR_NOT_FOUND, "\"%.*s\" is not in the vocabulary",
                              (int)(parts[i].length < 60 ? parts[i].length : 60), parts[i].text);
    }
    cclip_vocabulary_merge_ids(v, (uint32_t)ids[0], (uint32_t)ids[1], (uint32_t)ids[2]);
    return CCLIP_OK;
}
