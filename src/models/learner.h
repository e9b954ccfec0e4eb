/* A model that learns: both towers over values that change, and a pass forward and back.
 *
 * The order of a step: cclip_learner_forward, a loss on the embeddings it gives, cclip_learner_backward
 * with that loss's gradients, an optimiser over `parameters`. Gradients are added up until
 * cclip_learner_zero_gradients. */
#ifndef CCLIP_MODELS_LEARNER_H
#define CCLIP_MODELS_LEARNER_H

#include "models/model.h"

struct cclip_learner {
    struct cclip_config config;
    struct cclip_device *device; /* the caller's; must outlive the learner */
    struct cclip_trainables parameters;
    struct cclip_towers towers;
    size_t tower_begin[CCLIP_TOWERS]; /* where each tower's items begin in `parameters` */
    int freeze_statistics; /* batch norms use their running statistics, and leave them */
    enum cclip_dtype compute; /* what passes round the operands of products to; values stay float32 */
    int recompute;         /* blocks keep their input only, and run once more on the way back */
    const struct cclip_backward_progress *progress; /* hears how far `backward` is; NULL: nobody */
    struct cclip_patch_dropout patch_dropout; /* of passes that train; rate 0: none. Vision Transformer */
    float *logit_scale, *logit_bias;  /* in `parameters`; logit_bias NULL if the model has none */

    struct cclip_arena kept, scratch; /* of the forward pass, which stays; for what does not */
    struct cclip_arena lent; /* the text tower's, in memory of gradients that are yet to come */
    struct cclip_tape tapes[CCLIP_TOWERS]; /* a tower with nothing to learn keeps nothing */
    float *rows[CCLIP_TOWERS]; /* [count, embedding_dim], before normalisation */
    size_t count;
};

/* Takes values and configuration from an open model, which is not needed afterwards. */
cclip_status cclip_learner_open(struct cclip_learner **out, struct cclip_model *model,
                                struct cclip_device *device);
void cclip_learner_close(struct cclip_learner **learner);

struct cclip_learner_pass {
    const float *pixels; /* [count, 3, height, width], must stay until the backward pass */
    const int32_t *ids;  /* text i is ids [offsets[i], offsets[i + 1]) */
    const size_t *offsets;
    size_t count;
    size_t first;   /* the place of the first pair in the whole batch */
    int training;   /* 0: batch norms use their running statistics, and no patch is dropped */
    int only_look;  /* nothing is kept, running statistics stay: no backward pass follows */
};

/* Device memory that lives until the next pass: normalised embeddings [count, embedding_dim] of both
 * towers. */
cclip_status cclip_learner_run(struct cclip_learner *learner, float *out[CCLIP_TOWERS],
                               const struct cclip_learner_pass *pass);
/* The pass over a whole batch that a backward pass follows. */
cclip_status cclip_learner_forward(struct cclip_learner *learner, float *out[CCLIP_TOWERS],
                                   const float *pixels, const int32_t *ids, const size_t *offsets,
                                   size_t count, int training);
/* From the gradients of the normalised embeddings. A tower with nothing to learn is left out. */
cclip_status cclip_learner_backward(struct cclip_learner *learner, float *const d_out[CCLIP_TOWERS]);
cclip_status cclip_learner_zero_gradients(struct cclip_learner *learner);

#endif
