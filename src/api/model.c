#include <cclip/hub.h>
#include <cclip/model.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "models/architectures.h"
#include "models/model.h"

void cclip_model_options_init(cclip_model_options *options)
{
    *options = (cclip_model_options)CCLIP_MODEL_OPTIONS_INIT;
}

cclip_status cclip_model_open(cclip_model **out, const char *name,
                              const cclip_model_options *options)
{
    *out = NULL;
    if (options && options->version != CCLIP_MODEL_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "model options: version %u is not known",
                          (unsigned)options->version);
    if (options && (unsigned)options->style > CCLIP_TOKENIZER_HF)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "model options: style %d is not known", (int)options->style);
    char path[CCLIP_LIMIT_PATH];
    const cclip_status status = cclip_hub_find(path, sizeof path, name);
    if (status)
        return status;
    const struct cclip_model_request request = {
        .path = path,
        .vocabulary = options ? options->vocabulary : NULL,
        .style = options ? (enum cclip_text_style)options->style : CCLIP_STYLE_AUTO,
        .no_ftfy = options ? options->no_ftfy : 0,
    };
    return cclip_models_open(out, &request);
}

void cclip_model_close(cclip_model **model)
{
    cclip_models_close(model);
}

cclip_status cclip_model_get_info(const cclip_model *model, cclip_model_info *info)
{
    if (info->version != CCLIP_MODEL_INFO_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "model info: version %u is not known",
                          (unsigned)info->version);
    const struct cclip_config *config = &model->config;
    const struct cclip_vision_config *vision = &config->vision;
    const int vit = vision->kind == CCLIP_VISION_TRANSFORMER;
    *info = (cclip_model_info){
        .version = CCLIP_MODEL_INFO_VERSION,
        .path = model->path,
        .format = cclip_weights_format(model->weights),
        .layout = cclip_weights_layout(model->weights),
        .dtype = cclip_weights_main_dtype(model->weights),
        .architecture = model->architecture,
        .image_tower = model->tower_text[CCLIP_IMAGE_TOWER],
        .text_tower = model->tower_text[CCLIP_TEXT_TOWER],
        .tokenizer = model->tokenizer_text,
        .licence = model->licence,
        .embedding_dim = config->embedding_dim,
        .context_length = config->text.context_length,
        .vocabulary_size = config->text.vocabulary_size,
        .image_parameters = model->parameter_count[CCLIP_IMAGE_TOWER],
        .text_parameters = model->parameter_count[CCLIP_TEXT_TOWER],
        .parameters = model->total_parameters,
        .image_tokens = vit ? cclip_vision_transformer_tokens(vision) : 0,
        .image_width = vit ? vision->transformer.width : vision->stem_width * 32,
        .image_layers = vit ? vision->transformer.layers : 0,
        .text_layers = config->text.transformer.layers,
        .logit_scale = model->logit_scale,
        .logit_scale_assumed = config->no_logit_scale,
        .logit_bias = model->logit_bias,
        .is_sigmoid = config->has_logit_bias,
        .preprocessing = config->preprocessing,
    };
    return CCLIP_OK;
}

cclip_status cclip_model_get_tokenizer(const cclip_model *model, const cclip_tokenizer **out)
{
    *out = model->tokenizer;
    return model->tokenizer ? CCLIP_OK
                            : cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s", model->tokenizer_problem);
}
