/* Attention: one job a sequence and head. Scores and the weighted sum of values are two products
 * by the kernels of product.h; between them stands the softmax of a row. */
#ifndef CCLIP_CPU_ATTENTION_H
#define CCLIP_CPU_ATTENTION_H

#include "tensor/backend.h"

/* s[j] = exp(s[j] * scale + mask[j] - largest) in place; mask may be NULL. Returns the sum of the
 * results, added in an order that depends on `count` alone. A row whose entries are all -inf
 * becomes zeros. */
typedef float cclip_softmax_fn(float *s, const float *mask, size_t count, float scale);

/* d[j] = p[j] (d[j] - sum of p d) scale, in place: the gradient before the softmax from the one
 * behind it. The sum's order depends on `count` alone. */
typedef void cclip_softmax_backward_fn(float *d, const float *p, size_t count, float scale);

struct cclip_attention_kernels {
    const char *name;
    cclip_softmax_fn *softmax;
    cclip_softmax_backward_fn *softmax_backward;
};
void cclip_attention_kernels_init(struct cclip_attention_kernels *kernels, unsigned cpu_features);

void cclip_cpu_attention(struct cclip_device *device, const struct cclip_attention *attention);

void cclip_cpu_attention_backward(struct cclip_device *device,
                                  const struct cclip_attention_gradient *gradient);

cclip_softmax_backward_fn cclip_softmax_backward_avx2, cclip_softmax_backward_avx512;
cclip_softmax_fn cclip_softmax_avx2, cclip_softmax_avx512;

#endif
