/* The transposes of the operations on rows, and sums over rows: bound by memory, plain C alone.
 *
 * Sums over rows run in slices of a fixed number of rows, whose results are added in order: neither
 * threads nor blocking can be seen in the result. */
#ifndef CCLIP_CPU_ROWS_BACKWARD_H
#define CCLIP_CPU_ROWS_BACKWARD_H

#include "tensor/backend.h"

void cclip_cpu_zero(struct cclip_device *device, float *out, size_t count);
void cclip_cpu_add_columns(struct cclip_device *device, float *out, const float *a, const float *b,
                           size_t rows, size_t width);
void cclip_cpu_scatter_rows(struct cclip_device *device, float *out, size_t out_stride,
                            const float *in, const size_t *index, size_t rows, size_t width);
void cclip_cpu_spread_rows(struct cclip_device *device, float *out, size_t out_stride,
                           const float *in, const size_t *begin, const size_t *end, size_t count,
                           size_t width);
void cclip_cpu_normalize_rows_backward(struct cclip_device *device, float *d_in, const float *d_out,
                                       const float *in, size_t rows, size_t width, float epsilon);

/* out[j] += the sum over i of parts[i][j], in order. */
void cclip_cpu_add_parts(struct cclip_device *device, float *out, const float *parts,
                         size_t parts_stride, size_t count, size_t width);

#endif
