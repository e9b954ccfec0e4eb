/* A window of a resized picture. */
#ifndef CCLIP_IMAGE_RESIZE_H
#define CCLIP_IMAGE_RESIZE_H

#include <cclip/image.h>
#include "image/picture.h"

/* The picture is scaled to width x height; of the result only the window is computed. */
struct cclip_resize {
    size_t width, height;
    size_t left, top, window_width, window_height;
    cclip_interpolation interpolation;
};

/* `out` has the window's size and the input's mode and colours. The picture is resampled as it is:
 * modes 1 and P by nearest neighbour, LA and RGBA with their alpha multiplied in, then divided out. The input
 * may be a part of a larger picture: the stride is the larger one's. */
cclip_status cclip_resize_window(struct cclip_picture *out, const struct cclip_picture *in,
                                 const struct cclip_resize *resize);

#endif
