/* AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), in PyTorch's order of
 * operations, with clipping by the norm of all gradients together. Host memory. */
#ifndef CCLIP_TRAIN_ADAMW_H
#define CCLIP_TRAIN_ADAMW_H

#include <stdint.h>
#include "base/thread_pool.h"
#include "nn/trainable.h"

/* Which parameters decay. */
enum cclip_decay_rule {
    CCLIP_DECAY_OPENAI,   /* all but those of fewer than 2 dimensions, or with "bn", "ln", "bias" or
                             "logit_scale" in the name */
    CCLIP_DECAY_OPEN_CLIP /* all but those of fewer than 2 dimensions, and the position tables */
};
void cclip_decay_rule_apply(struct cclip_trainables *set, enum cclip_decay_rule rule);

struct cclip_adamw {
    double beta1, beta2, epsilon, weight_decay;
    double clip_norm; /* gradients times min(1, clip_norm / (norm + 1e-6)); 0: not clipped */
    uint64_t steps;   /* taken so far */
    float *mean, *square; /* [elements] of the set it was opened for: moving averages */
    double *parts;        /* partial sums of the norm */
};

/* The averages are zero; the numbers are the caller's to set. */
cclip_status cclip_adamw_open(struct cclip_adamw *out, const struct cclip_trainables *set);
void cclip_adamw_close(struct cclip_adamw *adamw);

/* One step with the learning rate `rate`; *norm is that of the gradients before clipping. Frozen
 * parameters and buffers are left alone. The result does not depend on the number of threads. */
cclip_status cclip_adamw_step(struct cclip_adamw *adamw, struct cclip_trainables *set,
                              struct cclip_thread_pool *pool, double rate, double *norm);

#endif
