/* A stack of pre-norm residual attention blocks:
 *   x = x + ls_1(ln_attn(attention(ln_1(x))));  x = x + ls_2(mlp(ln_2(x)))
 * LayerScale (ls) and ln_attn are options. */
#ifndef CCLIP_NN_TRANSFORMER_H
#define CCLIP_NN_TRANSFORMER_H

#include "nn/attention.h"
#include "nn/mlp.h"

struct cclip_transformer_config {
    size_t width, layers, heads;
    size_t mlp_width;
    enum cclip_activation activation;
    float epsilon;       /* of every layer norm */
    int layer_scale;     /* ls_1.gamma, ls_2.gamma */
    int qk_norm;         /* the custom block's options, see nn/attention.h */
    int scaled_cosine;
    int scale_heads;
    int scale_attention_inner;
    int scale_attention; /* ln_attn */
    int scale_mlp;       /* a layer norm inside the MLP */
};

/* Whether open_clip takes its custom block for this. */
static inline int cclip_transformer_is_custom(const struct cclip_transformer_config *config)
{
    return config->qk_norm || config->scaled_cosine || config->scale_heads ||
           config->scale_attention_inner || config->scale_attention || config->scale_mlp;
}

struct cclip_transformer_block {
    struct cclip_layer_norm ln_1, ln_attention, ln_2;
    struct cclip_self_attention attention;
    struct cclip_mlp mlp;
    float *ls_1, *ls_2; /* [width] or NULL */
};

struct cclip_transformer {
    struct cclip_transformer_config config;
    struct cclip_transformer_block *blocks; /* [layers], owned */
};

/* Blocks are "PREFIX.resblocks.I". */
void cclip_transformer_load(struct cclip_transformer *transformer, struct cclip_parameters *p,
                            const char *prefix, const struct cclip_transformer_config *config);
void cclip_transformer_close(struct cclip_transformer *transformer);

/* x [rows, width] is worked on in place and returned (with a tape, elsewhere). With a tape and
 * forward->recompute each block keeps its input only, one of 10 parts, and runs once more on the way back,
 * without its last product. `tower` names the taps: "TOWER.blockI.attention",
 * "TOWER.blockI". With `wanted` (one row a sequence, no additive mask) the last block computes only
 * what those rows need, and the result is a new [sequences, width]. Same bits as the full result. */
float *cclip_transformer_forward(const struct cclip_transformer *transformer,
                                 struct cclip_forward *forward, float *x,
                                 const struct cclip_sequences *sequences,
                                 const struct cclip_attention_mask *mask,
                                 const struct cclip_wanted_rows *wanted, const char *tower);

/* d_out is the gradient of the returned rows; the result is that of x, [rows, width] in the backward
 * arena. NULL when nothing before the blocks learns: then blocks that need none were left out. */
float *cclip_transformer_backward(const struct cclip_transformer *transformer,
                                  struct cclip_backward *backward, const float *d_out);

#endif
