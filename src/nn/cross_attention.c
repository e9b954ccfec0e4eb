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
    cclip_linear_forward(&layer->out, forward, out, context, q_rows, NULL);
}
