#include "models/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "models/architectures.h"
#include "models/config_gguf.h"
#include "models/config_openai.h"
#include "models/licence.h"
#include "models/model_files.h"

/* The one place that knows which parameters belong to which tower. */
void cclip_towers_load(struct cclip_towers *towers, const struct cclip_config *config,
                       enum cclip_tower tower, struct cclip_parameters *p)
{
    const size_t dim = config->embedding_dim;
    if (tower == CCLIP_TEXT_TOWER)
        cclip_text_transformer_load(&towers->text, p, &config->text, dim);
    else if (config->vision.kind == CCLIP_VISION_TRANSFORMER)
        cclip_vision_transformer_load(&towers->vision, p, &config->vision, dim);
    else
        cclip_modified_resnet_load(&towers->resnet, p, &config->vision, dim);
}

void cclip_towers_close(struct cclip_towers *towers)
{
    cclip_vision_transformer_close(&towers->vision);
    cclip_modified_resnet_close(&towers->resnet);
    cclip_text_transformer_close(&towers->text);
}

/* logit_scale and logit_bias are scalars, stored as rank 0 or as one element. */
static void load_scalar(struct cclip_model *model, struct cclip_parameters *p, const char *name,
                        float *value)
{
    size_t shape[CCLIP_LIMIT_TENSOR_RANK] = { 0 };
    int rank = 0;
    if (p->status)
        return;
    p->status = cclip_weights_has(model->weights, name)
                    ? cclip_weights_shape(model->weights, name, shape, &rank)
                    : cclip_weights_require(model->weights, name, shape, 0);
    if (!p->status && (rank > 1 || (rank == 1 && shape[0] != 1)))
        p->status = cclip_weights_require(model->weights, name, shape, 0); /* says what is wrong */
    if (!p->status)
        p->status = cclip_weights_require(model->weights, name, shape, rank);
    if (!p->status)
        p->status = cclip_weights_read(model->weights, name, value);
    if (!p->status && !isfinite(*value))
        cclip_log(CCLIP_LOG_WARNING, "%s: \"%s\" is NaN or infinite: results will be wrong",
                  model->path, cclip_weights_stored_name(model->weights, name));
    p->count++;
}

/* Every name and shape, nothing read but two scalars. */
static cclip_status check_tensors(struct cclip_model *model)
{
    struct cclip_parameters p = { .source = &model->parameters };
    for (int tower = 0; tower < CCLIP_TOWERS && !p.status; tower++) {
        const size_t before = p.count;
        cclip_towers_load(&model->towers, &model->config, (enum cclip_tower)tower, &p);
        model->parameter_count[tower] = p.count - before;
    }
    float scale = 0;
    if (model->config.no_logit_scale)
        scale = logf(100.0f);
    else
        load_scalar(model, &p, "logit_scale", &scale);
    model->logit_scale = model->config.no_logit_scale ? 100.0f : expf(scale);
    if (model->config.has_logit_bias && cclip_weights_has(model->weights, "logit_bias"))
        load_scalar(model, &p, "logit_bias", &model->logit_bias);
    model->total_parameters = p.count;
    return p.status ? p.status : cclip_weights_finish(model->weights);
}

static cclip_status read_config(struct cclip_model *model, const struct cclip_model_files *files,
                                struct cclip_checkpoint *checkpoint)
{
    if (cclip_checkpoint_gguf(checkpoint))
        return cclip_config_from_gguf(&model->config, cclip_checkpoint_gguf(checkpoint),
                                      files->weights);
    switch (files->form) {
    case CCLIP_CONFIG_OPEN_CLIP:
        return cclip_config_read_open_clip(&model->config, files->config_root, files->config);
    case CCLIP_CONFIG_HUGGING_FACE:
        return cclip_config_read_hugging_face(&model->config, files->config_root,
                                              files->preprocessor_root, files->preprocessor,
                                              files->config);
    case CCLIP_CONFIG_NONE:
        break;
    }
    return cclip_config_from_weights(&model->config, model->weights, files->weights);
}

