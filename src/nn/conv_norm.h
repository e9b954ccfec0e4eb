/* Convolution without bias, batch norm, and perhaps ReLU: the unit that residual networks are made of.
 * For inference the batch norm's running statistics are folded into the convolution. NHWC. */
#ifndef CCLIP_NN_CONV_NORM_H
#define CCLIP_NN_CONV_NORM_H

#include "nn/forward.h"
#include "nn/parameter.h"

struct cclip_conv_norm {
    struct cclip_matrix weight; /* [out, kernel * kernel * in], folded */
    float *bias;                /* [out], folded */
    size_t in, out, kernel, stride;
};

/* "CONV.weight" [out, in, kernel, kernel] and "NORM.{weight,bias,running_mean,running_var}". */
void cclip_conv_norm_load(struct cclip_conv_norm *layer, struct cclip_parameters *p,
                          const char *conv, const char *norm, size_t in, size_t out, size_t kernel,
                          size_t stride);

/* Padding is kernel / 2. `height` and `width` are the input's and become the output's. */
void cclip_conv_norm_forward(const struct cclip_conv_norm *layer, struct cclip_forward *forward,
                             float *out, const float *in, size_t batch, size_t *height,
                             size_t *width, const struct cclip_epilogue *extra);

#endif
