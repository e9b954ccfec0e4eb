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

/* What a block works on besides its rows; on the tape it may outlive the call. */
struct call {
    const struct cclip_transformer_config *config;
    struct cclip_sequences sequences;
    struct cclip_attention_mask mask;
    struct cclip_wanted_rows wanted; /* rows NULL: all */
    const char *tower;
    size_t index;
    struct work work;
    int keep_input; /* the input stays as it is, though there is no tape */
    int no_output;  /* with a tape: the output was there before, and is not wanted again */
};

/* Of a block: its input, what stands between its halves, and what ln_attn normalised. */
struct kept {
    const float *x;        /* [all, width] */
    const float *attended; /* [rows, width]; NULL without ln_attn */
    const float *middle;   /* [rows, width] */
    size_t all, rows;
    const size_t *wanted; /* [rows] or NULL */
    struct cclip_arena_mark mark; /* where the block's part of the tape begins in its arena */
};

/* Of a block that is computed anew on the way back. */
struct kept_input {
    struct call call;
    float *x; /* [all, width] */
    struct cclip_arena_mark mark;
};

/* Of the stack. */
struct kept_stack {
    size_t all;
    int recompute;
    struct cclip_arena *arena; /* where the tape of the blocks lies */
};

/* x = x + ls_1(ln_attn(attention(ln_1(x)))). Without ln_attn the addition is fused into the output
 * projection. With wanted rows only those go on, and the result stands elsewhere. */
static float *attention_half(const struct cclip_transformer_block *block, const struct call *call,
                             struct cclip_forward *forward, float *x, struct kept *kept)
{
    const struct cclip_transformer_config *config = call->config;
    const struct cclip_wanted_rows *wanted = call->wanted.rows ? &call->wanted : NULL;
    const size_t all = cclip_sequences_rows(&call->sequences), width = config->width;
    const size_t rows = wanted ? call->sequences.count : all;
    struct cclip_device *device = forward->device;
    int keep = forward->tape || call->keep_input;
    cclip_layer_norm_forward(&block->ln_1, forward, call->work.normed, x, all);
    if (wanted) {
        float *some = cclip_forward_floats(forward, rows, width);
        device->ops->gather_rows(device, some, x, width, wanted->rows, rows, width);
        x = some;
        keep = forward->tape != NULL;
    }
    float *sum = keep ? cclip_forward_floats(forward, rows, width) : x;
    if (!config->scale_attention) {
        const struct cclip_epilogue add = { .scale = block->ls_1, .residual = x };
        cclip_self_attention_forward(&block->attention, forward, sum, call->work.normed,
                                     &call->sequences, &call->mask, wanted, call->work.wide, &add);
        return sum;
    }
    float *out = call->work.normed;
    float *attended = forward->tape ? cclip_forward_floats(forward, rows, width) : out;
    cclip_self_attention_forward(&block->attention, forward, attended, call->work.normed,
                                 &call->sequences, &call->mask, wanted, call->work.wide, NULL);
    cclip_layer_norm_forward(&block->ln_attention, forward, out, attended, rows);
    if (block->ls_1)
        device->ops->scale_columns(device, out, out, block->ls_1, rows, width);
    device->ops->add_rows(device, sum, x, out, rows, rows, width);
    kept->attended = attended;
    return sum;
}

/* x = x + ls_2(mlp(ln_2(x))) */
static float *mlp_half(const struct cclip_transformer_block *block, const struct call *call,
                       struct cclip_forward *forward, float *x, size_t rows)
{
    const struct cclip_epilogue add = { .scale = block->ls_2, .residual = x };
    float *sum = forward->tape && !call->no_output
                     ? cclip_forward_floats(forward, rows, block->ln_2.channels)
                     : x;
    cclip_layer_norm_forward(&block->ln_2, forward, call->work.normed, x, rows);
    cclip_mlp_forward(&block->mlp, forward, call->no_output ? NULL : sum, call->work.normed, rows,
                      call->work.wide, &add);
    return sum;
}

