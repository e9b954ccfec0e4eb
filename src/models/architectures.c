#include "models/architectures.h"

#include <stdio.h>
#include <string.h>

/* Sizes that tell the public architectures apart. For a ResNet `layers` is the sum of its stages and
 * `width` its stem's. */
static const struct {
    const char *name;
    enum cclip_vision_kind kind;
    enum cclip_vision_pool pool;
    size_t image, patch, width, layers, text_width, text_layers, dim;
    size_t head_width; /* of the image tower; 0: a name alone does not make a new model */
    double mlp_ratio;
} architectures[] = {
#define RN CCLIP_MODIFIED_RESNET, CCLIP_POOL_CLASS_TOKEN
#define VIT CCLIP_VISION_TRANSFORMER, CCLIP_POOL_CLASS_TOKEN
#define AVERAGE CCLIP_VISION_TRANSFORMER, CCLIP_POOL_AVERAGE
#define SIGLIP CCLIP_VISION_TRANSFORMER, CCLIP_POOL_MAP
    { "RN50", RN, 224, 0, 64, 16, 512, 12, 1024, 64, 4 },
    { "RN101", RN, 224, 0, 64, 33, 512, 12, 512, 64, 4 },
    { "RN50x4", RN, 288, 0, 80, 26, 640, 12, 640, 64, 4 },
    { "RN50x16", RN, 384, 0, 96, 40, 768, 12, 768, 64, 4 },
    { "RN50x64", RN, 448, 0, 128, 64, 1024, 12, 1024, 64, 4 },
    { "ViT-B-32", VIT, 224, 32, 768, 12, 512, 12, 512, 64, 4 },
    { "ViT-B-32-256", VIT, 256, 32, 768, 12, 512, 12, 512, 64, 4 },
    { "ViT-B-16", VIT, 224, 16, 768, 12, 512, 12, 512, 64, 4 },
    { "ViT-B-16-plus-240", VIT, 240, 16, 896, 12, 640, 12, 640, 64, 4 },
    { "ViT-L-14", VIT, 224, 14, 1024, 24, 768, 12, 768, 64, 4 },
    { "ViT-L-14-336", VIT, 336, 14, 1024, 24, 768, 12, 768, 64, 4 },
    { "ViT-H-14", VIT, 224, 14, 1280, 32, 1024, 24, 1024, 80, 4 },
    { "ViT-H-14-378", VIT, 378, 14, 1280, 32, 1024, 24, 1024, 80, 4 },
    { "ViT-g-14", VIT, 224, 14, 1408, 40, 1024, 24, 1024, 88, 4.3637 },
    { "ViT-bigG-14", VIT, 224, 14, 1664, 48, 1280, 32, 1280, 104, 4.9231 },
    { "ViT-L-14-CLIPA", AVERAGE, 224, 14, 1024, 24, 768, 12, 768, 0, 0 },
    { "ViT-L-14-CLIPA-336", AVERAGE, 336, 14, 1024, 24, 768, 12, 768, 0, 0 },
    { "ViT-H-14-CLIPA", AVERAGE, 224, 14, 1280, 32, 1024, 24, 1024, 0, 0 },
    { "ViT-H-14-CLIPA-336", AVERAGE, 336, 14, 1280, 32, 1024, 24, 1024, 0, 0 },
    { "ViT-B-16-SigLIP", SIGLIP, 224, 16, 768, 12, 768, 12, 768, 0, 0 },
    { "ViT-B-16-SigLIP-256", SIGLIP, 256, 16, 768, 12, 768, 12, 768, 0, 0 },
    { "ViT-B-16-SigLIP-384", SIGLIP, 384, 16, 768, 12, 768, 12, 768, 0, 0 },
    { "ViT-B-16-SigLIP-512", SIGLIP, 512, 16, 768, 12, 768, 12, 768, 0, 0 },
    { "ViT-L-16-SigLIP-256", SIGLIP, 256, 16, 1024, 24, 1024, 24, 1024, 0, 0 },
    { "ViT-L-16-SigLIP-384", SIGLIP, 384, 16, 1024, 24, 1024, 24, 1024, 0, 0 },
    { "ViT-SO400M-14-SigLIP", SIGLIP, 224, 14, 1152, 27, 1152, 27, 1152, 0, 0 },
    { "ViT-SO400M-14-SigLIP-384", SIGLIP, 384, 14, 1152, 27, 1152, 27, 1152, 0, 0 },
#undef RN
#undef VIT
#undef AVERAGE
#undef SIGLIP
};

enum { ARCHITECTURES = sizeof architectures / sizeof architectures[0] };

const char *cclip_architecture_name(const struct cclip_config *config)
{
    const struct cclip_vision_config *v = &config->vision;
    const struct cclip_transformer_config *t = &config->text.transformer;
    const int resnet = v->kind == CCLIP_MODIFIED_RESNET;
    const size_t *s = v->stage_blocks;
    const size_t width = resnet ? v->stem_width : v->transformer.width;
    const size_t layers = resnet ? s[0] + s[1] + s[2] + s[3] : v->transformer.layers;
    for (size_t i = 0; i < ARCHITECTURES; i++)
        if (architectures[i].kind == v->kind && architectures[i].image == v->image_height &&
            architectures[i].image == v->image_width && architectures[i].width == width &&
            architectures[i].layers == layers && (resnet || architectures[i].pool == v->pool) &&
            (resnet || architectures[i].patch == v->patch_size) && !v->pool_queries &&
            architectures[i].text_width == t->width && architectures[i].text_layers == t->layers &&
            architectures[i].dim == config->embedding_dim)
            return architectures[i].name;
    return NULL;
}

