#include "text/word_counts.h"

#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

enum { FIRST_SLOTS = 1 << 10 };

void cclip_word_counts_open(struct cclip_word_counts *counts)
{
    *counts = (struct cclip_word_counts){ 0 };
    cclip_buffer_open(&counts->bytes, CCLIP_LIMIT_WORD_BYTES + 1);
}

void cclip_word_counts_close(struct cclip_word_counts *counts)
{
    cclip_buffer_close(&counts->bytes);
    cclip_release(counts->words);
    cclip_release(counts->slots);
    *counts = (struct cclip_word_counts){ 0 };
}

/* Eight bytes at a time; the rest as if zeros followed, which the length tells apart. */
static size_t hash_of(const char *word, size_t length)
{
    uint64_t hash = length * 0x9e3779b97f4a7c15u;
    for (size_t at = 0; at < length; at += 8) {
        uint64_t part = 0;
        memcpy(&part, word + at, length - at < 8 ? length - at : 8);
        hash = (hash ^ part) * 0xd6e8feb86659fd93u;
        hash ^= hash >> 32;
    }
    return (size_t)(hash ^ hash >> 29);
}

/* Twice the slots, so that at least half of them stay empty. */
static cclip_status grow_slots(struct cclip_word_counts *counts)
{
    const size_t size = counts->slots ? 2 * (counts->slot_mask + 1) : FIRST_SLOTS;
    uint32_t *slots = cclip_allocate_zero(size, sizeof *slots);
    if (!slots)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < counts->count; i++) {
        const struct cclip_counted_word *word = &counts->words[i];
        size_t slot = hash_of(counts->bytes.data + word->begin, word->length) & (size - 1);
        while (slots[slot])
            slot = (slot + 1) & (size - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    cclip_release(counts->slots);
    counts->slots = slots;
    counts->slot_mask = size - 1;
    return CCLIP_OK;
}

/* The first occurrence. Each word costs a byte more than it has: places of training are numbered in
 * 32 bits, with one between two words. */
static cclip_status add_new(struct cclip_word_counts *counts, size_t slot, const char *word,
                            size_t length)
{
    if (counts->bytes.length + counts->count + length >= CCLIP_LIMIT_WORD_BYTES)
        return cclip_fail(CCLIP_ERROR_LIMIT,
                          "the distinct words of the captions have more than %zu bytes",
                          CCLIP_LIMIT_WORD_BYTES);
    cclip_status status = cclip_grow(&counts->words, &counts->capacity, counts->count + 1,
                                     sizeof *counts->words, CCLIP_LIMIT_WORD_BYTES, "words");
    const size_t begin = counts->bytes.length;
    if (!status)
        status = cclip_buffer_append(&counts->bytes, word, length);
    if (status)
        return status;
    counts->words[counts->count++] =
        (struct cclip_counted_word){ 1, (uint32_t)begin, (uint32_t)length };
    counts->slots[slot] = (uint32_t)counts->count;
    return CCLIP_OK;
}

cclip_status cclip_word_counts_add(struct cclip_word_counts *counts, const char *word,
                                   size_t length)
{
    if (!counts->slots || counts->count * 2 > counts->slot_mask) {
        const cclip_status status = grow_slots(counts);
        if (status)
            return status;
    }
    size_t slot = hash_of(word, length) & counts->slot_mask;
    for (; counts->slots[slot]; slot = (slot + 1) & counts->slot_mask) {
        struct cclip_counted_word *known = &counts->words[counts->slots[slot] - 1];
        if (known->length == length && !memcmp(counts->bytes.data + known->begin, word, length)) {
            known->count++;
            return CCLIP_OK;
        }
    }
    return add_new(counts, slot, word, length);
}
