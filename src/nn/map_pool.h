/* SigLIP's pooling (Zhai et al. 2023; "multihead attention pooling" of Scaling Vision Transformers, 2022):
 * one learned query asks all tokens of a picture, then an MLP:
 *   y = attention(latent, x);  out = y + mlp(norm(y)) */
#ifndef CCLIP_NN_MAP_POOL_H
#define CCLIP_NN_MAP_POOL_H

#include "nn/cross_attention.h"
#include "nn/layer_norm.h"
#include "nn/mlp.h"

struct cclip_map_pool {
    float *latent; /* [width] */
    struct cclip_cross_attention attention;
    struct cclip_layer_norm norm;
    struct cclip_mlp mlp;
};

struct cclip_map_pool_config {
    size_t width, heads, mlp_width;
    enum cclip_activation activation;
    float epsilon;
};

/* "PREFIX.latent" [1, 1, width], "PREFIX.in_proj_*", "PREFIX.out_proj.*", "PREFIX.norm.*", "PREFIX.mlp.*". */
void cclip_map_pool_load(struct cclip_map_pool *layer, struct cclip_parameters *p, const char *prefix,
                         const struct cclip_map_pool_config *config);

/* x [rows, width] -> a new [sequences, width]. */
float *cclip_map_pool_forward(const struct cclip_map_pool *layer, struct cclip_forward *forward,
                              const float *x, const struct cclip_sequences *sequences);

/* A new d_x [rows, width] from d_out [sequences, width]; the forward's x must still be there. */
float *cclip_map_pool_backward(const struct cclip_map_pool *layer, struct cclip_backward *backward,
                               const float *d_out);

#endif
