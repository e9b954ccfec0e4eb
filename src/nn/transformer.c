#include "nn/transformer.h"

#include <stdio.h>

#include "base/memory.h"

static void load_block(struct cclip_transformer_block *block, struct cclip_parameters *p,
                       const char *prefix, const struct cclip_transformer_config *config)
{
    const size_t width = config->width;
    const struct cclip_attention_config attention = {
        .width = width,
        .heads = config->heads,
        .epsilon = config->epsilon,
        .qk_norm = config->qk_norm,
        .scaled_cosine = config->scaled_cosine,
        .scale_heads = config->scale_heads,
        .inner_norm = config->scale_attention_inner,
    };
    char name[128];
    snprintf(name, sizeof name, "%s.ln_1", prefix);
    cclip_layer_norm_load(&block->ln_1, p, name, width, config->epsilon);
    snprintf(name, sizeof name, "%s.attn", prefix);
    cclip_self_attention_load(&block->attention, p, name, &attention);
    if (config->scale_attention) {
        snprintf(name, sizeof name, "%s.ln_attn", prefix);
        cclip_layer_norm_load(&block->ln_attention, p, name, width, config->epsilon);
    }
    if (config->layer_scale)
        cclip_parameter_vector(p, &block->ls_1, width, "%s.ls_1.gamma", prefix);
    snprintf(name, sizeof name, "%s.ln_2", prefix);
    cclip_layer_norm_load(&block->ln_2, p, name, width, config->epsilon);
    snprintf(name, sizeof name, "%s.mlp", prefix);
    cclip_mlp_load(&block->mlp, p, name, width, config->mlp_width, config->activation,
                   config->scale_mlp, config->epsilon);
    if (config->layer_scale)
        cclip_parameter_vector(p, &block->ls_2, width, "%s.ls_2.gamma", prefix);
}

void cclip_transformer_load(struct cclip_transformer *transformer, struct cclip_parameters *p,
                            const char *prefix, const struct cclip_transformer_config *config)
{
    cclip_transformer_close(transformer);
    transformer->config = *config;
    transformer->blocks = cclip_allocate_zero(config->layers, sizeof *transformer->blocks);
    if (!transformer->blocks && !p->status)
        p->status = CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < config->layers && !p->status; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s.resblocks.%zu", prefix, i);
        load_block(&transformer->blocks[i], p, name, config);
    }
}

void cclip_transformer_close(struct cclip_transformer *transformer)
{
    cclip_release(transformer->blocks);
    *transformer = (struct cclip_transformer){ 0 };
}

/* Scratch that all blocks share. */
struct work {
    float *normed; /* [rows, width] */
    float *wide;   /* [rows, max(4 * width, mlp_width)]: q, k, v and context, then the MLP's middle */
};

/* x = x + ls_1(ln_attn(attention(ln_1(x)))). Without ln_attn the addition is fused into the output
 * projection. With `wanted` only those rows go on, and the result stands elsewhere. */
static float *attention_half(const struct cclip_transformer_block *block,
                             const struct cclip_transformer_config *config,
                             struct cclip_forward *forward, float *x,
                             const struct cclip_sequences *sequences,
                             const struct cclip_attention_mask *mask,
                             const struct cclip_wanted_rows *wanted, const struct work *work)
{
    const size_t all = cclip_sequences_rows(sequences), width = config->width;
    const size_t rows = wanted ? sequences->count : all;
    struct cclip_device *device = forward->device;
    cclip_layer_norm_forward(&block->ln_1, forward, work->normed, x, all);
    if (wanted) {
        float *kept = cclip_forward_floats(forward, rows, width);
        device->ops->gather_rows(device, kept, x, width, wanted->rows, rows, width);
        x = kept;
    }
    if (!config->scale_attention) {
        const struct cclip_epilogue add = { .scale = block->ls_1, .residual = x };
        cclip_self_attention_forward(&block->attention, forward, x, work->normed, sequences, mask,
                                     wanted, work->wide, &add);
        return x;
    }
    float *out = work->normed;
    cclip_self_attention_forward(&block->attention, forward, out, work->normed, sequences, mask,
                                 wanted, work->wide, NULL);
    cclip_layer_norm_forward(&block->ln_attention, forward, out, out, rows);
    if (block->ls_1)
        device->ops->scale_columns(device, out, out, block->ls_1, rows, width);
    device->ops->add_rows(device, x, x, out, rows, rows, width);
    return x;
}

/* x = x + ls_2(mlp(ln_2(x))) */
static void mlp_half(const struct cclip_transformer_block *block, struct cclip_forward *forward,
                     float *x, size_t rows, const struct work *work)
{
    const struct cclip_epilogue add = { .scale = block->ls_2, .residual = x };
    cclip_layer_norm_forward(&block->ln_2, forward, work->normed, x, rows);
    cclip_mlp_forward(&block->mlp, forward, x, work->normed, rows, work->wide, &add);
}

float *cclip_transformer_forward(const struct cclip_transformer *transformer,
                                 struct cclip_forward *forward, float *x,
                                 const struct cclip_sequences *sequences,
                                 const struct cclip_attention_mask *mask,
                                 const struct cclip_wanted_rows *wanted, const char *tower)
{
    const struct cclip_transformer_config *config = &transformer->config;
    const size_t all = cclip_sequences_rows(sequences), width = config->width;
    const size_t widest = config->mlp_width > 4 * width ? config->mlp_width : 4 * width;
    const struct work work = { cclip_forward_floats(forward, all, width),
                               cclip_forward_floats(forward, all, widest) };
    for (size_t i = 0; i < config->layers && !cclip_forward_failed(forward); i++) {
        const struct cclip_transformer_block *block = &transformer->blocks[i];
        const struct cclip_wanted_rows *kept = i + 1 == config->layers ? wanted : NULL;
        const size_t rows = kept ? sequences->count : all;
        x = attention_half(block, config, forward, x, sequences, mask, kept, &work);
        cclip_forward_tap(forward, x, rows, width, "%s.block%zu.attention", tower, i);
        mlp_half(block, forward, x, rows, &work);
        cclip_forward_tap(forward, x, rows, width, "%s.block%zu", tower, i);
    }
    return x;
}
