/* The loop of training: batch after batch through the step, figures after each. It prints and writes
 * nothing; whoever runs it is called after each step and decides what to keep. */
#ifndef CCLIP_TRAIN_LOOP_H
#define CCLIP_TRAIN_LOOP_H

#include "data/pair_batches.h"
#include "train/ema.h"
#include "train/instructor.h"
#include "train/movement.h"
#include "train/schedule.h"
#include "train/step.h"

/* What is known after a step. */
struct cclip_loop_figures {
    uint64_t step;      /* from 0, over all epochs */
    uint64_t epoch, step_in_epoch; /* from 0 */
    uint64_t steps_an_epoch, total; /* total: of the whole run */
    size_t samples;     /* of this step */
    double loss;        /* before the step */
    double logit_scale; /* after it, exponentiated */
    double rate;        /* learning rate */
    double gradient_norm; /* before clipping */
    int measured;       /* whether `towers` was */
    struct cclip_movement towers[CCLIP_TOWERS];
    double data_seconds, step_seconds; /* waiting for the batch; all of the step */
    /* Several ranks: seconds of the step in which something was on its way between them, and how many of
     * those the computation waited; bytes that this rank sent. */
    double exchange_seconds, exchange_waited, exchange_bytes;
    double samples_per_second;
};

struct cclip_train_loop {
    /* Given; they outlive the loop. */
    struct cclip_learner *learner;
    struct cclip_adamw *adamw;
    cclip_status (*next)(void *source, struct cclip_pair_batch *out); /* the next step's batch */
    void *source; /* at step `step` when the run begins */
    uint64_t steps_an_epoch;
    struct cclip_schedule schedule;
    cclip_loss_fn *loss;
    int grouped;        /* pairs of one group match each other */
    size_t micro;       /* pairs of a batch that go through the model at a time (train/accumulate.h); 0: all */
    uint64_t seed;      /* of dropped patches */
    struct cclip_instructor *instructor; /* for the distillation loss, or NULL */
    struct cclip_ema *ema; /* follows each step; or NULL */
    uint64_t total;     /* steps of the whole run */
    uint64_t step;      /* done so far: where the run begins, then where it is */
    struct cclip_communicator *ranks; /* NULL: one */
    struct cclip_gradient_sum *sum;   /* for several */
    /* Whether a step's towers are to be measured (NULL: never), and what is done after it: a failure ends
     * the loop, with `step` counting this step already. */
    int (*wants_towers)(void *user, const struct cclip_loop_figures *figures);
    cclip_status (*after)(void *user, const struct cclip_loop_figures *figures);
    void *user;
};

/* Runs steps [step, total). A loss that is not finite ends it with CCLIP_ERROR_FORMAT. */
cclip_status cclip_train_loop_run(struct cclip_train_loop *loop);

#endif
