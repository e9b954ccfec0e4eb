/* In which order an epoch takes the samples of a corpus: computed from (seed, epoch), nothing stored but a
 * few numbers a shard, and askable both ways.
 *
 * An epoch has a number of places. A source of N samples takes T of them: all of its samples T / N times, and
 * T % N of them once more. The samples are cut into blocks (a block a source, or with a window a block a
 * shard); a pass over the blocks gives each sample a place at most once, the last pass only as many as
 * are left. Blocks stand in an order, `window` of them at a time are mixed place by place. */
#ifndef CCLIP_DATA_PAIR_ORDER_H
#define CCLIP_DATA_PAIR_ORDER_H

#include "base/permutation.h"
#include "data/pair_index.h"

/* What random numbers are for, that nothing shares a stream. */
enum cclip_pair_purpose {
    CCLIP_PAIR_BLOCKS = 1,
    CCLIP_PAIR_WINDOW,
    CCLIP_PAIR_BLOCK,
    CCLIP_PAIR_SUBSTITUTES,
    CCLIP_PAIR_CAPTION,
    CCLIP_PAIR_AUGMENT
};

struct cclip_pair_plan { /* what does not change from epoch to epoch */
    const struct cclip_pair_index *index;
    uint64_t seed;
    size_t window;       /* 0: everything */
    size_t *block_first; /* [blocks + 1] samples */
    size_t blocks, passes;
    size_t *taken;       /* [parts] places of an epoch */
    size_t places;       /* of an epoch */
};

/* `weights` [parts]; `epoch_pairs` 0: each sample as often as its source's weight says. */
cclip_status cclip_pair_plan_open(struct cclip_pair_plan *out, const struct cclip_pair_index *index,
                                  const double *weights, size_t epoch_pairs, size_t window,
                                  uint64_t seed);
void cclip_pair_plan_close(struct cclip_pair_plan *plan);

struct cclip_pair_order { /* of one epoch */
    const struct cclip_pair_plan *plan;
    size_t epoch;
    size_t units;  /* blocks in passes: unit u is pass u / blocks */
    size_t *block; /* [units] which block stands there */
    size_t *where; /* [passes][blocks] at which unit a block stands */
    size_t *start; /* [units + 1] places before it */
};

cclip_status cclip_pair_order_open(struct cclip_pair_order *out, const struct cclip_pair_plan *plan);
void cclip_pair_order_close(struct cclip_pair_order *order);
/* Makes it the order of an epoch; allocates nothing. */
void cclip_pair_order_set(struct cclip_pair_order *order, size_t epoch);

/* The sample at a place. */
size_t cclip_pair_order_at(const struct cclip_pair_order *order, size_t place);
/* Does the sample stand at one of the places [begin, end)? */
int cclip_pair_order_has(const struct cclip_pair_order *order, size_t sample, size_t begin, size_t end);

#endif
