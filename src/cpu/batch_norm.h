/* Batch norm over the rows of each channel, and its gradient. */
#ifndef CCLIP_CPU_BATCH_NORM_H
#define CCLIP_CPU_BATCH_NORM_H

#include "tensor/backend.h"

/* What the kernels work on: arrays of rows [channels], and one value a channel. */
struct cclip_batch_norm_job {
    float *out;
    const float *in, *residual; /* residual may be NULL */
    const float *mean, *rstd, *weight, *bias;
    int relu;
    size_t channels;
    /* The gradient. With `relu` dy is zero where the ReLU's input, computed anew, is not positive. */
    const float *d_out;
    const float *y;              /* or where the ReLU's output is not positive: then sums writes what */
    float *masked;               /* ... remains here (may be d_out), for the pass over the rows */
    const float *first, *second; /* what the gradient subtracts: the means of dy and of dy n */
};

enum { CCLIP_BATCH_NORM_SHIFT_ROWS = 16 };

/* sums [3 * channels] over rows [begin, end): of x - shift, of its square, and the shift, the mean of the first
 * rows; for the gradient [2 * channels], of dy and of dy n with n = (x - mean) rstd. */
typedef void cclip_batch_norm_sums_fn(float *sums, const struct cclip_batch_norm_job *job,
                                      size_t begin, size_t end);
/* `out` of rows [begin, end): the norm, or its gradient. */
typedef void cclip_batch_norm_rows_fn(const struct cclip_batch_norm_job *job, size_t begin, size_t end);

struct cclip_batch_norm_kernels {
    const char *name;
    cclip_batch_norm_sums_fn *sums, *gradient_sums;
    cclip_batch_norm_rows_fn *forward, *backward;
};
void cclip_batch_norm_kernels_init(struct cclip_batch_norm_kernels *kernels, unsigned cpu_features);

cclip_batch_norm_sums_fn cclip_batch_norm_sums_avx2, cclip_batch_norm_sums_avx512;
cclip_batch_norm_sums_fn cclip_batch_norm_gradient_sums_avx2, cclip_batch_norm_gradient_sums_avx512;
cclip_batch_norm_rows_fn cclip_batch_norm_forward_avx2, cclip_batch_norm_forward_avx512;
cclip_batch_norm_rows_fn cclip_batch_norm_backward_avx2, cclip_batch_norm_backward_avx512;

void cclip_cpu_batch_norm_statistics(struct cclip_device *device, float *mean, float *rstd,
                                     float *running_mean, float *running_variance, const float *in,
                                     size_t rows, size_t channels, int of_batch);
void cclip_cpu_batch_norm(struct cclip_device *device, float *out, const float *in,
                          const float *mean, const float *rstd, const float *weight,
                          const float *bias, const float *residual, int relu, size_t rows,
                          size_t channels);
void cclip_cpu_batch_norm_backward(struct cclip_device *device,
                                   const struct cclip_batch_norm_gradient *gradient);

#endif
