#include "models/modified_resnet.h"

#include <stdio.h>

#include "base/memory.h"

enum { EXPANSION = 4, STAGES = 4 };

static void load_stem(struct cclip_modified_resnet *tower, struct cclip_parameters *p)
{
    const size_t width = tower->config.stem_width;
    const size_t channels[4] = { 3, width / 2, width / 2, width };
    for (size_t i = 0; i < 3; i++) {
        char conv[32], norm[32];
        snprintf(conv, sizeof conv, "visual.conv%zu", i + 1);
        snprintf(norm, sizeof norm, "visual.bn%zu", i + 1);
        cclip_conv_norm_load(&tower->stem[i], p, conv, norm, channels[i], channels[i + 1], 3,
                             i == 0 ? 2 : 1);
    }
}

static void load_block(struct cclip_bottleneck *block, struct cclip_parameters *p,
                       const char *prefix, size_t in, size_t planes, size_t stride)
{
    struct cclip_conv_norm *const convs[3] = { &block->conv1, &block->conv2, &block->conv3 };
    const size_t channels[4] = { in, planes, planes, planes * EXPANSION };
    char conv[96], norm[96];
    block->stride = stride;
    block->has_downsample = stride > 1 || in != planes * EXPANSION;
    for (size_t i = 0; i < 3; i++) {
        snprintf(conv, sizeof conv, "%s.conv%zu", prefix, i + 1);
        snprintf(norm, sizeof norm, "%s.bn%zu", prefix, i + 1);
        cclip_conv_norm_load(convs[i], p, conv, norm, channels[i], channels[i + 1], i == 1 ? 3 : 1,
                             1);
    }
    if (!block->has_downsample)
        return;
    snprintf(conv, sizeof conv, "%s.downsample.0", prefix);
    snprintf(norm, sizeof norm, "%s.downsample.1", prefix);
    cclip_conv_norm_load(&block->downsample, p, conv, norm, in, planes * EXPANSION, 1, 1);
}

static void load_pool(struct cclip_modified_resnet *tower, struct cclip_parameters *p)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t channels = config->stem_width * 32;
    const size_t cells = config->image_height / 32 * (config->image_width / 32);
    const size_t positions[2] = { 1 + cells, channels };
    struct cclip_cross_attention *pool = &tower->pool;
    *pool = (struct cclip_cross_attention){ .width = channels, .heads = config->attention_heads };
    cclip_parameter_array(p, &tower->positional_embedding, positions, 2,
                          "visual.attnpool.positional_embedding");
    cclip_linear_load(&pool->k, p, "visual.attnpool.k_proj", channels, channels, 1);
    cclip_linear_load(&pool->q, p, "visual.attnpool.q_proj", channels, channels, 1);
    cclip_linear_load(&pool->v, p, "visual.attnpool.v_proj", channels, channels, 1);
    cclip_linear_load(&pool->out, p, "visual.attnpool.c_proj", tower->embedding_dim, channels, 1);
}

void cclip_modified_resnet_load(struct cclip_modified_resnet *tower, struct cclip_parameters *p,
                                const struct cclip_vision_config *config, size_t embedding_dim)
{
    cclip_modified_resnet_close(tower);
    tower->config = *config;
    tower->embedding_dim = embedding_dim;
    for (int s = 0; s < STAGES; s++)
        tower->block_count += config->stage_blocks[s];
    tower->blocks = cclip_allocate_zero(tower->block_count, sizeof *tower->blocks);
    if (!tower->blocks && !p->status)
        p->status = CCLIP_ERROR_MEMORY;
    if (p->status)
        return;
    load_stem(tower, p);
    struct cclip_bottleneck *block = tower->blocks;
    size_t in = config->stem_width;
    for (size_t s = 0; s < STAGES; s++) {
        const size_t planes = config->stem_width << s;
        for (size_t i = 0; i < config->stage_blocks[s]; i++, block++) {
            char prefix[64];
            snprintf(prefix, sizeof prefix, "visual.layer%zu.%zu", s + 1, i);
            load_block(block, p, prefix, in, planes, s > 0 && i == 0 ? 2 : 1);
            in = planes * EXPANSION;
        }
    }
    load_pool(tower, p);
}

