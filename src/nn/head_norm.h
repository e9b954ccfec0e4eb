/* Queries or keys of an attention's heads, each normalised by itself: a layer norm over a head's channels
 * (arXiv:2106.04560), or a division by its length, which makes of scores cosines (Swin Transformer V2,
 * arXiv:2111.09883). All heads share the norm's weight and bias. */
#ifndef CCLIP_NN_HEAD_NORM_H
#define CCLIP_NN_HEAD_NORM_H

#include "nn/layer_norm.h"

struct cclip_head_norm {
    size_t heads, head_width;
    int unit_length;           /* else the layer norm */
    struct cclip_layer_norm ln; /* over head_width */
};

/* "PREFIX.weight" and "PREFIX.bias", unless unit_length. */
void cclip_head_norm_load(struct cclip_head_norm *layer, struct cclip_parameters *p,
                          const char *prefix, const struct cclip_head_norm *sizes, float epsilon);

/* In place; the heads lie side by side in rows that are `stride` floats apart. */
void cclip_head_norm_forward_strided(const struct cclip_head_norm *layer,
                                     struct cclip_forward *forward, float *x, size_t stride,
                                     size_t rows);
/* out and in [rows, heads * head_width], contiguous. Same bits. */
void cclip_head_norm_forward(const struct cclip_head_norm *layer, struct cclip_forward *forward,
                             float *out, const float *in, size_t rows);
/* d_in may be d_out; `in` is the forward's. */
void cclip_head_norm_backward(const struct cclip_head_norm *layer, struct cclip_backward *backward,
                              float *d_in, const float *d_out, const float *in, size_t rows);

#endif
