/* A moving average of a model's values, which often serves better than the values themselves (Polyak and
 * Juditsky 1992): after each step average = d average + (1 - d) values, with
 *   d = decay, or with warm-up min(decay, (1 + t) / (10 + t)) at update t = 0, 1, ... (TensorFlow's rule),
 * so that the random beginning is soon forgotten. Running statistics are averaged with the weights that they
 * belong to. Host memory. */
#ifndef CCLIP_TRAIN_EMA_H
#define CCLIP_TRAIN_EMA_H

#include <stdint.h>
#include "base/thread_pool.h"
#include "nn/trainable.h"

struct cclip_ema {
    double decay;
    int warm_up;
    uint64_t updates; /* made so far */
    float *values;    /* [elements] of the set it was opened for */
};

/* The average is the present values; decay and warm_up are the caller's to set. */
cclip_status cclip_ema_open(struct cclip_ema *out, const struct cclip_trainables *set);
void cclip_ema_close(struct cclip_ema *ema);

cclip_status cclip_ema_update(struct cclip_ema *ema, const struct cclip_trainables *set,
                              struct cclip_thread_pool *pool);
/* Exchanges average and values: to evaluate or save the average, and once more to go on. */
cclip_status cclip_ema_swap(struct cclip_ema *ema, struct cclip_trainables *set,
                            struct cclip_thread_pool *pool);

#endif
