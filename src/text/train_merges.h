/* Learning byte-pair merges from counted words.
 *
 * Again and again the pair of neighbouring tokens that occurs most often becomes a token (Gage
 * 1994; Sennrich, Haddow and Birch 2016). A pair counts at each place where it stands, as often as
 * the word occurs, overlapping places too ("aaa" has two pairs); of equal counts the pair with the
 * lower left id, then the lower right id, comes first. So the merges depend on the counts alone,
 * not on the order of the captions. */
#ifndef CCLIP_TEXT_TRAIN_MERGES_H
#define CCLIP_TEXT_TRAIN_MERGES_H

#include "text/word_counts.h"

enum { CCLIP_BYTE_TOKENS = 512 }; /* each byte, and each byte that ends a word */

struct cclip_merge_training {
    size_t wanted;          /* merges at most */
    uint64_t minimum_count; /* a pair that occurs less often is not merged */
    int (*progress)(void *user, size_t done, size_t total); /* or NULL; nonzero cancels */
    void *user;
};

/* Merge k makes the token 512 + k. */
struct cclip_trained_merges {
    uint32_t (*pairs)[2];
    size_t count;
    uint64_t tokens; /* that all words together have when encoded with the merges */
};

/* The bytes of the words are ids: the n-th symbol of a vocabulary's first 256; the last of a word
 * stands for its symbol with the end of word, 256 more. Close `out` in any case. */
cclip_status cclip_train_merges(struct cclip_trained_merges *out,
                                const struct cclip_word_counts *words,
                                const struct cclip_merge_training *training);
void cclip_trained_merges_close(struct cclip_trained_merges *merges);

#endif
