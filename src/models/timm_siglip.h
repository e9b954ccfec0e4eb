/* timm's SigLIP Vision Transformers, which open_clip's configurations name. */
#ifndef CCLIP_MODELS_TIMM_SIGLIP_H
#define CCLIP_MODELS_TIMM_SIGLIP_H

#include "models/config.h"

struct cclip_timm_siglip {
    const char *name;
    size_t width, layers, heads, mlp_width, patch, image;
    int tanh_gelu; /* the tanh approximation, else exact GELU */
};

/* A name's weights tag ("NAME.webli") does not matter. NULL if there is no such model. */
const struct cclip_timm_siglip *cclip_timm_siglip_find(const char *name);
/* The model that is exactly this image tower; NULL if there is none. */
const struct cclip_timm_siglip *cclip_timm_siglip_match(const struct cclip_vision_config *vision);
/* One with this activation, whose sizes can be set by keyword. */
const struct cclip_timm_siglip *cclip_timm_siglip_like(const struct cclip_vision_config *vision);

#endif
