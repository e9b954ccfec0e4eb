/* Convolution of any kind: a product whose input rows are the windows of the picture, gathered a few rows
 * and one chunk of the depth at a time, straight to where the product's kernel reads them. */
#include "cpu/conv2d.h"

#include <string.h>

#include "cpu/device_state.h"
#include "cpu/product.h"

/* (y, x) is the window's corner, perhaps outside. The window is k rows of k * channels elements. */
void cclip_conv2d_copy_window(const struct cclip_conv2d *conv, const float *in, size_t window,
                              float *out, size_t begin, size_t count)
{
    const size_t columns = cclip_conv2d_out(conv->width, conv);
    const size_t cells = cclip_conv2d_out(conv->height, conv) * columns, place = window % cells;
    const ptrdiff_t y = (ptrdiff_t)(place / columns * conv->stride) - (ptrdiff_t)conv->padding;
    const ptrdiff_t x = (ptrdiff_t)(place % columns * conv->stride) - (ptrdiff_t)conv->padding;
    const float *picture = in + window / cells * conv->height * conv->width * conv->channels;
    const size_t channels = conv->channels, line = conv->kernel * channels;
    const ptrdiff_t width = (ptrdiff_t)conv->width, height = (ptrdiff_t)conv->height;
    /* Elements [inside_begin, inside_end) of a line of the window are inside the picture. */
    const size_t left = x < 0 ? (size_t)-x * channels : 0;
    const ptrdiff_t over = x + (ptrdiff_t)conv->kernel - width;
    const size_t out_right = over > 0 ? (size_t)over * channels : 0;
    const size_t right = out_right < line ? line - out_right : 0;
    while (count) {
        const size_t ky = begin / line, at = begin % line;
        const size_t n = line - at < count ? line - at : count;
        const ptrdiff_t row = y + (ptrdiff_t)ky;
        size_t from = at > left ? at : left, to = at + n < right ? at + n : right;
        if (row < 0 || row >= height || from >= to) {
            memset(out, 0, n * sizeof *out);
        } else {
            const float *from_line = picture + ((row * width + x) * (ptrdiff_t)channels + (ptrdiff_t)from);
            if (from > at)
                memset(out, 0, (from - at) * sizeof *out);
            memcpy(out + (from - at), from_line, (to - from) * sizeof *out);
            if (at + n > to)
                memset(out + (to - at), 0, (at + n - to) * sizeof *out);
        }
        out += n;
        begin += n;
        count -= n;
    }
}

static void copy_windows(const struct cclip_product_input *input, float *out, size_t row,
                         size_t rows, size_t begin, size_t count)
{
    for (size_t r = 0; r < rows; r++, out += CCLIP_PRODUCT_STRIDE)
        cclip_conv2d_copy_window(input->conv, input->in, row + r, out, begin, count);
}

void cclip_cpu_conv2d(struct cclip_device *device, float *out, const float *in,
                      const struct cclip_conv2d *conv, const struct cclip_matrix *matrix,
                      const struct cclip_epilogue *epilogue)
{
    const size_t rows = conv->batch * cclip_conv2d_out(conv->height, conv) *
                        cclip_conv2d_out(conv->width, conv);
    if (conv->kernel == 1 && conv->stride == 1 && !conv->padding) {
        cclip_cpu_linear(device, out, matrix->columns, in, conv->channels, rows, matrix, epilogue);
        return;
    }
    if (cclip_conv2d_by_lines(device, out, in, conv, matrix, epilogue))
        return;
    const struct cclip_product_input input = { .copy = copy_windows, .in = in, .conv = conv };
    cclip_product_run(device, out, matrix->columns, &input, rows, matrix, epilogue);
}
