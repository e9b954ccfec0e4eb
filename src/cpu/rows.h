/* Operations on rows: memory-bound, so plain C is their only variant. */
#ifndef CCLIP_CPU_ROWS_H
#define CCLIP_CPU_ROWS_H

#include "tensor/backend.h"

void cclip_cpu_embedding(struct cclip_device *device, float *out, const int32_t *ids,
                         const float *table, const float *positions, const size_t *offsets,
                         size_t sequences, size_t width);
void cclip_cpu_gather_rows(struct cclip_device *device, float *out, const float *in,
                           size_t in_stride, const size_t *index, size_t rows, size_t width);
void cclip_cpu_mean_rows(struct cclip_device *device, float *out, const float *in,
                         size_t in_stride, const size_t *begin, const size_t *end, size_t count,
                         size_t width);
void cclip_cpu_add_rows(struct cclip_device *device, float *out, const float *in,
                        const float *addend, size_t rows, size_t period, size_t width);
void cclip_cpu_scale_columns(struct cclip_device *device, float *out, const float *in,
                             const float *scale, size_t rows, size_t width);
void cclip_cpu_normalize_rows(struct cclip_device *device, float *out, size_t out_stride,
                              const float *in, size_t in_stride, size_t rows, size_t width,
                              float epsilon);

#endif
