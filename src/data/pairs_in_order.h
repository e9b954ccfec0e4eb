/* The pairs of a corpus in their own order, to judge a model by: pictures prepared as for evaluation, each with its
 * first caption. Some at a time, decoded by all threads. */
#ifndef CCLIP_DATA_PAIRS_IN_ORDER_H
#define CCLIP_DATA_PAIRS_IN_ORDER_H

#include "base/thread_pool.h"
#include "data/pair_index.h"

struct cclip_pairs_in_order {
    const struct cclip_pair_index *index;
    struct cclip_thread_pool *pool;            /* the caller's */
    const cclip_preprocessing *preprocessing;  /* the caller's */
    size_t size;                               /* pairs at a time, at most */
    size_t total;                              /* that are gone through: */
    double stride;                             /* of the corpus's, evenly spaced */
    struct cclip_sample *samples;              /* [size] */
    size_t *numbers;                           /* [size] in the corpus */
    float *pixels;                             /* [size][3][height][width] */
    struct cclip_buffer *scratch;              /* one a thread */
    int scratch_count;
    size_t first, count;                       /* of the pairs at hand: good ones, in front */
    size_t broken;                             /* since the last `rewind` */
};

/* `most` pairs of an index, which must outlive them, evenly spaced; 0: all. */
cclip_status cclip_pairs_in_order_open(struct cclip_pairs_in_order *out,
                                       const struct cclip_pair_index *index, size_t most, size_t size,
                                       const cclip_preprocessing *preprocessing,
                                       struct cclip_thread_pool *pool);
void cclip_pairs_in_order_close(struct cclip_pairs_in_order *pairs);

void cclip_pairs_in_order_rewind(struct cclip_pairs_in_order *pairs);
/* The next ones; `count` 0 after the last. `skip`, or NULL, hears of each broken one; not zero stops with
 * CCLIP_ERROR_CANCELLED. */
cclip_status cclip_pairs_in_order_next(struct cclip_pairs_in_order *pairs,
                                       int (*skip)(void *user, size_t index, cclip_status status,
                                                   const char *message), void *user);

/* Number `number` of the corpus alone, as it lies there; a problem is the sample's. */
cclip_status cclip_pairs_in_order_get(struct cclip_pairs_in_order *pairs, size_t number,
                                      struct cclip_sample *out);

#endif
