#include "models/vision_transformer.h"

#include <string.h>

#include "base/random.h"

static size_t patch_count(const struct cclip_vision_config *config)
{
    return config->image_height / config->patch_size * (config->image_width / config->patch_size);
}

size_t cclip_vision_transformer_tokens(const struct cclip_vision_config *config)
{
    return patch_count(config) + (config->class_token ? 1 : 0);
}

static void load_embedding(struct cclip_vision_transformer *tower, struct cclip_parameters *p)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t width = config->transformer.width, patch = config->patch_size;
    const size_t depth = 3 * patch * patch;
    const size_t kernel[4] = { width, 3, patch, patch };
    const size_t positions[2] = { cclip_vision_transformer_tokens(config), width };
    cclip_parameter_tensor_matrix(p, &tower->patch.weight, kernel, 4, width, depth,
                                  "visual.conv1.weight");
    if (config->patch_bias)
        cclip_parameter_vector(p, &tower->patch.bias, width, "visual.conv1.bias");
    if (config->class_token)
        cclip_parameter_vector(p, &tower->class_embedding, width, "visual.class_embedding");
    cclip_parameter_array(p, &tower->positional_embedding, positions, 2,
                          "visual.positional_embedding");
}

static void load_map_pool(struct cclip_vision_transformer *tower, struct cclip_parameters *p)
{
    const struct cclip_transformer_config *t = &tower->config.transformer;
    const struct cclip_map_pool_config config = { .width = t->width,
                                                  .heads = t->heads,
                                                  .mlp_width = t->mlp_width,
                                                  .activation = t->activation,
                                                  .epsilon = t->epsilon };
    cclip_map_pool_load(&tower->map_pool, p, "visual.attn_pool", &config);
}

void cclip_vision_transformer_load(struct cclip_vision_transformer *tower,
                                   struct cclip_parameters *p,
                                   const struct cclip_vision_config *config, size_t embedding_dim)
{
    const struct cclip_transformer_config *t = &config->transformer;
    cclip_vision_transformer_close(tower);
    tower->config = *config;
    tower->embedding_dim = embedding_dim;
    load_embedding(tower, p);
    if (config->norm_pre)
        cclip_layer_norm_load(&tower->ln_pre, p, "visual.ln_pre", t->width, t->epsilon);
    cclip_transformer_load(&tower->transformer, p, "visual.transformer", t);
    size_t pooled = t->width;
    if (config->pool_queries) {
        cclip_attentional_pool_load(&tower->attentional_pool, p, "visual.attn_pool",
                                    config->pool_queries, embedding_dim, t->width,
                                    config->pool_heads);
        pooled = embedding_dim;
    } else if (config->pool == CCLIP_POOL_MAP) {
        load_map_pool(tower, p);
    }
    cclip_layer_norm_load(&tower->ln_post, p, "visual.ln_post", pooled, t->epsilon);
    if (config->projection)
        cclip_parameter_matrix_transposed(p, &tower->projection, embedding_dim, pooled,
                                          "visual.proj");
}

void cclip_vision_transformer_close(struct cclip_vision_transformer *tower)
{
    cclip_transformer_close(&tower->transformer);
    *tower = (struct cclip_vision_transformer){ 0 };
}

/* Patches of all pictures lie one after the other with the class embedding behind them; copies them
 * to where the class token stands in front of each picture's patches. */
static void place_class_token(struct cclip_forward *forward, float *x, const float *patches,
                              size_t batch, size_t count, size_t width)
{
    const size_t tokens = count + 1;
    size_t *index = cclip_forward_indices(forward, batch * tokens);
    if (!index)
        return;
    for (size_t n = 0; n < batch; n++) {
        index[n * tokens] = batch * count;
        for (size_t i = 0; i < count; i++)
            index[n * tokens + 1 + i] = n * count + i;
    }
    forward->device->ops->gather_rows(forward->device, x, patches, width, index, batch * tokens,
                                      width);
}

