/* What every picture target does: probe, decode with small limits, preprocess to 32 x 32, turn upright.
 * A target feeds one codec only, so that a mutated first byte does not lead elsewhere. */
#ifndef CCLIP_TESTS_PICTURE_TARGET_H
#define CCLIP_TESTS_PICTURE_TARGET_H

#include <stdlib.h>
#include <string.h>

#include "image/codec.h"
#include "image/picture.h"
#include "image/preprocess.h"

static inline void fuzz_preprocess(const struct cclip_picture *picture, cclip_resize_mode mode,
                                   cclip_interpolation filter)
{
    float out[3 * 32 * 32];
    cclip_preprocessing settings = CCLIP_PREPROCESSING_INIT;
    settings.height = settings.width = 32;
    settings.resize_mode = mode;
    settings.interpolation = filter;
    settings.has_background = mode == CCLIP_RESIZE_LONGEST;
    if (cclip_preprocess(out, picture, &settings) && !*cclip_error_message())
        abort();
}

static inline int fuzz_picture(cclip_codec_matches *matches, const uint8_t *data, size_t size)
{
    const struct cclip_picture_limits limits = { .side = 2000, .pixels = 300000, .file = 1 << 20,
                                                 .vector_side = 64, .read_orientation = 1 };
    struct cclip_picture picture, probed, turned;
    if (!matches(data, size))
        return 0;
    const cclip_status probe = cclip_picture_probe(&probed, data, size, "fuzz", &limits);
    if (cclip_picture_decode(&picture, data, size, "fuzz", &limits)) {
        if (picture.pixels || !*cclip_error_message())
            abort();
        return 0;
    }
    /* What decodes was probed rightly (a turned TIFF has its sides exchanged). */
    if (probe || probed.pixels || probed.width * probed.height != picture.width * picture.height ||
        picture.width > limits.side || picture.width * picture.height > limits.pixels)
        abort();
    fuzz_preprocess(&picture, CCLIP_RESIZE_SHORTEST, CCLIP_BICUBIC);
    fuzz_preprocess(&picture, CCLIP_RESIZE_LONGEST, CCLIP_BILINEAR);
    fuzz_preprocess(&picture, CCLIP_RESIZE_SQUASH, CCLIP_NEAREST);
    if (!cclip_picture_orient(&turned, &picture))
        cclip_picture_close(&turned);
    cclip_picture_close(&picture);
    return 0;
}

#endif
