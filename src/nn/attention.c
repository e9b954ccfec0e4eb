#include "nn/attention.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"

static const float LARGEST_LOGIT_SCALE = 4.6051702f; /* ln 100, as the reference clamps it */

/* "PREFIX.logit_scale" and "PREFIX.head_scale" are [heads, 1, 1]; both are kept in the form that the
 * operations want. */
static void load_head_scales(struct cclip_self_attention *layer, struct cclip_parameters *p,
                             const char *prefix)
{
    const size_t heads = layer->config.heads, head_width = layer->config.width / heads;
    const size_t shape[3] = { heads, 1, 1 };
    float *host = NULL;
    if (layer->config.scaled_cosine) {
        cclip_parameter_host(p, &host, shape, 3, 0, "%s.logit_scale", prefix);
        for (size_t h = 0; host && h < heads; h++)
            host[h] = expf(fminf(host[h], LARGEST_LOGIT_SCALE));
        if (host)
            cclip_parameter_keep_array(p, &layer->cosine_scale, host, heads);
        cclip_release_aligned(host);
    }
    if (layer->config.scale_heads) {
        cclip_parameter_host(p, &host, shape, 3, 0, "%s.head_scale", prefix);
        float *spread = host ? cclip_allocate(layer->config.width, sizeof *spread) : NULL;
        for (size_t i = 0; spread && i < layer->config.width; i++)
            spread[i] = host[i / head_width];
        if (spread)
            cclip_parameter_keep_array(p, &layer->head_scale_channels, spread, layer->config.width);
        else if (host)
            p->status = CCLIP_ERROR_MEMORY;
        cclip_release(spread);
        cclip_release_aligned(host);
    }
}

void cclip_self_attention_load(struct cclip_self_attention *layer, struct cclip_parameters *p,
                               const char *prefix, const struct cclip_attention_config *config)
{
    const size_t width = config->width, head_width = width / config->heads;
    char name[160];
    *layer = (struct cclip_self_attention){ .config = *config };
    if (p->training && !p->status &&
        (config->qk_norm || config->scaled_cosine || config->scale_heads || config->inner_norm))
        p->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                               "%s: attention with normalised queries and keys, scaled heads or an "
                               "inner norm can be used, but not trained", prefix);
    cclip_parameter_matrix(p, &layer->in_proj.weight, 3 * width, width, "%s.in_proj_weight", prefix);
    cclip_parameter_vector(p, &layer->in_proj.bias, 3 * width, "%s.in_proj_bias", prefix);
    if (config->qk_norm) {
        snprintf(name, sizeof name, "%s.ln_q", prefix);
        cclip_layer_norm_load(&layer->ln_q, p, name, head_width, config->epsilon);
        snprintf(name, sizeof name, "%s.ln_k", prefix);
        cclip_layer_norm_load(&layer->ln_k, p, name, head_width, config->epsilon);
    }
    load_head_scales(layer, p, prefix);
    if (config->inner_norm) {
        snprintf(name, sizeof name, "%s.ln_inner", prefix);
        cclip_layer_norm_load(&layer->ln_inner, p, name, width, config->epsilon);
    }
    snprintf(name, sizeof name, "%s.out_proj", prefix);
    cclip_linear_load(&layer->out_proj, p, name, width, width, 1);
}

/* Queries and keys of every head, in place in the fused rows. */
static void normalise_heads(const struct cclip_self_attention *layer,
                            struct cclip_forward *forward, float *qkv, size_t rows)
{
    const struct cclip_attention_config *config = &layer->config;
    const size_t width = config->width, head_width = width / config->heads, stride = 3 * width;
    if (!qkv)
        return;
    for (size_t h = 0; h < config->heads; h++) {
        float *q = qkv + h * head_width, *k = q + width;
        if (config->qk_norm) {
            cclip_layer_norm_forward_strided(&layer->ln_q, forward, q, stride, rows);
            cclip_layer_norm_forward_strided(&layer->ln_k, forward, k, stride, rows);
        }
        if (config->scaled_cosine) {
            const float epsilon = 1e-12f;
            struct cclip_device *device = forward->device;
            device->ops->normalize_rows(device, q, stride, q, stride, rows, head_width, epsilon);
            device->ops->normalize_rows(device, k, stride, k, stride, rows, head_width, epsilon);
        }
    }
}

struct kept {
    float *context; /* [rows, width] */
    struct cclip_attention attention;
    size_t all, rows;
    const size_t *wanted; /* [rows] or NULL */
};

