/* Layer normalisation of rows: out = (in - mean) / sqrt(variance + epsilon) * weight + bias. */
#ifndef CCLIP_CPU_LAYER_NORM_H
#define CCLIP_CPU_LAYER_NORM_H

#include "tensor/backend.h"

/* One row; out may be in, bias may be NULL; *mean and *rstd are written. */
typedef void cclip_layer_norm_fn(float *out, float *mean, float *rstd, const float *in,
                                 const float *weight, const float *bias, size_t channels,
                                 float epsilon);

/* One row of the gradient: d_in may be d_out; residual may be NULL or d_in. sums[0 .. channels) gets
 * d_weight's share added, sums[channels ..) d_bias's. */
typedef void cclip_layer_norm_backward_fn(float *d_in, float *sums, const float *d_out,
                                          const float *in, float mean, float rstd,
                                          const float *weight, const float *residual,
                                          size_t channels);

struct cclip_layer_norm_kernels {
    const char *name;
    cclip_layer_norm_fn *forward;
    cclip_layer_norm_backward_fn *backward;
};
void cclip_layer_norm_kernels_init(struct cclip_layer_norm_kernels *kernels, unsigned cpu_features);

void cclip_cpu_layer_norm(struct cclip_device *device, float *out, size_t out_stride, float *mean,
                          float *rstd, const float *in, size_t in_stride, const float *weight,
                          const float *bias, size_t rows, size_t channels, float epsilon);

void cclip_cpu_layer_norm_backward(struct cclip_device *device, float *d_in, float *d_weight,
                                   float *d_bias, const float *d_out, const float *in,
                                   const float *mean, const float *rstd, const float *weight,
                                   const float *residual, size_t rows, size_t channels);

cclip_layer_norm_fn cclip_layer_norm_avx2, cclip_layer_norm_avx512;
cclip_layer_norm_backward_fn cclip_layer_norm_backward_avx2, cclip_layer_norm_backward_avx512;

#endif
