/* A checkpoint's tensors as the source of a model's parameters. */
#ifndef CCLIP_MODELS_WEIGHTS_SOURCE_H
#define CCLIP_MODELS_WEIGHTS_SOURCE_H

#include "checkpoint/weights.h"
#include "models/config.h"
#include "nn/parameter.h"

/* Position tables of another size than the configuration's are resized as open_clip does: the patch
 * grid bicubic with antialiasing, the text positions linear. */
struct cclip_weights_source {
    struct cclip_weights *weights;
    const struct cclip_config *config;
    size_t not_finite; /* NaN or infinite elements met while reading */
    const char *first_not_finite; /* the file's name of it */
};

struct cclip_parameter_source cclip_weights_source_open(struct cclip_weights_source *out,
                                                        struct cclip_weights *weights,
                                                        const struct cclip_config *config);

#endif
