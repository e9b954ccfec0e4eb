/* What is shared by the two halves of pair_batches.h: pair_batches.c, which gives out batches, and
 * pair_place.c, which fills one place of one, in any thread. */
#ifndef CCLIP_DATA_PAIR_PARTS_H
#define CCLIP_DATA_PAIR_PARTS_H

#include "base/work_ahead.h"
#include "data/pair_batches.h"
#include "data/pair_index.h"
#include "data/pair_order.h"

struct cclip_pair_problem {
    size_t sample;
    enum cclip_pair_reason reason;
    struct cclip_failure failure;
};

/* A place of a batch, and what became of it. */
struct cclip_pair_slot {
    struct cclip_buffer name, caption, group;
    size_t sample; /* that stands here */
    size_t id_count;
    struct cclip_pair_problem *problems; /* the samples that were tried in vain */
    size_t problem_count, problem_capacity;
    struct cclip_failure failure;        /* nothing was found, or memory ran out */
};

struct cclip_pair_worker { /* one a thread */
    struct cclip_sample sample;
    struct cclip_buffer scratch;
    struct cclip_text_encoder *encoder;
};

struct cclip_pair_batches {
    struct cclip_pair_request request;
    cclip_preprocessing preprocessing, second;
    struct cclip_augmentation augmentation;
    struct cclip_pair_index index;
    struct cclip_pair_plan plan;
    struct cclip_pair_order orders[2]; /* of this epoch and the next one: by epoch % 2 */
    struct cclip_pair_counts counts;
    struct cclip_work_ahead *ahead;    /* NULL: begins anew at `next_step` */
    size_t next_step;                  /* counted through all epochs */
    size_t row, second_row;            /* floats of a picture; 0: no second one */

    /* Of all slots: */
    float *pixels;        /* [slots][row] */
    float *second_pixels; /* [slots][second_row], or NULL */
    int32_t *ids;         /* [slots][context] */
    struct cclip_pair_slot *slots;
    size_t slot_count;
    struct cclip_pair_worker *workers;
    int worker_count;

    /* Of the batch that is given out: */
    int32_t *packed;      /* [batch * context] */
    size_t *offsets, *groups;
    uint64_t *hashes;
    const char **names, **captions;
    const struct cclip_buffer **keys; /* [batch] of the groups */
    size_t *table;        /* [table_size] for finding matches: a pair + 1, or 0 */
    size_t table_size;    /* a power of two */
    unsigned char *known; /* a bit a sample: found broken, and reported */
    unsigned char *used;  /* a bit a sample: was in a batch */
};

/* A cclip_work_function whose context is a struct cclip_pair_batches: item i is the place i % batch of step
 * i / batch. */
void cclip_pair_place_fill(void *batches, size_t item, size_t slot, int worker);

#endif
