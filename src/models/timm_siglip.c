#include "models/timm_siglip.h"

#include <string.h>

/* As timm 1.0 builds them: those that came with SigLIP 2 have the tanh approximation. */
static const struct cclip_timm_siglip models[] = {
#define BASE 768, 12, 12, 3072
#define LARGE 1024, 24, 16, 4096
#define SO400M 1152, 27, 16, 4304
#define GIANTOPT 1536, 40, 16, 6144
    { "vit_base_patch16_siglip_224", BASE, 16, 224, 0 },
    { "vit_base_patch16_siglip_256", BASE, 16, 256, 0 },
    { "vit_base_patch16_siglip_384", BASE, 16, 384, 0 },
    { "vit_base_patch16_siglip_512", BASE, 16, 512, 0 },
    { "vit_base_patch32_siglip_256", BASE, 32, 256, 1 },
    { "vit_large_patch16_siglip_256", LARGE, 16, 256, 0 },
    { "vit_large_patch16_siglip_384", LARGE, 16, 384, 0 },
    { "vit_large_patch16_siglip_512", LARGE, 16, 512, 1 },
    { "vit_so400m_patch14_siglip_224", SO400M, 14, 224, 0 },
    { "vit_so400m_patch14_siglip_378", SO400M, 14, 378, 0 },
    { "vit_so400m_patch14_siglip_384", SO400M, 14, 384, 0 },
    { "vit_so400m_patch16_siglip_256", SO400M, 16, 256, 1 },
    { "vit_so400m_patch16_siglip_384", SO400M, 16, 384, 1 },
    { "vit_so400m_patch16_siglip_512", SO400M, 16, 512, 1 },
    { "vit_giantopt_patch16_siglip_256", GIANTOPT, 16, 256, 1 },
    { "vit_giantopt_patch16_siglip_384", GIANTOPT, 16, 384, 1 },
#undef BASE
#undef LARGE
#undef SO400M
#undef GIANTOPT
};
enum { MODELS = sizeof models / sizeof models[0] };

const struct cclip_timm_siglip *cclip_timm_siglip_find(const char *name)
{
    const size_t length = strcspn(name, ".");
    for (size_t i = 0; i < MODELS; i++)
        if (strlen(models[i].name) == length && !strncmp(models[i].name, name, length))
            return &models[i];
    return NULL;
}

static int has_tanh(const struct cclip_vision_config *vision)
{
    return vision->transformer.activation == CCLIP_ACTIVATION_GELU_TANH;
}

const struct cclip_timm_siglip *cclip_timm_siglip_match(const struct cclip_vision_config *vision)
{
    const struct cclip_transformer_config *t = &vision->transformer;
    for (size_t i = 0; i < MODELS; i++) {
        const struct cclip_timm_siglip *m = &models[i];
        if (m->width == t->width && m->layers == t->layers && m->heads == t->heads &&
            m->mlp_width == t->mlp_width && m->patch == vision->patch_size &&
            m->image == vision->image_height && m->image == vision->image_width &&
            m->tanh_gelu == has_tanh(vision))
            return m;
    }
    return NULL;
}

const struct cclip_timm_siglip *cclip_timm_siglip_like(const struct cclip_vision_config *vision)
{
    size_t i = 0;
    while (models[i].tanh_gelu != has_tanh(vision))
        i++;
    return &models[i];
}