void cclip_modified_resnet_close(struct cclip_modified_resnet *tower)
{
    cclip_release(tower->blocks);
    *tower = (struct cclip_modified_resnet){ 0 };
}

/* Feature maps in flight, NHWC. `x` is the present one; the others are free. */
struct maps {
    float *x, *a, *b, *spare;
    size_t batch, height, width;
};

/* Where a layer writes [batch * height * width, channels]: a free map, or with a tape one of its own. */
static float *map_for(struct cclip_forward *forward, const struct maps *m, float *free_map,
                      size_t height, size_t width, size_t channels)
{
    return forward->tape ? cclip_forward_floats(forward, m->batch * height * width, channels)
                         : free_map;
}

static void halve(struct cclip_forward *forward, float *out, const float *in, size_t batch,
                  size_t *height, size_t *width, size_t channels)
{
    forward->device->ops->average_pool2d(forward->device, out, in, batch, *height, *width, channels,
                                         2);
    *height /= 2;
    *width /= 2;
}

static void stem_forward(const struct cclip_modified_resnet *tower, struct cclip_forward *forward,
                         struct maps *m, const float *pixels)
{
    const struct cclip_vision_config *config = &tower->config;
    const struct cclip_epilogue relu = { .activation = CCLIP_ACTIVATION_RELU };
    m->height = config->image_height;
    m->width = config->image_width;
    forward->device->ops->nchw_to_nhwc(forward->device, m->x, pixels, m->batch, 3,
                                       m->height * m->width);
    float *in = m->x;
    for (size_t i = 0; i < 3; i++) {
        const size_t stride = tower->stem[i].stride;
        float *out = map_for(forward, m, i % 2 ? m->b : m->a, (m->height + stride - 1) / stride,
                             (m->width + stride - 1) / stride, tower->stem[i].out);
        cclip_conv_norm_forward(&tower->stem[i], forward, out, in, m->batch, &m->height, &m->width,
                                &relu);
        in = out;
    }
    float *out = map_for(forward, m, m->x, m->height / 2, m->width / 2, config->stem_width);
    halve(forward, out, in, m->batch, &m->height, &m->width, config->stem_width);
    m->x = out;
}

/* shortcut(x) of a block that changes the size or the channels; works in m->a. */
static float *downsample_forward(const struct cclip_bottleneck *block, struct cclip_forward *forward,
                                 const struct maps *m)
{
    const struct cclip_conv_norm *layer = &block->downsample;
    size_t height = m->height, width = m->width;
    float *in = m->x;
    if (block->stride > 1) {
        in = map_for(forward, m, m->a, height / 2, width / 2, layer->in);
        halve(forward, in, m->x, m->batch, &height, &width, layer->in);
    }
    float *shortcut = map_for(forward, m, m->spare, height, width, layer->out);
    cclip_conv_norm_forward(layer, forward, shortcut, in, m->batch, &height, &width, NULL);
    return shortcut;
}

/* x = relu(conv3([pool](conv2(conv1(x)))) + shortcut(x)); the addition and the ReLU are fused into
 * conv3, which writes over the shortcut. */
static void block_forward(const struct cclip_bottleneck *block, struct cclip_forward *forward,
                          struct maps *m)
{
    const struct cclip_epilogue relu = { .activation = CCLIP_ACTIVATION_RELU };
    const size_t height = m->height, width = m->width;
    float *a = map_for(forward, m, m->a, height, width, block->conv1.out);
    float *in = map_for(forward, m, m->b, height, width, block->conv2.out);
    cclip_conv_norm_forward(&block->conv1, forward, a, m->x, m->batch, &m->height, &m->width, &relu);
    cclip_conv_norm_forward(&block->conv2, forward, in, a, m->batch, &m->height, &m->width, &relu);
    float *shortcut = block->has_downsample ? downsample_forward(block, forward, m) : m->x;
    if (block->stride > 1) {
        float *half = map_for(forward, m, m->a, m->height / 2, m->width / 2, block->conv2.out);
        halve(forward, half, in, m->batch, &m->height, &m->width, block->conv2.out);
        in = half;
    }
    const struct cclip_epilogue add = { .residual = shortcut, .relu_last = 1 };
    float *out = map_for(forward, m, shortcut, m->height, m->width, block->conv3.out);
    cclip_conv_norm_forward(&block->conv3, forward, out, in, m->batch, &m->height, &m->width, &add);
    if (block->has_downsample)
        m->spare = m->x;
    m->x = out;
}

