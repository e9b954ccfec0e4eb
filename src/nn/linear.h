/* y = x W^T + b, and what is fused behind it. */
#ifndef CCLIP_NN_LINEAR_H
#define CCLIP_NN_LINEAR_H

#include "nn/backward.h"
#include "nn/parameter.h"

struct cclip_linear {
    struct cclip_matrix weight; /* [columns, depth] */
    float *bias;                /* [columns] or NULL */
};

/* "PREFIX.weight" and, if `has_bias`, "PREFIX.bias". */
void cclip_linear_load(struct cclip_linear *layer, struct cclip_parameters *p, const char *prefix,
                       size_t columns, size_t depth, int has_bias);

/* `extra` may be NULL; its bias is replaced by the layer's. Rows are contiguous. */
void cclip_linear_forward(const struct cclip_linear *layer, struct cclip_forward *forward,
                          float *out, const float *in, size_t rows,
                          const struct cclip_epilogue *extra);

/* y = x W^T + b, from dy [rows, columns] and x [rows, depth]:
 *   dx = dy W + residual (d_in and residual may be NULL),   dW += dy^T x,   db += sum of dy */
void cclip_linear_backward(const struct cclip_linear *layer, struct cclip_backward *backward,
                           float *d_in, const float *d_out, const float *in, size_t rows,
                           const float *residual);
/* Its halves: dW and db; dx. */
void cclip_linear_parameters_backward(const struct cclip_linear *layer,
                                      struct cclip_backward *backward, const float *d_out,
                                      const float *in, size_t rows);
void cclip_linear_input_backward(const struct cclip_linear *layer, struct cclip_backward *backward,
                                 float *d_in, const float *d_out, size_t rows,
                                 const float *residual);
/* The same for y = (x W^T + b) scale, where scale [columns] is a parameter too, or NULL. */
void cclip_linear_scaled_backward(const struct cclip_linear *layer, const float *scale,
                                  struct cclip_backward *backward, float *d_in, const float *d_out,
                                  const float *in, size_t rows);

#endif
