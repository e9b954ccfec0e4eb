/* One step of contrastive training: forward, loss, backward, optimiser, and the clamp of the logit scale. */
#ifndef CCLIP_TRAIN_STEP_H
#define CCLIP_TRAIN_STEP_H

#include "models/learner.h"
#include "train/adamw.h"
#include "train/gradient_sum.h"
#include "train/losses.h"

struct cclip_train_batch {
    const float *pixels;   /* [count, 3, height, width], device memory */
    const int32_t *ids;    /* text i is ids [offsets[i], offsets[i + 1]), host memory */
    const size_t *offsets; /* [count + 1] */
    size_t count;
    size_t micro;          /* pairs that a step holds a tape of at a time (train/accumulate.h); 0: all */
    const size_t *groups;  /* as in struct cclip_pairs, or NULL */
    const struct cclip_teacher *teacher; /* for the distillation loss, or NULL */
    struct cclip_communicator *ranks;    /* that have a part of the batch each, or NULL */
    struct cclip_gradient_sum *sum;      /* of their gradients; NULL: they stay this rank's share */
};

struct cclip_train_figures {
    double loss, gradient_norm; /* before the step, before clipping */
    double logit_scale;         /* after the step: the logarithm */
    struct cclip_background_figures sum; /* of the gradients over ranks */
};

/* Adds the gradients of all parameters to what is there; *loss is the batch's. `arena` is scratch. */
cclip_status cclip_train_gradients(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                                   const struct cclip_train_batch *batch, struct cclip_arena *arena,
                                   int training, double *loss);

/* The loss of a batch's embeddings [count, embedding_dim], and its gradients: those of the logit scale and
 * bias are added to theirs, those of the embeddings live in `arena`. */
cclip_status cclip_train_loss(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                              const struct cclip_train_batch *batch,
                              float *const embeddings[CCLIP_TOWERS], struct cclip_arena *arena,
                              struct cclip_loss *out);

/* The backward pass that completes the gradients: sums over ranks begin while it goes on. */
cclip_status cclip_train_backward(struct cclip_learner *learner, const struct cclip_train_batch *batch,
                                  float *const d_embeddings[CCLIP_TOWERS]);

cclip_status cclip_train_step(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                              struct cclip_adamw *adamw, const struct cclip_train_batch *batch,
                              struct cclip_arena *arena, double rate,
                              struct cclip_train_figures *figures);

#endif
