/* From a picture to a model's input, bit for bit as the reference does it with Pillow.
 *
 * The order is that of openai/CLIP and open_clip: resize in the picture's own mode, crop, convert to
 * RGB, scale to [0, 1], normalise. transformers' slow CLIP processor differs in two places: it converts
 * to RGB before it resizes, and its crop begins at floor((side - size) / 2) where the reference rounds
 * halves to even. For RGB pictures the results differ only where (side - size) is 3 modulo 4. */
#ifndef CCLIP_IMAGE_PREPROCESS_H
#define CCLIP_IMAGE_PREPROCESS_H

#include <cclip/image.h>
#include "image/picture.h"

/* Pictures are resized to width x height; the window of the model's input begins at (left, top) of
 * that, which is negative where the input is larger: the rest is padding. */
struct cclip_placement {
    size_t width, height;
    int64_t left, top;
};
cclip_status cclip_preprocess_place(struct cclip_placement *out, size_t width, size_t height,
                                    const cclip_preprocessing *preprocessing);

/* `out` is [height][width][3]. Fails with CCLIP_ERROR_ARGUMENT on settings that make no sense, and
 * with CCLIP_ERROR_MEMORY. */
cclip_status cclip_preprocess_u8(unsigned char *out, const struct cclip_picture *picture,
                                 const cclip_preprocessing *preprocessing);
/* `out` is [3][height][width]: (float32(u8) / 255 - mean) / std. */
cclip_status cclip_preprocess(float *out, const struct cclip_picture *picture,
                              const cclip_preprocessing *preprocessing);
/* The second half alone: from [height][width][3] bytes. */
void cclip_preprocess_normalize(float *out, const unsigned char *in,
                                const cclip_preprocessing *preprocessing);

#endif
