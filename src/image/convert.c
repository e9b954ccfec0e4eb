/* From a picture's own mode to RGB, onto a background, and upright; arithmetic as in Pillow. */
#include "image/picture.h"

#include <string.h>

static unsigned multiply_255(unsigned a, unsigned b)
{
    const unsigned product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

static unsigned char clip_i32(const unsigned char *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void gray_row(unsigned char *out, const unsigned char *row, size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++, out += 3, row += bytes)
        out[0] = out[1] = out[2] = row[0];
}

static void cmyk_row(unsigned char *out, const unsigned char *row, size_t count)
{
    for (size_t i = 0; i < count; i++, out += 3, row += 4) {
        const unsigned light = 255u - row[3];
        for (size_t c = 0; c < 3; c++)
            out[c] = (unsigned char)(light - multiply_255(row[c], light));
    }
}

void cclip_convert_row_rgb(unsigned char *out, const struct cclip_picture *picture,
                           const unsigned char *row, size_t count)
{
    switch (picture->mode) {
    case CCLIP_MODE_RGB:
        memcpy(out, row, 3 * count);
        break;
    case CCLIP_MODE_RGBA:
        for (size_t i = 0; i < count; i++, out += 3, row += 4)
            memcpy(out, row, 3);
        break;
    case CCLIP_MODE_P:
        for (size_t i = 0; i < count; i++, out += 3)
            memcpy(out, picture->palette[row[i]], 3);
        break;
    case CCLIP_MODE_CMYK:
        cmyk_row(out, row, count);
        break;
    case CCLIP_MODE_I:
        for (size_t i = 0; i < count; i++, out += 3)
            out[0] = out[1] = out[2] = clip_i32(row + 4 * i);
        break;
    default:
        gray_row(out, row, count, cclip_picture_mode_info(picture->mode)->pixel_bytes);
        break;
    }
}

cclip_status cclip_picture_convert_rgb(struct cclip_picture *out, const struct cclip_picture *in)
{
    const cclip_status status = cclip_picture_open(out, CCLIP_MODE_RGB, in->width, in->height);
    if (status)
        return status;
    for (size_t y = 0; y < in->height; y++)
        cclip_convert_row_rgb(out->pixels + y * out->stride, in, in->pixels + y * in->stride, in->width);
    out->format = in->format;
    out->orientation = in->orientation;
    return CCLIP_OK;
}

int cclip_picture_has_alpha(const struct cclip_picture *picture)
{
    switch (picture->mode) {
    case CCLIP_MODE_LA:
    case CCLIP_MODE_RGBA:
        return 1;
    case CCLIP_MODE_P:
        return picture->palette_has_alpha;
    default:
        return picture->has_key;
    }
}

static unsigned alpha_of(const struct cclip_picture *picture, const unsigned char *pixel)
{
    int32_t wide;
    switch (picture->mode) {
    case CCLIP_MODE_LA:
        return pixel[1];
    case CCLIP_MODE_RGBA:
        return pixel[3];
    case CCLIP_MODE_P:
        return picture->palette[pixel[0]][3];
    case CCLIP_MODE_RGB:
        return pixel[0] == picture->key[0] && pixel[1] == picture->key[1] && pixel[2] == picture->key[2]
                   ? 0
                   : 255;
    case CCLIP_MODE_I:
        memcpy(&wide, pixel, sizeof wide);
        return wide == picture->key[0] ? 0 : 255;
    default:
        return pixel[0] == picture->key[0] ? 0 : 255;
    }
}

cclip_status cclip_picture_convert_rgba(struct cclip_picture *out, const struct cclip_picture *in)
{
    const size_t bytes = cclip_picture_mode_info(in->mode)->pixel_bytes;
    const int alpha = cclip_picture_has_alpha(in);
    const cclip_status status = cclip_picture_open(out, CCLIP_MODE_RGBA, in->width, in->height);
    if (status)
        return status;
    for (size_t y = 0; y < in->height; y++) {
        const unsigned char *row = in->pixels + y * in->stride;
        unsigned char *to = out->pixels + y * out->stride;
        for (size_t x = 0; x < in->width; x++, row += bytes, to += 4) {
            cclip_convert_row_rgb(to, in, row, 1);
            to[3] = (unsigned char)(alpha ? alpha_of(in, row) : 255);
        }
    }
    out->format = in->format;
    out->orientation = in->orientation;
    return CCLIP_OK;
}

cclip_status cclip_picture_compose(struct cclip_picture *out, const struct cclip_picture *in,
                                   const unsigned char colour[3])
{
    const size_t bytes = cclip_picture_mode_info(in->mode)->pixel_bytes;
    const cclip_status status = cclip_picture_convert_rgb(out, in);
    if (status || !cclip_picture_has_alpha(in))
        return status;
    for (size_t y = 0; y < in->height; y++) {
        const unsigned char *row = in->pixels + y * in->stride;
        unsigned char *to = out->pixels + y * out->stride;
        for (size_t x = 0; x < in->width; x++, row += bytes, to += 3) {
            const unsigned alpha = alpha_of(in, row);
            for (size_t c = 0; c < 3 && alpha != 255; c++) {
                const unsigned mixed = to[c] * alpha + colour[c] * (255 - alpha) + 128;
                to[c] = (unsigned char)((mixed + (mixed >> 8)) >> 8);
            }
        }
    }
    return CCLIP_OK;
}

/* EXIF orientation o: 5 to 8 swap the axes; then the picture is mirrored left-right or up-down. */
static const struct {
    unsigned char swap, mirror_x, mirror_y;
} turns[9] = { [2] = { 0, 1, 0 }, [3] = { 0, 1, 1 }, [4] = { 0, 0, 1 }, [5] = { 1, 0, 0 },
               [6] = { 1, 0, 1 }, [7] = { 1, 1, 1 }, [8] = { 1, 1, 0 } };

cclip_status cclip_picture_orient(struct cclip_picture *out, const struct cclip_picture *in)
{
    const size_t bytes = cclip_picture_mode_info(in->mode)->pixel_bytes;
    const int o = in->orientation >= 1 && in->orientation <= 8 ? in->orientation : 1;
    const size_t width = turns[o].swap ? in->height : in->width;
    const size_t height = turns[o].swap ? in->width : in->height;
    const cclip_status status = cclip_picture_open(out, in->mode, width, height);
    if (status)
        return status;
    struct cclip_picture turned = *in;
    turned.pixels = out->pixels;
    turned.width = width;
    turned.height = height;
    turned.stride = out->stride;
    turned.orientation = 1;
    *out = turned;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            /* Where this pixel is in the file. */
            size_t from_x = turns[o].swap ? y : x, from_y = turns[o].swap ? x : y;
            if (turns[o].mirror_x)
                from_x = in->width - 1 - from_x;
            if (turns[o].mirror_y)
                from_y = in->height - 1 - from_y;
            memcpy(out->pixels + y * out->stride + x * bytes,
                   in->pixels + from_y * in->stride + from_x * bytes, bytes);
        }
    return CCLIP_OK;
}
