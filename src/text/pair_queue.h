/* Pairs of tokens, the most frequent first; of equal counts the lower left id, then the lower right
 * id. */
#ifndef CCLIP_TEXT_PAIR_QUEUE_H
#define CCLIP_TEXT_PAIR_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

struct cclip_queued_pair {
    uint64_t count;
    uint32_t left, right;
};

/* A binary heap; heap[0] is the first. Zero-initialise to open. */
struct cclip_pair_queue {
    struct cclip_queued_pair *heap;
    size_t count, capacity;
};
void cclip_pair_queue_close(struct cclip_pair_queue *queue);

cclip_status cclip_pair_queue_push(struct cclip_pair_queue *queue, struct cclip_queued_pair pair);
void cclip_pair_queue_pop(struct cclip_pair_queue *queue);
/* The first pair gets a lower count and its new place. */
void cclip_pair_queue_lower_top(struct cclip_pair_queue *queue, uint64_t count);

#endif