static float *block_forward(const struct cclip_transformer_block *block, const struct call *call,
                            struct cclip_forward *forward, float *x)
{
    const size_t all = cclip_sequences_rows(&call->sequences), width = call->config->width;
    const size_t rows = call->wanted.rows ? call->sequences.count : all;
    struct kept record = { .x = x, .all = all, .rows = rows, .wanted = call->wanted.rows,
                           .mark = cclip_arena_mark(forward->arena) };
    x = attention_half(block, call, forward, x, &record);
    record.middle = x;
    cclip_forward_tap(forward, x, rows, width, "%s.block%zu.attention", call->tower, call->index);
    x = mlp_half(block, call, forward, x, rows);
    cclip_tape_push(forward, block, &record, sizeof record);
    cclip_forward_tap(forward, x, rows, width, "%s.block%zu", call->tower, call->index);
    return x;
}

/* The same, with nothing on the tape but the input. */
static float *block_forward_for_recompute(const struct cclip_transformer_block *block,
                                          const struct call *call, struct cclip_forward *forward,
                                          float *x)
{
    struct cclip_forward untaped = *forward;
    struct kept_input record = { .call = *call, .x = x, .mark = cclip_arena_mark(forward->arena) };
    untaped.tape = NULL;
    record.call.keep_input = 1;
    x = block_forward(block, &record.call, &untaped, x);
    cclip_tape_push(forward, block, &record, sizeof record);
    return x;
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
    struct call call = { .config = config, .sequences = *sequences, .mask = *mask, .tower = tower };
    const struct kept_stack stack = { all, forward->recompute, forward->arena };
    const struct cclip_arena_mark mark = cclip_arena_mark(cclip_forward_scratch_arena(forward));
    call.work = (struct work){ cclip_forward_scratch(forward, all, width),
                               cclip_forward_scratch(forward, all, widest) };
    for (size_t i = 0; i < config->layers && !cclip_forward_failed(forward); i++) {
        const struct cclip_transformer_block *block = &transformer->blocks[i];
        call.index = i;
        if (wanted && i + 1 == config->layers)
            call.wanted = *wanted;
        x = forward->tape && stack.recompute
                ? block_forward_for_recompute(block, &call, forward, x)
                : block_forward(block, &call, forward, x);
    }
    cclip_tape_push(forward, transformer, &stack, sizeof stack);
    if (forward->scratch)
        cclip_arena_rewind(forward->scratch, mark);
    return x;
}

/* y = ls_1(ln_attn(a)), ls_1 an option: d a from dy, which stays. */
static const float *attended_backward(const struct cclip_transformer_block *block,
                                      struct cclip_backward *backward, const float *d_out,
                                      const struct kept *kept)
{
    struct cclip_device *device = backward->device;
    const size_t rows = kept->rows, width = block->ln_1.channels;
    float *d_attended = cclip_backward_floats(backward, rows, width);
    const struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&block->ln_attention, backward, kept->attended, rows);
    if (block->ls_1) {
        float *d_scale = cclip_backward_gradient(backward, block->ls_1);
        if (d_scale) /* d ls_1 += sum of dy ln_attn(a) */
            device->ops->add_columns(device, d_scale, d_out, again.out, rows, width);
        device->ops->scale_columns(device, d_attended, d_out, block->ls_1, rows, width);
        d_out = d_attended;
    }
    cclip_layer_norm_backward(&block->ln_attention, backward, d_attended, d_out, kept->attended, &again,
                              NULL, rows);
    return d_attended;
}

/* d_in [all, width] from d_out [rows, width]; d_in NULL: nothing before this block learns. *mark: where what the
 * forward pass kept began. */
static void block_backward(const struct cclip_transformer_block *block,
                           struct cclip_backward *backward, float *d_in, const float *d_out,
                           struct cclip_arena_mark *mark)
{
    struct kept kept;
    struct cclip_device *device = backward->device;
    const size_t width = block->ln_1.channels;
    cclip_tape_pop(backward, block, &kept, sizeof kept);
    *mark = kept.mark;
    float *d_middle = cclip_backward_floats(backward, kept.rows, width);
    float *d_normed = cclip_backward_floats(backward, kept.all, width);

