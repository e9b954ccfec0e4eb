/* Convolution without bias, batch norm, and perhaps ReLU: the unit that residual networks are made of.
 * For inference the batch norm's running statistics are folded into the convolution. NHWC. */
#ifndef CCLIP_NN_CONV_NORM_H
#define CCLIP_NN_CONV_NORM_H

#include "nn/backward.h"
#include "nn/parameter.h"

struct cclip_conv_norm {
    struct cclip_matrix weight; /* [out, kernel * kernel * in], folded */
    float *bias;                /* [out], folded */
    size_t in, out, kernel, stride;
    /* Training: nothing is folded. [out, in, kernel, kernel], and the norm's weight, bias, running mean
     * and running variance [out]. */
    float *values;
    float *norm[4];
};

/* "CONV.weight" [out, in, kernel, kernel] and "NORM.{weight,bias,running_mean,running_var}". */
void cclip_conv_norm_load(struct cclip_conv_norm *layer, struct cclip_parameters *p,
                          const char *conv, const char *norm, size_t in, size_t out, size_t kernel,
                          size_t stride);

/* Padding is kernel / 2. `height` and `width` are the input's and become the output's. */
void cclip_conv_norm_forward(const struct cclip_conv_norm *layer, struct cclip_forward *forward,
                             float *out, const float *in, size_t batch, size_t *height,
                             size_t *width, const struct cclip_epilogue *extra);

/* Where a gradient came out: the pictures that went in. */
struct cclip_conv_norm_input {
    float *gradient; /* [batch * height * width, in], in the backward arena; NULL if not wanted */
    size_t batch, height, width;
};
/* d_out becomes the gradient of the residual, where there was one. */
struct cclip_conv_norm_input cclip_conv_norm_backward(const struct cclip_conv_norm *layer,
                                                      struct cclip_backward *backward, float *d_out,
                                                      int want_input);

/* d_in, as large as the input, gets its gradient plus `plus`, which may be d_in. */
void cclip_conv_norm_backward_add(const struct cclip_conv_norm *layer,
                                  struct cclip_backward *backward, float *d_out, float *d_in,
                                  const float *plus);

#endif
