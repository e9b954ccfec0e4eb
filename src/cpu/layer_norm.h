/* Layer normalisation of rows: out = (in - mean) / sqrt(variance + epsilon) * weight + bias. */
#ifndef CCLIP_CPU_LAYER_NORM_H
#define CCLIP_CPU_LAYER_NORM_H

#include "tensor/backend.h"

/* One row; out may be in, bias may be NULL; *mean and *rstd are written. */
typedef void cclip_layer_norm_fn(float *out, float *mean, float *rstd, const float *in,
                                 const float *weight, const float *bias, size_t channels,
                                 float epsilon);

struct cclip_layer_norm_kernels {
    const char *name;
    cclip_layer_norm_fn *forward;
};
void cclip_layer_norm_kernels_init(struct cclip_layer_norm_kernels *kernels, unsigned cpu_features);

void cclip_cpu_layer_norm(struct cclip_device *device, float *out, size_t out_stride, float *mean,
                          float *rstd, const float *in, size_t in_stride, const float *weight,
                          const float *bias, size_t rows, size_t channels, float epsilon);

cclip_layer_norm_fn cclip_layer_norm_avx2, cclip_layer_norm_avx512;

#endif
