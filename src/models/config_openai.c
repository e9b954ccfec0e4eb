#include "models/config_openai.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_WIDTH = 64 };

/* Shape of a tensor that must be there with `rank` dimensions. */
static cclip_status shape_of(size_t *shape, int rank, const struct cclip_weights *weights,
                             const char *tensor, const char *name)
{
    int found = 0;
    size_t full[CCLIP_LIMIT_TENSOR_RANK];
    if (!cclip_weights_has(weights, tensor) || cclip_weights_shape(weights, tensor, full, &found))
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: no configuration beside it, and no tensor \"%s\" to tell the sizes from",
                          name, tensor);
    if (found != rank)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensor \"%s\" has %d dimensions, not %d", name,
                          tensor, found, rank);
    for (int i = 0; i < rank; i++)
        shape[i] = full[i];
    return CCLIP_OK;
}

static size_t count_blocks(const struct cclip_weights *weights, const char *format)
{
    size_t count = 0;
    for (;; count++) {
        char tensor[96];
        snprintf(tensor, sizeof tensor, format, count);
        if (count >= CCLIP_LIMIT_MODEL_LAYERS || !cclip_weights_has(weights, tensor))
            return count;
    }
}

static cclip_status vision_transformer(struct cclip_vision_config *out,
                                       const struct cclip_weights *weights, const char *name)
{
    size_t kernel[4], positions[2];
    cclip_status status = shape_of(kernel, 4, weights, "visual.conv1.weight", name);
    if (!status)
        status = shape_of(positions, 2, weights, "visual.positional_embedding", name);
    if (status)
        return status;
    const size_t grid = (size_t)lround(sqrt((double)positions[0] - 1));
    out->kind = CCLIP_VISION_TRANSFORMER;
    out->patch_size = kernel[2];
    out->image_height = out->image_width = grid * kernel[2];
    out->transformer.width = kernel[0];
    out->transformer.heads = kernel[0] / HEAD_WIDTH;
    out->transformer.mlp_width = kernel[0] * 4;
    out->transformer.layers =
        count_blocks(weights, "visual.transformer.resblocks.%zu.attn.in_proj_weight");
    return CCLIP_OK;
}

static cclip_status resnet(struct cclip_vision_config *out, const struct cclip_weights *weights,
                           const char *name)
{
    static const char *const stages[4] = { "visual.layer1.%zu.conv1.weight",
                                           "visual.layer2.%zu.conv1.weight",
                                           "visual.layer3.%zu.conv1.weight",
                                           "visual.layer4.%zu.conv1.weight" };
    size_t kernel[4], positions[2];
    cclip_status status = shape_of(kernel, 4, weights, "visual.layer1.0.conv1.weight", name);
    if (!status)
        status = shape_of(positions, 2, weights, "visual.attnpool.positional_embedding", name);
    if (status)
        return status;
    out->kind = CCLIP_MODIFIED_RESNET;
    out->stem_width = kernel[0];
    out->attention_heads = kernel[0] * 32 / HEAD_WIDTH;
    out->image_height = out->image_width = (size_t)lround(sqrt((double)positions[0] - 1)) * 32;
    for (int i = 0; i < 4; i++)
        out->stage_blocks[i] = count_blocks(weights, stages[i]);
    return CCLIP_OK;
}

cclip_status cclip_config_from_weights(struct cclip_config *out, const struct cclip_weights *weights,
                                       const char *name)
{
    size_t table[2], positions[2], projection[2];
    cclip_config_default(out);
    if (!strncmp(cclip_weights_layout(weights), "hf_", 3)) /* heads and activations are its own */
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no configuration (config.json) beside it", name);
    const int is_vit = cclip_weights_has(weights, "visual.positional_embedding");
    cclip_status status = is_vit ? vision_transformer(&out->vision, weights, name)
                                 : resnet(&out->vision, weights, name);
    if (!status)
        status = shape_of(table, 2, weights, "text.token_embedding.weight", name);
    if (!status)
        status = shape_of(positions, 2, weights, "text.positional_embedding", name);
    if (!status)
        status = shape_of(projection, 2, weights, "text.text_projection", name);
    if (status)
        return status;
    struct cclip_transformer_config *t = &out->text.transformer;
    t->width = table[1];
    t->heads = table[1] / HEAD_WIDTH;
    t->mlp_width = table[1] * 4;
    t->layers = count_blocks(weights, "text.transformer.resblocks.%zu.attn.in_proj_weight");
    out->text.vocabulary_size = table[0];
    out->text.context_length = positions[0];
    out->embedding_dim = projection[1];
    out->preprocessing.height = out->vision.image_height;
    out->preprocessing.width = out->vision.image_width;
    const size_t width = is_vit ? out->vision.transformer.width : 32 * out->vision.stem_width;
    if (width % HEAD_WIDTH || t->width % HEAD_WIDTH)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: no configuration beside it, and widths of %zu and %zu are not made of "
                          "OpenAI's heads of %d", name, width, t->width, HEAD_WIDTH);
    return cclip_config_check(out, name);
}
