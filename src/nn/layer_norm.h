/* y = (x - mean) / sqrt(variance + epsilon) * weight + bias over the channels of a row. */
#ifndef CCLIP_NN_LAYER_NORM_H
#define CCLIP_NN_LAYER_NORM_H

#include "nn/forward.h"
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
/* Rows that lie `stride` floats apart, in place: one head's part of a wider row. */
void cclip_layer_norm_forward_strided(const struct cclip_layer_norm *layer,
                                      struct cclip_forward *forward, float *x, size_t stride,
                                      size_t rows);

#endif
