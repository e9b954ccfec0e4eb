#include "models/config_gguf.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"

static const char tokens_key[] = "tokenizer.ggml.tokens";

struct reader {
    const struct cclip_gguf *gguf;
    const char *name;
    cclip_status status;
};

/* Sizes have no defaults: a file without one of them was not written by clip.cpp. */
static size_t read_size(struct reader *r, const char *key)
{
    uint64_t value = 0;
    if (!r->status && !cclip_gguf_has(r->gguf, key))
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no key \"%s\"", r->name, key);
    if (!r->status)
        r->status = cclip_gguf_unsigned(&value, r->gguf, key, 0);
    if (!r->status && value > (uint64_t)1 << 30)
        r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" is %llu, more than any model has", r->name,
                               key, (unsigned long long)value);
    return (size_t)value;
}

static int read_flag(struct reader *r, const char *key, int fallback)
{
    int value = fallback;
    if (!r->status)
        r->status = cclip_gguf_bool(&value, r->gguf, key, fallback);
    return value;
}

/* "clip.text.embedding_length" and its like. */
static void read_transformer(struct reader *r, struct cclip_transformer_config *out, const char *tower)
{
    struct {
        const char *key;
        size_t *value;
    } const sizes[] = { { "embedding_length", &out->width },
                        { "feed_forward_length", &out->mlp_width },
                        { "block_count", &out->layers },
                        { "attention.head_count", &out->heads } };
    char key[64];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(key, sizeof key, "clip.%s.%s", tower, sizes[i].key);
        *sizes[i].value = read_size(r, key);
    }
    double epsilon = 1e-5;
    snprintf(key, sizeof key, "clip.%s.attention.layer_norm_epsilon", tower);
    if (!r->status)
        r->status = cclip_gguf_number(&epsilon, r->gguf, key, epsilon);
    out->epsilon = (float)epsilon;
    out->activation = read_flag(r, "clip.use_gelu", 0) ? CCLIP_ACTIVATION_GELU
                                                       : CCLIP_ACTIVATION_QUICK_GELU;
}

static void read_triple(struct reader *r, float out[3], const char *key)
{
    double values[3] = { 0 };
    size_t length = 0;
    if (!r->status)
        r->status = cclip_gguf_numbers(values, 3, &length, r->gguf, key);
    if (r->status || !length)
        return;
    for (size_t i = 0; i < 3; i++) {
        out[i] = (float)values[i];
        if ((length != 3 || !isfinite(out[i])) && !r->status)
            r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" must be three numbers", r->name, key);
    }
}

/* How many tokens the file lists; 0 without a list. */
static size_t count_tokens(struct reader *r)
{
    struct cclip_gguf_text *tokens = NULL;
    size_t count = 0;
    if (!r->status)
        r->status = cclip_gguf_strings(&tokens, &count, r->gguf, tokens_key);
    cclip_release(tokens);
    return count;
}

static void read_text(struct reader *r, struct cclip_config *config)
{
    struct cclip_text_config *out = &config->text;
    read_transformer(r, &out->transformer, "text");
    out->context_length = read_size(r, "clip.text.context_length");
    const size_t tokens = count_tokens(r);
    if (tokens)
        out->vocabulary_size = tokens;
    out->pool = CCLIP_POOL_END_TOKEN;
    out->end_id = (int32_t)(out->vocabulary_size - 1); /* CLIP's last token is its end token */
}

static void read_vision(struct reader *r, struct cclip_config *config)
{
    struct cclip_vision_config *out = &config->vision;
    read_transformer(r, &out->transformer, "vision");
    out->kind = CCLIP_VISION_TRANSFORMER;
    out->image_height = out->image_width = read_size(r, "clip.vision.image_size");
    out->patch_size = read_size(r, "clip.vision.patch_size");
    config->preprocessing.height = config->preprocessing.width = out->image_height;
    read_triple(r, config->preprocessing.mean, "clip.vision.image_mean");
    read_triple(r, config->preprocessing.std, "clip.vision.image_std");
    for (int i = 0; i < 3; i++)
        if (!r->status && !(config->preprocessing.std[i] > 0))
            r->status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"clip.vision.image_std\" must be positive",
                                   r->name);
}

cclip_status cclip_config_from_gguf(struct cclip_config *out, const struct cclip_gguf *gguf,
                                    const char *name)
{
    struct reader r = { .gguf = gguf, .name = name };
    cclip_config_default(out);
    read_text(&r, out);
    read_vision(&r, out);
    out->embedding_dim = read_size(&r, "clip.text.projection_dim");
    const size_t image_dim = read_size(&r, "clip.vision.projection_dim");
    if (!r.status && image_dim != out->embedding_dim)
        r.status = cclip_fail(CCLIP_ERROR_MISMATCH,
                              "%s: pictures are projected to %zu values and texts to %zu", name,
                              image_dim, out->embedding_dim);
    out->no_logit_scale = 1;
    out->tokenizer_style = CCLIP_STYLE_HF; /* clip.cpp converts transformers' checkpoints */
    return r.status ? r.status : cclip_config_check(out, name);
}

cclip_status cclip_config_gguf_tokenizer(struct cclip_tokenizer **out, const struct cclip_gguf *gguf,
                                         const struct cclip_text_options *options)
{
    struct cclip_gguf_text *texts = NULL;
    size_t count = 0;
    *out = NULL;
    cclip_status status = cclip_gguf_strings(&texts, &count, gguf, tokens_key);
    if (!status && !count)
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "no vocabulary in the file (\"%s\")", tokens_key);
    if (status) {
        cclip_release(texts);
        return status;
    }
    const char **tokens = cclip_allocate(count, sizeof *tokens);
    size_t *lengths = cclip_allocate(count, sizeof *lengths);
    if (!tokens || !lengths)
        status = CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++) {
        tokens[i] = texts[i].text;
        lengths[i] = texts[i].length;
    }
    if (!status)
        status = cclip_text_tokenizer_open_tokens(out, tokens, lengths, count, options);
    cclip_release(tokens);
    cclip_release(lengths);
    cclip_release(texts);
    return status;
}
