/* TIFF by libtiff. The common layouts (strips, samples side by side, 8 bits; 16 bits for gray) are
 * taken as they are, in Pillow's modes; everything else goes through libtiff's own conversion to RGBA.
 * The orientation tag is obeyed: in TIFF it is part of the format. */
#include "image/codec.h"

#include <string.h>

#include "base/memory.h"

int cclip_tiff_matches(const unsigned char *data, size_t size)
{
    return size >= 8 && (!memcmp(data, "II*\0", 4) || !memcmp(data, "MM\0*", 4) ||
                         !memcmp(data, "II+\0", 4) || !memcmp(data, "MM\0+", 4));
}

#if CCLIP_WITH_TIFF
#include <stdio.h>
#include <tiffio.h>

struct reader {
    const struct cclip_picture_source *source;
    struct cclip_picture *picture;
    TIFF *tiff;
    uint64_t offset;
    uint16_t bits, samples, photometric, planar, orientation, format;
    char message[200]; /* the first error */
};

static tmsize_t on_read(thandle_t handle, void *out, tmsize_t count)
{
    struct reader *r = handle;
    const uint64_t left = r->offset < r->source->size ? r->source->size - r->offset : 0;
    const size_t given = count < 0 ? 0 : (uint64_t)count < left ? (size_t)count : (size_t)left;
    memcpy(out, r->source->data + (given ? r->offset : 0), given);
    r->offset += given;
    return (tmsize_t)given;
}

static tmsize_t on_write(thandle_t handle, void *data, tmsize_t count)
{
    (void)handle;
    (void)data;
    (void)count;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    struct reader *r = handle;
    r->offset = whence == SEEK_CUR ? r->offset + offset
                : whence == SEEK_END ? r->source->size + offset
                                     : offset;
    return r->offset;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return ((struct reader *)handle)->source->size;
}

#if TIFFLIB_VERSION >= 20221213
static int on_error(TIFF *tiff, void *context, const char *module, const char *format, va_list list)
{
    struct reader *r = context;
    (void)tiff;
    (void)module;
    if (!r->message[0])
        vsnprintf(r->message, sizeof r->message, format, list);
    return 1;
}

static int on_warning(TIFF *tiff, void *context, const char *module, const char *format, va_list list)
{
    (void)tiff;
    (void)module;
    (void)format;
    (void)list;
    ((struct reader *)context)->picture->warnings++;
    return 1;
}

static TIFF *open_tiff(struct reader *r)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, r);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, r);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 30);
    TIFF *tiff = TIFFClientOpenExt("picture", "rm", r, on_read, on_write, on_seek, on_close, on_size,
                                   NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}
#else
/* Before 4.5 the handlers are the process's: all that can be done is to silence them. */
static TIFF *open_tiff(struct reader *r)
{
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    return TIFFClientOpen("picture", "rm", r, on_read, on_write, on_seek, on_close, on_size, NULL, NULL);
}
#endif

static cclip_status refuse(const struct reader *r, const char *what)
{
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: TIFF: %s", r->source->name,
                      r->message[0] ? r->message : what);
}

/* The mode whose rows libtiff gives as they are; CCLIP_MODES when there is none. */
static enum cclip_picture_mode plain_mode(const struct reader *r)
{
    static const struct {
        uint16_t photometric, samples, bits;
        enum cclip_picture_mode mode;
    } plain[] = {
        { PHOTOMETRIC_MINISBLACK, 1, 8, CCLIP_MODE_L }, { PHOTOMETRIC_MINISBLACK, 1, 16, CCLIP_MODE_I },
        { PHOTOMETRIC_MINISBLACK, 2, 8, CCLIP_MODE_LA }, { PHOTOMETRIC_PALETTE, 1, 8, CCLIP_MODE_P },
        { PHOTOMETRIC_RGB, 3, 8, CCLIP_MODE_RGB },      { PHOTOMETRIC_RGB, 4, 8, CCLIP_MODE_RGBA },
        { PHOTOMETRIC_SEPARATED, 4, 8, CCLIP_MODE_CMYK },
    };
    if (r->planar != PLANARCONFIG_CONTIG || TIFFIsTiled(r->tiff) || r->format != SAMPLEFORMAT_UINT)
        return CCLIP_MODES;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (plain[i].photometric == r->photometric && plain[i].samples == r->samples &&
            plain[i].bits == r->bits)
            return plain[i].mode;
    return CCLIP_MODES;
}

static cclip_status read_palette(struct reader *r)
{
    uint16_t *maps[3];
    if (!TIFFGetField(r->tiff, TIFFTAG_COLORMAP, &maps[0], &maps[1], &maps[2]))
        return refuse(r, "a palette picture without palette");
    for (size_t i = 0; i < 256; i++) {
        for (size_t c = 0; c < 3; c++)
            r->picture->palette[i][c] = (unsigned char)(maps[c][i] >> 8);
        r->picture->palette[i][3] = 255;
    }
    return CCLIP_OK;
}

