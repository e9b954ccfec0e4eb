/* Pictures written to memory: contact sheets, thumbnails, heat maps. */
#ifndef CCLIP_IMAGE_WRITE_PICTURE_H
#define CCLIP_IMAGE_WRITE_PICTURE_H

#include <stddef.h>
#include "base/buffer.h"
#include "base/status.h"

/* Bytes in rows, `stride` bytes apart; 1 channel is gray, 3 RGB, 4 RGBA (PNG only). */
struct cclip_pixels {
    const unsigned char *pixels;
    size_t width, height, stride, channels;
};

/* Both append a whole file to `out`, which is left as it was on failure. */
cclip_status cclip_png_write(struct cclip_buffer *out, const struct cclip_pixels *in);
/* `quality` 1 to 100; 4:2:0, optimised Huffman tables. */
cclip_status cclip_jpeg_write(struct cclip_buffer *out, const struct cclip_pixels *in, int quality);

#endif
