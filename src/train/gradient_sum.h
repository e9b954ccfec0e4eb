/* The gradients of all ranks, added up while the backward pass goes on.
 *
 * Parameters lie in the order of the forward pass, so gradients are complete from the end of their array on
 * (nn/backward.h). They are cut into buckets from the end; each goes on its way when the pass has come to
 * its beginning. What does not learn is left out. */
#ifndef CCLIP_TRAIN_GRADIENT_SUM_H
#define CCLIP_TRAIN_GRADIENT_SUM_H

#include "distributed/background_sum.h"
#include "models/learner.h"

struct cclip_gradient_bucket {
    size_t begin, end; /* elements of the parameters */
};

struct cclip_gradient_sum {
    struct cclip_background_sum *background;
    const struct cclip_trainables *set;
    struct cclip_gradient_bucket *buckets; /* descending */
    size_t count, capacity, next; /* those before `next` are on their way */
    struct cclip_failure failure;
    struct cclip_backward_progress progress; /* for the learner, in the pass that completes the gradients */
};

/* Buckets of about `bytes`. What is frozen must have been decided. One rank: everything is free. */
cclip_status cclip_gradient_sum_open(struct cclip_gradient_sum *out, struct cclip_communicator *ranks,
                                     const struct cclip_trainables *set, size_t bytes);
void cclip_gradient_sum_close(struct cclip_gradient_sum *sum);

/* All that is left, and waits for it. */
cclip_status cclip_gradient_sum_finish(struct cclip_gradient_sum *sum,
                                       struct cclip_background_figures *figures);

#endif
