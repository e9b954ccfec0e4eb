#include "nn/transformer.h"

#include <stdio.h>

#include "base/memory.h"

static void load_block(struct cclip_transformer_block *block, struct cclip_parameters *p,
                       const char *prefix, const struct cclip_transformer_config *config)
{
    const size_t width = config->width;
    if (p->training && !p->status && (config->scale_attention || config->scale_mlp))
        p->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                               "%s: blocks with norms behind attention or inside the MLP can be used, "
                               "but not trained", prefix);
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

/* Of a block: its input, and what stands between its halves. */
struct kept {
    const float *x;      /* [all, width] */
    const float *middle; /* [rows, width] */
    size_t all, rows;
    const size_t *wanted; /* [rows] or NULL */
};

/* Of the stack. */
struct kept_stack {
    size_t all;
};

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
        float *sum = forward->tape ? cclip_forward_floats(forward, rows, width) : x;
        cclip_self_attention_forward(&block->attention, forward, sum, work->normed, sequences, mask,
                                     wanted, work->wide, &add);
        return sum;
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
static float *mlp_half(const struct cclip_transformer_block *block, struct cclip_forward *forward,
                       float *x, size_t rows, const struct work *work)
{
    const struct cclip_epilogue add = { .scale = block->ls_2, .residual = x };
    float *sum = forward->tape ? cclip_forward_floats(forward, rows, block->ln_2.channels) : x;
    cclip_layer_norm_forward(&block->ln_2, forward, work->normed, x, rows);
    cclip_mlp_forward(&block->mlp, forward, sum, work->normed, rows, work->wide, &add);
    return sum;
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
        struct kept record = { .x = x, .all = all, .rows = rows,
                               .wanted = kept ? kept->rows : NULL };
        x = attention_half(block, config, forward, x, sequences, mask, kept, &work);
        record.middle = x;
        cclip_forward_tap(forward, x, rows, width, "%s.block%zu.attention", tower, i);
        x = mlp_half(block, forward, x, rows, &work);
        cclip_tape_push(forward, block, &record, sizeof record);
        cclip_forward_tap(forward, x, rows, width, "%s.block%zu", tower, i);
    }
    const struct kept_stack stack = { all };
    cclip_tape_push(forward, transformer, &stack, sizeof stack);
    return x;
}

/* d_in [all, width] from d_out [rows, width]; d_in NULL: nothing before this block learns. */
static void block_backward(const struct cclip_transformer_block *block,
                           struct cclip_backward *backward, float *d_in, const float *d_out)
{
    struct kept kept;
    struct cclip_device *device = backward->device;
    const size_t width = block->ln_1.channels;
    cclip_tape_pop(backward, block, &kept, sizeof kept);
    float *d_middle = cclip_backward_floats(backward, kept.rows, width);
    float *d_normed = cclip_backward_floats(backward, kept.all, width);

    /* y = middle + ls_2 mlp(ln_2(middle)):  d middle = dy + the way through the MLP */
    struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&block->ln_2, backward, kept.middle, kept.rows);
    cclip_mlp_backward(&block->mlp, backward, d_normed, d_out, again.out, kept.rows, block->ls_2);
    cclip_layer_norm_backward(&block->ln_2, backward, d_middle, d_normed, kept.middle, &again, d_out,
                              kept.rows);

    /* middle = x + ls_1 attention(ln_1(x)), perhaps of some rows:  dx = d middle + the way through */
    again = cclip_layer_norm_recompute(&block->ln_1, backward, kept.x, kept.all);
    cclip_self_attention_backward(&block->attention, backward, d_normed, d_middle, again.out,
                                  block->ls_1);
    cclip_layer_norm_backward(&block->ln_1, backward, d_in ? d_in : d_normed, d_normed, kept.x,
                              &again, kept.wanted ? NULL : d_middle, kept.all);
    if (kept.wanted && d_in)
        device->ops->scatter_rows(device, d_in, width, d_middle, kept.wanted, kept.rows, width);
}

float *cclip_transformer_backward(const struct cclip_transformer *transformer,
                                  struct cclip_backward *backward, const float *d_out)
{
    const struct cclip_transformer_config *config = &transformer->config;
    struct kept_stack stack;
    cclip_tape_pop(backward, transformer, &stack, sizeof stack);
    float *const turns[2] = { cclip_backward_floats(backward, stack.all, config->width),
                              cclip_backward_floats(backward, stack.all, config->width) };
    for (size_t i = config->layers; i-- > 0 && !cclip_backward_failed(backward);) {
        const struct cclip_transformer_block *block = &transformer->blocks[i];
        const struct cclip_arena_mark mark = cclip_arena_mark(backward->arena);
        const int goes_on = cclip_backward_goes_on(backward, block->ln_1.weight);
        float *d_in = goes_on ? turns[i % 2] : NULL;
        block_backward(block, backward, d_in, d_out);
        cclip_arena_rewind(backward->arena, mark);
        if (!goes_on)
            return NULL;
        d_out = d_in;
    }
    return turns[0];
}
