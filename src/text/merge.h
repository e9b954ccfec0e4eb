/* Byte-pair encoding of one word. */
#ifndef CCLIP_TEXT_MERGE_H
#define CCLIP_TEXT_MERGE_H

#include "text/vocabulary.h"

/* Which of the pairs that may merge is next. Both give the same for a list in the order in which
 * training found its merges; for any other list each reference has its own. */
enum cclip_merge_order {
    CCLIP_MERGE_ROUNDS, /* all occurrences of the best pair, left to right, then look again */
    CCLIP_MERGE_SINGLY  /* the leftmost occurrence of the best pair, then look again */
};

/* Scratch, kept from word to word. Zero-initialise to open. */
struct cclip_merger {
    struct cclip_merge_node *nodes;
    struct cclip_merge_candidate *heap, *round;
    size_t node_capacity, heap_capacity, heap_count, round_capacity, round_count;
};
void cclip_merger_close(struct cclip_merger *merger);

/* Merges `symbols` in place; `*count` shrinks. */
cclip_status cclip_merge_word(struct cclip_merger *merger, const struct cclip_vocabulary *v,
                              uint32_t *symbols, size_t *count, enum cclip_merge_order order);

#endif
