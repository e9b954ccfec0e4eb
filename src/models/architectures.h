/* Names of public architectures, and words for the rest. */
#ifndef CCLIP_MODELS_ARCHITECTURES_H
#define CCLIP_MODELS_ARCHITECTURES_H

#include "models/config.h"

/* "ViT-B-32", or NULL if the sizes are no public architecture's. */
const char *cclip_architecture_name(const struct cclip_config *config);

/* "ViT: 768 wide, 12 layers, 12 heads, patch 32, image 224" into `text`. */
void cclip_architecture_describe_vision(char *text, size_t size, const struct cclip_config *config);
void cclip_architecture_describe_text(char *text, size_t size, const struct cclip_config *config);

#endif
