#include "nn/head_norm.h"

static const float SHORTEST = 1e-12f; /* a head's length is taken for at least this */

void cclip_head_norm_load(struct cclip_head_norm *layer, struct cclip_parameters *p,
                          const char *prefix, const struct cclip_head_norm *sizes, float epsilon)
{
    *layer = *sizes;
    if (!layer->unit_length)
        cclip_layer_norm_load(&layer->ln, p, prefix, layer->head_width, epsilon);
}

void cclip_head_norm_forward_strided(const struct cclip_head_norm *layer,
                                     struct cclip_forward *forward, float *x, size_t stride,
                                     size_t rows)
{
    struct cclip_device *device = forward->device;
    for (size_t h = 0; x && h < layer->heads; h++, x += layer->head_width)
        if (layer->unit_length)
            device->ops->normalize_rows(device, x, stride, x, stride, rows, layer->head_width,
                                        SHORTEST);
        else
            cclip_layer_norm_forward_strided(&layer->ln, forward, x, stride, rows);
}

/* Where rows are contiguous, each head of each row is a row. */
void cclip_head_norm_forward(const struct cclip_head_norm *layer, struct cclip_forward *forward,
                             float *out, const float *in, size_t rows)
{
    struct cclip_device *device = forward->device;
    const size_t width = layer->head_width;
    if (layer->unit_length)
        device->ops->normalize_rows(device, out, width, in, width, rows * layer->heads, width,
                                    SHORTEST);
    else
        cclip_layer_norm_forward(&layer->ln, forward, out, in, rows * layer->heads);
}

void cclip_head_norm_backward(const struct cclip_head_norm *layer, struct cclip_backward *backward,
                              float *d_in, const float *d_out, const float *in, size_t rows)
{
    struct cclip_device *device = backward->device;
    if (layer->unit_length) {
        device->ops->normalize_rows_backward(device, d_in, d_out, in, rows * layer->heads,
                                             layer->head_width, SHORTEST);
        return;
    }
    const struct cclip_layer_norm_again again =
        cclip_layer_norm_recompute(&layer->ln, backward, in, rows * layer->heads);
    cclip_layer_norm_backward(&layer->ln, backward, d_in, d_out, in, &again, NULL,
                              rows * layer->heads);
}