/* A TorchScript archive describes itself; a configuration beside it belongs to another file. */
static int describes_itself(const struct cclip_checkpoint *checkpoint)
{
    return !strcmp(cclip_checkpoint_format(checkpoint), "TorchScript");
}

static cclip_status open_weights(struct cclip_model *model, struct cclip_model_files *files)
{
    struct cclip_checkpoint *checkpoint = NULL;
    cclip_status status = files->sharded ? cclip_checkpoint_open_sharded(&checkpoint, files->weights)
                                         : cclip_checkpoint_open(&checkpoint, files->weights);
    if (status)
        return status;
    if (describes_itself(checkpoint))
        files->form = CCLIP_CONFIG_NONE;
    status = cclip_weights_open(&model->weights, checkpoint);
    if (status)
        cclip_checkpoint_close(&checkpoint);
    else
        status = read_config(model, files, checkpoint);
    if (!status)
        model->parameters = cclip_weights_source_open(&model->source, model->weights, &model->config);
    return status;
}

/* The checkpoint is the weights' from here on. */
static cclip_status open_memory(struct cclip_model *model, const struct cclip_config *config,
                                struct cclip_checkpoint **checkpoint)
{
    const cclip_status status = cclip_weights_open(&model->weights, *checkpoint);
    if (status)
        return status;
    *checkpoint = NULL;
    model->config = *config;
    model->parameters = cclip_weights_source_open(&model->source, model->weights, &model->config);
    return CCLIP_OK;
}

/* A model without a usable vocabulary opens all the same: pictures and token files need none. */
static cclip_status open_tokenizer(struct cclip_model *model, const struct cclip_model_files *files,
                                   const struct cclip_model_request *request)
{
    const struct cclip_text_options options = {
        .style = request->style != CCLIP_STYLE_AUTO ? request->style : model->config.tokenizer_style,
        .no_ftfy = request->no_ftfy,
    };
    const char *path = request->vocabulary ? request->vocabulary : files->vocabulary;
    cclip_status status = CCLIP_OK;
    const struct cclip_gguf *gguf = cclip_weights_gguf(model->weights);
    if (!request->vocabulary && gguf) {
        status = cclip_config_gguf_tokenizer(&model->tokenizer, gguf, &options);
    } else if (!path) {
        snprintf(model->tokenizer_problem, sizeof model->tokenizer_problem,
                 "%s: no vocabulary beside it or in the cache; give --vocab FILE "
                 "(bpe_simple_vocab_16e6.txt.gz of openai/CLIP, or the model's vocab.json or "
                 "tokenizer.json)",
                 request->path);
        return CCLIP_OK;
    } else {
        status = cclip_text_tokenizer_open(&model->tokenizer, path, &options);
        if (!status && !(model->vocabulary = cclip_copy_text(path, strlen(path))))
            status = CCLIP_ERROR_MEMORY;
    }
    if (status && (request->vocabulary || status == CCLIP_ERROR_MEMORY))
        return status;
    if (status)
        snprintf(model->tokenizer_problem, sizeof model->tokenizer_problem, "%s",
                 cclip_error_message());
    else if (cclip_text_vocabulary_size(model->tokenizer) > model->config.text.vocabulary_size) {
        snprintf(model->tokenizer_problem, sizeof model->tokenizer_problem,
                 "%s: a vocabulary of %zu tokens, but the model %s has room for %zu", path ? path : request->path,
                 cclip_text_vocabulary_size(model->tokenizer), request->path,
                 model->config.text.vocabulary_size);
        cclip_text_tokenizer_close(&model->tokenizer);
    }
    return CCLIP_OK;
}

