#include "train/groups.h"

#include <stdio.h>
#include <string.h>

/* Each place of a tower: what its names begin with, and the group from the output. */
struct place {
    const char *begin;
    size_t group;
};
enum { PLACES = 5 };

static const struct place resnet[PLACES] = { { "visual.attnpool.", 1 }, { "visual.layer4.", 2 },
                                             { "visual.layer3.", 3 },   { "visual.layer2.", 4 },
                                             { "visual.layer1.", 5 } };
enum { RESNET_STEM = 6 };

static const struct place transformer[CCLIP_TOWERS][PLACES] = {
    [CCLIP_IMAGE_TOWER] = { { "visual.proj", 1 }, { "visual.attn_pool.", 1 }, { "visual.ln_post.", 2 } },
    [CCLIP_TEXT_TOWER] = { { "text.text_projection", 1 }, { "text.ln_final.", 2 } },
};
static const char *const blocks[CCLIP_TOWERS] = {
    [CCLIP_IMAGE_TOWER] = "visual.transformer.resblocks.",
    [CCLIP_TEXT_TOWER] = "text.transformer.resblocks.",
};

static int begins(const char *name, const char *start)
{
    return !strncmp(name, start, strlen(start));
}

/* 0 if it is at none of them. */
static size_t look_up(const struct place *places, const char *name)
{
    for (size_t i = 0; i < PLACES && places[i].begin; i++)
        if (begins(name, places[i].begin))
            return places[i].group;
    return 0;
}

enum cclip_tower cclip_parameter_tower(const char *name)
{
    return begins(name, "visual.") ? CCLIP_IMAGE_TOWER
           : begins(name, "text.") ? CCLIP_TEXT_TOWER
                                   : CCLIP_TOWERS;
}

size_t cclip_parameter_group(const struct cclip_config *config, const char *name)
{
    const enum cclip_tower tower = cclip_parameter_tower(name);
    size_t block = 0;
    if (tower == CCLIP_TOWERS)
        return 1;
    if (tower == CCLIP_IMAGE_TOWER && config->vision.kind == CCLIP_MODIFIED_RESNET) {
        const size_t group = look_up(resnet, name);
        return group ? group : RESNET_STEM;
    }
    const size_t layers = tower == CCLIP_TEXT_TOWER ? config->text.transformer.layers
                                                    : config->vision.transformer.layers;
    const size_t group = look_up(transformer[tower], name);
    if (group)
        return group;
    if (begins(name, blocks[tower]) && sscanf(name + strlen(blocks[tower]), "%zu", &block) == 1)
        return layers - block + 1;
    return layers + 2;
}
