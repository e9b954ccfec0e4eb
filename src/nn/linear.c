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

void cclip_linear_parameters_backward(const struct cclip_linear *layer,
                                      struct cclip_backward *backward, const float *d_out,
                                      const float *in, size_t rows)
{
    const struct cclip_matrix *weight = &layer->weight;
    struct cclip_device *device = backward->device;
    const size_t columns = weight->columns, depth = weight->depth;
    float *d_bias = cclip_backward_gradient(backward, layer->bias);
    int anew;
    float *d_weight = cclip_backward_gradient_anew(backward, weight->values, columns * depth, &anew);
    if (d_bias)
        device->ops->add_columns(device, d_bias, d_out, NULL, rows, columns);
    if (d_weight && weight->depth_stride == 1) /* stored [columns, depth] */
        device->ops->add_product(device, d_weight, weight->column_stride, d_out, columns, columns,
                                 in, depth, depth, rows, anew);
    else if (d_weight) /* stored [depth, columns]: dW^T = x^T dy */
        device->ops->add_product(device, d_weight, weight->depth_stride, in, depth, depth, d_out,
                                 columns, columns, rows, anew);
}

void cclip_linear_input_backward(const struct cclip_linear *layer, struct cclip_backward *backward,
                                 float *d_in, const float *d_out, size_t rows,
                                 const float *residual)
{
    const struct cclip_matrix *weight = &layer->weight;
    struct cclip_device *device = backward->device;
    const struct cclip_matrix back = cclip_matrix_transposed(weight);
    const struct cclip_epilogue epilogue = { .residual = residual };
    device->ops->linear(device, d_in, weight->depth, d_out, weight->columns, rows, &back, &epilogue);
}

void cclip_linear_backward(const struct cclip_linear *layer, struct cclip_backward *backward,
                           float *d_in, const float *d_out, const float *in, size_t rows,
                           const float *residual)
{
    cclip_linear_parameters_backward(layer, backward, d_out, in, rows);
    if (d_in)
        cclip_linear_input_backward(layer, backward, d_in, d_out, rows, residual);
}

void cclip_linear_scaled_backward(const struct cclip_linear *layer, const float *scale,
                                  struct cclip_backward *backward, float *d_in, const float *d_out,
                                  const float *in, size_t rows)
{
    struct cclip_device *device = backward->device;
    const size_t columns = layer->weight.columns;
    if (!scale) {
        cclip_linear_backward(layer, backward, d_in, d_out, in, rows, NULL);
        return;
    }
    float *d_scale = cclip_backward_gradient(backward, scale);
    float *inner = cclip_backward_floats(backward, rows, columns);
    if (d_scale) { /* d_scale += sum of dy (x W^T + b), which was not kept */
        const struct cclip_epilogue bias = { .bias = layer->bias };
        device->ops->linear(device, inner, columns, in, layer->weight.depth, rows, &layer->weight,
                            &bias);
        device->ops->add_columns(device, d_scale, d_out, inner, rows, columns);
    }
    device->ops->scale_columns(device, inner, d_out, scale, rows, columns);
    cclip_linear_backward(layer, backward, d_in, inner, in, rows, NULL);
}
