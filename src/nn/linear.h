/* y = x W^T + b, and what is fused behind it. */
#ifndef CCLIP_NN_LINEAR_H
#define CCLIP_NN_LINEAR_H

#include "nn/forward.h"
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

#endif
