/* The gradient of a convolution's kernel:  dK[o][ky, kx, c] = sum over places of d_out[o] x[y + ky, x + kx, c].
 *
 * In two ways, by size. Where both maps have few channels copying the windows costs as much as the product:
 * a slice of pictures, of a number that depends on the sizes alone, is one piece of work. Each picture is framed
 * by zeros, where a step along a line is a step in memory for every place of the kernel, and each tile of dK
 * is a sum of outer products over it. The slices' gradients are added in order at the end. Else windows
 * are packed, CCLIP_PRODUCT_SLICE at a time, for a product on all threads. */
#include <string.h>

#include "cpu/conv2d.h"
#include "cpu/device_state.h"
#include "cpu/product.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- by slices of pictures ------------------------------------------------------------------------- */

enum {
    MOST_WEIGHTS = 9 << 14, /* of a kernel: a slice's gradient stays in the second-level cache */
    MOST_WEIGHTS_1X1 = 1 << 16,
    LEAST_WIDTH = 8,
    CHUNK = 1 << 17, /* floats of both maps of a 1x1 kernel that stay there too */
    NEAR_ROWS = 128, /* whose part in a tile stays in the first-level cache */
    SLICES = 16      /* at least, of batches that have as many pictures */
};

/* Columns of the kernel are cut into panels as wide as a tile: `panels` of one place (kx) each, or, where a
 * tile is wider than the channels, one for `places` neighbouring places, which lie side by side in the
 * picture. What a last panel has too much is never read. */
struct slices_job {
    const struct cclip_product_kernels *kernels;
    const struct cclip_conv2d *conv;
    const float *in, *d_out;
    float *d_kernel, *parts; /* [slices][kernel][groups][panels][columns][tile_columns] */
    struct cclip_cpu_scratch *scratch;
    size_t columns, pictures, slices; /* pictures of a slice */
    size_t panels, places, groups;    /* groups: of places, in a row of the kernel */
};

static size_t part_size(const struct slices_job *job)
{
    return job->conv->kernel * job->groups * job->panels * job->columns * job->kernels->tile_columns;
}

/* Adds the outer products of `outer`, whose a and b are those of the first row of the kernel. All places of the
 * kernel read nearly the same of both. */
static void add_outer(const struct slices_job *job, const struct cclip_product_outer *outer, float *part,
                      int accumulate)
{
    const struct cclip_conv2d *conv = job->conv;
    const size_t width = job->kernels->tile_columns, most = job->kernels->tile_rows;
    const size_t row_panels = (job->columns + most - 1) / most;
    const size_t places = conv->kernel * job->groups;
    for (size_t i = 0; i < job->panels * row_panels; i++) {
        const size_t panel = i / row_panels, row = i % row_panels * job->columns / row_panels;
        const size_t rows = (i % row_panels + 1) * job->columns / row_panels - row;
        for (size_t place = 0; place < places; place++) {
            const size_t ky = place / job->groups, group = place % job->groups;
            const size_t tile = place * job->panels + panel;
            struct cclip_product_outer o = *outer;
            o.a += row;
            o.b += ky * o.b_line + group * job->places * conv->channels + panel * width;
            job->kernels->outer(part + (tile * job->columns + row) * width, width, &o, rows,
                                accumulate);
        }
    }
}

static void add_framed(const struct slices_job *job, float *part, float *frame, size_t first,
                       size_t last)
{
    const struct cclip_conv2d *conv = job->conv;
    const size_t cells = conv->height * conv->width;
    const size_t line = (conv->width + 2 * conv->padding) * conv->channels;
    const size_t lines = conv->width < NEAR_ROWS ? NEAR_ROWS / conv->width : 1;
    for (size_t picture = first; picture < last; picture++) {
        cclip_conv2d_frame(frame, conv, job->in + picture * cells * conv->channels, 0, conv->height);
        for (size_t y = 0; y < conv->height; y += lines) {
            const struct cclip_product_outer outer = {
                .a = job->d_out + (picture * cells + y * conv->width) * job->columns,
                .b = frame + y * line, .b_line = line, .a_step = job->columns,
                .b_step = conv->channels, .length = conv->width,
                .lines = smaller(lines, conv->height - y),
            };
            add_outer(job, &outer, part, picture > first || y > 0);
        }
    }
}

