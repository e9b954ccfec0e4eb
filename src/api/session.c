#include "api/session.h"

#include <cclip/runtime.h>
#include <string.h>

#include "base/cpu_features.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cpu/cpu_device.h"

void cclip_session_options_init(cclip_session_options *options)
{
    *options = (cclip_session_options)CCLIP_SESSION_OPTIONS_INIT;
}

static cclip_status check_options(const cclip_session_options *options)
{
    if (options->version != CCLIP_SESSION_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "session options: version %u is not known",
                          (unsigned)options->version);
    if (options->device && strcmp(options->device, "cpu"))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "device \"%s\": this build has: cpu",
                          options->device);
    if (options->precision != CCLIP_PRECISION_F32)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "precision: this build has: f32");
    if (options->threads < 0 || options->threads > CCLIP_LIMIT_THREADS)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "threads: %d is not between 0 and %d",
                          options->threads, CCLIP_LIMIT_THREADS);
    return CCLIP_OK;
}

cclip_status cclip_session_open(cclip_session **out, cclip_model *model,
                                const cclip_session_options *options)
{
    const cclip_session_options defaults = CCLIP_SESSION_OPTIONS_INIT;
    const cclip_session_options *o = options ? options : &defaults;
    *out = NULL;
    cclip_status status = check_options(o);
    if (status)
        return status;
    struct cclip_session *session = cclip_allocate_zero(1, sizeof *session);
    if (!session)
        return CCLIP_ERROR_MEMORY;
    session->model = model;
    status = cclip_thread_pool_open(&session->pool, o->threads ? o->threads : cclip_cpu_count());
    if (!status)
        status = cclip_cpu_device_open(&session->device, session->pool, cclip_cpu_features());
    session->device_open = !status;
    session->forward = (struct cclip_forward){ .device = &session->device, .arena = &session->arena };
    if (status)
        cclip_session_close(&session);
    *out = session;
    return status;
}

void cclip_session_close(cclip_session **out)
{
    struct cclip_session *session = *out;
    if (!session)
        return;
    cclip_text_encoder_close(&session->encoder);
    cclip_arena_close(&session->arena);
    if (session->device_open)
        cclip_cpu_device_close(&session->device);
    cclip_thread_pool_close(&session->pool);
    cclip_release(session);
    *out = NULL;
}

cclip_model *cclip_session_model(const cclip_session *session)
{
    return session->model;
}

size_t cclip_session_pictures_a_pass(const struct cclip_session *session)
{
    const struct cclip_vision_config *vision = &session->model->config.vision;
    /* A ResNet's feature maps are large: at most 2 million pixels of input a pass. */
    const size_t pixels = vision->image_height * vision->image_width;
    const size_t rows = vision->kind == CCLIP_VISION_TRANSFORMER
                            ? 2048 / cclip_vision_transformer_tokens(vision)
                            : ((size_t)1 << 21) / pixels;
    return rows < 1 ? 1 : rows > 256 ? 256 : rows;
}

size_t cclip_session_texts_a_pass(const struct cclip_session *session)
{
    const size_t rows = 4096 / session->model->config.text.context_length;
    return rows < 1 ? 1 : rows > 256 ? 256 : rows;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

cclip_status cclip_embed_pixels(cclip_session *session, float *out, const float *pixels,
                                size_t count, int normalize)
{
    const struct cclip_config *config = &session->model->config;
    const size_t size = 3 * config->vision.image_height * config->vision.image_width;
    const size_t pass = cclip_session_pictures_a_pass(session);
    cclip_status status = cclip_models_prepare(session->model, CCLIP_IMAGE_TOWER, &session->device);
    for (size_t i = 0; i < count && !status; i += pass)
        status = cclip_models_embed_pixels(session->model, &session->forward,
                                           out + i * config->embedding_dim, pixels + i * size,
                                           smaller(pass, count - i), normalize);
    return status;
}

cclip_status cclip_embed_tokens(cclip_session *session, float *out, const int32_t *tokens,
                                size_t count, size_t context, int normalize)
{
    const size_t pass = cclip_session_texts_a_pass(session);
    cclip_status status = cclip_models_prepare(session->model, CCLIP_TEXT_TOWER, &session->device);
    for (size_t i = 0; i < count && !status; i += pass)
        status = cclip_models_embed_tokens(session->model, &session->forward,
                                           out + i * session->model->config.embedding_dim,
                                           tokens + i * context, smaller(pass, count - i), context,
                                           normalize);
    return status;
}

void cclip_token_list_close(struct cclip_token_list *list)
{
    cclip_release(list->ids);
    cclip_release(list->offsets);
    *list = (struct cclip_token_list){ 0 };
}

static cclip_status need_encoder(struct cclip_session *session)
{
    const struct cclip_model *model = session->model;
    if (session->encoder)
        return CCLIP_OK;
    if (!model->tokenizer)
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s", model->tokenizer_problem);
    return cclip_text_encoder_open(&session->encoder, model->tokenizer);
}

cclip_status cclip_session_tokenize(struct cclip_session *session, struct cclip_token_list *out,
                                    const char *const *texts, const size_t *lengths, size_t count,
                                    int truncate)
{
    *out = (struct cclip_token_list){ .count = count };
    cclip_status status = need_encoder(session);
    if (!status)
        status = cclip_grow(&out->offsets, &out->offsets_capacity, count + 1, sizeof *out->offsets,
                            CCLIP_LIMIT_LABELS, "texts");
    size_t used = 0;
    const size_t context = session->model->config.text.context_length;
    for (size_t i = 0; i < count && !status; i++) {
        const int32_t *ids = NULL;
        size_t length = 0;
        out->offsets[i] = used;
        status = cclip_text_tokenize(session->encoder, &ids, &length, texts[i],
                                     lengths ? lengths[i] : strlen(texts[i]), context, truncate);
        if (status)
            status = cclip_fail_in(status, "text %zu", i + 1);
        else
            status = cclip_grow(&out->ids, &out->ids_capacity, used + length, sizeof *out->ids,
                                (size_t)1 << 32, "tokens");
        if (!status && length)
            memcpy(out->ids + used, ids, length * sizeof *ids);
        used += length;
        out->offsets[i + 1] = used;
    }
    if (status)
        cclip_token_list_close(out);
    return status;
}

cclip_status cclip_embed_texts(cclip_session *session, float *out, const char *const *texts,
                               const size_t *lengths, size_t count, int truncate, int normalize)
{
    struct cclip_token_list list;
    const size_t pass = cclip_session_texts_a_pass(session);
    const size_t dim = session->model->config.embedding_dim;
    cclip_status status = cclip_session_tokenize(session, &list, texts, lengths, count, truncate);
    if (status)
        return status;
    status = cclip_models_prepare(session->model, CCLIP_TEXT_TOWER, &session->device);
    for (size_t i = 0; i < count && !status; i += pass)
        status = cclip_models_embed_ragged(session->model, &session->forward, out + i * dim, list.ids,
                                           list.offsets + i, smaller(pass, count - i), normalize);
    cclip_token_list_close(&list);
    return status;
}

float cclip_similarity(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * b[i];
    return (float)sum;
}
