/* Multi-head attention whose queries and keys come from different rows: the poolers. */
#ifndef CCLIP_NN_CROSS_ATTENTION_H
#define CCLIP_NN_CROSS_ATTENTION_H

#include "nn/linear.h"

struct cclip_cross_attention {
    struct cclip_linear q, k, v, out; /* q, k, v: [width, ...]; out: [out_width, width] */
    size_t width, heads;
};

/* PyTorch's MultiheadAttention: "PREFIX.in_proj_weight" [3 * width, width] when keys are as wide as
 * queries, else "PREFIX.{q,k,v}_proj_weight"; "PREFIX.in_proj_bias"; "PREFIX.out_proj.*". */
void cclip_cross_attention_load(struct cclip_cross_attention *layer, struct cclip_parameters *p,
                                const char *prefix, size_t width, size_t key_width, size_t heads);

/* out [queries, out_width]. Sequences pair up: queries of q_sequences[s] see keys of k_sequences[s]. */
void cclip_cross_attention_forward(const struct cclip_cross_attention *layer,
                                   struct cclip_forward *forward, float *out, const float *queries,
                                   const struct cclip_sequences *q_sequences, const float *keys,
                                   const struct cclip_sequences *k_sequences);

/* Learned queries [count, width], once for each of `batch` sequences: a new [batch * count, width]. */
float *cclip_cross_attention_repeat(struct cclip_forward *forward, const float *queries, size_t batch,
                                    size_t count, size_t width);

/* d_queries and d_keys are written; `queries` and `keys` of the forward pass must still be there. */
void cclip_cross_attention_backward(const struct cclip_cross_attention *layer,
                                    struct cclip_backward *backward, float *d_queries,
                                    float *d_keys, const float *d_out);

#endif
