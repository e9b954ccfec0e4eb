/* Tokens by id and by text, and the merges: what byte-pair encoding needs to run.
 *
 * Tokens are kept in byte-level form: each byte is a printable character, and the last symbol of a
 * word carries "</w>". */
#ifndef CCLIP_TEXT_VOCABULARY_H
#define CCLIP_TEXT_VOCABULARY_H

#include "text/unicode.h"

enum { CCLIP_WORD_END_LENGTH = 4, CCLIP_NO_ID = -1 };
#define CCLIP_WORD_END "</w>"

struct cclip_merge {
    uint32_t left, right; /* ids */
    uint32_t rank_plus_1; /* 0: an empty slot */
    uint32_t id;
};

struct cclip_vocabulary {
    size_t count; /* largest id + 1 */
    struct cclip_token_text {
        uint32_t offset, length; /* length 0: no token has this id */
    } *tokens;
    size_t tokens_capacity;
    struct cclip_buffer pool;
    uint32_t *slots; /* id + 1 by hash of the text */
    size_t slot_mask;
    struct cclip_merge *merges; /* by hash of the pair */
    size_t merge_mask, merge_count;
    uint32_t (*ranked)[2]; /* the pair of each rank */
    size_t ranked_capacity;
    int32_t byte_ids[2][256]; /* [1]: with the end of word; CCLIP_NO_ID where there is none */
};

void cclip_vocabulary_open(struct cclip_vocabulary *vocabulary);
void cclip_vocabulary_close(struct cclip_vocabulary *vocabulary);

/* An id may be set once. Then index, then find and merge. */
cclip_status cclip_vocabulary_set(struct cclip_vocabulary *vocabulary, size_t id, const char *text,
                                  size_t length);
/* Ids 0 to 511 as CLIP has them: each byte, then each byte that ends a word. */
cclip_status cclip_vocabulary_set_bytes(struct cclip_vocabulary *vocabulary);
/* Where two ids have one text the later counts. Makes room for `merges`. */
cclip_status cclip_vocabulary_index(struct cclip_vocabulary *vocabulary, size_t merges);
int32_t cclip_vocabulary_find(const struct cclip_vocabulary *vocabulary, const char *text,
                              size_t length);
const char *cclip_vocabulary_text(const struct cclip_vocabulary *vocabulary, size_t id,
                                  size_t *length);

/* The next rank. CCLIP_ERROR_NOT_FOUND names the token that is missing. A pair that is there already
 * keeps its rank. */
cclip_status cclip_vocabulary_merge(struct cclip_vocabulary *vocabulary, const char *left,
                                    size_t left_length, const char *right, size_t right_length);
void cclip_vocabulary_merge_ids(struct cclip_vocabulary *vocabulary, uint32_t left, uint32_t right,
                                uint32_t id);

static inline size_t cclip_merge_slot(uint32_t left, uint32_t right)
{
    const uint64_t mixed = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed ^ mixed >> 29);
}

/* NULL if the pair does not merge. */
static inline const struct cclip_merge *cclip_merge_find(const struct cclip_vocabulary *v,
                                                         uint32_t left, uint32_t right)
{
    size_t slot = cclip_merge_slot(left, right) & v->merge_mask;
    for (;; slot = (slot + 1) & v->merge_mask) {
        const struct cclip_merge *merge = &v->merges[slot];
        if (!merge->rank_plus_1)
            return NULL;
        if (merge->left == left && merge->right == right)
            return merge;
    }
}

/* The printable character of a byte, the byte of such a character (-1: it is none), and the byte
 * whose symbol is the n-th of a vocabulary made from a merge list. */
uint32_t cclip_byte_symbol(unsigned byte);
int cclip_symbol_byte(uint32_t c);
unsigned cclip_byte_in_order(unsigned n);

#endif
