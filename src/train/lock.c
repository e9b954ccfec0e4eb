#include "train/lock.h"

#include <stdio.h>
#include <string.h>

struct tower_names {
    const char *prefix, *projection, *norm, *block;
};
static const struct tower_names names[CCLIP_TOWERS] = {
    [CCLIP_IMAGE_TOWER] = { "visual.", "visual.proj", "visual.ln_post.",
                            "visual.transformer.resblocks." },
    [CCLIP_TEXT_TOWER] = { "text.", "text.text_projection", "text.ln_final.",
                           "text.transformer.resblocks." },
};

static int begins(const char *name, const char *start)
{
    return !strncmp(name, start, strlen(start));
}

/* 1 is the last group. */
static size_t group_of(const char *name, const struct tower_names *tower, size_t layers)
{
    size_t block = 0;
    if (begins(name, tower->projection))
        return 1;
    if (begins(name, tower->norm))
        return 2;
    if (begins(name, tower->block) && sscanf(name + strlen(tower->block), "%zu", &block) == 1)
        return layers - block + 1;
    return layers + 2;
}

cclip_status cclip_lock_tower(struct cclip_learner *learner, enum cclip_tower tower, size_t unlocked)
{
    const struct cclip_config *config = &learner->config;
    const int resnet = tower == CCLIP_IMAGE_TOWER && config->vision.kind == CCLIP_MODIFIED_RESNET;
    const size_t layers = tower == CCLIP_TEXT_TOWER ? config->text.transformer.layers
                                                    : config->vision.transformer.layers;
    if (resnet && unlocked)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                          "a ResNet image tower can only be locked as a whole, not with %zu groups "
                          "unlocked", unlocked);
    for (size_t i = 0; i < learner->parameters.count; i++) {
        struct cclip_trainable *item = &learner->parameters.items[i];
        if (begins(item->name, names[tower].prefix))
            item->frozen = resnet || group_of(item->name, &names[tower], layers) > unlocked;
    }
    return CCLIP_OK;
}
