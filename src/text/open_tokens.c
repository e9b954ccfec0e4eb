/* Vocabularies that come from memory: tokens without merges, as in GGUF files, whose merges are found
 * again from the order of the tokens; merges without tokens, as training gives them. */
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "text/tokenizer_parts.h"

/* The symbols of a token that was made by merging; 0 if it holds something else. */
static size_t split_symbols(const struct cclip_vocabulary *v, const char *token, size_t length,
                            uint32_t *symbols)
{
    const int ends = length > CCLIP_WORD_END_LENGTH &&
                     !memcmp(token + length - CCLIP_WORD_END_LENGTH, CCLIP_WORD_END,
                             CCLIP_WORD_END_LENGTH);
    const size_t stop = length - (ends ? CCLIP_WORD_END_LENGTH : 0);
    size_t count = 0;
    for (size_t i = 0; i < stop;) {
        uint32_t c;
        const size_t size = cclip_utf8_decode(&c, token + i, stop - i);
        const int byte = size ? cclip_symbol_byte(c) : -1;
        const int32_t id = byte < 0 ? CCLIP_NO_ID : v->byte_ids[ends && i + size == stop][byte];
        if (id < 0)
            return 0;
        symbols[count++] = (uint32_t)id;
        i += size;
    }
    return count;
}

/* A token was made of the two pieces that the merges before it leave of it. A token that they leave
 * in more pieces was never merged: a special one, or one that no text reaches. */
static cclip_status rebuild_merges(struct cclip_vocabulary *v)
{
    struct cclip_merger merger = { 0 };
    cclip_status status = CCLIP_OK;
    uint32_t *symbols = cclip_allocate(CCLIP_LIMIT_TOKEN_BYTES, sizeof *symbols);
    if (!symbols)
        return CCLIP_ERROR_MEMORY;
    for (size_t id = 0; id < v->count && !status; id++) {
        size_t length, count;
        const char *token = cclip_vocabulary_text(v, id, &length);
        count = split_symbols(v, token, length, symbols);
        if (count < 2)
            continue;
        status = cclip_merge_word(&merger, v, symbols, &count, CCLIP_MERGE_ROUNDS);
        if (!status && count == 2)
            cclip_vocabulary_merge_ids(v, symbols[0], symbols[1], (uint32_t)id);
    }
    cclip_merger_close(&merger);
    cclip_release(symbols);
    return status;
}

cclip_status cclip_read_tokens(struct cclip_tokenizer *tokenizer, const char *const *tokens,
                               const size_t *lengths, size_t count)
{
    struct cclip_vocabulary *v = &tokenizer->vocabulary;
    cclip_status status = CCLIP_OK;
    if (!count)
        return cclip_fail(CCLIP_ERROR_FORMAT, "vocabulary: no tokens in it");
    for (size_t i = 0; i < count && !status; i++)
        status = cclip_vocabulary_set(v, i, tokens[i], lengths ? lengths[i] : strlen(tokens[i]));
    if (!status)
        status = cclip_vocabulary_index(v, count);
    if (!status)
        status = rebuild_merges(v);
    return status;
}

/* The texts of the two tokens of a merge, joined. */
static cclip_status set_joined(struct cclip_vocabulary *v, size_t id, const uint32_t pair[2])
{
    char both[2 * CCLIP_LIMIT_TOKEN_BYTES];
    size_t left, right;
    const char *text = cclip_vocabulary_text(v, pair[0], &left);
    memcpy(both, text, left);
    text = cclip_vocabulary_text(v, pair[1], &right);
    memcpy(both + left, text, right);
    return cclip_vocabulary_set(v, id, both, left + right);
}

cclip_status cclip_read_pairs(struct cclip_tokenizer *tokenizer, const uint32_t (*pairs)[2],
                              size_t count)
{
    static const char *const specials[2] = { "<|startoftext|>", "<|endoftext|>" };
    struct cclip_vocabulary *v = &tokenizer->vocabulary;
    cclip_status status = cclip_vocabulary_set_bytes(v);
    const size_t first = v->count;
    for (size_t i = 0; i < count && !status; i++)
        status = set_joined(v, first + i, pairs[i]);
    for (size_t i = 0; i < 2 && !status; i++)
        status = cclip_vocabulary_set(v, first + count + i, specials[i], strlen(specials[i]));
    if (!status)
        status = cclip_vocabulary_index(v, count);
    for (size_t i = 0; i < count && !status; i++)
        cclip_vocabulary_merge_ids(v, pairs[i][0], pairs[i][1], (uint32_t)(first + i));
    return status;
}
