/* The Vision Transformer image tower (Dosovitskiy et al. 2020) with the variants of CLIP models:
 * pixels -> patches -> [class token] + positions -> [ln_pre] -> blocks -> pooling -> projection. */
#ifndef CCLIP_MODELS_VISION_TRANSFORMER_H
#define CCLIP_MODELS_VISION_TRANSFORMER_H

#include "models/config.h"
#include "nn/attentional_pool.h"
#include "nn/map_pool.h"
#include "nn/transformer.h"

struct cclip_vision_transformer {
    struct cclip_vision_config config;
    size_t embedding_dim;
    struct cclip_linear patch;   /* conv1 as a product: [width, 3 * patch * patch] */
    float *class_embedding;      /* [width] */
    float *positional_embedding; /* [tokens, width] */
    struct cclip_layer_norm ln_pre, ln_post;
    struct cclip_transformer transformer;
    struct cclip_attentional_pool attentional_pool; /* with pool_queries */
    struct cclip_map_pool map_pool;                 /* with CCLIP_POOL_MAP */
    struct cclip_matrix projection;                 /* [embedding_dim, pooled width] */
};

/* Tokens of one picture: patches and class token. */
size_t cclip_vision_transformer_tokens(const struct cclip_vision_config *config);

void cclip_vision_transformer_load(struct cclip_vision_transformer *tower,
                                   struct cclip_parameters *p,
                                   const struct cclip_vision_config *config, size_t embedding_dim);
void cclip_vision_transformer_close(struct cclip_vision_transformer *tower);

/* pixels [batch, 3, height, width] -> out [batch, embedding_dim], not normalised. With
 * forward->patch_dropout the blocks see a part of the patches; positions are added before. */
void cclip_vision_transformer_forward(const struct cclip_vision_transformer *tower,
                                      struct cclip_forward *forward, float *out,
                                      const float *pixels, size_t batch);

/* After a forward pass with a tape; d_out [batch, embedding_dim]. The pixels must still be there. */
void cclip_vision_transformer_backward(const struct cclip_vision_transformer *tower,
                                       struct cclip_backward *backward, const float *d_out);

#endif
