/* A decoded picture, in the form in which Pillow opens the same file: palette pictures stay palette
 * pictures, CMYK stays CMYK. Resampling happens in that form, so it must not be lost on the way.
 *
 * Nothing here has global state: pictures can be decoded by any number of threads at once. */
#ifndef CCLIP_IMAGE_PICTURE_H
#define CCLIP_IMAGE_PICTURE_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum cclip_picture_mode {
    CCLIP_MODE_1,    /* 0 or 255, one byte a pixel */
    CCLIP_MODE_L,    /* gray */
    CCLIP_MODE_LA,   /* gray, alpha */
    CCLIP_MODE_P,    /* index into the palette */
    CCLIP_MODE_RGB,
    CCLIP_MODE_RGBA, /* alpha not multiplied in */
    CCLIP_MODE_CMYK, /* 255 is full ink */
    CCLIP_MODE_I,    /* gray as int32_t: pictures with 16 bits a pixel */
    CCLIP_MODES
};

struct cclip_picture_mode_info {
    const char *name;   /* Pillow's */
    size_t channels;
    size_t pixel_bytes;
};
const struct cclip_picture_mode_info *cclip_picture_mode_info(enum cclip_picture_mode mode);

/* Bytes behind the last row that may be read (they are zero): kernels load whole vectors. */
enum { CCLIP_PICTURE_SLACK = 64 };

struct cclip_picture {
    enum cclip_picture_mode mode;
    size_t width, height;
    size_t stride;         /* bytes from one row to the next */
    unsigned char *pixels; /* owned; NULL after a probe */
    const char *format;    /* "jpeg", "png", ...; static text */
    unsigned char palette[256][4]; /* of mode P: red, green, blue, alpha */
    int palette_has_alpha;
    int has_key;           /* one colour of a picture without alpha channel is transparent: */
    int32_t key[3];        /* in the picture's own channels */
    int orientation;       /* EXIF's, 1 to 8; 1 unless limits.read_orientation */
    size_t warnings;       /* damages that the codec found and that Pillow accepts too */
};

struct cclip_picture_limits {
    size_t side;           /* most pixels of width and of height */
    uint64_t pixels;       /* most width * height, checked before any allocation */
    size_t file;           /* most bytes of a file, for cclip_picture_read */
    size_t vector_side;    /* drawings (SVG) are rendered with this longer side */
    int read_orientation;
};
/* Those of base/limits.h; a NULL `limits` below means these. */
void cclip_picture_limits_init(struct cclip_picture_limits *limits);

/* Decodes a picture file in memory. `name` is used in messages. On failure `out` is empty. */
cclip_status cclip_picture_decode(struct cclip_picture *out, const void *data, size_t size,
                                  const char *name, const struct cclip_picture_limits *limits);
/* The same for a file on disk, mapped while it is read. */
cclip_status cclip_picture_read(struct cclip_picture *out, const char *path,
                                const struct cclip_picture_limits *limits);
/* Format, mode and size without decoding; `pixels` stays NULL and the picture needs no close. */
cclip_status cclip_picture_probe(struct cclip_picture *out, const void *data, size_t size,
                                 const char *name, const struct cclip_picture_limits *limits);
void cclip_picture_close(struct cclip_picture *picture);

/* A new picture with rows of unknown content; close it. The limits are the caller's business. */
cclip_status cclip_picture_open(struct cclip_picture *out, enum cclip_picture_mode mode,
                                size_t width, size_t height);

/* True when some pixel may be transparent: an alpha channel, palette entry or key colour. */
int cclip_picture_has_alpha(const struct cclip_picture *picture);

/* A new picture in mode RGB, converted as Pillow does: alpha is dropped, I is clipped. */
cclip_status cclip_picture_convert_rgb(struct cclip_picture *out, const struct cclip_picture *in);
/* A new picture in mode RGBA: alpha from the alpha channel, the palette or the key colour. */
cclip_status cclip_picture_convert_rgba(struct cclip_picture *out, const struct cclip_picture *in);
/* A new picture in mode RGB, with transparent pixels laid on a colour. */
cclip_status cclip_picture_compose(struct cclip_picture *out, const struct cclip_picture *in,
                                   const unsigned char colour[3]);
/* A new picture turned and mirrored so that its EXIF orientation becomes 1. */
cclip_status cclip_picture_orient(struct cclip_picture *out, const struct cclip_picture *in);
/* A new picture of another size, in the same mode; as Pillow's Image.resize. */
cclip_status cclip_picture_resize(struct cclip_picture *out, const struct cclip_picture *in,
                                  size_t width, size_t height, int interpolation);

/* Converts `count` pixels of a row to RGB bytes. */
void cclip_convert_row_rgb(unsigned char *out, const struct cclip_picture *picture,
                           const unsigned char *row, size_t count);

/* Format names this build reads, NULL-terminated. */
const char *const *cclip_picture_formats(void);

#endif
