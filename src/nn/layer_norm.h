/* y = (x - mean) / sqrt(variance + epsilon) * weight + bias over the channels of a row. */
#ifndef CCLIP_NN_LAYER_NORM_H
#define CCLIP_NN_LAYER_NORM_H

#include "nn/backward.h"
#include "nn/parameter.h"

struct cclip_layer_norm {
    float *weight, *bias; /* [channels] */
    size_t channels;
    float epsilon;
};

/* "PREFIX.weight" and "PREFIX.bias". */
void cclip_layer_norm_load(struct cclip_layer_norm *layer, struct cclip_parameters *p,
                           const char *prefix, size_t channels, float epsilon);

/* out [rows, channels]; may be `in`. */
void cclip_layer_norm_forward(const struct cclip_layer_norm *layer, struct cclip_forward *forward,
                              float *out, const float *in, size_t rows);
/* In place without a tape; with one the result stands elsewhere, and x is kept. */
float *cclip_layer_norm_forward_over(const struct cclip_layer_norm *layer,
                                     struct cclip_forward *forward, float *x, size_t rows);
/* The forward pass once more, with what its gradient needs: mean and rstd [rows]. */
struct cclip_layer_norm_again {
    float *out, *mean, *rstd;
};
struct cclip_layer_norm_again cclip_layer_norm_recompute(const struct cclip_layer_norm *layer,
                                                         struct cclip_backward *backward,
                                                         const float *in, size_t rows);
/* d_in = gradient + residual (or NULL); d_in may be d_out or residual. `in` is the forward's input. */
void cclip_layer_norm_backward(const struct cclip_layer_norm *layer,
                               struct cclip_backward *backward, float *d_in, const float *d_out,
                               const float *in, const struct cclip_layer_norm_again *again,
                               const float *residual, size_t rows);
/* Rows that lie `stride` floats apart, in place: one head's part of a wider row. */
void cclip_layer_norm_forward_strided(const struct cclip_layer_norm *layer,
                                      struct cclip_forward *forward, float *x, size_t stride,
                                      size_t rows);

#endif
