#include "models/text_transformer.h"

#include <math.h>
#include <string.h>

void cclip_text_transformer_load(struct cclip_text_transformer *tower, struct cclip_parameters *p,
                                 const struct cclip_text_config *config, size_t embedding_dim)
{
    const size_t width = config->transformer.width;
    const size_t table[2] = { config->vocabulary_size, width };
    const size_t positions[2] = { config->context_length + (config->class_embedding ? 1 : 0), width };
    cclip_text_transformer_close(tower);
    tower->config = *config;
    tower->embedding_dim = embedding_dim;
    cclip_parameter_array(p, &tower->token_embedding, table, 2, "text.token_embedding.weight");
    cclip_parameter_array(p, &tower->positional_embedding, positions, 2,
                          "text.positional_embedding");
    if (config->class_embedding)
        cclip_parameter_vector(p, &tower->class_embedding, width, "text.cls_emb");
    cclip_transformer_load(&tower->transformer, p, "text.transformer", &config->transformer);
    cclip_layer_norm_load(&tower->ln_final, p, "text.ln_final", width, config->transformer.epsilon);
    if (config->projection == CCLIP_PROJECTION_MATRIX)
        cclip_parameter_matrix_transposed(p, &tower->projection.weight, embedding_dim, width,
                                          "text.text_projection");
    else if (config->projection != CCLIP_PROJECTION_NONE)
        cclip_linear_load(&tower->projection, p, "text.text_projection", embedding_dim, width, 1);
}

void cclip_text_transformer_close(struct cclip_text_transformer *tower)
{
    cclip_transformer_close(&tower->transformer);
    *tower = (struct cclip_text_transformer){ 0 };
}

/* The position of a row whose output is the text's. */
static size_t pooled_position(const struct cclip_text_config *config, const int32_t *ids,
                              size_t length)
{
    size_t best = 0;
    switch (config->pool) {
    case CCLIP_POOL_FIRST:
        return 0;
    case CCLIP_POOL_LAST:
        return length - 1;
    case CCLIP_POOL_HIGHEST_ID:
        for (size_t i = 1; i < length; i++)
            if (ids[i] > ids[best])
                best = i;
        return best;
    case CCLIP_POOL_END_TOKEN:
        for (size_t i = 0; i < length; i++)
            if (ids[i] == config->end_id)
                return i;
        return 0;
    }
    return best;
}

size_t cclip_text_transformer_needed(const struct cclip_text_config *config, const int32_t *ids,
                                     size_t context)
{
    if (!config->causal || config->class_embedding)
        return context;
    return pooled_position(config, ids, context) + 1;
}

cclip_status cclip_text_transformer_pack(const struct cclip_text_config *config,
                                         struct cclip_forward *forward, const int32_t **packed,
                                         struct cclip_sequences *sequences, const int32_t *ids,
                                         const size_t *offsets, size_t count)
{
    const int whole = !config->causal || config->class_embedding || config->pool == CCLIP_POOL_LAST;
    size_t *packed_offsets = cclip_forward_indices(forward, count + 1);
    size_t total = 0;
    for (size_t n = 0; n < count && packed_offsets; n++) {
        const size_t length = offsets[n + 1] - offsets[n];
        if (!length || length > config->context_length)
            return cclip_fail(CCLIP_ERROR_LIMIT, "text %zu has %zu tokens; 1 to %zu are possible", n,
                              length, config->context_length);
        packed_offsets[n] = total;
        total += whole ? config->context_length
                       : cclip_text_transformer_needed(config, ids + offsets[n], length);
        packed_offsets[n + 1] = total;
    }
    int32_t *out = cclip_arena_take(forward->arena, total, sizeof *out);
    if (!out || !packed_offsets) {
        const cclip_status status = cclip_device_finish(forward->device);
        return status ? status : CCLIP_ERROR_MEMORY;
    }
    for (size_t n = 0; n < count; n++) {
        const size_t length = offsets[n + 1] - offsets[n];
        for (size_t i = packed_offsets[n], k = 0; i < packed_offsets[n + 1]; i++, k++)
            out[i] = k < length ? ids[offsets[n] + k] : config->pad_id;
    }
    *packed = out;
    *sequences = (struct cclip_sequences){ count, packed_offsets };
    return CCLIP_OK;
}

/* CoCa: the class embedding follows each text and takes the next position. Padding is hidden from every
 * row, but the flags stand one place too late: the first key is always seen, and token j's flag is at key
 * j + 1. The reference's models were trained so, and it is kept. */
