/* The text tower: token and position embeddings, blocks, layer norm, one position's row, projection.
 *
 * A causal tower whose pooled position is known beforehand computes nothing behind it: later tokens
 * cannot be seen from there. Texts of different length are packed without padding. */
#ifndef CCLIP_MODELS_TEXT_TRANSFORMER_H
#define CCLIP_MODELS_TEXT_TRANSFORMER_H

#include <stdint.h>
#include "models/config.h"
#include "nn/transformer.h"

struct cclip_text_transformer {
    struct cclip_text_config config;
    size_t embedding_dim;
    float *token_embedding;      /* [vocabulary, width] */
    float *positional_embedding; /* [positions, width] */
    float *class_embedding;      /* [width] or NULL */
    struct cclip_transformer transformer;
    struct cclip_layer_norm ln_final;
    struct cclip_linear projection; /* [embedding_dim, width] */
};

void cclip_text_transformer_load(struct cclip_text_transformer *tower, struct cclip_parameters *p,
                                 const struct cclip_text_config *config, size_t embedding_dim);
void cclip_text_transformer_close(struct cclip_text_transformer *tower);

/* How many tokens of a row of `context` ids have to be computed: up to the pooled one, or all. */
size_t cclip_text_transformer_needed(const struct cclip_text_config *config, const int32_t *ids,
                                     size_t context);

/* Takes from texts of different length, text i being ids [offsets[i], offsets[i + 1]), what has to be
 * computed, padded where the tower computes its whole context. The results live in the pass's arena. */
cclip_status cclip_text_transformer_pack(const struct cclip_text_config *config,
                                         struct cclip_forward *forward, const int32_t **packed,
                                         struct cclip_sequences *sequences, const int32_t *ids,
                                         const size_t *offsets, size_t count);

/* `ids` are the rows' needed tokens packed, `sequences` says where each row begins; every id is
 * below the vocabulary's size (checked by the caller). out [count, embedding_dim], not normalised. */
void cclip_text_transformer_forward(const struct cclip_text_transformer *tower,
                                    struct cclip_forward *forward, float *out, const int32_t *ids,
                                    const struct cclip_sequences *sequences);

/* After a forward pass with a tape; d_out [count, embedding_dim]. `ids` and the offsets of the forward
 * pass must still be there. */
void cclip_text_transformer_backward(const struct cclip_text_transformer *tower,
                                     struct cclip_backward *backward, const float *d_out);

#endif