static float *embed(const struct cclip_vision_transformer *tower, struct cclip_forward *forward,
                    const float *pixels, size_t batch)
{
    const struct cclip_vision_config *config = &tower->config;
    const struct cclip_backend *ops = forward->device->ops;
    const size_t width = config->transformer.width, patch = config->patch_size;
    const size_t count = patch_count(config), tokens = cclip_vision_transformer_tokens(config);
    float *x = cclip_forward_floats(forward, batch * tokens, width);
    const struct cclip_arena_mark mark = cclip_arena_mark(cclip_forward_scratch_arena(forward));
    float *cut = cclip_forward_scratch(forward, batch * count, 3 * patch * patch);
    float *patches = config->class_token ? cclip_forward_scratch(forward, batch * count + 1, width)
                                         : x;
    if (cclip_forward_failed(forward))
        return NULL;
    ops->patches(forward->device, cut, pixels, batch, 3, config->image_height, config->image_width,
                 patch);
    cclip_linear_forward(&tower->patch, forward, patches, cut, batch * count, NULL);
    cclip_forward_tap(forward, patches, batch * count, width, "visual.patch_embed");
    if (config->class_token) {
        const size_t only = 0;
        ops->gather_rows(forward->device, patches + batch * count * width, tower->class_embedding,
                         width, &only, 1, width);
        place_class_token(forward, x, patches, batch, count, width);
    }
    ops->add_rows(forward->device, x, x, tower->positional_embedding, batch * tokens, tokens, width);
    cclip_arena_rewind(cclip_forward_scratch_arena(forward), mark);
    return x;
}

/* Which rows of [batch * tokens] stay in this pass: of each picture the class token, and patches that are
 * drawn, in ascending order (selection sampling, Knuth, volume 2, 3.4.2). *tokens becomes what is left of a
 * picture; at least one patch. */
static size_t *draw_patches(const struct cclip_vision_transformer *tower,
                            struct cclip_forward *forward, size_t batch, size_t *tokens)
{
    const struct cclip_patch_dropout *dropout = forward->patch_dropout;
    const size_t count = patch_count(&tower->config), all = *tokens, first = all - count;
    const size_t share = (size_t)((double)count * (1 - dropout->rate)), stay = share ? share : 1;
    size_t *index = cclip_forward_indices(forward, batch * (first + stay)), *next = index;
    *tokens = first + stay;
    for (size_t n = 0; index && n < batch; n++) {
        struct cclip_random random;
        size_t wanted = stay;
        cclip_random_seed(&random, dropout->seed, dropout->first + n);
        if (first)
            *next++ = n * all;
        for (size_t i = 0; i < count; i++)
            if (cclip_random_below(&random, count - i) < wanted) {
                *next++ = n * all + first + i;
                wanted--;
            }
    }
    return index;
}

/* The rows that pooling takes of picture n, [*begin, *end): the class token (the first row), or all others. */
static void pooled_range(const struct cclip_vision_config *config, size_t n, size_t tokens,
                         size_t *begin, size_t *end)
{
    const int average = config->pool == CCLIP_POOL_AVERAGE;
    *begin = n * tokens + (average && config->class_token ? 1 : 0);
    *end = (n + 1) * tokens;
}

/* One row a picture: the class token, or the mean of the others. */
static float *pool_tokens(const struct cclip_vision_transformer *tower,
                          struct cclip_forward *forward, const float *x, size_t batch,
                          size_t tokens, size_t width)
{
    const struct cclip_backend *ops = forward->device->ops;
    float *pooled = cclip_forward_floats(forward, batch, width);
    size_t *begin = cclip_forward_indices(forward, batch);
    size_t *end = cclip_forward_indices(forward, batch);
    if (!begin || !end || !pooled)
        return NULL;
    for (size_t n = 0; n < batch; n++)
        pooled_range(&tower->config, n, tokens, &begin[n], &end[n]);
    if (tower->config.pool == CCLIP_POOL_AVERAGE)
        ops->mean_rows(forward->device, pooled, x, width, begin, end, batch, width);
    else
        ops->gather_rows(forward->device, pooled, x, width, begin, batch, width);
    return pooled;
}