static float *class_mask(const struct cclip_text_config *config, struct cclip_forward *forward,
                         const int32_t *ids, size_t count, size_t length)
{
    const size_t keys = length + 1;
    float *mask = cclip_forward_floats(forward, count * keys, keys);
    if (!mask)
        return NULL;
    for (size_t n = 0; n < count; n++) {
        float *first = mask + n * keys * keys;
        first[0] = 0;
        for (size_t j = 0; j < length; j++)
            first[j + 1] = ids[n * length + j] == config->pad_id ? -INFINITY : 0;
        for (size_t row = 1; row < keys; row++)
            memcpy(first + row * keys, first, keys * sizeof *first);
    }
    return mask;
}

/* Texts of equal length with the class embedding behind each. */
static float *append_class(const struct cclip_text_transformer *tower,
                           struct cclip_forward *forward, const float *x, size_t count,
                           size_t length)
{
    const struct cclip_backend *ops = forward->device->ops;
    const size_t width = tower->config.transformer.width, longer = length + 1;
    float *both = cclip_forward_floats(forward, count * length + 1, width);
    float *out = cclip_forward_floats(forward, count * longer, width);
    size_t *index = cclip_forward_indices(forward, count * longer);
    const size_t first = 0;
    if (!both || !out || !index)
        return NULL;
    ops->add_rows(forward->device, both, x, NULL, count * length, 1, width);
    ops->gather_rows(forward->device, both + count * length * width, tower->class_embedding, width,
                     &first, 1, width);
    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < longer; i++)
            index[n * longer + i] = i < length ? n * length + i : count * length;
    ops->gather_rows(forward->device, out, both, width, index, count * longer, width);
    ops->add_rows(forward->device, out, out, tower->positional_embedding, count * longer, longer,
                  width);
    return out;
}

/* The row of each text that is its result. */
static const size_t *pooled_rows(const struct cclip_text_config *config,
                                 struct cclip_forward *forward, const int32_t *ids,
                                 const struct cclip_sequences *sequences)
{
    size_t *index = cclip_forward_indices(forward, sequences->count);
    for (size_t n = 0; index && n < sequences->count; n++) {
        const size_t begin = sequences->offsets[n], length = sequences->offsets[n + 1] - begin;
        index[n] = config->class_embedding ? begin + length - 1
                                           : begin + pooled_position(config, ids + begin, length);
    }
    return index;
}

static void project(const struct cclip_text_transformer *tower, struct cclip_forward *forward,
                    float *out, const float *pooled, size_t count)
{
    if (tower->config.projection != CCLIP_PROJECTION_NONE)
        cclip_linear_forward(&tower->projection, forward, out, pooled, count, NULL);
    else
        forward->device->ops->add_rows(forward->device, out, pooled, NULL, count, 1,
                                       tower->embedding_dim);
}

struct kept {
    const int32_t *ids;
    struct cclip_sequences sequences; /* of the texts, without the class embedding */
    size_t rows;                      /* that went through the blocks */
    const size_t *gathered; /* [count]: the pooled rows among them; NULL: only those left the blocks */
    const float *pooled; /* [count, width], before ln_final */
    const float *normed; /* [count, width], behind ln_final */
};

void cclip_text_transformer_forward(const struct cclip_text_transformer *tower,
                                    struct cclip_forward *forward, float *out, const int32_t *ids,
                                    const struct cclip_sequences *packed)
{
    const struct cclip_text_config *config = &tower->config;
    const struct cclip_backend *ops = forward->device->ops;
    const size_t width = config->transformer.width, count = packed->count;
    struct cclip_sequences sequences = *packed;
    struct cclip_attention_mask mask = { .causal = config->causal };
    float *x = cclip_forward_floats(forward, cclip_sequences_rows(packed), width);
    if (!x)
        return;
    ops->embedding(forward->device, x, ids, tower->token_embedding,
                   config->class_embedding ? NULL : tower->positional_embedding, packed->offsets,
                   count, width);
    if (config->class_embedding) {
        const size_t length = config->context_length;
        mask.additive = class_mask(config, forward, ids, count, length);
        mask.stride = length + 1;
        x = append_class(tower, forward, x, count, length);
        sequences.offsets = cclip_forward_equal_offsets(forward, count, length + 1);
        if (cclip_forward_failed(forward))
            return;
    }
    const size_t rows = cclip_sequences_rows(&sequences);
    cclip_forward_tap(forward, x, rows, width, "text.embed");
    const struct cclip_wanted_rows wanted = { pooled_rows(config, forward, ids, &sequences),
                                              cclip_forward_equal_offsets(forward, count, 1) };
    const int only_wanted = !forward->tap && !mask.additive;
    x = cclip_transformer_forward(&tower->transformer, forward, x, &sequences, &mask,
                                  only_wanted ? &wanted : NULL, "text");
    float *pooled = x;
    if (!only_wanted) {
        pooled = cclip_forward_floats(forward, count, width);
        ops->gather_rows(forward->device, pooled, x, width, wanted.rows, count, width);
    }
    struct kept kept = { .ids = ids, .sequences = *packed, .rows = rows,
                         .gathered = only_wanted ? NULL : wanted.rows, .pooled = pooled };
    pooled = cclip_layer_norm_forward_over(&tower->ln_final, forward, pooled, count);
    kept.normed = pooled;
    cclip_tape_push(forward, tower, &kept, sizeof kept);
    if (forward->tap) { /* only to be looked at: the model needs the pooled row alone */
        cclip_layer_norm_forward(&tower->ln_final, forward, x, x, rows);
        cclip_forward_tap(forward, x, rows, width, "text.ln_final");
    }
    project(tower, forward, out, pooled, count);
}