/* A kernel of one place needs no frame, and pictures need no end. */
static void add_1x1(const struct slices_job *job, float *part, size_t first, size_t last)
{
    const size_t cells = job->conv->height * job->conv->width, channels = job->conv->channels;
    const size_t chunk = CHUNK / (channels + job->columns), end = last * cells;
    for (size_t row = first * cells; row < end; row += chunk) {
        const struct cclip_product_outer outer = {
            .a = job->d_out + row * job->columns, .b = job->in + row * channels,
            .a_step = job->columns, .b_step = channels, .length = smaller(chunk, end - row), .lines = 1,
        };
        add_outer(job, &outer, part, row > first * cells);
    }
}

static cclip_status slices_body(void *context, size_t begin, size_t end, int worker)
{
    const struct slices_job *job = context;
    for (size_t slice = begin; slice < end; slice++) {
        float *part = job->parts + slice * part_size(job);
        const size_t first = slice * job->pictures;
        const size_t last = smaller(first + job->pictures, job->conv->batch);
        if (job->conv->kernel == 1)
            add_1x1(job, part, first, last);
        else
            add_framed(job, part, job->scratch[worker].memory, first, last);
    }
    return CCLIP_OK;
}

/* Adds up the parts; one piece is an output channel. */
static cclip_status gather_body(void *context, size_t begin, size_t end, int worker)
{
    const struct slices_job *job = context;
    const struct cclip_conv2d *conv = job->conv;
    const size_t width = job->kernels->tile_columns, line = conv->kernel * conv->channels;
    const size_t tiles = conv->kernel * job->groups * job->panels;
    (void)worker;
    for (size_t o = begin; o < end; o++)
        for (size_t tile = 0; tile < tiles; tile++) {
            const size_t panel = tile % job->panels, group = tile / job->panels % job->groups;
            const size_t at = group * job->places * conv->channels + panel * width;
            float *out = job->d_kernel + (o * conv->kernel + tile / job->panels / job->groups) * line + at;
            float sum[64] = { 0 };
            for (size_t slice = 0; slice < job->slices; slice++) {
                const float *part =
                    job->parts + slice * part_size(job) + (tile * job->columns + o) * width;
                for (size_t j = 0; j < width; j++)
                    sum[j] += part[j];
            }
            for (size_t j = 0; j < smaller(width, line - at); j++)
                out[j] += sum[j];
        }
    return CCLIP_OK;
}

/* Whether the sizes suit this way; fills in how the kernel is cut. */
static int cut_kernel(struct slices_job *job)
{
    const struct cclip_conv2d *conv = job->conv;
    const size_t width = job->kernels->tile_columns, area = conv->kernel * conv->kernel;
    const size_t weights = area * conv->channels * job->columns;
    if (!cclip_conv2d_keeps_size(conv) || !weights ||
        weights > (area == 1 ? (size_t)MOST_WEIGHTS_1X1 : (size_t)MOST_WEIGHTS))
        return 0;
    job->panels = conv->channels / width;
    job->places = 1;
    if (conv->channels % width) {
        job->panels = 1;
        job->places = width / conv->channels;
        if (width % conv->channels || area == 1)
            return 0;
    }
    job->groups = (conv->kernel + job->places - 1) / job->places;
    return area == 1 || conv->width >= LEAST_WIDTH;
}

static void run_slices(struct cclip_device *device, struct slices_job *job)
{
    const struct cclip_conv2d *conv = job->conv;
    const size_t pad = conv->padding, cells = conv->height * conv->width;
    const size_t most = CCLIP_PRODUCT_SLICE / cells, few = (conv->batch + SLICES - 1) / SLICES;
    job->pictures = smaller(most ? most : 1, few);
    job->slices = (conv->batch + job->pictures - 1) / job->pictures;
    job->parts = cclip_cpu_reserve_shared(device, job->slices * part_size(job));
    /* a last panel reads beyond the frame */
    const size_t frame = (conv->height + 2 * pad) * (conv->width + 2 * pad) * conv->channels;
    if (!job->parts || cclip_cpu_reserve(device, frame + job->kernels->tile_columns))
        return;
    cclip_cpu_parallel(device, job->slices, 1, slices_body, job);
    cclip_cpu_parallel(device, job->columns, cclip_cpu_grain(device, job->columns, 1), gather_body, job);
}

