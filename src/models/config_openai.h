/* Configurations that follow from the tensors: OpenAI's archives carry none. */
#ifndef CCLIP_MODELS_CONFIG_OPENAI_H
#define CCLIP_MODELS_CONFIG_OPENAI_H

#include "checkpoint/weights.h"
#include "models/config.h"

/* From names and shapes, as openai/CLIP builds its models: heads are width / 64, QuickGELU. */
cclip_status cclip_config_from_weights(struct cclip_config *out, const struct cclip_weights *weights,
                                       const char *name);

#endif
