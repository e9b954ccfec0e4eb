#include "nn/map_pool.h"

#include <stdio.h>

void cclip_map_pool_load(struct cclip_map_pool *layer, struct cclip_parameters *p, const char *prefix,
                         const struct cclip_map_pool_config *config)
{
    const size_t width = config->width, latent[3] = { 1, 1, width };
    char name[160];
    cclip_parameter_array(p, &layer->latent, latent, 3, "%s.latent", prefix);
    cclip_cross_attention_load(&layer->attention, p, prefix, width, width, config->heads);
    snprintf(name, sizeof name, "%s.norm", prefix);
    cclip_layer_norm_load(&layer->norm, p, name, width, config->epsilon);
    snprintf(name, sizeof name, "%s.mlp", prefix);
    cclip_mlp_load(&layer->mlp, p, name, width, config->mlp_width, config->activation, 0,
                   config->epsilon);
}

struct kept {
    const float *y; /* [batch, width] */
    size_t batch, rows;
};

float *cclip_map_pool_forward(const struct cclip_map_pool *layer, struct cclip_forward *forward,
                              const float *x, const struct cclip_sequences *sequences)
{
    const size_t batch = sequences->count, width = layer->norm.channels;
    const struct cclip_sequences asking = { batch, cclip_forward_equal_offsets(forward, batch, 1) };
    float *q = cclip_cross_attention_repeat(forward, layer->latent, batch, 1, width);
    float *y = cclip_forward_floats(forward, batch, width);
    float *out = forward->tape ? cclip_forward_floats(forward, batch, width) : y;
    float *normed = cclip_forward_floats(forward, batch, width);
    float *work = cclip_forward_floats(forward, batch, layer->mlp.hidden);
    if (cclip_forward_failed(forward))
        return NULL;
    cclip_cross_attention_forward(&layer->attention, forward, y, q, &asking, x, sequences);
    cclip_layer_norm_forward(&layer->norm, forward, normed, y, batch);
    const struct cclip_epilogue add = { .residual = y };
    cclip_mlp_forward(&layer->mlp, forward, out, normed, batch, work, &add);
    const struct kept kept = { y, batch, cclip_sequences_rows(sequences) };
    cclip_tape_push(forward, layer, &kept, sizeof kept);
    return out;
}

float *cclip_map_pool_backward(const struct cclip_map_pool *layer, struct cclip_backward *backward,
                               const float *d_out)
{
    struct kept kept;
    const size_t width = layer->norm.channels;
    struct cclip_device *device = backward->device;
    cclip_tape_pop(backward, layer, &kept, sizeof kept);
    float *d_y = cclip_backward_floats(backward, kept.batch, width);
    float *d_q = cclip_backward_floats(backward, kept.batch, width);
    float *d_x = cclip_backward_floats(backward, kept.rows, width);
    if (cclip_backward_failed(backward))
        return NULL;
    /* out = y + mlp(norm(y)):  dy = d out + the way through the MLP */
    const struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&layer->norm, backward, kept.y, kept.batch);
    cclip_mlp_backward(&layer->mlp, backward, d_y, d_out, again.out, kept.batch, NULL);
    cclip_layer_norm_backward(&layer->norm, backward, d_y, d_y, kept.y, &again, d_out, kept.batch);
    /* y = attention(latent, x):  dx, and d latent += sum over pictures of the queries' */
    cclip_cross_attention_backward(&layer->attention, backward, d_q, d_x, d_y);
    float *d_latent = cclip_backward_gradient(backward, layer->latent);
    if (d_latent)
        device->ops->add_columns(device, d_latent, d_q, NULL, kept.batch, width);
    return d_x;
}