/* ---- by windows ------------------------------------------------------------------------------------ */

enum { PACK_ROWS = 64 };

struct windows_job {
    const struct cclip_conv2d *conv;
    const float *in;
    float *out; /* [panel][rows][width]; a panel as wide as a window: the windows as they are */
    size_t first, rows, width;
};

/* One piece is some rows of one panel. */
static cclip_status windows_body(void *context, size_t begin, size_t end, int worker)
{
    const struct windows_job *job = context;
    const struct cclip_conv2d *conv = job->conv;
    const size_t depth = conv->kernel * conv->kernel * conv->channels;
    const size_t pieces = (job->rows + PACK_ROWS - 1) / PACK_ROWS;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const size_t at = i / pieces * job->width, used = smaller(job->width, depth - at);
        const size_t last = smaller((i % pieces + 1) * PACK_ROWS, job->rows);
        for (size_t r = i % pieces * PACK_ROWS; r < last; r++) {
            float *out = job->out + at * job->rows + r * job->width;
            cclip_conv2d_copy_window(conv, job->in, job->first + r, out, at, used);
            memset(out + used, 0, (job->width - used) * sizeof *out);
        }
    }
    return CCLIP_OK;
}

static void run_windows(struct cclip_device *device, float *d_kernel, const float *d_out,
                        const float *in, const struct cclip_conv2d *conv, size_t columns)
{
    const size_t depth = conv->kernel * conv->kernel * conv->channels;
    const int packed = device->compute != CCLIP_BF16; /* else that product packs in its own way */
    const size_t width = packed ? cclip_cpu_state(device)->kernels.product.tile_columns : depth;
    const size_t panels = (depth + width - 1) / width;
    const size_t rows = conv->batch * cclip_conv2d_out(conv->height, conv) *
                        cclip_conv2d_out(conv->width, conv);
    float *memory = (packed ? cclip_cpu_reserve_shared : cclip_cpu_reserve_windows)(
        device, panels * width * CCLIP_PRODUCT_SLICE);
    struct windows_job job = { .conv = conv, .in = in, .out = memory, .width = width };
    for (; memory && job.first < rows; job.first += job.rows) {
        const float *slice = d_out + job.first * columns;
        job.rows = smaller(CCLIP_PRODUCT_SLICE, rows - job.first);
        const size_t pieces = panels * ((job.rows + PACK_ROWS - 1) / PACK_ROWS);
        cclip_cpu_parallel(device, pieces, cclip_cpu_grain(device, pieces, 1), windows_body, &job);
        if (packed)
            cclip_product_add_panels(device, d_kernel, depth, slice, columns, columns, memory, depth,
                                     job.rows, 0);
        else
            cclip_cpu_add_product(device, d_kernel, depth, slice, columns, columns, memory, depth, depth,
                                  job.rows, 0);
    }
}

void cclip_cpu_conv2d_backward(struct cclip_device *device, float *d_kernel, const float *d_out,
                               const float *in, const struct cclip_conv2d *conv, size_t columns)
{
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    struct slices_job job = { .kernels = &state->kernels.product, .conv = conv, .in = in,
                              .d_out = d_out, .d_kernel = d_kernel, .scratch = state->scratch,
                              .columns = columns };
    if (device->failure.status || !conv->batch)
        return;
    if (device->compute != CCLIP_BF16 && cut_kernel(&job))
        run_slices(device, &job);
    else if (conv->kernel == 1 && conv->stride == 1 && !conv->padding)
        cclip_cpu_add_product(device, d_kernel, conv->channels, d_out, columns, columns, in,
                              conv->channels, conv->channels,
                              conv->batch * conv->height * conv->width, 0);
    else
        run_windows(device, d_kernel, d_out, in, conv, columns);
}
