/* WiSE-FT: a model between the one that was fine-tuned and the one it began with, which keeps more of what
 * that one knew (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). */
#ifndef CCLIP_TRAIN_WISE_FT_H
#define CCLIP_TRAIN_WISE_FT_H

#include "models/learner.h"

/* Every value of `learner`, running statistics included, becomes (1 - alpha) original + alpha value. What
 * the original has not (a logit bias) stays. */
cclip_status cclip_wise_ft(struct cclip_learner *learner, struct cclip_model *original, double alpha);

#endif
