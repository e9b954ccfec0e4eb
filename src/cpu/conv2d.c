/* Convolution: a product whose input rows are the windows of the picture, gathered a few rows and
 * one chunk of the depth at a time, straight to where the product's kernel reads them. */
#include <string.h>

#include "cpu/device_state.h"
#include "cpu/product.h"

/* Elements [begin, begin + count) of one window; (y, x) is its corner, perhaps outside. The window
 * is k rows of k * channels elements; what lies outside the picture is zero. */
static void copy_window(const struct cclip_conv2d *conv, const float *picture, ptrdiff_t y,
                        ptrdiff_t x, float *out, size_t begin, size_t count)
{
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
            const float *in = picture + ((row * width + x) * (ptrdiff_t)channels + (ptrdiff_t)from);
            if (from > at)
                memset(out, 0, (from - at) * sizeof *out);
            memcpy(out + (from - at), in, (to - from) * sizeof *out);
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
    const struct cclip_conv2d *conv = input->conv;
    const size_t columns = cclip_conv2d_out(conv->width, conv);
    const size_t lines = cclip_conv2d_out(conv->height, conv);
    for (size_t r = row; r < row + rows; r++, out += CCLIP_PRODUCT_STRIDE) {
        const size_t picture = r / (lines * columns), place = r % (lines * columns);
        const ptrdiff_t y = (ptrdiff_t)(place / columns * conv->stride) - (ptrdiff_t)conv->padding;
        const ptrdiff_t x = (ptrdiff_t)(place % columns * conv->stride) - (ptrdiff_t)conv->padding;
        copy_window(conv, input->in + picture * conv->height * conv->width * conv->channels, y, x,
                    out, begin, count);
    }
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
    const struct cclip_product_input input = { .copy = copy_windows, .in = in, .conv = conv };
    cclip_product_run(device, out, matrix->columns, &input, rows, matrix, epilogue);
}

struct windows_job {
    float *out;
    const float *in;
    const struct cclip_conv2d *conv;
    size_t first;
};

static cclip_status windows_body(void *context, size_t begin, size_t end, int worker)
{
    const struct windows_job *job = context;
    const struct cclip_conv2d *conv = job->conv;
    const size_t columns = cclip_conv2d_out(conv->width, conv);
    const size_t cells = cclip_conv2d_out(conv->height, conv) * columns;
    const size_t length = conv->kernel * conv->kernel * conv->channels;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const size_t picture = (job->first + i) / cells, place = (job->first + i) % cells;
        const ptrdiff_t y = (ptrdiff_t)(place / columns * conv->stride) - (ptrdiff_t)conv->padding;
        const ptrdiff_t x = (ptrdiff_t)(place % columns * conv->stride) - (ptrdiff_t)conv->padding;
        copy_window(conv, job->in + picture * conv->height * conv->width * conv->channels, y, x,
                    job->out + i * length, 0, length);
    }
    return CCLIP_OK;
}

void cclip_cpu_windows(struct cclip_device *device, float *out, const float *in,
                       const struct cclip_conv2d *conv, size_t first, size_t count)
{
    struct windows_job job = { out, in, conv, first };
    cclip_cpu_parallel(device, count, cclip_cpu_grain(device, count, 64), windows_body, &job);
}
