/* Operations on pictures inside a network: layouts and pooling. Memory-bound: plain C. */
#ifndef CCLIP_CPU_PICTURES_H
#define CCLIP_CPU_PICTURES_H

#include "tensor/backend.h"

void cclip_cpu_patches(struct cclip_device *device, float *out, const float *pixels, size_t batch,
                       size_t channels, size_t height, size_t width, size_t patch);
void cclip_cpu_nchw_to_nhwc(struct cclip_device *device, float *out, const float *in, size_t batch,
                            size_t channels, size_t pixels);
void cclip_cpu_average_pool2d(struct cclip_device *device, float *out, const float *in,
                              size_t batch, size_t height, size_t width, size_t channels,
                              size_t kernel);
void cclip_cpu_average_pool2d_backward(struct cclip_device *device, float *d_in, const float *d_out,
                                       size_t batch, size_t height, size_t width, size_t channels,
                                       size_t kernel);

#endif
