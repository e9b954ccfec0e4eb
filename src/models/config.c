#include "models/config.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"

void cclip_config_default(struct cclip_config *config)
{
    const struct cclip_transformer_config transformer = {
        .activation = CCLIP_ACTIVATION_QUICK_GELU,
        .epsilon = 1e-5f,
    };
    *config = (struct cclip_config){
        .vision = { .transformer = transformer,
                    .class_token = 1,
                    .norm_pre = 1,
                    .pool = CCLIP_POOL_CLASS_TOKEN,
                    .projection = 1 },
        .text = { .context_length = 77,
                  .vocabulary_size = 49408,
                  .transformer = transformer,
                  .pool = CCLIP_POOL_HIGHEST_ID,
                  .causal = 1,
                  .projection = CCLIP_PROJECTION_MATRIX },
        .tokenizer_style = CCLIP_STYLE_OPENAI,
    };
    config->preprocessing = (cclip_preprocessing)CCLIP_PREPROCESSING_INIT;
}

static cclip_status check_transformer(const struct cclip_transformer_config *t, const char *tower,
                                      const char *name)
{
    if (!t->width || t->width > CCLIP_LIMIT_MODEL_WIDTH)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %s width %zu is not between 1 and %zu", name,
                          tower, t->width, CCLIP_LIMIT_MODEL_WIDTH);
    if (!t->layers || t->layers > CCLIP_LIMIT_MODEL_LAYERS)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %s layers %zu is not between 1 and %zu", name,
                          tower, t->layers, CCLIP_LIMIT_MODEL_LAYERS);
    if (!t->heads || t->width % t->heads)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %s width %zu is not a multiple of %zu heads", name,
                          tower, t->width, t->heads);
    if (!(t->epsilon > 0 && t->epsilon < 1))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %s layer norm epsilon %g is not between 0 and 1", name,
                          tower, (double)t->epsilon);
    if (!t->mlp_width || t->mlp_width > 16 * CCLIP_LIMIT_MODEL_WIDTH)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %s MLP width %zu is out of range", name, tower,
                          t->mlp_width);
    return CCLIP_OK;
}

static cclip_status check_resnet(const struct cclip_vision_config *v, const char *name)
{
    if (v->image_height % 32 || v->image_width % 32)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: a ResNet's image size must be a multiple of 32, not %zu x %zu", name,
                          v->image_width, v->image_height);
    if (!v->stem_width || v->stem_width > 4096 || v->stem_width % 2 || !v->attention_heads ||
        v->stem_width * 32 % v->attention_heads)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: ResNet width %zu with %zu heads is impossible",
                          name, v->stem_width, v->attention_heads);
    for (int i = 0; i < 4; i++)
        if (!v->stage_blocks[i] || v->stage_blocks[i] > CCLIP_LIMIT_MODEL_LAYERS)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: ResNet stage %d has %zu blocks", name, i + 1,
                              v->stage_blocks[i]);
    return CCLIP_OK;
}

/* What follows a Vision Transformer's blocks. */
static cclip_status check_pooling(const struct cclip_vision_config *v, size_t dim, const char *name)
{
    const size_t queries = v->pool_queries;
    if (queries > CCLIP_LIMIT_CONTEXT || (queries && (!v->pool_heads || dim % v->pool_heads)))
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: attentional pooling with %zu queries and %zu heads is impossible for "
                          "embeddings of %zu",
                          name, queries, v->pool_heads, dim);
    if (queries == 1 && v->pool == CCLIP_POOL_AVERAGE)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: the mean of all queries but the first, of which "
                                              "there is one", name);
    if (!v->projection && !queries && v->transformer.width != dim)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: without a projection the vision width %zu must be the embedding "
                          "dimension %zu",
                          name, v->transformer.width, dim);
    return CCLIP_OK;
}

static cclip_status check_vision(const struct cclip_vision_config *v, size_t dim, const char *name)
{
    enum { SIDE_LIMIT = 8192 };
    if (!v->image_height || !v->image_width || v->image_height > SIDE_LIMIT ||
        v->image_width > SIDE_LIMIT)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: image size %zu x %zu is not between 1 and %d",
                          name, v->image_width, v->image_height, SIDE_LIMIT);
    if (v->kind == CCLIP_MODIFIED_RESNET)
        return check_resnet(v, name);
    if (!v->patch_size || v->patch_size > v->image_height || v->patch_size > v->image_width)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: patch size %zu does not fit the image size %zu x %zu",
                          name, v->patch_size, v->image_width, v->image_height);
    const cclip_status status = check_transformer(&v->transformer, "vision", name);
    return status ? status : check_pooling(v, dim, name);
}

cclip_status cclip_config_check(const struct cclip_config *config, const char *name)
{
    if (!config->embedding_dim || config->embedding_dim > CCLIP_LIMIT_MODEL_WIDTH)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: embedding dimension %zu is not between 1 and %zu",
                          name, config->embedding_dim, CCLIP_LIMIT_MODEL_WIDTH);
    const struct cclip_text_config *t = &config->text;
    if (!t->context_length || t->context_length > CCLIP_LIMIT_CONTEXT)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: context length %zu is not between 1 and %zu", name,
                          t->context_length, CCLIP_LIMIT_CONTEXT);
    if (t->vocabulary_size < 2 || t->vocabulary_size > CCLIP_LIMIT_VOCABULARY)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: vocabulary size %zu is not between 2 and %zu", name,
                          t->vocabulary_size, CCLIP_LIMIT_VOCABULARY);
    if (t->projection == CCLIP_PROJECTION_NONE && t->transformer.width != config->embedding_dim)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: without a projection the text width %zu must be the embedding "
                          "dimension %zu",
                          name, t->transformer.width, config->embedding_dim);
    const cclip_status status = check_vision(&config->vision, config->embedding_dim, name);
    return status ? status : check_transformer(&t->transformer, "text", name);
}

size_t cclip_config_size(const cclip_json *object, const char *key, size_t fallback, size_t maximum,
                         const char *name, cclip_status *status)
{
    const cclip_json *value = cclip_json_get(object, key);
    if (*status || cclip_json_is_null(value))
        return fallback;
    const int64_t number = cclip_json_integer(value, -1);
    if (number < 0 || (uint64_t)number > maximum) {
        *status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be an integer from 0 to %zu", name,
                             key, maximum);
        return fallback;
    }
    return (size_t)number;
}

double cclip_config_number(const cclip_json *object, const char *key, double fallback,
                           const char *name, cclip_status *status)
{
    const cclip_json *value = cclip_json_get(object, key);
    if (*status || cclip_json_is_null(value))
        return fallback;
    const double number = cclip_json_number(value, NAN);
    if (!isfinite(number))
        *status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be a number", name, key);
    return number;
}

int cclip_config_flag(const cclip_json *object, const char *key, int fallback, const char *name,
                      cclip_status *status)
{
    const cclip_json *value = cclip_json_get(object, key);
    if (*status || cclip_json_is_null(value))
        return fallback;
    const int flag = cclip_json_bool(value, -1);
    if (flag < 0)
        *status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be true or false", name, key);
    return flag > 0;
}

const char *cclip_config_text(const cclip_json *object, const char *key, const char *fallback,
                              const char *name, cclip_status *status)
{
    const cclip_json *value = cclip_json_get(object, key);
    if (*status || cclip_json_is_null(value))
        return fallback;
    if (!cclip_json_is_string(value)) {
        *status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be a text", name, key);
        return fallback;
    }
    return cclip_json_string(value, NULL);
}
