#include "models/vision_transformer.h"

#include <string.h>

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

/* CoCa: learned queries attend to all tokens; what they get is pooled as tokens are. */
static void load_attentional_pool(struct cclip_vision_transformer *tower,
                                  struct cclip_parameters *p)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t width = config->transformer.width, dim = tower->embedding_dim;
    const float epsilon = 1e-5f; /* open_clip's pooler keeps its own, whatever the tower's norms have */
    const size_t query[2] = { config->pool_queries, dim };
    cclip_parameter_array(p, &tower->query, query, 2, "visual.attn_pool.query");
    cclip_cross_attention_load(&tower->pool_attention, p, "visual.attn_pool.attn", dim, width,
                               config->pool_heads);
    cclip_layer_norm_load(&tower->ln_q, p, "visual.attn_pool.ln_q", dim, epsilon);
    cclip_layer_norm_load(&tower->ln_k, p, "visual.attn_pool.ln_k", width, epsilon);
}

static void load_map_pool(struct cclip_vision_transformer *tower, struct cclip_parameters *p)
{
    const struct cclip_transformer_config *t = &tower->config.transformer;
    const size_t latent[3] = { 1, 1, t->width };
    cclip_parameter_array(p, &tower->query, latent, 3, "visual.attn_pool.latent");
    cclip_cross_attention_load(&tower->pool_attention, p, "visual.attn_pool", t->width, t->width,
                               t->heads);
    cclip_layer_norm_load(&tower->pool_norm, p, "visual.attn_pool.norm", t->width, t->epsilon);
    cclip_mlp_load(&tower->pool_mlp, p, "visual.attn_pool.mlp", t->width, t->mlp_width,
                   t->activation, 0, t->epsilon);
}

void cclip_vision_transformer_load(struct cclip_vision_transformer *tower,
                                   struct cclip_parameters *p,
                                   const struct cclip_vision_config *config, size_t embedding_dim)
{
    const struct cclip_transformer_config *t = &config->transformer;
    cclip_vision_transformer_close(tower);
    tower->config = *config;
    tower->embedding_dim = embedding_dim;
    if (p->training && !p->status && (config->pool_queries || config->pool == CCLIP_POOL_MAP))
        p->status = cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                               "an image tower with attention pooling can be used, but not trained");
    load_embedding(tower, p);
    if (config->norm_pre)
        cclip_layer_norm_load(&tower->ln_pre, p, "visual.ln_pre", t->width, t->epsilon);
    cclip_transformer_load(&tower->transformer, p, "visual.transformer", t);
    size_t pooled = t->width;
    if (config->pool_queries) {
        load_attentional_pool(tower, p);
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
    float *cut = cclip_forward_floats(forward, batch * count, 3 * patch * patch);
    float *patches = config->class_token ? cclip_forward_floats(forward, batch * count + 1, width)
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
    return x;
}

/* One row a picture: the class token (the first row), or the mean of the others. */
static float *pool_tokens(const struct cclip_vision_transformer *tower,
                          struct cclip_forward *forward, const float *x, size_t batch,
                          size_t tokens, size_t width)
{
    const struct cclip_backend *ops = forward->device->ops;
    const int average = tower->config.pool == CCLIP_POOL_AVERAGE;
    float *pooled = cclip_forward_floats(forward, batch, width);
    size_t *begin = cclip_forward_indices(forward, batch);
    size_t *end = cclip_forward_indices(forward, batch);
    if (!begin || !end || !pooled)
        return NULL;
    for (size_t n = 0; n < batch; n++) {
        begin[n] = n * tokens + (average && tower->config.class_token ? 1 : 0);
        end[n] = (n + 1) * tokens;
    }
    if (average)
        ops->mean_rows(forward->device, pooled, x, width, begin, end, batch, width);
    else
        ops->gather_rows(forward->device, pooled, x, width, begin, batch, width);
    return pooled;
}

/* `query` repeated for each picture. */
static float *repeat_queries(struct cclip_forward *forward, const float *query, size_t batch,
                             size_t count, size_t width)
{
    float *queries = cclip_forward_floats(forward, batch * count, width);
    size_t *index = cclip_forward_indices(forward, batch * count);
    if (!queries || !index)
        return NULL;
    for (size_t i = 0; i < batch * count; i++)
        index[i] = i % count;
    forward->device->ops->gather_rows(forward->device, queries, query, width, index, batch * count,
                                      width);
    return queries;
}

static float *attentional_pool(const struct cclip_vision_transformer *tower,
                               struct cclip_forward *forward, const float *x,
                               const struct cclip_sequences *sequences)
{
    const size_t batch = sequences->count, queries = tower->config.pool_queries;
    const size_t dim = tower->embedding_dim, width = tower->config.transformer.width;
    const size_t rows = cclip_sequences_rows(sequences);
    const struct cclip_sequences asking = { batch,
                                            cclip_forward_equal_offsets(forward, batch, queries) };
    float *keys = cclip_forward_floats(forward, rows, width);
    float *q = repeat_queries(forward, tower->query, batch, queries, dim);
    float *pooled = cclip_forward_floats(forward, batch * queries, dim);
    if (cclip_forward_failed(forward))
        return NULL;
    cclip_layer_norm_forward(&tower->ln_k, forward, keys, x, rows);
    cclip_layer_norm_forward(&tower->ln_q, forward, q, q, batch * queries);
    cclip_cross_attention_forward(&tower->pool_attention, forward, pooled, q, &asking, keys,
                                  sequences);
    cclip_forward_tap(forward, pooled, batch * queries, dim, "visual.attn_pool");
    cclip_layer_norm_forward(&tower->ln_post, forward, pooled, pooled, batch * queries);
    cclip_forward_tap(forward, pooled, batch * queries, dim, "visual.ln_post");
    return pool_tokens(tower, forward, pooled, batch, queries, dim);
}

