#include "nn/attention.h"

#include <math.h>
#include <stdio.h>

static int normalises(const struct cclip_attention_config *config)
{
    return config->qk_norm || config->scaled_cosine;
}

/* The options' tensors before the output projection, in the order in which they act. */
static void load_options(struct cclip_self_attention *layer, struct cclip_parameters *p,
                         const char *prefix)
{
    const struct cclip_attention_config *config = &layer->config;
    const size_t heads = config->heads, head_width = config->width / heads;
    char name[160];
    if (normalises(config)) {
        const struct cclip_head_norm norm = { heads, head_width, .unit_length = config->scaled_cosine };
        snprintf(name, sizeof name, "%s.ln_q", prefix);
        cclip_head_norm_load(&layer->norm_q, p, name, &norm, config->epsilon);
        snprintf(name, sizeof name, "%s.ln_k", prefix);
        cclip_head_norm_load(&layer->norm_k, p, name, &norm, config->epsilon);
    }
    if (config->scaled_cosine) {
        const struct cclip_head_scale scale = { heads, head_width, .of_scores = 1 };
        cclip_head_scale_load(&layer->cosine_scale, p, prefix, &scale);
    }
    if (config->scale_heads) {
        const struct cclip_head_scale scale = { heads, head_width, .of_scores = 0 };
        cclip_head_scale_load(&layer->head_scale, p, prefix, &scale);
    }
    if (config->inner_norm) {
        snprintf(name, sizeof name, "%s.ln_inner", prefix);
        cclip_layer_norm_load(&layer->ln_inner, p, name, config->width, config->epsilon);
    }
}

void cclip_self_attention_load(struct cclip_self_attention *layer, struct cclip_parameters *p,
                               const char *prefix, const struct cclip_attention_config *config)
{
    const size_t width = config->width;
    char name[160];
    *layer = (struct cclip_self_attention){ .config = *config };
    cclip_parameter_matrix(p, &layer->in_proj.weight, 3 * width, width, "%s.in_proj_weight", prefix);
    cclip_parameter_vector(p, &layer->in_proj.bias, 3 * width, "%s.in_proj_bias", prefix);
    load_options(layer, p, prefix);
    snprintf(name, sizeof name, "%s.out_proj", prefix);
    cclip_linear_load(&layer->out_proj, p, name, width, width, 1);
}

struct kept {
    float *context; /* [rows, width]: what attention gave */
    const float *q, *k; /* [all, width]: before they were normalised, or NULL */
    struct cclip_attention attention;
    size_t all, rows;
    const size_t *wanted; /* [rows] or NULL */
};

/* ---- queries, keys and values ---------------------------------------------------------------------- */

/* From one product, side by side in qkv [all, 3 * width]; normalised in place. */
static void project(const struct cclip_self_attention *layer, struct cclip_forward *forward,
                    struct cclip_attention *attention, float *qkv, const float *in, size_t all)
{
    const size_t width = layer->config.width, stride = 3 * width;
    cclip_linear_forward(&layer->in_proj, forward, qkv, in, all, NULL);
    if (normalises(&layer->config)) {
        cclip_head_norm_forward_strided(&layer->norm_q, forward, qkv, stride, all);
        cclip_head_norm_forward_strided(&layer->norm_k, forward, qkv ? qkv + width : NULL, stride, all);
    }
    attention->q = qkv;
    attention->k = qkv + width;
    attention->v = qkv + 2 * width;
    attention->q_stride = attention->k_stride = attention->v_stride = stride;
}

/* The rows of in_proj that give queries (0), keys (1) or values (2). Training only. */
static struct cclip_linear in_proj_part(const struct cclip_self_attention *layer, size_t part)
{
    const size_t first = part * layer->config.width;
    struct cclip_linear out = layer->in_proj;
    out.weight.columns = layer->config.width;
    out.weight.values += first * out.weight.column_stride;
    out.bias += first;
    return out;
}