struct kept {
    size_t batch, cells; /* cells: of the last feature map */
    int recompute;       /* the blocks keep their input only */
};

/* Of a block that is computed anew on the way back. */
struct kept_input {
    float *x;
    size_t batch, height, width;
    int batch_statistics;
};

/* A block with nothing on the tape but its input, which stays as it is: the block works in the other maps,
 * and what it gives is copied out of them. */
static void block_forward_for_recompute(const struct cclip_bottleneck *block,
                                        struct cclip_forward *forward, struct maps *m)
{
    struct cclip_forward untaped = *forward;
    const struct kept_input record = { m->x, m->batch, m->height, m->width,
                                       forward->batch_statistics };
    const size_t half = block->stride > 1 ? 2 : 1;
    const size_t rows = m->batch * (m->height / half) * (m->width / half);
    float *out = cclip_forward_floats(forward, rows, block->conv3.out);
    untaped.tape = NULL;
    struct maps inner = *m;
    if (!block->has_downsample) { /* conv3 writes over the shortcut, which is the input */
        forward->device->ops->add_rows(forward->device, m->spare, m->x, NULL, rows, 1,
                                       block->conv1.in);
        inner.x = m->spare;
    }
    block_forward(block, &untaped, &inner);
    forward->device->ops->add_rows(forward->device, out, inner.x, NULL, rows, 1, block->conv3.out);
    cclip_tape_push(forward, block, &record, sizeof record);
    m->x = out;
    m->height = inner.height;
    m->width = inner.width;
}

/* The mean of all cells asks, mean and cells answer; positions are added first. */
static void pool_forward(const struct cclip_modified_resnet *tower, struct cclip_forward *forward,
                         float *out, const struct maps *m)
{
    const struct cclip_backend *ops = forward->device->ops;
    const size_t batch = m->batch, cells = m->height * m->width, tokens = cells + 1;
    const size_t channels = tower->pool.width;
    float *with_mean = cclip_forward_floats(forward, batch * tokens, channels);
    float *x = cclip_forward_floats(forward, batch * tokens, channels);
    float *asking = cclip_forward_floats(forward, batch, channels);
    size_t *begin = cclip_forward_indices(forward, batch);
    size_t *end = cclip_forward_indices(forward, batch);
    size_t *index = cclip_forward_indices(forward, batch * tokens);
    const struct cclip_sequences queries = { batch, cclip_forward_equal_offsets(forward, batch, 1) };
    const struct cclip_sequences keys = { batch,
                                          cclip_forward_equal_offsets(forward, batch, tokens) };
    if (cclip_forward_failed(forward))
        return;
    /* Cells of all pictures first, their means behind them; then gathered mean first. */
    for (size_t n = 0; n < batch; n++) {
        begin[n] = n * cells;
        end[n] = (n + 1) * cells;
        index[n * tokens] = batch * cells + n;
        for (size_t i = 0; i < cells; i++)
            index[n * tokens + 1 + i] = n * cells + i;
    }
    ops->add_rows(forward->device, with_mean, m->x, NULL, batch * cells, 1, channels);
    ops->mean_rows(forward->device, with_mean + batch * cells * channels, m->x, channels, begin, end,
                   batch, channels);
    ops->gather_rows(forward->device, x, with_mean, channels, index, batch * tokens, channels);
    ops->add_rows(forward->device, x, x, tower->positional_embedding, batch * tokens, tokens,
                  channels);
    for (size_t n = 0; n < batch; n++)
        begin[n] = n * tokens;
    ops->gather_rows(forward->device, asking, x, channels, begin, batch, channels);
    cclip_cross_attention_forward(&tower->pool, forward, out, asking, &queries, x, &keys);
    const struct kept kept = { batch, cells, forward->recompute };
    cclip_tape_push(forward, tower, &kept, sizeof kept);
}

