/* How often each distinct word occurs: all that training a vocabulary keeps of its captions. */
#ifndef CCLIP_TEXT_WORD_COUNTS_H
#define CCLIP_TEXT_WORD_COUNTS_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/status.h"

struct cclip_counted_word {
    uint64_t count;
    uint32_t begin, length; /* in `bytes` */
};

/* Words in the order in which they first came. */
struct cclip_word_counts {
    struct cclip_buffer bytes; /* of all distinct words, one after another */
    struct cclip_counted_word *words;
    size_t count, capacity;
    uint32_t *slots; /* index + 1 by hash */
    size_t slot_mask;
};

void cclip_word_counts_open(struct cclip_word_counts *counts);
void cclip_word_counts_close(struct cclip_word_counts *counts);

/* One more of the word; it has a byte at least. */
cclip_status cclip_word_counts_add(struct cclip_word_counts *counts, const char *word,
                                   size_t length);

#endif
