#include "nn/cross_attention.h"

#include <math.h>
#include <stdio.h>

void cclip_cross_attention_load(struct cclip_cross_attention *layer, struct cclip_parameters *p,
                                const char *prefix, size_t width, size_t key_width, size_t heads)
{
    char name[160];
    *layer = (struct cclip_cross_attention){ .width = width, .heads = heads };
    struct cclip_linear *const parts[3] = { &layer->q, &layer->k, &layer->v };
    if (key_width == width) {
        snprintf(name, sizeof name, "%s.in_proj_weight", prefix);
        for (size_t i = 0; i < 3; i++)
            cclip_parameter_matrix_rows(p, &parts[i]->weight, 3 * width, i * width, width, width,
                                        i == 0, name);
    } else {
        cclip_parameter_matrix(p, &layer->q.weight, width, width, "%s.q_proj_weight", prefix);
        cclip_parameter_matrix(p, &layer->k.weight, width, key_width, "%s.k_proj_weight", prefix);
        cclip_parameter_matrix(p, &layer->v.weight, width, key_width, "%s.v_proj_weight", prefix);
    }
    snprintf(name, sizeof name, "%s.in_proj_bias", prefix);
    for (size_t i = 0; i < 3; i++)
        cclip_parameter_vector_part(p, &parts[i]->bias, 3 * width, i * width, width, i == 0, name);
    snprintf(name, sizeof name, "%s.out_proj", prefix);
    cclip_linear_load(&layer->out, p, name, width, width, 1);
}

struct kept {
    const float *queries, *keys, *context;
    size_t q_rows, k_rows;
    struct cclip_attention attention;
};

void cclip_cross_attention_forward(const struct cclip_cross_attention *layer,
                                   struct cclip_forward *forward, float *out, const float *queries,
                                   const struct cclip_sequences *q_sequences, const float *keys,
                                   const struct cclip_sequences *k_sequences)
{
    const size_t width = layer->width;
    const size_t q_rows = cclip_sequences_rows(q_sequences);
    const size_t k_rows = cclip_sequences_rows(k_sequences);
    float *q = cclip_forward_floats(forward, q_rows, width);
    float *k = cclip_forward_floats(forward, k_rows, width);
    float *v = cclip_forward_floats(forward, k_rows, width);
    float *context = cclip_forward_floats(forward, q_rows, width);
    cclip_linear_forward(&layer->q, forward, q, queries, q_rows, NULL);
    cclip_linear_forward(&layer->k, forward, k, keys, k_rows, NULL);
    cclip_linear_forward(&layer->v, forward, v, keys, k_rows, NULL);
    const struct cclip_attention attention = {
        .out = context,
        .q = q,
        .k = k,
        .v = v,
        .out_stride = width,
        .q_stride = width,
        .k_stride = width,
        .v_stride = width,
        .heads = layer->heads,
        .head_width = width / layer->heads,
        .sequences = q_sequences->count,
        .q_offsets = q_sequences->offsets,
        .k_offsets = k_sequences->offsets,
        .scale = 1.0f / sqrtf((float)(width / layer->heads)),
    };
    forward->device->ops->attention(forward->device, &attention);
    const struct kept kept = { queries, keys, context, q_rows, k_rows, attention };
    cclip_tape_push(forward, layer, &kept, sizeof kept);
    cclip_linear_forward(&layer->out, forward, out, context, q_rows, NULL);
}

float *cclip_cross_attention_repeat(struct cclip_forward *forward, const float *queries, size_t batch,
                                    size_t count, size_t width)
{
    float *out = cclip_forward_floats(forward, batch * count, width);
    size_t *index = cclip_forward_indices(forward, batch * count);
    if (!out || !index)
        return NULL;
    for (size_t i = 0; i < batch * count; i++)
        index[i] = i % count;
    forward->device->ops->gather_rows(forward->device, out, queries, width, index, batch * count,
                                      width);
    return out;
}

void cclip_cross_attention_backward(const struct cclip_cross_attention *layer,
                                    struct cclip_backward *backward, float *d_queries,
                                    float *d_keys, const float *d_out)
{
    struct kept kept;
    const size_t width = layer->width;
    cclip_tape_pop(backward, layer, &kept, sizeof kept);
    float *d_context = cclip_backward_floats(backward, kept.q_rows, width);
    float *d_q = cclip_backward_floats(backward, kept.q_rows, width);
    float *d_k = cclip_backward_floats(backward, kept.k_rows, width);
    float *d_v = cclip_backward_floats(backward, kept.k_rows, width);
    cclip_linear_backward(&layer->out, backward, d_context, d_out, kept.context, kept.q_rows, NULL);
    const struct cclip_attention_gradient gradient = {
        .forward = &kept.attention, .d_out = d_context, .d_q = d_q, .d_k = d_k, .d_v = d_v,
        .d_out_stride = width, .d_q_stride = width, .d_k_stride = width, .d_v_stride = width,
    };
    backward->device->ops->attention_backward(backward->device, &gradient);
    cclip_linear_backward(&layer->q, backward, d_queries, d_q, kept.queries, kept.q_rows, NULL);
    /* the keys' rows gave keys and values: the two ways back are added */
    cclip_linear_backward(&layer->k, backward, d_keys, d_k, kept.keys, kept.k_rows, NULL);
    cclip_linear_backward(&layer->v, backward, d_keys, d_v, kept.keys, kept.k_rows, d_keys);
}