static cclip_status read_plain(struct reader *r)
{
    struct cclip_picture *out = r->picture;
    const size_t bytes = out->width * r->samples * r->bits / 8;
    if ((size_t)TIFFScanlineSize(r->tiff) != bytes)
        return refuse(r, "rows of an unexpected size");
    for (size_t y = 0; y < out->height; y++) {
        unsigned char *row = out->pixels + y * out->stride;
        if (TIFFReadScanline(r->tiff, row, (uint32_t)y, 0) != 1)
            return refuse(r, "damaged data");
        for (size_t x = out->mode == CCLIP_MODE_I ? out->width : 0; x-- > 0;) {
            uint16_t narrow;
            memcpy(&narrow, row + 2 * x, sizeof narrow);
            const int32_t wide = narrow;
            memcpy(row + 4 * x, &wide, sizeof wide);
        }
    }
    return out->mode == CCLIP_MODE_P ? read_palette(r) : CCLIP_OK;
}

/* libtiff's own conversion; the alpha comes multiplied in, and is dropped where it means nothing. */
static cclip_status read_converted(struct reader *r)
{
    struct cclip_picture *out = r->picture;
    const size_t bytes = cclip_picture_mode_info(out->mode)->pixel_bytes;
    uint32_t *raster = cclip_allocate(out->width * out->height, sizeof *raster);
    cclip_status status = CCLIP_OK;
    if (!raster)
        return CCLIP_ERROR_MEMORY;
    if (TIFFReadRGBAImageOriented(r->tiff, (uint32_t)out->width, (uint32_t)out->height, raster,
                                  ORIENTATION_TOPLEFT, 1) != 1)
        status = refuse(r, "damaged data");
    for (size_t i = 0; i < out->width * out->height && !status; i++) {
        const uint32_t alpha = TIFFGetA(raster[i]);
        for (size_t c = 0; c < bytes; c++) {
            uint32_t value = raster[i] >> (8 * c) & 255;
            if (bytes == 4 && c < 3 && alpha && alpha != 255)
                value = value * 255 / alpha > 255 ? 255 : value * 255 / alpha;
            out->pixels[i * bytes + c] = (unsigned char)value;
        }
    }
    cclip_release(raster);
    return status;
}

static enum cclip_picture_mode converted_mode(const struct reader *r)
{
    if (r->bits == 1 && r->samples == 1 && r->photometric <= PHOTOMETRIC_MINISBLACK)
        return CCLIP_MODE_1;
    if (r->samples == 1 && r->photometric <= PHOTOMETRIC_MINISBLACK)
        return CCLIP_MODE_L;
    return r->samples == 4 && r->photometric == PHOTOMETRIC_RGB ? CCLIP_MODE_RGBA : CCLIP_MODE_RGB;
}

static cclip_status turn(struct reader *r)
{
    struct cclip_picture turned;
    r->picture->orientation = r->orientation;
    const cclip_status status = cclip_picture_orient(&turned, r->picture);
    if (status)
        return status;
    cclip_picture_close(r->picture);
    *r->picture = turned;
    return CCLIP_OK;
}

static cclip_status decode(struct reader *r)
{
    uint32_t width = 0, height = 0;
    TIFFGetField(r->tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(r->tiff, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_BITSPERSAMPLE, &r->bits);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_SAMPLESPERPIXEL, &r->samples);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_PLANARCONFIG, &r->planar);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ORIENTATION, &r->orientation);
    TIFFGetFieldDefaulted(r->tiff, TIFFTAG_SAMPLEFORMAT, &r->format);
    if (!TIFFGetField(r->tiff, TIFFTAG_PHOTOMETRIC, &r->photometric))
        return refuse(r, "no photometric tag");
    const enum cclip_picture_mode plain = plain_mode(r);
    const int converted = plain == CCLIP_MODES;
    cclip_status status = cclip_picture_begin(r->picture, r->source,
                                              converted ? converted_mode(r) : plain, width, height);
    if (!status)
        status = converted ? read_converted(r) : read_plain(r);
    if (!status && !converted && r->orientation > 1 && r->orientation <= 8)
        status = turn(r);
    return status;
}

cclip_status cclip_tiff_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    struct reader r = { .source = source, .picture = out };
    r.tiff = open_tiff(&r);
    if (!r.tiff)
        return refuse(&r, "damaged header");
    const cclip_status status = decode(&r);
    TIFFClose(r.tiff);
    return status;
}
#endif
