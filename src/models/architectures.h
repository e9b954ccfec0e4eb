/* Names of public architectures, and words for the rest. */
#ifndef CCLIP_MODELS_ARCHITECTURES_H
#define CCLIP_MODELS_ARCHITECTURES_H

#include "models/config.h"

/* "ViT-B-32", or NULL if the sizes are no public architecture's. */
const char *cclip_architecture_name(const struct cclip_config *config);

/* Whether a new model can be made by that name alone: those with OpenAI's tokenizer ("ViT-B-32", and with
 * QuickGELU "ViT-B-32-quickgelu"). */
int cclip_architecture_is_known(const char *name);
/* Its configuration, as in open_clip's model_configs. */
cclip_status cclip_architecture_configuration(cclip_json **out, const char *name);

/* "ViT: 768 wide, 12 layers, 12 heads, patch 32, image 224" into `text`. */
void cclip_architecture_describe_vision(char *text, size_t size, const struct cclip_config *config);
void cclip_architecture_describe_text(char *text, size_t size, const struct cclip_config *config);

#endif
