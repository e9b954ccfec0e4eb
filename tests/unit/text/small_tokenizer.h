/* A vocabulary small enough to reason about: bytes, a few merges, two special tokens. */
#ifndef CCLIP_TESTS_SMALL_TOKENIZER_H
#define CCLIP_TESTS_SMALL_TOKENIZER_H

#include <stdio.h>
#include <string.h>

#include "text/tokenizer.h"
#include "text/vocabulary.h"

/* In the order of their ranks; ids from 512 on. */
static const char *const small_merges[][2] = {
    { "c", "a" }, { "ca", "t</w>" }, { "d", "o" }, { "do", "g</w>" }, { "'", "s</w>" }, { "a", "a" },
};
enum {
    SMALL_MERGES = sizeof small_merges / sizeof small_merges[0],
    SMALL_CAT = 513,
    SMALL_DOG = 515,
    SMALL_S = 516,
    SMALL_AA = 517,
    SMALL_START = 512 + SMALL_MERGES,
    SMALL_END,
    SMALL_SIZE
};

/* Tokens in the order of their ids; each in `texts`. */
static inline void small_tokens(char texts[SMALL_SIZE][32], const char *tokens[SMALL_SIZE])
{
    for (unsigned n = 0; n < 512; n++) {
        const size_t length = cclip_utf8_encode(texts[n], cclip_byte_symbol(cclip_byte_in_order(n % 256)));
        strcpy(texts[n] + length, n < 256 ? "" : CCLIP_WORD_END);
    }
    for (size_t n = 0; n < SMALL_MERGES; n++)
        snprintf(texts[512 + n], 32, "%s%s", small_merges[n][0], small_merges[n][1]);
    strcpy(texts[SMALL_START], "<|startoftext|>");
    strcpy(texts[SMALL_END], "<|endoftext|>");
    for (size_t n = 0; n < SMALL_SIZE; n++)
        tokens[n] = texts[n];
}

static inline cclip_status small_open(struct cclip_tokenizer **out,
                                      const struct cclip_text_options *options)
{
    char texts[SMALL_SIZE][32];
    const char *tokens[SMALL_SIZE];
    small_tokens(texts, tokens);
    return cclip_text_tokenizer_open_tokens(out, tokens, NULL, SMALL_SIZE, options);
}

#endif
