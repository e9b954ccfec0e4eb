/* Batch norm over the rows of each channel, and its gradient: bound by memory, plain C alone. */
#ifndef CCLIP_CPU_BATCH_NORM_H
#define CCLIP_CPU_BATCH_NORM_H

#include "tensor/backend.h"

void cclip_cpu_batch_norm_statistics(struct cclip_device *device, float *mean, float *rstd,
                                     float *running_mean, float *running_variance, const float *in,
                                     size_t rows, size_t channels, int of_batch);
void cclip_cpu_batch_norm(struct cclip_device *device, float *out, const float *in,
                          const float *mean, const float *rstd, const float *weight,
                          const float *bias, const float *residual, int relu, size_t rows,
                          size_t channels);
void cclip_cpu_batch_norm_backward(struct cclip_device *device, float *d_in, float *d_weight,
                                   float *d_bias, const float *d_out, const float *in,
                                   const float *mean, const float *rstd, const float *weight,
                                   size_t rows, size_t channels, int of_batch);

#endif