/* Texts of equal length with the class embedding behind each, then positions:  d positions += sum over
 * texts, d class += sum of the last rows. Returns the gradient of the tokens' rows. */
static const float *class_backward(const struct cclip_text_transformer *tower,
                                   struct cclip_backward *backward, const float *dx, size_t count)
{
    struct cclip_device *device = backward->device;
    const size_t length = tower->config.context_length, longer = length + 1;
    const size_t width = tower->config.transformer.width;
    float *d_class = cclip_backward_gradient(backward, tower->class_embedding);
    float *d_positions = cclip_backward_gradient(backward, tower->positional_embedding);
    float *d_rows = cclip_backward_floats(backward, count * length, width);
    size_t *index = cclip_backward_indices(backward, count * length);
    if (!dx || !d_rows || !index)
        return NULL;
    if (d_positions)
        device->ops->add_columns(device, d_positions, dx, NULL, count, longer * width);
    for (size_t n = 0; n < count; n++)
        index[n] = n * longer + length;
    device->ops->gather_rows(device, d_rows, dx, width, index, count, width);
    if (d_class)
        device->ops->add_columns(device, d_class, d_rows, NULL, count, width);
    for (size_t i = 0; i < count * length; i++)
        index[i] = i / length * longer + i % length;
    device->ops->gather_rows(device, d_rows, dx, width, index, count * length, width);
    return d_rows;
}

/* x[i] = token_embedding[ids[i]] + positional_embedding[i's place in its text]: both tables get the rows
 * of dx added, in order. */
static void embedding_backward(const struct cclip_text_transformer *tower,
                               struct cclip_backward *backward, const struct kept *kept,
                               const float *dx)
{
    const size_t rows = cclip_sequences_rows(&kept->sequences);
    const size_t width = tower->config.transformer.width;
    float *d_tokens = cclip_backward_gradient(backward, tower->token_embedding);
    float *d_positions = cclip_backward_gradient(backward, tower->positional_embedding);
    if (tower->config.class_embedding) {
        dx = class_backward(tower, backward, dx, kept->sequences.count);
        d_positions = NULL;
    }
    size_t *token = cclip_backward_indices(backward, rows);
    size_t *place = cclip_backward_indices(backward, rows);
    if (!dx || !token || !place)
        return;
    for (size_t s = 0; s < kept->sequences.count; s++)
        for (size_t i = kept->sequences.offsets[s]; i < kept->sequences.offsets[s + 1]; i++) {
            token[i] = (size_t)kept->ids[i];
            place[i] = i - kept->sequences.offsets[s];
        }
    struct cclip_device *device = backward->device;
    if (d_tokens)
        device->ops->scatter_rows(device, d_tokens, width, dx, token, rows, width);
    if (d_positions)
        device->ops->scatter_rows(device, d_positions, width, dx, place, rows, width);
}

void cclip_text_transformer_backward(const struct cclip_text_transformer *tower,
                                     struct cclip_backward *backward, const float *d_out)
{
    struct kept kept;
    const size_t width = tower->config.transformer.width;
    cclip_tape_pop(backward, tower, &kept, sizeof kept);
    const size_t count = kept.sequences.count;
    float *d_normed = cclip_backward_floats(backward, count, width);
    if (tower->config.projection != CCLIP_PROJECTION_NONE)
        cclip_linear_backward(&tower->projection, backward, d_normed, d_out, kept.normed, count, NULL);
    else
        backward->device->ops->add_rows(backward->device, d_normed, d_out, NULL, count, 1, width);
    const struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&tower->ln_final, backward, kept.pooled, count);
    cclip_layer_norm_backward(&tower->ln_final, backward, d_normed, d_normed, kept.pooled, &again,
                              NULL, count);
    if (!cclip_backward_goes_on(backward, tower->ln_final.weight))
        return;
    const float *dx = d_normed;
    if (kept.gathered) {
        struct cclip_device *device = backward->device;
        float *d_all = cclip_backward_floats(backward, kept.rows, width);
        device->ops->zero(device, d_all, kept.rows * width);
        device->ops->scatter_rows(device, d_all, width, d_normed, kept.gathered, count, width);
        dx = d_all;
    }
    embedding_backward(tower, backward, &kept,
                       cclip_transformer_backward(&tower->transformer, backward, dx));
}
