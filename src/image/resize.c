/* Pillow's Image.resize, in the picture's own mode; only what the window needs is computed. */
#include "image/resize.h"

#include <string.h>

#include "base/cpu_features.h"
#include "base/memory.h"
#include "cpu/resample.h"

/* Rows that go through the horizontal pass at once: their input stays in the first-level cache. */
enum { ROWS_A_BLOCK = 8 };

static unsigned multiply_255(unsigned a, unsigned b)
{
    const unsigned product = a * b + 128;
    return (product + (product >> 8)) >> 8;
}

static void multiply_alpha(unsigned char *out, const unsigned char *in, size_t count, size_t channels)
{
    for (size_t i = 0; i < count; i++, in += channels, out += channels) {
        const unsigned alpha = in[channels - 1];
        for (size_t c = 0; c + 1 < channels; c++)
            out[c] = (unsigned char)multiply_255(in[c], alpha);
        out[channels - 1] = (unsigned char)alpha;
    }
}

static void divide_alpha(unsigned char *pixels, size_t count, size_t channels)
{
    for (size_t i = 0; i < count; i++, pixels += channels) {
        const unsigned alpha = pixels[channels - 1];
        for (size_t c = 0; c + 1 < channels && alpha && alpha != 255; c++) {
            const unsigned value = 255u * pixels[c] / alpha;
            pixels[c] = (unsigned char)(value > 255 ? 255 : value);
        }
    }
}

/* One resize in progress. An axis that changes nothing is not opened: its pass is left out. */
struct pass {
    const struct cclip_picture *in;
    const struct cclip_resize *resize;
    struct cclip_picture *out;
    struct cclip_resample_kernels kernels;
    struct cclip_resample_axis across, down;
    int has_across, has_down, alpha;
    size_t channels, pixel_bytes;
    size_t first_row, rows;   /* of the input that the window needs */
    unsigned char *between;   /* after the horizontal pass: rows x window_width */
    unsigned char *block;     /* rows with their alpha multiplied in */
};

static cclip_status nearest(struct cclip_picture *out, const struct cclip_picture *in,
                            const struct cclip_resize *r)
{
    const size_t bytes = cclip_picture_mode_info(in->mode)->pixel_bytes;
    uint32_t *columns = cclip_allocate(r->window_width + r->window_height, sizeof *columns);
    if (!columns)
        return CCLIP_ERROR_MEMORY;
    uint32_t *rows = columns + r->window_width;
    cclip_resample_nearest(columns, in->width, r->width, r->left, r->window_width);
    cclip_resample_nearest(rows, in->height, r->height, r->top, r->window_height);
    for (size_t y = 0; y < out->height; y++) {
        unsigned char *to = out->pixels + y * out->stride;
        for (size_t x = 0; x < out->width; x++, to += bytes)
            if (rows[y] != UINT32_MAX && columns[x] != UINT32_MAX)
                memcpy(to, in->pixels + rows[y] * in->stride + columns[x] * bytes, bytes);
            else
                memset(to, 0, bytes);
    }
    cclip_release(columns);
    return CCLIP_OK;
}

static void copy_window(struct cclip_picture *out, const struct cclip_picture *in,
                        const struct cclip_resize *r)
{
    const size_t bytes = cclip_picture_mode_info(in->mode)->pixel_bytes;
    for (size_t y = 0; y < out->height; y++)
        memcpy(out->pixels + y * out->stride,
               in->pixels + (r->top + y) * in->stride + r->left * bytes, out->width * bytes);
}