/* Floats of the largest feature map of one picture. */
static size_t largest_map(const struct cclip_vision_config *config)
{
    const size_t pixels = config->image_height * config->image_width, width = config->stem_width;
    const size_t stem = pixels / 4 * width;
    const size_t stage1 = pixels / 16 * width * EXPANSION; /* halved with each further stage */
    const size_t input = pixels * 3;
    const size_t larger = stem > stage1 ? stem : stage1;
    return larger > input ? larger : input;
}

void cclip_modified_resnet_forward(const struct cclip_modified_resnet *tower,
                                   struct cclip_forward *forward, float *out, const float *pixels,
                                   size_t batch)
{
    const size_t floats = largest_map(&tower->config);
    struct maps m = { .batch = batch };
    float **const buffers[4] = { &m.x, &m.a, &m.b, &m.spare };
    const int recompute = forward->tape && forward->recompute;
    for (int i = 0; i < (forward->tape && !recompute ? 1 : 4); i++)
        *buffers[i] = cclip_forward_floats(forward, batch, floats);
    if (cclip_forward_failed(forward))
        return;
    stem_forward(tower, forward, &m, pixels);
    cclip_forward_tap(forward, m.x, batch * m.height * m.width, tower->config.stem_width,
                      "visual.stem");
    const struct cclip_bottleneck *block = tower->blocks;
    for (size_t s = 0; s < STAGES; s++) {
        for (size_t i = 0; i < tower->config.stage_blocks[s]; i++)
            (recompute ? block_forward_for_recompute : block_forward)(block++, forward, &m);
        cclip_forward_tap(forward, m.x, batch * m.height * m.width,
                          (tower->config.stem_width << s) * EXPANSION, "visual.layer%zu", s + 1);
    }
    pool_forward(tower, forward, out, &m);
}

/* ---- backward ---------------------------------------------------------------------------------- */

/* x = [mean of cells; cells] + positions, the first row asking. Returns the gradient of the cells. */
static float *pool_backward(const struct cclip_modified_resnet *tower,
                            struct cclip_backward *backward, const float *d_out, struct kept *out)
{
    struct kept kept;
    struct cclip_device *device = backward->device;
    cclip_tape_pop(backward, tower, &kept, sizeof kept);
    *out = kept;
    const size_t batch = kept.batch, cells = kept.cells, tokens = cells + 1;
    const size_t channels = tower->pool.width;
    float *d_asking = cclip_backward_floats(backward, batch, channels);
    float *d_x = cclip_backward_floats(backward, batch * tokens, channels);
    float *d_cells = cclip_backward_floats(backward, batch * cells, channels);
    size_t *begin = cclip_backward_indices(backward, batch);
    size_t *end = cclip_backward_indices(backward, batch);
    size_t *index = cclip_backward_indices(backward, batch * cells);
    if (cclip_backward_failed(backward))
        return NULL;
    cclip_cross_attention_backward(&tower->pool, backward, d_asking, d_x, d_out);
    for (size_t n = 0; n < batch; n++)
        index[n] = n * tokens;
    device->ops->scatter_rows(device, d_x, channels, d_asking, index, batch, channels);
    float *d_positions = cclip_backward_gradient(backward, tower->positional_embedding);
    if (d_positions)
        device->ops->add_columns(device, d_positions, d_x, NULL, batch, tokens * channels);
    /* the mean's row, then the cells' own; the mean's is spread over the cells */
    device->ops->gather_rows(device, d_asking, d_x, channels, index, batch, channels);
    for (size_t n = 0; n < batch; n++) {
        begin[n] = n * cells;
        end[n] = (n + 1) * cells;
        for (size_t i = 0; i < cells; i++)
            index[n * cells + i] = n * tokens + 1 + i;
    }
    device->ops->gather_rows(device, d_cells, d_x, channels, index, batch * cells, channels);
    device->ops->spread_rows(device, d_cells, channels, d_asking, begin, end, batch, channels);
    return d_cells;
}

