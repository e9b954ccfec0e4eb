/* What a codec gets and what it owes.
 *
 * decode() finds `out` empty (orientation 1) and calls cclip_picture_begin as soon as mode and size are
 * known, before it allocates anything that grows with the picture. When that fails it returns the
 * status at once; that is also how probing ends early. On failure the caller closes `out`. */
#ifndef CCLIP_IMAGE_CODEC_H
#define CCLIP_IMAGE_CODEC_H

#include "image/picture.h"

struct cclip_picture_source {
    const unsigned char *data;
    size_t size;
    const char *name;
    struct cclip_picture_limits limits;
    int probe_only;
};

typedef int cclip_codec_matches(const unsigned char *data, size_t size);
typedef cclip_status cclip_codec_decode(struct cclip_picture *out,
                                        const struct cclip_picture_source *source);

struct cclip_codec {
    const char *name;
    cclip_codec_matches *matches;
    cclip_codec_decode *decode; /* NULL: this build lacks the library */
    const char *library;        /* which one that is */
};

/* Checks the limits, then allocates. */
cclip_status cclip_picture_begin(struct cclip_picture *out,
                                 const struct cclip_picture_source *source,
                                 enum cclip_picture_mode mode, uint64_t width, uint64_t height);

cclip_codec_matches cclip_jpeg_matches, cclip_png_matches, cclip_webp_matches, cclip_gif_matches,
    cclip_bmp_matches, cclip_ppm_matches, cclip_svg_matches, cclip_heif_matches, cclip_avif_matches,
    cclip_tiff_matches;
cclip_codec_decode cclip_jpeg_decode, cclip_png_decode, cclip_webp_decode, cclip_gif_decode,
    cclip_bmp_decode, cclip_ppm_decode, cclip_svg_decode, cclip_heif_decode, cclip_tiff_decode;

/* The orientation (1 to 8) in an EXIF block, with or without "Exif\0\0" in front; 1 when there is
 * none, or this build lacks libexif. */
int cclip_exif_orientation(const unsigned char *data, size_t size);

#endif
