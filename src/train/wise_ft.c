#include "train/wise_ft.h"

#include <string.h>

#include "base/memory.h"

/* Scalars are stored without dimensions or as one element; other tensors must fit. */
static cclip_status check(struct cclip_model *original, const struct cclip_trainable *item)
{
    size_t stored[CCLIP_LIMIT_TENSOR_RANK];
    int rank = 0;
    const struct cclip_parameter_source *source = &original->parameters;
    if (item->rank)
        return source->require(source->context, item->name, item->shape, item->rank);
    const cclip_status status = cclip_weights_shape(original->weights, item->name, stored, &rank);
    return status ? status : source->require(source->context, item->name, stored, rank);
}

cclip_status cclip_wise_ft(struct cclip_learner *learner, struct cclip_model *original, double alpha)
{
    const struct cclip_parameter_source *source = &original->parameters;
    const struct cclip_trainables *set = &learner->parameters;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < set->count && !status; i++) {
        const struct cclip_trainable *item = &set->items[i];
        const float *before = NULL;
        if (!cclip_weights_has(original->weights, item->name))
            continue;
        float *scratch = cclip_allocate_aligned(item->count * sizeof *scratch);
        status = scratch ? check(original, item) : CCLIP_ERROR_MEMORY;
        if (!status)
            status = source->read(source->context, item->name, item->shape, item->rank, scratch, &before);
        float *value = set->values + item->begin;
        for (size_t k = 0; k < item->count && !status; k++)
            value[k] = (float)((1 - alpha) * before[k] + alpha * value[k]);
        source->forget(source->context, item->name);
        cclip_release_aligned(scratch);
    }
    return status;
}