/* CoCa: the learned queries' rows are normed, and pooled as tokens are. */
static float *pool_queries(const struct cclip_vision_transformer *tower,
                           struct cclip_forward *forward, const float *x,
                           const struct cclip_sequences *sequences, const float **norm_in)
{
    const size_t batch = sequences->count, dim = tower->embedding_dim;
    const size_t queries = tower->config.pool_queries;
    float *rows = cclip_attentional_pool_forward(&tower->attentional_pool, forward, x, sequences);
    cclip_forward_tap(forward, rows, batch * queries, dim, "visual.attn_pool");
    *norm_in = rows;
    rows = cclip_layer_norm_forward_over(&tower->ln_post, forward, rows, batch * queries);
    cclip_forward_tap(forward, rows, batch * queries, dim, "visual.ln_post");
    return pool_tokens(tower, forward, rows, batch, queries, dim);
}

struct kept {
    size_t batch, tokens;  /* tokens: of one picture, in this pass */
    const size_t *stayed;  /* [batch * tokens]: which rows of all tokens those are; NULL: all */
    const float *pixels;   /* the caller's */
    const float *embedded; /* [batch * tokens, width], before ln_pre */
    const float *norm_in;  /* before ln_post: rows of all tokens, of queries, or of pictures */
    const float *pooled;   /* [batch, width], before the projection */
};

/* Whether only the class token's row leaves the last block. With an observer everything is computed,
 * to be looked at. */
static int only_class_token(const struct cclip_vision_transformer *tower,
                            const struct cclip_forward *forward)
{
    const struct cclip_vision_config *config = &tower->config;
    return config->pool == CCLIP_POOL_CLASS_TOKEN && !config->pool_queries && !forward->tap;
}

/* ln_post and pooling, in the order the model has them. */
static float *pool(const struct cclip_vision_transformer *tower, struct cclip_forward *forward,
                   float *x, const struct cclip_sequences *sequences, struct kept *kept)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t batch = sequences->count, width = config->transformer.width;
    const size_t rows = cclip_sequences_rows(sequences);
    if (config->pool_queries)
        return pool_queries(tower, forward, x, sequences, &kept->norm_in);
    if (config->norm_after_pool || only_class_token(tower, forward)) {
        float *pooled = only_class_token(tower, forward)
                            ? x
                            : pool_tokens(tower, forward, x, batch, rows / batch, width);
        kept->norm_in = pooled;
        pooled = cclip_layer_norm_forward_over(&tower->ln_post, forward, pooled, batch);
        cclip_forward_tap(forward, pooled, batch, width, "visual.ln_post");
        return pooled;
    }
    kept->norm_in = x;
    x = cclip_layer_norm_forward_over(&tower->ln_post, forward, x, rows);
    cclip_forward_tap(forward, x, rows, width, "visual.ln_post");
    if (config->pool != CCLIP_POOL_MAP)
        return pool_tokens(tower, forward, x, batch, rows / batch, width);
    float *pooled = cclip_map_pool_forward(&tower->map_pool, forward, x, sequences);
    cclip_forward_tap(forward, pooled, batch, width, "visual.attn_pool");
    return pooled;
}