/* Blocks of each stage of the ResNets. */
static const struct {
    const char *name;
    int blocks[4];
} stages[] = { { "RN50", { 3, 4, 6, 3 } },
               { "RN101", { 3, 4, 23, 3 } },
               { "RN50x4", { 4, 6, 10, 6 } },
               { "RN50x16", { 6, 8, 18, 8 } },
               { "RN50x64", { 3, 15, 36, 10 } } };

static const char quick[] = "-quickgelu";

static int is_quick(const char *name)
{
    const size_t length = strlen(name), ending = strlen(quick);
    return length > ending && !strcmp(name + length - ending, quick);
}

static size_t find(const char *name)
{
    const size_t length = strlen(name) - (is_quick(name) ? strlen(quick) : 0);
    for (size_t i = 0; i < ARCHITECTURES; i++)
        if (architectures[i].head_width && strlen(architectures[i].name) == length &&
            !strncmp(architectures[i].name, name, length))
            return i;
    return ARCHITECTURES;
}

int cclip_architecture_is_known(const char *name)
{
    return find(name) < ARCHITECTURES;
}

static void spell_layers(char text[64], size_t index)
{
    snprintf(text, 64, "%zu", architectures[index].layers);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        if (!strcmp(stages[i].name, architectures[index].name))
            snprintf(text, 64, "[%d, %d, %d, %d]", stages[i].blocks[0], stages[i].blocks[1],
                     stages[i].blocks[2], stages[i].blocks[3]);
}

cclip_status cclip_architecture_configuration(cclip_json **out, const char *name)
{
    const size_t i = find(name);
    char text[1024], layers[64], patch[32] = "null";
    *out = NULL;
    if (i == ARCHITECTURES)
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "\"%s\" is no architecture that a model can be made by", name);
    spell_layers(layers, i);
    if (architectures[i].patch)
        snprintf(patch, sizeof patch, "%zu", architectures[i].patch);
    snprintf(text, sizeof text,
             "{\"embed_dim\": %zu, \"quick_gelu\": %s, \"vision_cfg\": {\"image_size\": %zu, \"layers\": %s, "
             "\"width\": %zu, \"patch_size\": %s, \"head_width\": %zu, \"mlp_ratio\": %.4f}, \"text_cfg\": "
             "{\"context_length\": 77, \"vocab_size\": 49408, \"width\": %zu, \"heads\": %zu, \"layers\": %zu}}",
             architectures[i].dim, is_quick(name) ? "true" : "false", architectures[i].image, layers,
             architectures[i].width, patch, architectures[i].head_width, architectures[i].mlp_ratio,
             architectures[i].text_width, architectures[i].text_width / 64, architectures[i].text_layers);
    return cclip_json_parse(out, text, strlen(text), name);
}

static const char *activation_name(enum cclip_activation activation)
{
    static const char *const names[CCLIP_ACTIVATIONS] = { "no activation", "ReLU", "GELU",
                                                          "tanh GELU", "QuickGELU" };
    return names[activation];
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

void cclip_architecture_describe_vision(char *text, size_t size, const struct cclip_config *config)
{
    const struct cclip_vision_config *v = &config->vision;
    const struct cclip_transformer_config *t = &v->transformer;
    static const char *const pools[] = { "class token", "mean of patches", "attention (MAP)" };
    if (v->kind == CCLIP_MODIFIED_RESNET)
        snprintf(text, size, "ModifiedResNet: stages %zu,%zu,%zu,%zu, %zu wide, image %zux%zu",
                 v->stage_blocks[0], v->stage_blocks[1], v->stage_blocks[2], v->stage_blocks[3],
                 v->stem_width, v->image_width, v->image_height);
    else
        snprintf(text, size,
                 "ViT: %zu wide, %zu layer%s, %zu head%s, MLP %zu, patch %zu, image %zux%zu, %s, "
                 "pooled by %s",
                 t->width, t->layers, plural(t->layers), t->heads, plural(t->heads), t->mlp_width,
                 v->patch_size, v->image_width, v->image_height, activation_name(t->activation),
                 v->pool_queries ? "attention" : pools[v->pool]);
}

void cclip_architecture_describe_text(char *text, size_t size, const struct cclip_config *config)
{
    const struct cclip_text_config *t = &config->text;
    static const char *const pools[] = { "highest id", "end token", "first token", "last token" };
    snprintf(text, size,
             "Transformer: %zu wide, %zu layer%s, %zu head%s, MLP %zu, context %zu, vocabulary %zu, %s, "
             "%s, pooled at the %s",
             t->transformer.width, t->transformer.layers, plural(t->transformer.layers),
             t->transformer.heads, plural(t->transformer.heads), t->transformer.mlp_width,
             t->context_length, t->vocabulary_size, activation_name(t->transformer.activation),
             t->causal ? "causal" : "bidirectional",
             t->class_embedding ? "class embedding" : pools[t->pool]);
}