/* In training, where what was normalised stays, each by itself: the same bits. */
static void project_apart(const struct cclip_self_attention *layer, struct cclip_forward *forward,
                          struct cclip_attention *attention, struct kept *kept, const float *in)
{
    const size_t width = layer->config.width, all = kept->all;
    float *parts[3], *q = cclip_forward_floats(forward, all, width);
    float *k = cclip_forward_floats(forward, all, width);
    for (size_t i = 0; i < 3; i++) {
        const struct cclip_linear part = in_proj_part(layer, i);
        parts[i] = cclip_forward_floats(forward, all, width);
        cclip_linear_forward(&part, forward, parts[i], in, all, NULL);
    }
    cclip_head_norm_forward(&layer->norm_q, forward, q, parts[0], all);
    cclip_head_norm_forward(&layer->norm_k, forward, k, parts[1], all);
    kept->q = parts[0];
    kept->k = parts[1];
    attention->q = q;
    attention->k = k;
    attention->v = parts[2];
    attention->q_stride = attention->k_stride = attention->v_stride = width;
}

/* d in, dW and db of in_proj; d_qkv [3, all, width] is worked on in place. */
static void project_apart_backward(const struct cclip_self_attention *layer,
                                   struct cclip_backward *backward, float *d_in, float *d_qkv,
                                   const struct kept *kept, const float *in)
{
    const size_t all = kept->all, size = all * layer->config.width;
    cclip_head_norm_backward(&layer->norm_q, backward, d_qkv, d_qkv, kept->q, all);
    cclip_head_norm_backward(&layer->norm_k, backward, d_qkv + size, d_qkv + size, kept->k, all);
    for (size_t i = 0; i < 3; i++) { /* the rows gave all three: the ways back are added */
        const struct cclip_linear part = in_proj_part(layer, i);
        cclip_linear_backward(&part, backward, d_in, d_qkv + i * size, in, all, i ? d_in : NULL);
    }
}

/* ---- from the context to the output ---------------------------------------------------------------- */

/* What out_proj gets: heads scaled, rows normalised; in place without a tape. */
static const float *finish_context(const struct cclip_self_attention *layer,
                                   struct cclip_forward *forward, float *context, size_t rows)
{
    const struct cclip_attention_config *config = &layer->config;
    struct cclip_device *device = forward->device;
    float *out = context;
    if (forward->tape && (config->scale_heads || config->inner_norm))
        out = cclip_forward_floats(forward, rows, config->width);
    if (config->scale_heads)
        device->ops->scale_columns(device, out, context,
                                   cclip_head_scale_factors(&layer->head_scale, forward), rows,
                                   config->width);
    if (config->inner_norm)
        cclip_layer_norm_forward(&layer->ln_inner, forward, out,
                                 config->scale_heads ? out : context, rows);
    return out;
}

/* d context, and gradients of all that stands behind it; what out_proj got is computed anew. */
static void output_backward(const struct cclip_self_attention *layer,
                            struct cclip_backward *backward, float *d_context, const float *d_out,
                            const struct kept *kept, const float *scale)
{
    const struct cclip_attention_config *config = &layer->config;
    const size_t rows = kept->rows, width = config->width;
    struct cclip_device *device = backward->device;
    struct cclip_forward anew = { .device = device, .arena = backward->arena };
    struct cclip_layer_norm_again inner = { 0 };
    const float *factors = NULL;
    float *scaled = kept->context;
    if (config->scale_heads) {
        factors = cclip_head_scale_factors(&layer->head_scale, &anew);
        scaled = cclip_backward_floats(backward, rows, width);
        device->ops->scale_columns(device, scaled, kept->context, factors, rows, width);
    }
    if (config->inner_norm)
        inner = cclip_layer_norm_recompute(&layer->ln_inner, backward, scaled, rows);
    /* d of what out_proj got, dW and db of out_proj */
    cclip_linear_scaled_backward(&layer->out_proj, scale, backward, d_context, d_out,
                                 config->inner_norm ? inner.out : scaled, rows);
    if (config->inner_norm) /* d scaled */
        cclip_layer_norm_backward(&layer->ln_inner, backward, d_context, d_context, scaled, &inner,
                                  NULL, rows);
    if (config->scale_heads) { /* d head_scale, d context */
        cclip_head_scale_backward(&layer->head_scale, backward, d_context, kept->context, rows);
        device->ops->scale_columns(device, d_context, d_context, factors, rows, width);
    }
}

