#include "train/lock.h"

#include "train/groups.h"

cclip_status cclip_lock_tower(struct cclip_learner *learner, enum cclip_tower tower, size_t unlocked)
{
    const struct cclip_config *config = &learner->config;
    size_t groups = 0;
    for (size_t i = 0; i < learner->parameters.count; i++) {
        const char *name = learner->parameters.items[i].name;
        const size_t group = cclip_parameter_tower(name) == tower ? cclip_parameter_group(config, name) : 0;
        groups = group > groups ? group : groups;
    }
    if (unlocked > groups)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%zu groups of the %s tower are to stay unlocked, but it has %zu",
                          unlocked, tower == CCLIP_IMAGE_TOWER ? "image" : "text", groups);
    for (size_t i = 0; i < learner->parameters.count; i++) {
        struct cclip_trainable *item = &learner->parameters.items[i];
        if (cclip_parameter_tower(item->name) == tower)
            item->frozen = cclip_parameter_group(config, item->name) > unlocked;
    }
    return CCLIP_OK;
}
