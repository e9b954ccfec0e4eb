#include "train/step.h"

#include <math.h>

#include "train/accumulate.h"

static const float LARGEST_LOGIT_SCALE = 4.60517018598809f; /* ln 100 */

/* Adds to the gradient of one of the two scalars. */
static cclip_status add_scalar(struct cclip_learner *learner, const float *value, double slope)
{
    const struct cclip_trainables *set = &learner->parameters;
    const struct cclip_trainable *item = cclip_trainables_at(set, value);
    struct cclip_device *device = learner->device;
    float sum;
    if (!item || item->frozen)
        return CCLIP_OK;
    float *gradient = cclip_trainables_gradient(set, device, item);
    cclip_status status = device->ops->download(device, &sum, gradient, sizeof sum);
    sum = status ? 0 : sum + (float)slope;
    return status ? status : device->ops->upload(device, gradient, &sum, sizeof sum);
}

cclip_status cclip_train_loss(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                              const struct cclip_train_batch *batch,
                              float *const embeddings[CCLIP_TOWERS], struct cclip_arena *arena,
                              struct cclip_loss *out)
{
    struct cclip_device *device = learner->device;
    struct cclip_pairs pairs = { .embeddings = { embeddings[CCLIP_IMAGE_TOWER],
                                                 embeddings[CCLIP_TEXT_TOWER] },
                                 .count = batch->count, .dim = learner->config.embedding_dim,
                                 .groups = batch->groups, .teacher = batch->teacher,
                                 .ranks = batch->ranks };
    cclip_status status = device->ops->download(device, &pairs.logit_scale, learner->logit_scale,
                                                sizeof pairs.logit_scale);
    if (!status && learner->logit_bias)
        status = device->ops->download(device, &pairs.logit_bias, learner->logit_bias,
                                       sizeof pairs.logit_bias);
    if (!status)
        status = loss_of(out, &pairs, device, arena);
    if (!status)
        status = add_scalar(learner, learner->logit_scale, out->d_logit_scale);
    if (!status && learner->logit_bias)
        status = add_scalar(learner, learner->logit_bias, out->d_logit_bias);
    return status;
}

cclip_status cclip_train_backward(struct cclip_learner *learner, const struct cclip_train_batch *batch,
                                  float *const d_embeddings[CCLIP_TOWERS])
{
    learner->progress = batch->sum && batch->sum->progress.ready ? &batch->sum->progress : NULL;
    const cclip_status status = cclip_learner_backward(learner, d_embeddings);
    learner->progress = NULL;
    return status;
}

cclip_status cclip_train_gradients(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                                   const struct cclip_train_batch *batch, struct cclip_arena *arena,
                                   int training, double *loss)
{
    float *out[CCLIP_TOWERS];
    struct cclip_loss result = { 0 };
    cclip_arena_reset(arena);
    const struct cclip_learner_pass pass = {
        .pixels = batch->pixels, .ids = batch->ids, .offsets = batch->offsets, .count = batch->count,
        .first = batch->count * (size_t)cclip_communicator_rank(batch->ranks), .training = training
    };
    cclip_status status = cclip_learner_run(learner, out, &pass);
    if (!status)
        status = cclip_train_loss(learner, loss_of, batch, out, arena, &result);
    *loss = result.value;
    return status ? status : cclip_train_backward(learner, batch, result.d_embeddings);
}

cclip_status cclip_train_step(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                              struct cclip_adamw *adamw, const struct cclip_train_batch *batch,
                              struct cclip_arena *arena, double rate,
                              struct cclip_train_figures *figures)
{
    struct cclip_device *device = learner->device;
    float scale = 0;
    cclip_status status = cclip_learner_zero_gradients(learner);
    if (!status)
        status = cclip_train_accumulate(learner, loss_of, batch, batch->micro, arena, 1,
                                        &figures->loss);
    if (!status && batch->sum)
        status = cclip_gradient_sum_finish(batch->sum, &figures->sum);
    if (!status)
        status = cclip_adamw_step(adamw, &learner->parameters, device->pool, rate,
                                  &figures->gradient_norm);
    if (!status)
        status = device->ops->download(device, &scale, learner->logit_scale, sizeof scale);
    scale = scale < 0 ? 0 : scale > LARGEST_LOGIT_SCALE ? LARGEST_LOGIT_SCALE : scale;
    if (!status)
        status = device->ops->upload(device, learner->logit_scale, &scale, sizeof scale);
    figures->logit_scale = scale;
    return status;
}
