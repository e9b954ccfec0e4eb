/* CLIP's ModifiedResNet (Radford et al. 2021, section 2.4): a stem of three convolutions, average
 * pooling in front of strided convolutions instead of strides, attention pooling at the end. */
#ifndef CCLIP_MODELS_MODIFIED_RESNET_H
#define CCLIP_MODELS_MODIFIED_RESNET_H

#include "models/config.h"
#include "nn/conv_norm.h"
#include "nn/cross_attention.h"

struct cclip_bottleneck {
    struct cclip_conv_norm conv1, conv2, conv3, downsample;
    size_t stride;
    int has_downsample;
};

struct cclip_modified_resnet {
    struct cclip_vision_config config;
    size_t embedding_dim;
    struct cclip_conv_norm stem[3];
    struct cclip_bottleneck *blocks; /* all stages, one after the other; owned */
    size_t block_count;
    float *positional_embedding;     /* [1 + cells, channels] */
    struct cclip_cross_attention pool;
};

void cclip_modified_resnet_load(struct cclip_modified_resnet *tower, struct cclip_parameters *p,
                                const struct cclip_vision_config *config, size_t embedding_dim);
void cclip_modified_resnet_close(struct cclip_modified_resnet *tower);

/* pixels [batch, 3, height, width] -> out [batch, embedding_dim], not normalised. */
void cclip_modified_resnet_forward(const struct cclip_modified_resnet *tower,
                                   struct cclip_forward *forward, float *out, const float *pixels,
                                   size_t batch);

/* After a forward pass with a tape; d_out [batch, embedding_dim]. */
void cclip_modified_resnet_backward(const struct cclip_modified_resnet *tower,
                                    struct cclip_backward *backward, const float *d_out);

#endif