void cclip_vision_transformer_forward(const struct cclip_vision_transformer *tower,
                                      struct cclip_forward *forward, float *out,
                                      const float *pixels, size_t batch)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t width = config->transformer.width, dim = tower->embedding_dim;
    const struct cclip_backend *ops = forward->device->ops;
    struct kept kept = { .batch = batch, .tokens = cclip_vision_transformer_tokens(config),
                         .pixels = pixels };
    float *x = embed(tower, forward, pixels, batch);
    cclip_forward_tap(forward, x, batch * kept.tokens, width, "visual.embed");
    if (forward->patch_dropout) {
        kept.stayed = draw_patches(tower, forward, batch, &kept.tokens);
        float *some = cclip_forward_floats(forward, batch * kept.tokens, width);
        ops->gather_rows(forward->device, some, x, width, kept.stayed, batch * kept.tokens, width);
        x = some;
    }
    const size_t tokens = kept.tokens;
    const struct cclip_sequences sequences = {
        batch, cclip_forward_equal_offsets(forward, batch, tokens)
    };
    if (cclip_forward_failed(forward))
        return;
    kept.embedded = x;
    if (config->norm_pre) {
        x = cclip_layer_norm_forward_over(&tower->ln_pre, forward, x, batch * tokens);
        cclip_forward_tap(forward, x, batch * tokens, width, "visual.ln_pre");
    }
    const struct cclip_attention_mask sees_all = { 0 };
    size_t *first = cclip_forward_indices(forward, batch);
    for (size_t n = 0; first && n < batch; n++)
        first[n] = n * tokens;
    const struct cclip_wanted_rows class_tokens = {
        first, cclip_forward_equal_offsets(forward, batch, 1)
    };
    x = cclip_transformer_forward(&tower->transformer, forward, x, &sequences, &sees_all,
                                  only_class_token(tower, forward) ? &class_tokens : NULL, "visual");
    float *pooled = pool(tower, forward, x, &sequences, &kept);
    if (cclip_forward_failed(forward))
        return;
    kept.pooled = pooled;
    cclip_tape_push(forward, tower, &kept, sizeof kept);
    const struct cclip_epilogue plain = { 0 };
    if (config->projection) {
        ops->linear(forward->device, out, dim, pooled, tower->projection.depth, batch,
                    &tower->projection, &plain);
    } else {
        size_t *index = cclip_forward_indices(forward, batch);
        for (size_t n = 0; index && n < batch; n++)
            index[n] = n;
        ops->gather_rows(forward->device, out, pooled, dim, index, batch, dim);
    }
}

/* ---- backward ---------------------------------------------------------------------------------- */

/* The transpose of pool_tokens. [batch * tokens, width] */
static float *tokens_backward(const struct cclip_vision_transformer *tower,
                              struct cclip_backward *backward, const float *d_pooled, size_t batch,
                              size_t tokens, size_t width)
{
    struct cclip_device *device = backward->device;
    float *d_tokens = cclip_backward_floats(backward, batch * tokens, width);
    size_t *begin = cclip_backward_indices(backward, batch);
    size_t *end = cclip_backward_indices(backward, batch);
    if (!d_tokens || !begin || !end)
        return NULL;
    for (size_t n = 0; n < batch; n++)
        pooled_range(&tower->config, n, tokens, &begin[n], &end[n]);
    device->ops->zero(device, d_tokens, batch * tokens * width);
    if (tower->config.pool == CCLIP_POOL_AVERAGE)
        device->ops->spread_rows(device, d_tokens, width, d_pooled, begin, end, batch, width);
    else
        device->ops->scatter_rows(device, d_tokens, width, d_pooled, begin, batch, width);
    return d_tokens;
}

/* Through ln_post, in place. */
static float *norm_backward(const struct cclip_vision_transformer *tower,
                            struct cclip_backward *backward, const struct kept *kept, float *dx,
                            size_t rows)
{
    const struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&tower->ln_post, backward, kept->norm_in, rows);
    cclip_layer_norm_backward(&tower->ln_post, backward, dx, dx, kept->norm_in, &again, NULL, rows);
    return dx;
}

/* The gradient of what the blocks gave, from that of the pooled rows. */
static const float *pool_backward(const struct cclip_vision_transformer *tower,
                                  struct cclip_backward *backward, const struct kept *kept,
                                  float *d_pooled)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t batch = kept->batch, tokens = kept->tokens, width = config->transformer.width;
    const size_t queries = config->pool_queries;
    if (queries) {
        float *dx = tokens_backward(tower, backward, d_pooled, batch, queries, tower->embedding_dim);
        norm_backward(tower, backward, kept, dx, batch * queries);
        return cclip_attentional_pool_backward(&tower->attentional_pool, backward, dx);
    }
    if (config->pool == CCLIP_POOL_CLASS_TOKEN) /* the only row that left the blocks */
        return norm_backward(tower, backward, kept, d_pooled, batch);
    if (config->norm_after_pool) {
        norm_backward(tower, backward, kept, d_pooled, batch);
        return tokens_backward(tower, backward, d_pooled, batch, tokens, width);
    }
    float *dx = config->pool == CCLIP_POOL_MAP
                    ? cclip_map_pool_backward(&tower->map_pool, backward, d_pooled)
                    : tokens_backward(tower, backward, d_pooled, batch, tokens, width);
    return norm_backward(tower, backward, kept, dx, batch * tokens);
}

