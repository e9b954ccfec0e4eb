#include "train/rates.h"

#include <math.h>

#include "train/groups.h"

void cclip_rates_apply(struct cclip_learner *learner, const struct cclip_rate_factors *factors)
{
    for (size_t i = 0; i < learner->parameters.count; i++) {
        struct cclip_trainable *item = &learner->parameters.items[i];
        const enum cclip_tower tower = cclip_parameter_tower(item->name);
        const size_t depth = cclip_parameter_group(&learner->config, item->name) - 1;
        const double decay = tower == CCLIP_TOWERS ? 1 : pow(factors->layer_decay[tower], (double)depth);
        item->rate = tower == CCLIP_TOWERS ? 1 : (float)(factors->tower[tower] * decay);
    }
}