static void describe(struct cclip_model *model, const struct cclip_model_files *files)
{
    static const char *const styles[] = { "as the files say", "openai", "open_clip", "hf" };
    const char *name = cclip_architecture_name(&model->config);
    snprintf(model->architecture, sizeof model->architecture, "%s", name ? name : "custom");
    cclip_architecture_describe_vision(model->tower_text[CCLIP_IMAGE_TOWER],
                                       sizeof model->tower_text[0], &model->config);
    cclip_architecture_describe_text(model->tower_text[CCLIP_TEXT_TOWER],
                                     sizeof model->tower_text[0], &model->config);
    cclip_model_licence(model->licence, sizeof model->licence,
                        files->weights ? files->weights : model->path);
    if (model->tokenizer)
        snprintf(model->tokenizer_text, sizeof model->tokenizer_text, "%zu tokens, style %s, %s",
                 cclip_text_vocabulary_size(model->tokenizer),
                 styles[cclip_text_style(model->tokenizer)],
                 model->vocabulary ? model->vocabulary : "from the checkpoint itself");
    else
        snprintf(model->tokenizer_text, sizeof model->tokenizer_text, "none: %.500s",
                 model->tokenizer_problem);
}

/* Weights and configuration of a file, or of memory. */
static cclip_status open_parts(struct cclip_model *model, struct cclip_model_files *files,
                               const struct cclip_config *config, struct cclip_checkpoint **memory)
{
    if (memory)
        return open_memory(model, config, memory);
    if (files->weights)
        return open_weights(model, files);
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                      "%s: a configuration without weights: only a new model can be trained from it",
                      model->path);
}

static cclip_status open_model(struct cclip_model **out, const struct cclip_model_request *request,
                               const struct cclip_config *config, struct cclip_checkpoint **memory)
{
    *out = NULL;
    struct cclip_model *model = cclip_allocate_zero(1, sizeof *model);
    if (!model)
        return CCLIP_ERROR_MEMORY;
    struct cclip_model_files files = { 0 };
    cclip_status status = CCLIP_OK;
    pthread_mutex_init(&model->mutex, NULL);
    model->path = cclip_copy_text(request->path, strlen(request->path));
    if (!model->path)
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_model_files_find(&files, request->path);
    if (!status)
        status = open_parts(model, &files, config, memory);
    if (!status)
        status = check_tensors(model);
    if (!status)
        status = open_tokenizer(model, &files, request);
    if (!status)
        describe(model, &files);
    cclip_model_files_close(&files);
    if (status)
        cclip_models_close(&model);
    *out = model;
    return status;
}

cclip_status cclip_models_open(struct cclip_model **out, const struct cclip_model_request *request)
{
    return open_model(out, request, NULL, NULL);
}

cclip_status cclip_models_open_tensors(struct cclip_model **out,
                                       const struct cclip_model_request *request,
                                       const struct cclip_config *config,
                                       struct cclip_checkpoint **checkpoint)
{
    const cclip_status status = open_model(out, request, config, checkpoint);
    cclip_checkpoint_close(checkpoint);
    return status;
}

void cclip_models_close(struct cclip_model **out)
{
    struct cclip_model *model = *out;
    if (!model)
        return;
    cclip_towers_close(&model->towers);
    for (int tower = 0; tower < CCLIP_TOWERS; tower++)
        cclip_parameter_store_close(&model->store[tower], &model->store_device);
    cclip_text_tokenizer_close(&model->tokenizer);
    cclip_weights_close(&model->weights);
    pthread_mutex_destroy(&model->mutex);
    cclip_release(model->vocabulary);
    cclip_release(model->path);
    cclip_release(model);
    *out = NULL;
}

static cclip_status prepare_locked(struct cclip_model *model, enum cclip_tower tower,
                                   struct cclip_device *device)
{
    if (model->prepared[tower])
        return CCLIP_OK;
    struct cclip_parameters p = {
        .device = device,
        .source = &model->parameters,
        .store = &model->store[tower],
    };
    model->source.not_finite = 0;
    model->store_device.ops = device->ops;
    cclip_towers_load(&model->towers, &model->config, tower, &p);
    if (p.status) {
        cclip_parameter_store_close(&model->store[tower], device);
        return p.status;
    }
    if (model->source.not_finite)
        cclip_log(CCLIP_LOG_WARNING,
                  "%s: %zu weights are NaN or infinite, the first in \"%s\": results will be wrong",
                  model->path, model->source.not_finite, model->source.first_not_finite);
    model->prepared[tower] = 1;
    return CCLIP_OK;
}

