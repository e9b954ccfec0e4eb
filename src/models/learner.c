#include "models/learner.h"

#include <math.h>

#include "base/memory.h"

static const float NORM_EPSILON = 1e-12f; /* as in inference */

/* logit_scale and logit_bias are stored as rank 0 or as one element; absent ones begin at `fallback`. */
static void load_scalar(struct cclip_learner *learner, struct cclip_model *model,
                        struct cclip_parameters *p, const char *name, float fallback, float **value)
{
    size_t shape[CCLIP_LIMIT_TENSOR_RANK] = { 0 };
    int rank = 0;
    if (p->status)
        return;
    if (model->weights && cclip_weights_has(model->weights, name)) {
        p->status = cclip_weights_shape(model->weights, name, shape, &rank);
        cclip_parameter_array(p, value, shape, rank, "%s", name);
        return;
    }
    if (!p->device) {
        p->status = cclip_trainables_add(&learner->parameters, name, shape, 0, 0);
        return;
    }
    const struct cclip_trainable *item = cclip_trainables_find(&learner->parameters, name);
    *value = learner->parameters.values + item->begin;
    p->status = p->device->ops->upload(p->device, *value, &fallback, sizeof fallback);
}

/* Once without a device to name everything, once with it to load. */
static cclip_status load(struct cclip_learner *learner, struct cclip_model *model,
                         struct cclip_device *device)
{
    struct cclip_parameters p = { .device = device, .source = &model->parameters,
                                  .training = &learner->parameters };
    for (int tower = 0; tower < CCLIP_TOWERS && !p.status; tower++) {
        if (!device)
            learner->tower_begin[tower] = learner->parameters.elements;
        cclip_towers_load(&learner->towers, &learner->config, (enum cclip_tower)tower, &p);
    }
    load_scalar(learner, model, &p, "logit_scale", logf(100.0f), &learner->logit_scale);
    if (learner->config.has_logit_bias)
        load_scalar(learner, model, &p, "logit_bias", 0.0f, &learner->logit_bias);
    return p.status;
}

cclip_status cclip_learner_open(struct cclip_learner **out, struct cclip_model *model,
                                struct cclip_device *device)
{
    *out = NULL;
    struct cclip_learner *learner = cclip_allocate_zero(1, sizeof *learner);
    if (!learner)
        return CCLIP_ERROR_MEMORY;
    learner->config = model->config;
    learner->device = device;
    cclip_status status = load(learner, model, NULL);
    if (!status)
        status = cclip_trainables_allocate(&learner->parameters, device);
    if (!status)
        status = load(learner, model, device);
    if (status)
        cclip_learner_close(&learner);
    *out = learner;
    return status;
}

void cclip_learner_close(struct cclip_learner **out)
{
    struct cclip_learner *learner = *out;
    if (!learner)
        return;
    cclip_towers_close(&learner->towers);
    cclip_trainables_close(&learner->parameters, learner->device);
    cclip_arena_close(&learner->kept);
    cclip_arena_close(&learner->lent);
    cclip_arena_close(&learner->scratch);
    cclip_release(learner);
    *out = NULL;
}

/* Whether anything of a tower learns. */
static int tower_learns(const struct cclip_learner *learner, enum cclip_tower tower)
{
    const struct cclip_trainables *set = &learner->parameters;
    const size_t begin = learner->tower_begin[tower];
    const size_t end = tower == CCLIP_IMAGE_TOWER
                           ? learner->tower_begin[CCLIP_TEXT_TOWER]
                           : (size_t)(learner->logit_scale - set->values);
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].begin >= begin && set->items[i].begin < end && !set->items[i].frozen &&
            !set->items[i].buffer)
            return 1;
    return 0;
}

static void forward_images(struct cclip_learner *learner, struct cclip_forward *forward,
                           const float *pixels)
{
    float *rows = learner->rows[CCLIP_IMAGE_TOWER];
    if (learner->config.vision.kind == CCLIP_VISION_TRANSFORMER)
        cclip_vision_transformer_forward(&learner->towers.vision, forward, rows, pixels,
                                         learner->count);
    else
        cclip_modified_resnet_forward(&learner->towers.resnet, forward, rows, pixels,
                                      learner->count);
}

static cclip_status forward_texts(struct cclip_learner *learner, struct cclip_forward *forward,
                                  const int32_t *ids, const size_t *offsets)
{
    const int32_t *packed;
    struct cclip_sequences sequences;
    const size_t count = learner->count;
    cclip_status status = cclip_models_check_ids(&learner->config, ids, offsets, count);
    if (!status)
        status = cclip_text_transformer_pack(&learner->config.text, forward, &packed, &sequences, ids,
                                             offsets, count);
    if (!status)
        cclip_text_transformer_forward(&learner->towers.text, forward,
                                       learner->rows[CCLIP_TEXT_TOWER], packed, &sequences);
    return status;
}

/* A tower's pass: with a tape if something of it learns and there is a way back. */
static struct cclip_tape *tape_for(struct cclip_learner *learner, enum cclip_tower tower,
                                   const struct cclip_learner_pass *pass)
{
    learner->tapes[tower] = (struct cclip_tape){ 0 };
    return !pass->only_look && tower_learns(learner, tower) ? &learner->tapes[tower] : NULL;
}

