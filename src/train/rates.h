/* Parameters that learn more slowly, or faster, than the schedule says.
 *
 * A parameter's learning rate is the schedule's times its factor (struct cclip_trainable): the tower's, times
 * layer_decay^depth with depth 0 at the output (BEiT, Bao et al. 2021, and what CLIP models are fine-tuned
 * with). Weight decay goes with the rate, as in PyTorch's parameter groups. */
#ifndef CCLIP_TRAIN_RATES_H
#define CCLIP_TRAIN_RATES_H

#include "models/learner.h"

struct cclip_rate_factors {
    double tower[CCLIP_TOWERS];       /* --image-lr-mult, --text-lr-mult */
    double layer_decay[CCLIP_TOWERS]; /* a group's factor to that behind it; 1: all alike */
};
#define CCLIP_RATE_FACTORS_INIT { { 1, 1 }, { 1, 1 } }

/* Depth is the group of train/groups.h less 1. logit_scale and logit_bias keep 1. */
void cclip_rates_apply(struct cclip_learner *learner, const struct cclip_rate_factors *factors);

#endif
