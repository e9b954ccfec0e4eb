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
