#include "nn/attentional_pool.h"

#include <stdio.h>

static const float EPSILON = 1e-5f; /* open_clip's pooler keeps its own, whatever the tower's norms have */

void cclip_attentional_pool_load(struct cclip_attentional_pool *layer, struct cclip_parameters *p,
                                 const char *prefix, size_t queries, size_t dim, size_t width,
                                 size_t heads)
{
    const size_t shape[2] = { queries, dim };
    char name[160];
    layer->queries = queries;
    layer->dim = dim;
    layer->width = width;
    cclip_parameter_array(p, &layer->query, shape, 2, "%s.query", prefix);
    snprintf(name, sizeof name, "%s.attn", prefix);
    cclip_cross_attention_load(&layer->attention, p, name, dim, width, heads);
    snprintf(name, sizeof name, "%s.ln_q", prefix);
    cclip_layer_norm_load(&layer->ln_q, p, name, dim, EPSILON);
    snprintf(name, sizeof name, "%s.ln_k", prefix);
    cclip_layer_norm_load(&layer->ln_k, p, name, width, EPSILON);
}

struct kept {
    const float *x, *repeated; /* [rows, width], [batch * queries, dim]: before the norms */
    size_t batch, rows;
};

float *cclip_attentional_pool_forward(const struct cclip_attentional_pool *layer,
                                      struct cclip_forward *forward, const float *x,
                                      const struct cclip_sequences *sequences)
{
    const size_t batch = sequences->count, queries = layer->queries;
    const size_t rows = cclip_sequences_rows(sequences);
    const struct cclip_sequences asking = { batch,
                                            cclip_forward_equal_offsets(forward, batch, queries) };
    float *keys = cclip_forward_floats(forward, rows, layer->width);
    float *repeated = cclip_cross_attention_repeat(forward, layer->query, batch, queries, layer->dim);
    float *out = cclip_forward_floats(forward, batch * queries, layer->dim);
    if (cclip_forward_failed(forward))
        return NULL;
    cclip_layer_norm_forward(&layer->ln_k, forward, keys, x, rows);
    float *q = cclip_layer_norm_forward_over(&layer->ln_q, forward, repeated, batch * queries);
    cclip_cross_attention_forward(&layer->attention, forward, out, q, &asking, keys, sequences);
    const struct kept kept = { x, repeated, batch, rows };
    cclip_tape_push(forward, layer, &kept, sizeof kept);
    return out;
}

float *cclip_attentional_pool_backward(const struct cclip_attentional_pool *layer,
                                       struct cclip_backward *backward, const float *d_out)
{
    struct kept kept;
    struct cclip_device *device = backward->device;
    cclip_tape_pop(backward, layer, &kept, sizeof kept);
    const size_t asked = kept.batch * layer->queries;
    float *d_q = cclip_backward_floats(backward, asked, layer->dim);
    float *d_x = cclip_backward_floats(backward, kept.rows, layer->width);
    if (cclip_backward_failed(backward))
        return NULL;
    cclip_cross_attention_backward(&layer->attention, backward, d_q, d_x, d_out);
    /* dx through ln_k */
    struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&layer->ln_k, backward, kept.x, kept.rows);
    cclip_layer_norm_backward(&layer->ln_k, backward, d_x, d_x, kept.x, &again, NULL, kept.rows);
    /* d query += sum over pictures, through ln_q */
    again = cclip_layer_norm_recompute(&layer->ln_q, backward, kept.repeated, asked);
    cclip_layer_norm_backward(&layer->ln_q, backward, d_q, d_q, kept.repeated, &again, NULL, asked);
    float *d_query = cclip_backward_gradient(backward, layer->query);
    if (d_query)
        device->ops->add_columns(device, d_query, d_q, NULL, kept.batch, layer->queries * layer->dim);
    return d_x;
}
