#include "nn/linear.h"

void cclip_linear_load(struct cclip_linear *layer, struct cclip_parameters *p, const char *prefix,
                       size_t columns, size_t depth, int has_bias)
{
    cclip_parameter_matrix(p, &layer->weight, columns, depth, "%s.weight", prefix);
    layer->bias = NULL;
    if (has_bias)
        cclip_parameter_vector(p, &layer->bias, columns, "%s.bias", prefix);
}

void cclip_linear_forward(const struct cclip_linear *layer, struct cclip_forward *forward,
                          float *out, const float *in, size_t rows,
                          const struct cclip_epilogue *extra)
{
    struct cclip_epilogue epilogue = extra ? *extra : (struct cclip_epilogue){ 0 };
    epilogue.bias = layer->bias;
    forward->device->ops->linear(forward->device, out, layer->weight.columns, in,
                                 layer->weight.depth, rows, &layer->weight, &epilogue);
}
