/* Random values for the parameters of a new model, by their names. */
#ifndef CCLIP_MODELS_INITIAL_VALUES_H
#define CCLIP_MODELS_INITIAL_VALUES_H

#include <stdint.h>
#include "formats/json.h"
#include "models/config.h"
#include "nn/trainable.h"

/* Numbers that a configuration may give. */
struct cclip_initial_numbers {
    double logit_scale, logit_bias; /* the logarithm of the scale */
    double layer_scale[2];          /* image, text */
};

/* Fills the values of all items; `set` is in host memory. */
void cclip_initial_values(struct cclip_trainables *set, const struct cclip_config *config,
                          const struct cclip_initial_numbers *numbers, uint64_t seed);

#endif
