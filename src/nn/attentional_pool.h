/* CoCa's pooling (Yu et al. 2022): learned queries, normalised, ask all normalised tokens of a picture.
 *   out = attention(ln_q(query), ln_k(x)) */
#ifndef CCLIP_NN_ATTENTIONAL_POOL_H
#define CCLIP_NN_ATTENTIONAL_POOL_H

#include "nn/cross_attention.h"
#include "nn/layer_norm.h"

struct cclip_attentional_pool {
    float *query; /* [queries, dim] */
    size_t queries, dim, width;
    struct cclip_cross_attention attention;
    struct cclip_layer_norm ln_q, ln_k; /* over dim, over width */
};

/* "PREFIX.query" [queries, dim], "PREFIX.attn.*", "PREFIX.ln_q.*", "PREFIX.ln_k.*". */
void cclip_attentional_pool_load(struct cclip_attentional_pool *layer, struct cclip_parameters *p,
                                 const char *prefix, size_t queries, size_t dim, size_t width,
                                 size_t heads);

/* x [rows, width] -> a new [sequences * queries, dim]. */
float *cclip_attentional_pool_forward(const struct cclip_attentional_pool *layer,
                                      struct cclip_forward *forward, const float *x,
                                      const struct cclip_sequences *sequences);

/* A new d_x [rows, width] from d_out [sequences * queries, dim]; the forward's x must still be there. */
float *cclip_attentional_pool_backward(const struct cclip_attentional_pool *layer,
                                       struct cclip_backward *backward, const float *d_out);

#endif
