#include "nn/layer_norm.h"

void cclip_layer_norm_load(struct cclip_layer_norm *layer, struct cclip_parameters *p,
                           const char *prefix, size_t channels, float epsilon)
{
    layer->channels = channels;
    layer->epsilon = epsilon;
    cclip_parameter_vector(p, &layer->weight, channels, "%s.weight", prefix);
    cclip_parameter_vector(p, &layer->bias, channels, "%s.bias", prefix);
}

void cclip_layer_norm_forward(const struct cclip_layer_norm *layer, struct cclip_forward *forward,
                              float *out, const float *in, size_t rows)
{
    const size_t channels = layer->channels;
    forward->device->ops->layer_norm(forward->device, out, channels, NULL, NULL, in, channels,
                                     layer->weight, layer->bias, rows, channels, layer->epsilon);
}

void cclip_layer_norm_forward_strided(const struct cclip_layer_norm *layer,
                                      struct cclip_forward *forward, float *x, size_t stride,
                                      size_t rows)
{
    forward->device->ops->layer_norm(forward->device, x, stride, NULL, NULL, x, stride,
                                     layer->weight, layer->bias, rows, layer->channels,
                                     layer->epsilon);
}

float *cclip_layer_norm_forward_over(const struct cclip_layer_norm *layer,
                                     struct cclip_forward *forward, float *x, size_t rows)
{
    float *out = forward->tape ? cclip_forward_floats(forward, rows, layer->channels) : x;
    cclip_layer_norm_forward(layer, forward, out, x, rows);
    return out;
}

struct cclip_layer_norm_again cclip_layer_norm_recompute(const struct cclip_layer_norm *layer,
                                                         struct cclip_backward *backward,
                                                         const float *in, size_t rows)
{
    const size_t channels = layer->channels;
    const struct cclip_layer_norm_again again = {
        cclip_backward_floats(backward, rows, channels), cclip_backward_floats(backward, rows, 1),
        cclip_backward_floats(backward, rows, 1)
    };
    backward->device->ops->layer_norm(backward->device, again.out, channels, again.mean, again.rstd,
                                      in, channels, layer->weight, layer->bias, rows, channels,
                                      layer->epsilon);
    return again;
}

void cclip_layer_norm_backward(const struct cclip_layer_norm *layer,
                               struct cclip_backward *backward, float *d_in, const float *d_out,
                               const float *in, const struct cclip_layer_norm_again *again,
                               const float *residual, size_t rows)
{
    backward->device->ops->layer_norm_backward(
        backward->device, d_in, cclip_backward_gradient(backward, layer->weight),
        cclip_backward_gradient(backward, layer->bias), d_out, in, again->mean, again->rstd,
        layer->weight, residual, rows, layer->channels);
}
