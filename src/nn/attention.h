/* Multi-head self-attention over packed sequences, with the options of open_clip's custom blocks:
 * normalised queries and keys (layer norm or cosine with a learned scale), a learned scale a head,
 * and a layer norm before the output projection. */
#ifndef CCLIP_NN_ATTENTION_H
#define CCLIP_NN_ATTENTION_H

#include "nn/head_norm.h"
#include "nn/head_scale.h"
#include "nn/linear.h"

struct cclip_attention_config {
    size_t width, heads;
    float epsilon;
    int qk_norm;       /* layer norm of each head's query and key */
    int scaled_cosine; /* instead: cosine similarity times exp(min(logit_scale, ln 100)) of the head */
    int scale_heads;   /* the head's output times head_scale */
    int inner_norm;    /* layer norm before the output projection */
};

/* Which keys a query sees, besides its own sequence's. */
struct cclip_attention_mask {
    int causal;
    const float *additive; /* [rows, stride] or NULL, as in struct cclip_attention */
    size_t stride;
};

struct cclip_self_attention {
    struct cclip_attention_config config;
    struct cclip_linear in_proj; /* [3 * width, width]: queries, keys, values */
    struct cclip_linear out_proj;
    struct cclip_head_norm norm_q, norm_k; /* with qk_norm or scaled_cosine */
    struct cclip_head_scale cosine_scale;  /* with scaled_cosine */
    struct cclip_head_scale head_scale;    /* with scale_heads */
    struct cclip_layer_norm ln_inner;
};

/* "PREFIX.in_proj_weight", "PREFIX.in_proj_bias", "PREFIX.out_proj.*" and the options' tensors. */
void cclip_self_attention_load(struct cclip_self_attention *layer, struct cclip_parameters *p,
                               const char *prefix, const struct cclip_attention_config *config);

/* Rows whose output is needed, one a sequence, in order. With a causal mask each must be the last of
 * its sequence, so that it sees all keys. */
struct cclip_wanted_rows {
    const size_t *rows;    /* [sequences] */
    const size_t *offsets; /* 0, 1, 2 ... sequences: each wanted row as a sequence of its own */
};

/* out = out_proj(attention(in)), epilogue as in linear. `work` has room for [rows, 4 * width];
 * `in` may be anywhere but in `work`. With `wanted`, out has one row a sequence; else it is NULL. */
void cclip_self_attention_forward(const struct cclip_self_attention *layer,
                                  struct cclip_forward *forward, float *out, const float *in,
                                  const struct cclip_sequences *sequences,
                                  const struct cclip_attention_mask *mask,
                                  const struct cclip_wanted_rows *wanted, float *work,
                                  const struct cclip_epilogue *epilogue);

/* For y = out_proj(attention(x)) scale, scale a parameter or NULL; `in` is the forward's x. d_in has all
 * rows, d_out those of the output. */
void cclip_self_attention_backward(const struct cclip_self_attention *layer,
                                   struct cclip_backward *backward, float *d_in,
                                   const float *d_out, const float *in, const float *scale);

#endif