/* The gradient of a map [height, width] from that of its half. */
static void halve_backward(struct cclip_backward *backward, float *d_in, const float *d_out,
                           size_t batch, size_t height, size_t width, size_t channels)
{
    if (!cclip_backward_failed(backward))
        backward->device->ops->average_pool2d_backward(backward->device, d_in, d_out, batch, height,
                                                       width, channels, 2);
}

/* x = relu(conv3([pool](conv2(conv1(x)))) + shortcut(x)):  dx = the way through the convolutions, plus
 * that through the shortcut. d_out is written over. */
static void block_backward(const struct cclip_bottleneck *block, struct cclip_backward *backward,
                           float *d_in, float *d_out)
{
    const struct cclip_conv_norm_input half =
        cclip_conv_norm_backward(&block->conv3, backward, d_out, 1);
    const size_t factor = block->stride > 1 ? 2 : 1;
    const size_t batch = half.batch, height = factor * half.height, width = factor * half.width;
    const float *d_shortcut = d_out; /* behind conv3's ReLU */
    if (block->has_downsample)
        d_shortcut = cclip_conv_norm_backward(&block->downsample, backward, d_out, 1).gradient;
    float *d_middle = half.gradient;
    if (factor > 1) {
        halve_backward(backward, d_in, d_shortcut, batch, height, width, block->downsample.in);
        d_shortcut = d_in;
        d_middle = cclip_backward_floats(backward, batch * height * width, block->conv2.out);
        halve_backward(backward, d_middle, half.gradient, batch, height, width, block->conv2.out);
    }
    const struct cclip_conv_norm_input in =
        cclip_conv_norm_backward(&block->conv2, backward, d_middle, 1);
    cclip_conv_norm_backward_add(&block->conv1, backward, in.gradient, d_in, d_shortcut);
}

/* The block once more, with a tape, and back at once; the running statistics moved the first time. */
static void block_recompute_backward(const struct cclip_bottleneck *block,
                                     struct cclip_backward *backward, float *d_in, float *d_out)
{
    struct kept_input kept;
    struct cclip_tape tape = { 0 };
    struct cclip_backward taped = *backward;
    cclip_tape_pop(backward, block, &kept, sizeof kept);
    struct cclip_forward forward = { .device = backward->device, .arena = backward->arena,
                                     .tape = &tape, .batch_statistics = kept.batch_statistics,
                                     .leave_running = 1 };
    struct maps m = { .x = kept.x, .batch = kept.batch, .height = kept.height, .width = kept.width };
    taped.tape = &tape;
    block_forward(block, &forward, &m);
    if (!cclip_backward_failed(backward))
        block_backward(block, &taped, d_in, d_out);
}

void cclip_modified_resnet_backward(const struct cclip_modified_resnet *tower,
                                    struct cclip_backward *backward, const float *d_out)
{
    struct kept kept = { 0 };
    float *d_x = pool_backward(tower, backward, d_out, &kept);
    const size_t largest = largest_map(&tower->config);
    float *const turns[2] = { cclip_backward_floats(backward, kept.batch, largest),
                              cclip_backward_floats(backward, kept.batch, largest) };
    for (size_t i = tower->block_count; i-- > 0 && !cclip_backward_failed(backward);) {
        const struct cclip_arena_mark mark = cclip_arena_mark(backward->arena);
        (kept.recompute ? block_recompute_backward
                        : block_backward)(&tower->blocks[i], backward, turns[i % 2], d_x);
        cclip_arena_rewind(backward->arena, mark);
        cclip_backward_ready(backward, tower->blocks[i].conv1.values);
        d_x = turns[i % 2];
    }
    if (cclip_backward_failed(backward))
        return;
    const struct cclip_vision_config *config = &tower->config;
    const size_t height = config->image_height / 2, width = config->image_width / 2;
    float *d_stem = turns[1]; /* as large as a map can be */
    halve_backward(backward, d_stem, d_x, kept.batch, height, width, config->stem_width);
    d_x = d_stem;
    for (size_t i = 3; i-- > 0;) /* pixels need no gradient */
        d_x = cclip_conv_norm_backward(&tower->stem[i], backward, d_x, i > 0).gradient;
}
