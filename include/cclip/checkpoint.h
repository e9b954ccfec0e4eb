/** @file
 * Checkpoints on disk: converting between layouts. */
#ifndef CCLIP_CHECKPOINT_H
#define CCLIP_CHECKPOINT_H

#include <cclip/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Layouts that can be written. */
typedef enum cclip_checkpoint_format {
    CCLIP_FORMAT_OPEN_CLIP = 0,   /**< open_clip_config.json + open_clip_model.safetensors */
    CCLIP_FORMAT_HUGGING_FACE = 1 /**< config.json, model.safetensors, preprocessor and tokenizer files */
} cclip_checkpoint_format;

/**
 * Reads any checkpoint that cclip_model_open takes and writes the folder `output` in `format`. Every
 * element keeps its bits and type (quantised GGUF tensors become f32). The folder must not exist or
 * be empty, and appears only when it is complete. A model that the format cannot express is
 * CCLIP_ERROR_UNSUPPORTED with the reason. `vocabulary` as in cclip_model_options, may be NULL.
 */
CCLIP_API cclip_status cclip_checkpoint_convert(const char *input, const char *output,
                                                cclip_checkpoint_format format,
                                                const char *vocabulary);

#ifdef __cplusplus
}
#endif
#endif