/* ---------------------------------------------------------------------------------------------------- */

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
    const int apart = forward->tape && normalises(config);
    if (forward->tape)
        work = apart ? cclip_forward_floats(forward, rows, width)
                     : cclip_forward_floats(forward, all, 4 * width);
    if (!work)
        return;
    struct kept kept = { .context = apart ? work : work + all * 3 * width, .all = all, .rows = rows,
                         .wanted = wanted ? wanted->rows : NULL };
    struct cclip_attention attention = {
        .out = kept.context,
        .out_stride = width,
        .heads = config->heads,
        .head_width = width / config->heads,
        .sequences = sequences->count,
        .q_offsets = sequences->offsets,
        .k_offsets = sequences->offsets,
        .scale = config->scaled_cosine ? 1.0f : 1.0f / sqrtf((float)(width / config->heads)),
        .head_scale = config->scaled_cosine ? cclip_head_scale_factors(&layer->cosine_scale, forward)
                                            : NULL,
        .causal = mask->causal,
        .mask = mask->additive,
        .mask_stride = mask->stride,
    };
    if (apart)
        project_apart(layer, forward, &attention, &kept, in);
    else
        project(layer, forward, &attention, work, in, all);
    if (wanted) {
        float *q = cclip_forward_floats(forward, rows, width);
        device->ops->gather_rows(device, q, attention.q, attention.q_stride, wanted->rows, rows, width);
        attention.q = q;
        attention.q_stride = width;
        attention.q_offsets = wanted->offsets;
        attention.causal = 0; /* the last row of a sequence sees all of it */
    }
    device->ops->attention(device, &attention);
    kept.attention = attention;
    cclip_tape_push(forward, layer, &kept, sizeof kept);
    const struct cclip_arena_mark mark = cclip_arena_mark(forward->arena);
    const float *finished = finish_context(layer, forward, kept.context, rows);
    cclip_linear_forward(&layer->out_proj, forward, out, finished, rows, epilogue);
    cclip_arena_rewind(forward->arena, mark);
}

void cclip_self_attention_backward(const struct cclip_self_attention *layer,
                                   struct cclip_backward *backward, float *d_in,
                                   const float *d_out, const float *in, const float *scale)
{
    struct cclip_device *device = backward->device;
    struct kept kept;
    cclip_tape_pop(backward, layer, &kept, sizeof kept);
    const size_t width = layer->config.width;
    /* queries, keys and values lie as the forward pass had them: side by side, or one after the other */
    const size_t stride = kept.q ? width : 3 * width, next = kept.q ? kept.all * width : width;
    float *d_context = cclip_backward_floats(backward, kept.rows, width);
    float *d_qkv = cclip_backward_floats(backward, kept.all, 3 * width);
    float *d_wanted = kept.wanted ? cclip_backward_floats(backward, kept.rows, width) : NULL;
    if (cclip_backward_failed(backward))
        return;
    output_backward(layer, backward, d_context, d_out, &kept, scale);
    /* d queries, d keys, d values */
    const struct cclip_attention_gradient gradient = {
        .forward = &kept.attention,
        .d_out = d_context,
        .d_q = kept.wanted ? d_wanted : d_qkv,
        .d_k = d_qkv + next,
        .d_v = d_qkv + 2 * next,
        .d_out_stride = width,
        .d_q_stride = kept.wanted ? width : stride,
        .d_k_stride = stride,
        .d_v_stride = stride,
    };
    if (kept.wanted) /* queries that nobody asked for have no gradient */
        device->ops->zero(device, d_qkv, kept.all * stride);
    device->ops->attention_backward(device, &gradient);
    if (layer->config.scaled_cosine)
        cclip_head_scale_backward(&layer->cosine_scale, backward, gradient.d_q, kept.attention.q,
                                  kept.rows);
    if (kept.wanted)
        device->ops->scatter_rows(device, d_qkv, stride, d_wanted, kept.wanted, kept.rows, width);
    if (kept.q)
        project_apart_backward(layer, backward, d_in, d_qkv, &kept, in);
    else /* d in, dW and db of in_proj */
        cclip_linear_backward(&layer->in_proj, backward, d_in, d_qkv, in, kept.all, NULL);
}
