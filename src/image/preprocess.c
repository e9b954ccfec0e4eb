/* Sizes, crop and normalisation around the resampler. */
#include "image/preprocess.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "image/resize.h"

/* Half to even, as Python rounds. */
static int64_t centre(size_t side, size_t window)
{
    if (side < window) /* padding: the smaller half comes first */
        return -(int64_t)((window - side) / 2);
    return (int64_t)rint((double)(side - window) / 2.0);
}

static size_t at_least_one(double side)
{
    return side < 1.0 ? 1 : (size_t)side;
}

/* The shortest side becomes `size`, the other is cut, not rounded. */
static void place_shortest(struct cclip_placement *p, size_t width, size_t height, size_t size)
{
    const int wide = width > height;
    const size_t shorter = wide ? height : width, longer = wide ? width : height;
    const size_t other = (size_t)((double)((uint64_t)size * longer) / (double)shorter);
    p->width = wide ? other : size;
    p->height = wide ? size : other;
}

/* One ratio for both sides: the smaller (the input is covered) or the larger (it is contained). */
static void place_ratio(struct cclip_placement *p, size_t width, size_t height,
                        const cclip_preprocessing *s, int contained)
{
    const double by_height = (double)height / (double)s->height;
    const double by_width = (double)width / (double)s->width;
    const double ratio = contained == (by_height > by_width) ? by_height : by_width;
    p->width = at_least_one(rint((double)width / ratio));
    p->height = at_least_one(rint((double)height / ratio));
}

cclip_status cclip_preprocess_place(struct cclip_placement *out, size_t width, size_t height,
                                    const cclip_preprocessing *s)
{
    if (!s->height || !s->width || s->height > CCLIP_LIMIT_IMAGE_SIDE ||
        s->width > CCLIP_LIMIT_IMAGE_SIDE || s->resize_to > CCLIP_LIMIT_IMAGE_SIDE)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "preprocessing to %zu x %zu pixels (resize to %zu)",
                          s->width, s->height, s->resize_to);
    if ((unsigned)s->interpolation > CCLIP_LANCZOS || (unsigned)s->resize_mode > CCLIP_RESIZE_SQUASH)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "preprocessing: interpolation %d, resize mode %d",
                          (int)s->interpolation, (int)s->resize_mode);
    *out = (struct cclip_placement){ .width = s->width, .height = s->height };
    if (s->resize_mode == CCLIP_RESIZE_LONGEST)
        place_ratio(out, width, height, s, 1);
    else if (s->resize_mode == CCLIP_RESIZE_SHORTEST && (s->resize_to || s->height == s->width))
        place_shortest(out, width, height, s->resize_to ? s->resize_to : s->height);
    else if (s->resize_mode == CCLIP_RESIZE_SHORTEST)
        place_ratio(out, width, height, s, 0);
    out->left = centre(out->width, s->width);
    out->top = centre(out->height, s->height);
    return CCLIP_OK;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The window in the picture's own mode, with padding of zeros where it is larger than the picture. */
static cclip_status take_window(struct cclip_picture *out, const struct cclip_picture *in,
                                const struct cclip_placement *p, const cclip_preprocessing *s)
{
    const size_t pad_x = p->left < 0 ? (size_t)-p->left : 0, pad_y = p->top < 0 ? (size_t)-p->top : 0;
    const struct cclip_resize resize = {
        .width = p->width,
        .height = p->height,
        .left = p->left < 0 ? 0 : (size_t)p->left,
        .top = p->top < 0 ? 0 : (size_t)p->top,
        .window_width = smaller(p->width, s->width),
        .window_height = smaller(p->height, s->height),
        .interpolation = s->interpolation,
    };
    cclip_status status = cclip_resize_window(out, in, &resize);
    if (status || (out->width == s->width && out->height == s->height))
        return status;
    struct cclip_picture inner = *out, padded;
    status = cclip_picture_open(&padded, inner.mode, s->width, s->height);
    if (!status) {
        const size_t bytes = cclip_picture_mode_info(inner.mode)->pixel_bytes;
        memset(padded.pixels, 0, padded.stride * padded.height);
        for (size_t y = 0; y < inner.height; y++)
            memcpy(padded.pixels + (y + pad_y) * padded.stride + pad_x * bytes,
                   inner.pixels + y * inner.stride, inner.stride);
        *out = inner;
        out->pixels = padded.pixels;
        out->width = padded.width;
        out->height = padded.height;
        out->stride = padded.stride;
        cclip_release_aligned(inner.pixels);
    } else {
        cclip_picture_close(out);
    }
    return status;
}

cclip_status cclip_preprocess_u8(unsigned char *out, const struct cclip_picture *picture,
                                 const cclip_preprocessing *s)
{
    struct cclip_picture composed = { 0 }, window = { 0 };
    struct cclip_placement placement;
    cclip_status status = cclip_preprocess_place(&placement, picture->width, picture->height, s);
    if (status)
        return status;
    if (s->has_background && cclip_picture_has_alpha(picture)) {
        status = cclip_picture_compose(&composed, picture, s->background);
        picture = &composed;
    }
    if (!status)
        status = take_window(&window, picture, &placement, s);
    for (size_t y = 0; y < s->height && !status; y++)
        cclip_convert_row_rgb(out + y * s->width * 3, &window, window.pixels + y * window.stride,
                              s->width);
    cclip_picture_close(&window);
    cclip_picture_close(&composed);
    return status;
}

void cclip_preprocess_normalize(float *out, const unsigned char *in, const cclip_preprocessing *s)
{
    /* A byte has 256 values: the same arithmetic, done once for each. */
    float table[3][256];
    const size_t pixels = s->height * s->width;
    for (size_t c = 0; c < 3; c++)
        for (int i = 0; i < 256; i++)
            table[c][i] = ((float)i / 255.0f - s->mean[c]) / s->std[c];
    for (size_t i = 0; i < pixels; i++, in += 3) {
        out[i] = table[0][in[0]];
        out[pixels + i] = table[1][in[1]];
        out[2 * pixels + i] = table[2][in[2]];
    }
}

cclip_status cclip_preprocess(float *out, const struct cclip_picture *picture,
                              const cclip_preprocessing *s)
{
    struct cclip_placement placement; /* checks the sizes before they are multiplied */
    cclip_status status = cclip_preprocess_place(&placement, 1, 1, s);
    if (status)
        return status;
    unsigned char *bytes = cclip_allocate(s->height * s->width, 3);
    if (!bytes)
        return CCLIP_ERROR_MEMORY;
    status = cclip_preprocess_u8(bytes, picture, s);
    if (!status)
        cclip_preprocess_normalize(out, bytes, s);
    cclip_release(bytes);
    return status;
}
