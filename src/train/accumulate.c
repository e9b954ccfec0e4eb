#include "train/accumulate.h"

struct accumulation {
    struct cclip_learner *learner;
    const struct cclip_train_batch *batch;
    size_t micro;
    int training;
    float *embeddings[CCLIP_TOWERS]; /* [count, embedding_dim], of the whole batch */
};

/* Pairs [first, first + micro) forward, and their embeddings to their rows of the whole. */
static cclip_status embed(const struct accumulation *a, size_t first, int only_look)
{
    const struct cclip_train_batch *batch = a->batch;
    const struct cclip_vision_config *vision = &a->learner->config.vision;
    const size_t picture = 3 * vision->image_height * vision->image_width;
    const size_t rest = batch->count - first, dim = a->learner->config.embedding_dim;
    const struct cclip_learner_pass pass = {
        .pixels = batch->pixels + first * picture,
        .ids = batch->ids,
        .offsets = batch->offsets + first,
        .count = a->micro < rest ? a->micro : rest,
        .first = first + batch->count * (size_t)cclip_communicator_rank(batch->ranks),
        .training = a->training,
        .only_look = only_look,
    };
    struct cclip_device *device = a->learner->device;
    float *out[CCLIP_TOWERS];
    const cclip_status status = cclip_learner_run(a->learner, out, &pass);
    for (int tower = 0; tower < CCLIP_TOWERS && !status; tower++)
        device->ops->add_rows(device, a->embeddings[tower] + first * dim, out[tower], NULL,
                              pass.count, 1, dim);
    return status ? status : cclip_device_finish(device);
}

/* Back from the gradients of the rows that the last pass gave. */
static cclip_status go_back(const struct accumulation *a, size_t first, const struct cclip_loss *loss)
{
    const size_t dim = a->learner->config.embedding_dim;
    float *const d_out[CCLIP_TOWERS] = { loss->d_embeddings[0] + first * dim,
                                         loss->d_embeddings[1] + first * dim };
    return first + a->micro < a->batch->count ? cclip_learner_backward(a->learner, d_out)
                                              : cclip_train_backward(a->learner, a->batch, d_out);
}

cclip_status cclip_train_accumulate(struct cclip_learner *learner, cclip_loss_fn *loss_of,
                                    const struct cclip_train_batch *batch, size_t micro,
                                    struct cclip_arena *arena, int training, double *loss)
{
    struct accumulation a = { .learner = learner, .batch = batch, .micro = micro,
                              .training = training };
    struct cclip_loss result = { 0 };
    cclip_status status = CCLIP_OK;
    if (!micro || micro >= batch->count)
        return cclip_train_gradients(learner, loss_of, batch, arena, training, loss);
    cclip_arena_reset(arena);
    for (int tower = 0; tower < CCLIP_TOWERS && !status; tower++) {
        a.embeddings[tower] =
            cclip_arena_take(arena, batch->count, learner->config.embedding_dim * sizeof(float));
        status = a.embeddings[tower] ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    }
    /* From the last to the first, whose tape stays. */
    const size_t last = (batch->count - 1) / micro * micro;
    for (size_t first = last + micro; !status && first; first -= micro)
        status = embed(&a, first - micro, first != micro);
    if (!status)
        status = cclip_train_loss(learner, loss_of, batch, a.embeddings, arena, &result);
    *loss = result.value;
    for (size_t first = 0; !status && first < batch->count; first += micro) {
        if (first)
            status = embed(&a, first, 0);
        if (!status)
            status = go_back(&a, first, &result);
    }
    return status;
}
