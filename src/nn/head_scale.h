/* A learned number a head: a factor of the head's output (NormFormer, arXiv:2110.09456), or the logarithm
 * of a factor of its scores (Swin Transformer V2, arXiv:2111.09883), which is at most 100.
 *
 * They are few: what operations want of them is computed on the host, at load, or in training, where they
 * change with every step, in each pass. */
#ifndef CCLIP_NN_HEAD_SCALE_H
#define CCLIP_NN_HEAD_SCALE_H

#include "nn/backward.h"
#include "nn/parameter.h"

struct cclip_head_scale {
    size_t heads, head_width;
    int of_scores;       /* the logarithm of a factor of scores */
    const float *values; /* training: [heads] as they are stored; else NULL */
    float *factors;      /* else: what cclip_head_scale_factors gives */
};

/* "PREFIX.logit_scale" for scores, "PREFIX.head_scale" for outputs: [heads, 1, 1]. */
void cclip_head_scale_load(struct cclip_head_scale *layer, struct cclip_parameters *p,
                           const char *prefix, const struct cclip_head_scale *sizes);

/* [heads] of scores, [heads * head_width] of outputs: each factor once for every channel of its head. */
const float *cclip_head_scale_factors(const struct cclip_head_scale *layer,
                                      struct cclip_forward *forward);

/* a, b [rows, heads * head_width]. Adds to the gradient the sum of a b over the rows and a head's channels:
 *   of outputs, y = s x:              ds += dy x
 *   of scores,  S_ij = e^s q_i k_j:   ds += sum over j of dS_ij S_ij = dq_i q_i, where s is not held at ln 100
 * dq is the whole gradient of the normalised query, which the factor is part of. */
void cclip_head_scale_backward(const struct cclip_head_scale *layer,
                               struct cclip_backward *backward, const float *a, const float *b,
                               size_t rows);

#endif