void cclip_self_attention_forward(const struct cclip_self_attention *layer,
                                  struct cclip_forward *forward, float *out, const float *in,
                                  const struct cclip_sequences *sequences,
                                  const struct cclip_attention_mask *mask,
                                  const struct cclip_wanted_rows *wanted, float *work,
                                  const struct cclip_epilogue *epilogue)
{
    const struct cclip_attention_config *config = &layer->config;
    struct cclip_device *device = forward->device;
    const size_t width = config->width, all = cclip_sequences_rows(sequences);
    const size_t rows = wanted ? sequences->count : all;
    if (forward->tape)
        work = cclip_forward_floats(forward, all, 4 * width);
    if (!work)
        return;
    float *qkv = work, *context = work + all * 3 * width;

    cclip_linear_forward(&layer->in_proj, forward, qkv, in, all, NULL);
    if (config->qk_norm || config->scaled_cosine)
        normalise_heads(layer, forward, qkv, all);
    struct cclip_attention attention = {
        .out = context,
        .q = qkv,
        .k = qkv + width,
        .v = qkv + 2 * width,
        .out_stride = width,
        .q_stride = 3 * width,
        .k_stride = 3 * width,
        .v_stride = 3 * width,
        .heads = config->heads,
        .head_width = width / config->heads,
        .sequences = sequences->count,
        .q_offsets = sequences->offsets,
        .k_offsets = sequences->offsets,
        .scale = config->scaled_cosine ? 1.0f : 1.0f / sqrtf((float)(width / config->heads)),
        .head_scale = layer->cosine_scale,
        .causal = mask->causal,
        .mask = mask->additive,
        .mask_stride = mask->stride,
    };
    if (wanted) {
        float *q = cclip_forward_floats(forward, rows, width);
        device->ops->gather_rows(device, q, qkv, 3 * width, wanted->rows, rows, width);
        attention.q = q;
        attention.q_stride = width;
        attention.q_offsets = wanted->offsets;
        attention.causal = 0; /* the last row of a sequence sees all of it */
    }
    device->ops->attention(device, &attention);
    const struct kept kept = { .context = context, .attention = attention, .all = all, .rows = rows,
                               .wanted = wanted ? wanted->rows : NULL };
    cclip_tape_push(forward, layer, &kept, sizeof kept);
    if (config->scale_heads)
        device->ops->scale_columns(device, context, context, layer->head_scale_channels, rows, width);
    if (config->inner_norm)
        cclip_layer_norm_forward(&layer->ln_inner, forward, context, context, rows);
    cclip_linear_forward(&layer->out_proj, forward, out, context, rows, epilogue);
}

void cclip_self_attention_backward(const struct cclip_self_attention *layer,
                                   struct cclip_backward *backward, float *d_in,
                                   const float *d_out, const float *in, const float *scale)
{
    const size_t width = layer->config.width, stride = 3 * width;
    struct cclip_device *device = backward->device;
    struct kept kept;
    cclip_tape_pop(backward, layer, &kept, sizeof kept);
    float *d_context = cclip_backward_floats(backward, kept.rows, width);
    float *d_qkv = cclip_backward_floats(backward, kept.all, stride);
    float *d_wanted = kept.wanted ? cclip_backward_floats(backward, kept.rows, width) : NULL;
    if (cclip_backward_failed(backward))
        return;
    /* d context, dW and db of out_proj */
    cclip_linear_scaled_backward(&layer->out_proj, scale, backward, d_context, d_out, kept.context,
                                 kept.rows);
    /* d queries, d keys, d values */
    const struct cclip_attention_gradient gradient = {
        .forward = &kept.attention,
        .d_out = d_context,
        .d_q = kept.wanted ? d_wanted : d_qkv,
        .d_k = d_qkv + width,
        .d_v = d_qkv + 2 * width,
        .d_out_stride = width,
        .d_q_stride = kept.wanted ? width : stride,
        .d_k_stride = stride,
        .d_v_stride = stride,
    };
    if (kept.wanted) /* queries that nobody asked for have no gradient */
        device->ops->zero(device, d_qkv, kept.all * stride);
    device->ops->attention_backward(device, &gradient);
    if (kept.wanted)
        device->ops->scatter_rows(device, d_qkv, stride, d_wanted, kept.wanted, kept.rows, width);
    /* d in, dW and db of in_proj */
    cclip_linear_backward(&layer->in_proj, backward, d_in, d_qkv, in, kept.all, NULL);
}