cclip_status cclip_models_prepare(struct cclip_model *model, enum cclip_tower tower,
                                  struct cclip_device *device)
{
    pthread_mutex_lock(&model->mutex);
    const cclip_status status = prepare_locked(model, tower, device);
    pthread_mutex_unlock(&model->mutex);
    return status;
}

/* Normalises if asked, brings the rows to host memory, and ends the pass. */
static cclip_status finish(struct cclip_model *model, struct cclip_forward *forward, float *out,
                           float *rows, size_t count, int normalize)
{
    const size_t dim = model->config.embedding_dim;
    struct cclip_device *device = forward->device;
    if (normalize && rows)
        device->ops->normalize_rows(device, rows, dim, rows, dim, count, dim, 1e-12f);
    cclip_status status = cclip_device_finish(device);
    if (!status)
        status = device->ops->download(device, out, rows, count * dim * sizeof *out);
    return status;
}

cclip_status cclip_models_embed_pixels(struct cclip_model *model, struct cclip_forward *forward,
                                       float *out, const float *pixels, size_t count,
                                       int normalize)
{
    cclip_arena_reset(forward->arena);
    float *rows = cclip_forward_floats(forward, count, model->config.embedding_dim);
    if (model->config.vision.kind == CCLIP_VISION_TRANSFORMER)
        cclip_vision_transformer_forward(&model->towers.vision, forward, rows, pixels, count);
    else
        cclip_modified_resnet_forward(&model->towers.resnet, forward, rows, pixels, count);
    return finish(model, forward, out, rows, count, normalize);
}

cclip_status cclip_models_check_ids(const struct cclip_config *config, const int32_t *ids,
                                    const size_t *offsets, size_t count)
{
    const size_t limit = config->text.vocabulary_size;
    for (size_t n = 0; n < count; n++)
        for (size_t i = offsets[n]; i < offsets[n + 1]; i++)
            if (ids[i] < 0 || (size_t)ids[i] >= limit)
                return cclip_fail(CCLIP_ERROR_ARGUMENT,
                                  "text %zu: token %zu is %d, but the model's vocabulary has %zu", n,
                                  i - offsets[n], (int)ids[i], limit);
    return CCLIP_OK;
}

cclip_status cclip_models_embed_ragged(struct cclip_model *model, struct cclip_forward *forward,
                                       float *out, const int32_t *ids, const size_t *offsets,
                                       size_t count, int normalize)
{
    const struct cclip_text_config *config = &model->config.text;
    cclip_status status = cclip_models_check_ids(&model->config, ids, offsets, count);
    if (status)
        return status;
    cclip_arena_reset(forward->arena);
    const int32_t *packed;
    struct cclip_sequences sequences;
    status = cclip_text_transformer_pack(config, forward, &packed, &sequences, ids, offsets, count);
    if (status)
        return status;
    float *rows = cclip_forward_floats(forward, count, model->config.embedding_dim);
    cclip_text_transformer_forward(&model->towers.text, forward, rows, packed, &sequences);
    return finish(model, forward, out, rows, count, normalize);
}

cclip_status cclip_models_embed_tokens(struct cclip_model *model, struct cclip_forward *forward,
                                       float *out, const int32_t *tokens, size_t count,
                                       size_t context, int normalize)
{
    size_t *offsets = cclip_allocate(count + 1, sizeof *offsets);
    if (!offsets)
        return CCLIP_ERROR_MEMORY;
    for (size_t n = 0; n <= count; n++)
        offsets[n] = n * context;
    const cclip_status status =
        cclip_models_embed_ragged(model, forward, out, tokens, offsets, count, normalize);
    cclip_release(offsets);
    return status;
}
