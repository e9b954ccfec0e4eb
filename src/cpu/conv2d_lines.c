/* Convolution without windows, for kernels of stride 1 that keep the size.
 *
 * Some lines of a picture are copied once, framed by zeros. In that copy the k pixels that a row of the kernel
 * meets stand one behind the other, and those of the next place one pixel further on: rows of a product's left
 * side, which overlap, as far apart as pixels. So an output is the sum of k products, one for each row
 * of the kernel, in the order of one product over whole windows, and the same to the bit. */
#include <string.h>

#include "cpu/conv2d.h"
#include "cpu/device_state.h"
#include "cpu/product.h"

void cclip_conv2d_frame(float *out, const struct cclip_conv2d *conv, const float *picture,
                        size_t first, size_t lines)
{
    const size_t pad = conv->padding, line = conv->width * conv->channels;
    const size_t side = pad * conv->channels;
    for (size_t i = 0; i < lines + 2 * pad; i++, out += line + 2 * side) {
        const size_t y = first + i - pad; /* wraps round above the picture */
        if (y >= conv->height) {
            memset(out, 0, (line + 2 * side) * sizeof *out);
            continue;
        }
        memset(out, 0, side * sizeof *out);
        memcpy(out + side, picture + y * line, line * sizeof *out);
        memset(out + side + line, 0, side * sizeof *out);
    }
}

/* A strip of lines at a time: its sums of one column panel stay in the second-level cache, as does a
 * row of the kernel in the first. */
enum { STRIP_ROWS = 256, LEAST_WIDTH = 8, LEAST_CHANNELS = 8, MOST_CHANNELS = 128 };

struct lines_job {
    const struct cclip_product_kernels *kernels;
    const struct cclip_conv2d *conv;
    const float *in, *panels;
    struct cclip_epilogue epilogue;
    struct cclip_cpu_scratch *scratch;
    float *out;
    size_t columns;
    int plain;           /* no epilogue */
    size_t strip, strips; /* lines of one, strips of a picture */
    size_t line_panels;  /* row panels of a line */
};

/* The sums of `lines` lines and one column panel. */
static void run_lines(const struct lines_job *job, const float *frame, size_t lines, size_t panel,
                      float *sums, size_t stride)
{
    const struct cclip_conv2d *conv = job->conv;
    const size_t width = job->kernels->tile_columns, run = conv->kernel * conv->channels;
    const size_t framed = (conv->width + 2 * conv->padding) * conv->channels;
    const float *b = job->panels + panel * width * conv->kernel * run;
    for (size_t ky = 0; ky < conv->kernel; ky++, b += run * width)
        for (size_t i = 0; i < lines * job->line_panels; i++) {
            const size_t line = i / job->line_panels, part = i % job->line_panels;
            const size_t x = part * conv->width / job->line_panels;
            const size_t rows = (part + 1) * conv->width / job->line_panels - x;
            job->kernels->tile(sums + (line * conv->width + x) * stride, stride,
                               frame + (line + ky) * framed + x * conv->channels, conv->channels, b,
                               run, rows, ky > 0, NULL);
        }
}

/* One piece is a strip. */
static cclip_status lines_body(void *context, size_t begin, size_t end, int worker)
{
    const struct lines_job *job = context;
    const struct cclip_conv2d *conv = job->conv;
    const size_t width = job->kernels->tile_columns, cells = conv->height * conv->width;
    float *const sums = job->scratch[worker].memory;
    float *const frame = sums + job->strip * conv->width * width;
    for (size_t i = begin; i < end; i++) {
        const size_t picture = i / job->strips, first = i % job->strips * job->strip;
        const size_t left = conv->height - first, lines = left < job->strip ? left : job->strip;
        const size_t row = picture * cells + first * conv->width, rows = lines * conv->width;
        cclip_conv2d_frame(frame, conv, job->in + picture * cells * conv->channels, first, lines);
        for (size_t panel = 0; panel * width < job->columns; panel++) {
            const size_t column = panel * width;
            const size_t used = job->columns - column < width ? job->columns - column : width;
            float *out = job->out + row * job->columns + column;
            if (job->plain && used == width) {
                run_lines(job, frame, lines, panel, out, job->columns);
                continue;
            }
            struct cclip_epilogue e = job->epilogue;
            if (e.bias)
                e.bias += column;
            if (e.scale)
                e.scale += column;
            if (e.residual)
                e.residual += row * job->columns + column;
            run_lines(job, frame, lines, panel, sums, width);
            job->kernels->epilogue(out, job->columns, sums, width, rows, used, &e);
        }
    }
    return CCLIP_OK;
}

/* Lines of a strip: with few pictures such that all threads end together. */
static size_t choose_strip(const struct cclip_conv2d *conv, size_t threads)
{
    const size_t most = conv->width < STRIP_ROWS ? STRIP_ROWS / conv->width : 1;
    const size_t least = (conv->height + most - 1) / most; /* strips of a picture */
    size_t strips = least;
    if (conv->batch * least < 4 * threads)
        strips = (least + threads - 1) / threads * threads;
    return (conv->height + strips - 1) / strips;
}

int cclip_conv2d_by_lines(struct cclip_device *device, float *out, const float *in,
                          const struct cclip_conv2d *conv, const struct cclip_matrix *matrix,
                          const struct cclip_epilogue *epilogue)
{
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    if (device->compute == CCLIP_BF16 && !matrix->prepared)
        return 0;
    if (!cclip_conv2d_keeps_size(conv) || conv->kernel == 1 || conv->width < LEAST_WIDTH ||
        conv->channels < LEAST_CHANNELS || conv->channels > MOST_CHANNELS ||
        matrix->columns > MOST_CHANNELS)
        return 0;
    const float *panels = device->failure.status ? NULL : cclip_product_panels(device, matrix);
    const size_t pad = conv->padding, strip = choose_strip(conv, (size_t)state->workers);
    struct lines_job job = {
        .kernels = &state->kernels.product, .conv = conv, .in = in, .panels = panels,
        .scratch = state->scratch, .out = out, .columns = matrix->columns, .plain = !epilogue,
        .strip = strip, .strips = (conv->height + strip - 1) / strip,
    };
    if (epilogue)
        job.epilogue = *epilogue;
    job.line_panels = (conv->width + job.kernels->tile_rows - 1) / job.kernels->tile_rows;
    const size_t frame = (strip + 2 * pad) * (conv->width + 2 * pad) * conv->channels;
    if (!panels || cclip_cpu_reserve(device, frame + strip * conv->width * job.kernels->tile_columns))
        return 1;
    cclip_cpu_parallel(device, conv->batch * job.strips, 1, lines_body, &job);
    return 1;
}