/* SigLIP: y = attention(latent, x); y + mlp(norm(y)). */
static float *map_pool(const struct cclip_vision_transformer *tower, struct cclip_forward *forward,
                       const float *x, const struct cclip_sequences *sequences)
{
    const size_t batch = sequences->count, width = tower->config.transformer.width;
    const struct cclip_sequences asking = { batch, cclip_forward_equal_offsets(forward, batch, 1) };
    float *q = repeat_queries(forward, tower->query, batch, 1, width);
    float *pooled = cclip_forward_floats(forward, batch, width);
    float *normed = cclip_forward_floats(forward, batch, width);
    float *work = cclip_forward_floats(forward, batch, tower->config.transformer.mlp_width);
    if (cclip_forward_failed(forward))
        return NULL;
    cclip_cross_attention_forward(&tower->pool_attention, forward, pooled, q, &asking, x, sequences);
    cclip_layer_norm_forward(&tower->pool_norm, forward, normed, pooled, batch);
    const struct cclip_epilogue add = { .residual = pooled };
    cclip_mlp_forward(&tower->pool_mlp, forward, pooled, normed, batch, work, &add);
    cclip_forward_tap(forward, pooled, batch, width, "visual.attn_pool");
    return pooled;
}

struct kept {
    size_t batch;
    const float *pixels;   /* the caller's */
    const float *embedded; /* [batch * tokens, width], before ln_pre */
    const float *norm_in;  /* before ln_post: rows of all tokens, or of pictures */
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
        return attentional_pool(tower, forward, x, sequences);
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
    return config->pool == CCLIP_POOL_MAP
               ? map_pool(tower, forward, x, sequences)
               : pool_tokens(tower, forward, x, batch, rows / batch, width);
}

void cclip_vision_transformer_forward(const struct cclip_vision_transformer *tower,
                                      struct cclip_forward *forward, float *out,
                                      const float *pixels, size_t batch)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t tokens = cclip_vision_transformer_tokens(config);
    const size_t width = config->transformer.width, dim = tower->embedding_dim;
    const struct cclip_backend *ops = forward->device->ops;
    const struct cclip_sequences sequences = {
        batch, cclip_forward_equal_offsets(forward, batch, tokens)
    };
    float *x = embed(tower, forward, pixels, batch);
    if (cclip_forward_failed(forward))
        return;
    struct kept kept = { .batch = batch, .pixels = pixels, .embedded = x };
    cclip_forward_tap(forward, x, batch * tokens, width, "visual.embed");
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

/* Each picture's mean gave its gradient: to be spread over its patch tokens. [batch * tokens, width] */
static float *mean_backward(const struct cclip_vision_transformer *tower,
                            struct cclip_backward *backward, const float *d_pooled, size_t batch)
{
    struct cclip_device *device = backward->device;
    const size_t width = tower->config.transformer.width;
    const size_t tokens = cclip_vision_transformer_tokens(&tower->config);
    float *d_tokens = cclip_backward_floats(backward, batch * tokens, width);
    size_t *begin = cclip_backward_indices(backward, batch);
    size_t *end = cclip_backward_indices(backward, batch);
    if (!d_tokens || !begin || !end)
        return NULL;
    for (size_t n = 0; n < batch; n++) {
        begin[n] = n * tokens + (tower->config.class_token ? 1 : 0);
        end[n] = (n + 1) * tokens;
    }
    device->ops->zero(device, d_tokens, batch * tokens * width);
    device->ops->spread_rows(device, d_tokens, width, d_pooled, begin, end, batch, width);
    return d_tokens;
}

/* The gradient of what the blocks gave, from that of the pooled rows. */
static const float *pool_backward(const struct cclip_vision_transformer *tower,
                                  struct cclip_backward *backward, const struct kept *kept,
                                  float *d_pooled)
{
    const struct cclip_vision_config *config = &tower->config;
    const size_t tokens = cclip_vision_transformer_tokens(config);
    const int average = config->pool == CCLIP_POOL_AVERAGE;
    const int norm_first = average && !config->norm_after_pool;
    const size_t rows = norm_first ? kept->batch * tokens : kept->batch;
    float *dx = norm_first ? mean_backward(tower, backward, d_pooled, kept->batch) : d_pooled;
    const struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&tower->ln_post, backward, kept->norm_in, rows);
    cclip_layer_norm_backward(&tower->ln_post, backward, dx, dx, kept->norm_in, &again, NULL, rows);
    return average && !norm_first ? mean_backward(tower, backward, dx, kept->batch) : dx;
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
    const size_t width = tower->config.transformer.width;
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
    const size_t rows = kept.batch * cclip_vision_transformer_tokens(&tower->config);
    if (tower->config.norm_pre) {
        const struct cclip_layer_norm_again again =
            cclip_layer_norm_recompute(&tower->ln_pre, backward, kept.embedded, rows);
        cclip_layer_norm_backward(&tower->ln_pre, backward, d_embedded, d_embedded, kept.embedded,
                                  &again, NULL, rows);
    }
    embedding_backward(tower, backward, &kept, d_embedded);
}