static cclip_status pass_open(struct pass *p)
{
    const struct cclip_picture *in = p->in;
    const struct cclip_resize *r = p->resize;
    const int exact = in->mode == CCLIP_MODE_I;
    cclip_status status = CCLIP_OK;
    p->first_row = r->top;
    p->rows = r->window_height;
    p->has_across = in->width != r->width;
    p->has_down = in->height != r->height;
    if (p->has_across)
        status = cclip_resample_axis_open(&p->across, r->interpolation, in->width, r->width, r->left,
                                          r->window_width, exact);
    if (!status && p->has_down) {
        status = cclip_resample_axis_open(&p->down, r->interpolation, in->height, r->height, r->top,
                                          r->window_height, exact);
        p->first_row = p->down.begin;
        p->rows = p->down.end - p->down.begin;
    }
    if (status)
        return status;
    const size_t bytes = p->rows * r->window_width * p->pixel_bytes;
    p->between = cclip_allocate_aligned(bytes + CCLIP_RESAMPLE_SLACK);
    if (p->alpha)
        p->block = cclip_allocate_aligned(ROWS_A_BLOCK * in->stride + CCLIP_RESAMPLE_SLACK);
    return p->between && (p->block || !p->alpha) ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static void pass_close(struct pass *p)
{
    cclip_resample_axis_close(&p->across);
    cclip_resample_axis_close(&p->down);
    cclip_release_aligned(p->between);
    cclip_release_aligned(p->block);
}

/* Fills `between` with the rows the window needs, as wide as the window. */
static void go_across(struct pass *p)
{
    const struct cclip_picture *in = p->in;
    const struct cclip_resize *r = p->resize;
    const size_t stride = r->window_width * p->pixel_bytes;
    for (size_t y = 0; y < p->rows; y += ROWS_A_BLOCK) {
        const size_t rows = p->rows - y < ROWS_A_BLOCK ? p->rows - y : ROWS_A_BLOCK;
        const unsigned char *from = in->pixels + (p->first_row + y) * in->stride;
        unsigned char *to = p->between + y * stride;
        if (p->alpha) {
            for (size_t i = 0; i < rows; i++)
                multiply_alpha(p->block + i * in->stride, from + i * in->stride, in->width,
                               p->channels);
            from = p->block;
        }
        if (p->has_across && in->mode != CCLIP_MODE_I) {
            p->kernels.across(to, stride, from, in->stride, rows, p->channels, &p->across);
            continue;
        }
        for (size_t i = 0; i < rows; i++, from += in->stride, to += stride)
            if (p->has_across)
                cclip_resample_across_i32((int32_t *)(void *)to, (const int32_t *)(const void *)from,
                                          &p->across);
            else
                memcpy(to, from + r->left * p->pixel_bytes, stride);
    }
}

static void go_down(struct pass *p)
{
    struct cclip_picture *out = p->out;
    if (!p->has_down) {
        memcpy(out->pixels, p->between, out->stride * out->height);
        return;
    }
    /* Input rows are counted from the picture's first; `between` begins at row first_row. */
    for (size_t i = 0; i < out->height; i++)
        p->down.first[i] -= (uint32_t)p->first_row;
    for (size_t y = 0; y < out->height; y++) {
        unsigned char *to = out->pixels + y * out->stride;
        if (p->in->mode == CCLIP_MODE_I)
            cclip_resample_down_i32((int32_t *)(void *)to, (const int32_t *)(const void *)p->between,
                                    out->width, out->width, &p->down, y);
        else
            p->kernels.down(to, p->between, out->stride, out->stride, &p->down, y);
    }
}

static cclip_status resample(struct cclip_picture *out, const struct cclip_picture *in,
                             const struct cclip_resize *resize)
{
    const struct cclip_picture_mode_info *info = cclip_picture_mode_info(in->mode);
    struct pass p = { .in = in, .resize = resize, .out = out };
    p.channels = info->channels;
    p.pixel_bytes = info->pixel_bytes;
    p.alpha = in->mode == CCLIP_MODE_LA || in->mode == CCLIP_MODE_RGBA;
    cclip_resample_kernels_init(&p.kernels, cclip_cpu_features());
    const cclip_status status = pass_open(&p);
    if (!status) {
        go_across(&p);
        go_down(&p);
        if (p.alpha)
            divide_alpha(out->pixels, out->width * out->height, p.channels);
    }
    pass_close(&p);
    return status;
}

cclip_status cclip_resize_window(struct cclip_picture *out, const struct cclip_picture *in,
                                 const struct cclip_resize *r)
{
    cclip_status status = cclip_picture_open(out, in->mode, r->window_width, r->window_height);
    if (status)
        return status;
    struct cclip_picture colours = *in;
    colours.pixels = out->pixels;
    colours.width = out->width;
    colours.height = out->height;
    colours.stride = out->stride;
    *out = colours;
    if (in->width == r->width && in->height == r->height)
        copy_window(out, in, r);
    else if (in->mode == CCLIP_MODE_1 || in->mode == CCLIP_MODE_P ||
             r->interpolation == CCLIP_NEAREST)
        status = nearest(out, in, r);
    else
        status = resample(out, in, r);
    if (status)
        cclip_picture_close(out);
    return status;
}

cclip_status cclip_picture_resize(struct cclip_picture *out, const struct cclip_picture *in,
                                  size_t width, size_t height, int interpolation)
{
    const struct cclip_resize resize = { width, height, 0, 0, width, height,
                                         (cclip_interpolation)interpolation };
    return cclip_resize_window(out, in, &resize);
}
