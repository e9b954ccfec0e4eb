/** @file
 * From a picture file to a model's input. */
#ifndef CCLIP_IMAGE_H
#define CCLIP_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a picture gets the input's size. */
typedef enum cclip_resize_mode {
    CCLIP_RESIZE_SHORTEST = 0, /**< shortest side to the size, then centre crop */
    CCLIP_RESIZE_LONGEST = 1,  /**< longest side to the size, then padding */
    CCLIP_RESIZE_SQUASH = 2    /**< both sides to the size, proportions lost */
} cclip_resize_mode;

/** How pixels are interpolated when the size changes, as Pillow does it. */
typedef enum cclip_interpolation {
    CCLIP_BICUBIC = 0,
    CCLIP_BILINEAR = 1,
    CCLIP_NEAREST = 2,
    CCLIP_LANCZOS = 3
} cclip_interpolation;

/** What happens to a picture before it enters a model. */
typedef struct cclip_preprocessing {
    uint32_t version;     /**< CCLIP_PREPROCESSING_VERSION */
    size_t height;        /**< of the model's input, pixels; default 224 */
    size_t width;         /**< of the model's input, pixels; default 224 */
    size_t resize_to;     /**< shortest side before the crop; default 0: the larger of height and width */
    cclip_resize_mode resize_mode;     /**< default CCLIP_RESIZE_SHORTEST */
    cclip_interpolation interpolation; /**< default CCLIP_BICUBIC */
    float mean[3];         /**< (x / 255 - mean) / std, a channel; default OpenAI's */
    float std[3];          /**< see `mean` */
    int has_background;    /**< 1: transparent pictures are laid on `background` first; default 0 */
    uint8_t background[3]; /**< red, green, blue */
} cclip_preprocessing;

/** Goes into `version` of cclip_preprocessing. */
#define CCLIP_PREPROCESSING_VERSION 1
/** OpenAI's preprocessing, as an initialiser. */
#define CCLIP_PREPROCESSING_INIT                                                                   \
    {                                                                                              \
        CCLIP_PREPROCESSING_VERSION, 224, 224, 0, CCLIP_RESIZE_SHORTEST, CCLIP_BICUBIC,               \
            { 0.48145466f, 0.4578275f, 0.40821073f }, { 0.26862954f, 0.26130258f, 0.27577711f },   \
            0, { 0, 0, 0 }                                                                         \
    }
/** Sets the values of CCLIP_PREPROCESSING_INIT. */
CCLIP_API void cclip_preprocessing_init(cclip_preprocessing *preprocessing);

/**
 * Sets `has_background` and `background` from a colour: "none", a name such as "white", "#rgb" or
 * "#rrggbb". CCLIP_ERROR_ARGUMENT for anything else.
 */
CCLIP_API cclip_status cclip_preprocessing_set_background(cclip_preprocessing *preprocessing,
                                                          const char *colour);

/**
 * Sets mode, interpolation, mean and std to what a family of public checkpoints was trained with, and
 * `resize_to` to 0; sizes and background stay. `name` is "openai" (open_clip's too), "siglip", "clipa",
 * "mobileclip" (MobileCLIP2 B, S0 and S2 too), "mobileclip2_s3" (S4 too), "pe" (Perception Encoder) or
 * "laion_half" (one ViT-L/14 of LAION's). CCLIP_ERROR_ARGUMENT for anything else. A model's own
 * settings are in its cclip_model_info.
 */
CCLIP_API cclip_status cclip_preprocessing_set_class(cclip_preprocessing *preprocessing,
                                                     const char *name);

/** Decodes the picture file `path`; `out` is float32 [3][height][width], normalised. */
CCLIP_API cclip_status cclip_preprocess_file(float *out, const char *path,
                                             const cclip_preprocessing *preprocessing);

/** The same from the bytes of a picture file; `name` is used in messages. */
CCLIP_API cclip_status cclip_preprocess_memory(float *out, const void *data, size_t size,
                                               const char *name,
                                               const cclip_preprocessing *preprocessing);

/** Decodes `path`; `out` is uint8 [height][width][3], RGB, before normalisation. */
CCLIP_API cclip_status cclip_preprocess_file_u8(uint8_t *out, const char *path,
                                                const cclip_preprocessing *preprocessing);

#ifdef __cplusplus
}
#endif
#endif
