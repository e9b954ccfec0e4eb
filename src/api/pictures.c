/* Pictures through the image tower: whole files, and the tokens inside the tower. */
#include <stdio.h>
#include <string.h>

#include "api/decode_ahead.h"
#include "api/session.h"
#include "base/memory.h"

struct files {
    struct cclip_session *session;
    float *out;
    const char *const *paths;
    int normalize;
    cclip_skip_callback *skip;
    void *user;
};

/* Checked before anything is read: a wrong size would be found only by reading past a row. */
static cclip_status check_size(const struct cclip_session *session, const cclip_preprocessing *p)
{
    const struct cclip_vision_config *vision = &session->model->config.vision;
    if (p->version != CCLIP_PREPROCESSING_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "preprocessing: version %u is not known",
                          (unsigned)p->version);
    if (p->height != vision->image_height || p->width != vision->image_width)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "preprocessing: %zu x %zu pixels, but the model's input is %zu x %zu",
                          p->width, p->height, vision->image_width, vision->image_height);
    return CCLIP_OK;
}

/* One picture that could not be read. Running out of memory is no property of a picture: it ends the
 * call, whatever the caller says. */
static cclip_status skip_one(const struct files *files, size_t index,
                             const struct cclip_failure *failure)
{
    const size_t dim = files->session->model->config.embedding_dim;
    const cclip_status status = cclip_failure_raise(failure);
    if (!files->skip || status == CCLIP_ERROR_MEMORY)
        return status;
    memset(files->out + index * dim, 0, dim * sizeof *files->out);
    if (!files->skip(files->user, index, status, failure->message))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_CANCELLED, "%s", failure->message);
}

/* Rows that belong together are computed together: a skipped picture parts a batch, which changes
 * no result. */
static cclip_status embed_batch(const struct files *files, const struct cclip_decoded_batch *batch)
{
    struct cclip_session *session = files->session;
    const struct cclip_config *config = &session->model->config;
    const size_t row = 3 * config->vision.image_height * config->vision.image_width;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < batch->count && !status;) {
        size_t end = i;
        while (end < batch->count && !batch->failures[end].status)
            end++;
        if (end > i)
            status = cclip_models_embed_pixels(session->model, &session->forward,
                                               files->out + (batch->first + i) * config->embedding_dim,
                                               batch->pixels + i * row, end - i, files->normalize);
        if (!status && end < batch->count)
            status = skip_one(files, batch->first + end, &batch->failures[end]);
        i = end + 1;
    }
    return status;
}

cclip_status cclip_embed_files(cclip_session *session, float *out, const char *const *paths,
                               size_t count, const cclip_preprocessing *preprocessing, int normalize,
                               cclip_skip_callback *skip, void *user)
{
    const struct files files = { session, out, paths, normalize, skip, user };
    const struct cclip_decode_request request = {
        .paths = paths,
        .count = count,
        .batch = cclip_session_pictures_a_pass(session),
        .preprocessing = preprocessing ? preprocessing : &session->model->config.preprocessing,
        .pool = session->pool,
    };
    struct cclip_decode_ahead *ahead = NULL;
    struct cclip_decoded_batch batch = { 0 };
    cclip_status status = check_size(session, request.preprocessing);
    if (!status)
        status = cclip_models_prepare(session->model, CCLIP_IMAGE_TOWER, &session->device);
    if (!status)
        status = cclip_decode_ahead_open(&ahead, &request);
    if (!status)
        cclip_decode_ahead_next(ahead, &batch);
    while (!status && batch.count) {
        status = embed_batch(&files, &batch);
        if (!status)
            cclip_decode_ahead_next(ahead, &batch);
    }
    cclip_decode_ahead_close(&ahead);
    return status;
}

/* Copies the rows of one named activation as they go by. */
struct token_copy {
    struct cclip_device *device;
    float *out;
    char wanted[2][32]; /* the later of two names in a pass wins */
};

static void copy_tokens(void *user, const char *name, const float *data, size_t rows, size_t width)
{
    const struct token_copy *copy = user;
    if (strcmp(name, copy->wanted[0]) && strcmp(name, copy->wanted[1]))
        return;
    const cclip_status status = copy->device->ops->download(copy->device, copy->out, data,
                                                            rows * width * sizeof *copy->out);
    if (status)
        cclip_device_fail(copy->device, status);
}

/* What the blocks get, or what one of them gives. The embedded patches pass ln_pre where a model has
 * it: that is what its first block sees. */
static cclip_status choose_tokens(struct token_copy *copy, const struct cclip_session *session,
                                  int layer)
{
    const struct cclip_model *model = session->model;
    const long long layers = (long long)model->config.vision.transformer.layers;
    const long long blocks = layer < 0 ? layers + 1 + layer : layer;
    if (model->config.vision.kind != CCLIP_VISION_TRANSFORMER)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                          "%s: the image tower (%s) has no patches: only a Vision Transformer does",
                          model->path, model->tower_text[CCLIP_IMAGE_TOWER]);
    if (blocks < 0 || blocks > layers)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "layer %d: the image tower has %lld blocks: 0 to %lld, or -%lld to -1", layer,
                          layers, layers, layers + 1);
    if (blocks)
        snprintf(copy->wanted[0], sizeof copy->wanted[0], "visual.block%lld", blocks - 1);
    else {
        snprintf(copy->wanted[0], sizeof copy->wanted[0], "visual.embed");
        snprintf(copy->wanted[1], sizeof copy->wanted[1], "visual.ln_pre");
    }
    return CCLIP_OK;
}

cclip_status cclip_embed_patches(cclip_session *session, float *out, const float *pixels,
                                 size_t count, int layer)
{
    const struct cclip_config *config = &session->model->config;
    const size_t size = 3 * config->vision.image_height * config->vision.image_width;
    const size_t pass = cclip_session_pictures_a_pass(session);
    struct token_copy copy = { .device = &session->device };
    cclip_status status = choose_tokens(&copy, session, layer);
    if (status)
        return status;
    const size_t tokens = cclip_vision_transformer_tokens(&config->vision);
    const struct cclip_tap tap = { copy_tokens, &copy };
    float *pooled = cclip_allocate(pass < count ? pass : count, config->embedding_dim * sizeof *pooled);
    if (!pooled)
        return CCLIP_ERROR_MEMORY;
    status = cclip_models_prepare(session->model, CCLIP_IMAGE_TOWER, &session->device);
    session->forward.tap = &tap;
    for (size_t i = 0; i < count && !status; i += pass) {
        copy.out = out + i * tokens * config->vision.transformer.width;
        status = cclip_models_embed_pixels(session->model, &session->forward, pooled,
                                           pixels + i * size, pass < count - i ? pass : count - i, 0);
    }
    session->forward.tap = NULL;
    cclip_release(pooled);
    return status;
}
