/* Activations, element by element. */
#ifndef CCLIP_CPU_ACTIVATION_H
#define CCLIP_CPU_ACTIVATION_H

#include "tensor/backend.h"

/* out may be in. */
typedef void cclip_activation_fn(float *out, const float *in, size_t count,
                                 enum cclip_activation kind);

/* d_in = d_out * activation'(in); d_in may be d_out. out, if not NULL, = activation(in). */
typedef void cclip_activation_backward_fn(float *d_in, float *out, const float *d_out,
                                          const float *in, size_t count,
                                          enum cclip_activation kind);

struct cclip_activation_kernels {
    const char *name;
    cclip_activation_fn *forward;
    cclip_activation_backward_fn *backward;
};
void cclip_activation_kernels_init(struct cclip_activation_kernels *kernels,
                                   unsigned cpu_features);

void cclip_cpu_activation(struct cclip_device *device, float *out, const float *in, size_t count,
                          enum cclip_activation kind);

void cclip_cpu_activation_backward(struct cclip_device *device, float *d_in, float *out,
                                   const float *d_out, const float *in, size_t count,
                                   enum cclip_activation kind);

cclip_activation_backward_fn cclip_activation_backward_avx2, cclip_activation_backward_avx512;
cclip_activation_fn cclip_activation_c, cclip_activation_avx2, cclip_activation_avx512;

#endif