/* Rows of the tokens that stayed to their places among all; zeros where one was dropped. */
static const float *undrop(struct cclip_backward *backward, const struct kept *kept, const float *dx,
                           size_t all, size_t width)
{
    struct cclip_device *device = backward->device;
    if (!kept->stayed)
        return dx;
    float *d_all = cclip_backward_floats(backward, kept->batch * all, width);
    device->ops->zero(device, d_all, kept->batch * all * width);
    device->ops->scatter_rows(device, d_all, width, dx, kept->stayed, kept->batch * kept->tokens,
                              width);
    return d_all;
}

/* x = [class; patches] + positions:  d positions += sum over pictures, d class += sum of first rows,
 * and the patches' rows go to the patch embedding's weight. */
static void embedding_backward(const struct cclip_vision_transformer *tower,
                               struct cclip_backward *backward, const struct kept *kept,
                               const float *dx)
{
    const struct cclip_vision_config *config = &tower->config;
    struct cclip_device *device = backward->device;
    const size_t width = config->transformer.width, patch = config->patch_size, batch = kept->batch;
    const size_t count = patch_count(config), tokens = cclip_vision_transformer_tokens(config);
    const size_t first = tokens - count, depth = 3 * patch * patch;
    float *d_class = cclip_backward_gradient(backward, tower->class_embedding);
    float *d_positions = cclip_backward_gradient(backward, tower->positional_embedding);
    float *d_patches = cclip_backward_floats(backward, batch * count, width);
    float *cut = cclip_backward_floats(backward, batch * count, depth);
    size_t *index = cclip_backward_indices(backward, batch * count);
    dx = undrop(backward, kept, dx, tokens, width);
    if (!dx || !d_patches || !cut || !index)
        return;
    if (d_positions)
        device->ops->add_columns(device, d_positions, dx, NULL, batch, tokens * width);
    for (size_t n = 0; n < batch; n++)
        index[n] = n * tokens;
    if (d_class) {
        device->ops->gather_rows(device, d_patches, dx, width, index, batch, width);
        device->ops->add_columns(device, d_class, d_patches, NULL, batch, width);
    }
    for (size_t i = 0; i < batch * count; i++)
        index[i] = i / count * tokens + first + i % count;
    device->ops->gather_rows(device, d_patches, dx, width, index, batch * count, width);
    device->ops->patches(device, cut, kept->pixels, batch, 3, config->image_height,
                         config->image_width, patch);
    cclip_linear_backward(&tower->patch, backward, NULL, d_patches, cut, batch * count, NULL);
}

void cclip_vision_transformer_backward(const struct cclip_vision_transformer *tower,
                                       struct cclip_backward *backward, const float *d_out)
{
    struct kept kept;
    const size_t width = tower->ln_post.channels; /* of what was pooled */
    cclip_tape_pop(backward, tower, &kept, sizeof kept);
    float *d_pooled = cclip_backward_floats(backward, kept.batch, width);
    const struct cclip_linear projection = { .weight = tower->projection };
    if (tower->config.projection)
        cclip_linear_backward(&projection, backward, d_pooled, d_out, kept.pooled, kept.batch, NULL);
    else
        backward->device->ops->add_rows(backward->device, d_pooled, d_out, NULL, kept.batch, 1, width);
    if (tower->config.projection && !cclip_backward_goes_on(backward, tower->projection.values))
        return;
    const float *dx = pool_backward(tower, backward, &kept, d_pooled);
    if (!cclip_backward_goes_on(backward, tower->ln_post.weight))
        return;
    float *d_embedded = cclip_transformer_backward(&tower->transformer, backward, dx);
    if (!d_embedded)
        return;
    const size_t rows = kept.batch * kept.tokens;
    if (tower->config.norm_pre) {
        const struct cclip_layer_norm_again again =
            cclip_layer_norm_recompute(&tower->ln_pre, backward, kept.embedded, rows);
        cclip_layer_norm_backward(&tower->ln_pre, backward, d_embedded, d_embedded, kept.embedded,
                                  &again, NULL, rows);
    }
    embedding_backward(tower, backward, &kept, d_embedded);
}