    /* y = middle + ls_2 mlp(ln_2(middle)):  d middle = dy + the way through the MLP */
    struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&block->ln_2, backward, kept.middle, kept.rows);
    cclip_mlp_backward(&block->mlp, backward, d_normed, d_out, again.out, kept.rows, block->ls_2);
    cclip_layer_norm_backward(&block->ln_2, backward, d_middle, d_normed, kept.middle, &again, d_out,
                              kept.rows);

    /* middle = x + ls_1 ln_attn(attention(ln_1(x))), perhaps of some rows:  dx = d middle + the way through */
    const float *d_attended =
        kept.attended ? attended_backward(block, backward, d_middle, &kept) : d_middle;
    again = cclip_layer_norm_recompute(&block->ln_1, backward, kept.x, kept.all);
    cclip_self_attention_backward(&block->attention, backward, d_normed, d_attended, again.out,
                                  kept.attended ? NULL : block->ls_1);
    cclip_layer_norm_backward(&block->ln_1, backward, d_in ? d_in : d_normed, d_normed, kept.x,
                              &again, kept.wanted ? NULL : d_middle, kept.all);
    if (kept.wanted && d_in)
        device->ops->scatter_rows(device, d_in, width, d_middle, kept.wanted, kept.rows, width);
}

/* The block once more, now with a tape, and back at once. Its arithmetic is that of the first time, so the
 * gradients are those of a pass that kept everything, to the bit. */
static void block_recompute_backward(const struct cclip_transformer_block *block,
                                     struct cclip_backward *backward, float *d_in,
                                     const float *d_out, struct cclip_arena_mark *mark)
{
    struct kept_input kept;
    struct cclip_arena_mark inner;
    struct cclip_tape tape = { 0 };
    struct cclip_forward forward = { .device = backward->device, .arena = backward->arena,
                                     .tape = &tape };
    struct cclip_backward taped = *backward;
    cclip_tape_pop(backward, block, &kept, sizeof kept);
    *mark = kept.mark;
    taped.tape = &tape;
    kept.call.no_output = 1;
    kept.call.work = (struct work){
        cclip_forward_floats(&forward, cclip_sequences_rows(&kept.call.sequences),
                             kept.call.config->width),
        NULL
    };
    block_forward(block, &kept.call, &forward, kept.x);
    if (!cclip_backward_failed(backward))
        block_backward(block, &taped, d_in, d_out, &inner);
}

/* A block's scratch lies behind its part of the tape. When the block is done both go, and the block before finds
 * its scratch there: so no more is needed than the tape and the scratch of one block. */
float *cclip_transformer_backward(const struct cclip_transformer *transformer,
                                  struct cclip_backward *backward, const float *d_out)
{
    const struct cclip_transformer_config *config = &transformer->config;
    struct kept_stack stack;
    cclip_tape_pop(backward, transformer, &stack, sizeof stack);
    float *const turns[2] = { cclip_backward_floats(backward, stack.all, config->width),
                              cclip_backward_floats(backward, stack.all, config->width) };
    struct cclip_backward within = *backward;
    within.arena = stack.arena;
    for (size_t i = config->layers; i-- > 0 && !cclip_backward_failed(backward);) {
        const struct cclip_transformer_block *block = &transformer->blocks[i];
        struct cclip_arena_mark mark = cclip_arena_mark(stack.arena);
        const int goes_on = cclip_backward_goes_on(backward, block->ln_1.weight);
        float *d_in = goes_on ? turns[i % 2] : NULL;
        (stack.recompute ? block_recompute_backward : block_backward)(block, &within, d_in, d_out, &mark);
        cclip_arena_rewind(stack.arena, mark);
        cclip_backward_ready(backward, block->ln_1.weight);
        if (!goes_on)
            return NULL;
        d_out = d_in;
    }
    return turns[0];
}