/* Where the text tower's tape goes. Its way back comes first, and is done before the image tower's gradients are
 * written: while all of those are stale, their memory serves. */
static struct cclip_arena *arena_for_texts(struct cclip_learner *learner)
{
    const struct cclip_trainables *set = &learner->parameters;
    const size_t begin = learner->tower_begin[CCLIP_IMAGE_TOWER], end = learner->tower_begin[CCLIP_TEXT_TOWER];
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].begin >= begin && set->items[i].begin < end && !set->items[i].stale)
            return &learner->kept;
    const cclip_status status = cclip_arena_lend(&learner->lent, set->gradients + begin,
                                                 (end - begin) * sizeof *set->gradients);
    cclip_device_fail(learner->device, status);
    return status ? &learner->kept : &learner->lent;
}

cclip_status cclip_learner_run(struct cclip_learner *learner, float *out[CCLIP_TOWERS],
                               const struct cclip_learner_pass *pass)
{
    struct cclip_device *device = learner->device;
    const size_t dim = learner->config.embedding_dim, count = pass->count;
    struct cclip_patch_dropout dropout = learner->patch_dropout;
    struct cclip_forward forward = {
        .device = device,
        .arena = &learner->kept,
        .scratch = &learner->scratch,
        .batch_statistics = pass->training && !learner->freeze_statistics,
        .leave_running = pass->only_look,
        .recompute = learner->recompute,
        .patch_dropout = pass->training && dropout.rate > 0 ? &dropout : NULL,
    };
    device->compute = learner->compute;
    dropout.first = pass->first;
    cclip_arena_reset(&learner->kept);
    cclip_arena_reset(&learner->scratch);
    learner->count = count;
    for (int tower = 0; tower < CCLIP_TOWERS; tower++) {
        learner->rows[tower] = cclip_forward_floats(&forward, count, dim);
        out[tower] = cclip_forward_floats(&forward, count, dim);
    }
    forward.tape = tape_for(learner, CCLIP_IMAGE_TOWER, pass);
    forward_images(learner, &forward, pass->pixels);
    forward.tape = tape_for(learner, CCLIP_TEXT_TOWER, pass);
    if (forward.tape)
        forward.arena = arena_for_texts(learner);
    cclip_status status = forward_texts(learner, &forward, pass->ids, pass->offsets);
    for (int tower = 0; tower < CCLIP_TOWERS && !status; tower++)
        device->ops->normalize_rows(device, out[tower], dim, learner->rows[tower], dim, count, dim,
                                    NORM_EPSILON);
    device->compute = CCLIP_F32;
    const cclip_status late = cclip_device_finish(device);
    return status ? status : late;
}

cclip_status cclip_learner_forward(struct cclip_learner *learner, float *out[CCLIP_TOWERS],
                                   const float *pixels, const int32_t *ids, const size_t *offsets,
                                   size_t count, int training)
{
    const struct cclip_learner_pass pass = { .pixels = pixels, .ids = ids, .offsets = offsets,
                                             .count = count, .training = training };
    return cclip_learner_run(learner, out, &pass);
}

static void backward_tower(struct cclip_learner *learner, struct cclip_backward *backward,
                           enum cclip_tower tower, const float *d_rows)
{
    if (tower == CCLIP_TEXT_TOWER)
        cclip_text_transformer_backward(&learner->towers.text, backward, d_rows);
    else if (learner->config.vision.kind == CCLIP_MODIFIED_RESNET)
        cclip_modified_resnet_backward(&learner->towers.resnet, backward, d_rows);
    else
        cclip_vision_transformer_backward(&learner->towers.vision, backward, d_rows);
}

cclip_status cclip_learner_backward(struct cclip_learner *learner, float *const d_out[CCLIP_TOWERS])
{
    struct cclip_device *device = learner->device;
    const size_t dim = learner->config.embedding_dim;
    device->compute = learner->compute;
    for (int tower = CCLIP_TOWERS - 1; tower >= 0; tower--) {
        struct cclip_backward backward = { .device = device, .arena = &learner->scratch,
                                           .tape = &learner->tapes[tower],
                                           .parameters = &learner->parameters,
                                           .progress = learner->progress,
                                           .tower_begin = learner->tower_begin[tower] };
        cclip_arena_reset(&learner->scratch);
        if (!tower_learns(learner, (enum cclip_tower)tower))
            continue;
        float *d_rows = cclip_backward_floats(&backward, learner->count, dim);
        device->ops->normalize_rows_backward(device, d_rows, d_out[tower], learner->rows[tower],
                                             learner->count, dim, NORM_EPSILON);
        if (!cclip_backward_failed(&backward))
            backward_tower(learner, &backward, (enum cclip_tower)tower, d_rows);
        cclip_backward_ready(&backward, learner->parameters.values + learner->tower_begin[tower]);
    }
    cclip_trainables_settle(&learner->parameters, device, 0);
    device->compute = CCLIP_F32;
    return cclip_device_finish(device);
}

cclip_status cclip_learner_zero_gradients(struct cclip_learner *learner)
{
    cclip_trainables_forget(&learner->parameters, learner->device);
    return cclip_device_finish(learner->device);
}
