#include "cpu/rows_backward.h"

#include <math.h>
#include <string.h>

#include "cpu/device_state.h"

/* One structure for all: each operation uses what it needs. */
struct backward_job {
    float *out;
    const float *a, *b;
    const size_t *begin, *end;
    size_t out_stride, stride, rows, width;
    float epsilon;
};

enum {
    SLICE = 256,  /* rows whose sum is one part */
    COLUMNS = 64, /* a piece of the loops that run over columns: whole cache lines */
};

static cclip_status zero_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    (void)worker;
    memset(job->out + begin, 0, (end - begin) * sizeof *job->out);
    return CCLIP_OK;
}

void cclip_cpu_zero(struct cclip_device *device, float *out, size_t count)
{
    struct backward_job job = { .out = out };
    cclip_cpu_parallel(device, count, cclip_cpu_grain(device, count, 1 << 16), zero_body, &job);
}

static cclip_status parts_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    (void)worker;
    for (size_t piece = begin; piece < end; piece++) {
        const size_t first = piece * COLUMNS;
        const size_t n = job->width - first < COLUMNS ? job->width - first : COLUMNS;
        double sum[COLUMNS] = { 0 };
        for (size_t i = 0; i < job->rows; i++)
            for (size_t j = 0; j < n; j++)
                sum[j] += job->a[i * job->stride + first + j];
        for (size_t j = 0; j < n; j++)
            job->out[first + j] += (float)sum[j];
    }
    return CCLIP_OK;
}

void cclip_cpu_add_parts(struct cclip_device *device, float *out, const float *parts,
                         size_t parts_stride, size_t count, size_t width)
{
    struct backward_job job = { .out = out, .a = parts, .stride = parts_stride, .rows = count,
                                .width = width };
    cclip_cpu_parallel(device, (width + COLUMNS - 1) / COLUMNS, 1, parts_body, &job);
}

/* out += the sum of four rows: `out` is read and written a quarter as often as with one. */
static void add_four(float *restrict out, const float *a, size_t width)
{
    for (size_t j = 0; j < width; j++)
        out[j] += (a[j] + a[width + j]) + (a[2 * width + j] + a[3 * width + j]);
}

/* One piece is a slice of rows. */
static cclip_status columns_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    const size_t width = job->width;
    (void)worker;
    for (size_t slice = begin; slice < end; slice++) {
        const size_t last = (slice + 1) * SLICE < job->rows ? (slice + 1) * SLICE : job->rows;
        float *restrict out = job->out + slice * width;
        memset(out, 0, width * sizeof *out);
        size_t r = slice * SLICE;
        for (; !job->b && r + 4 <= last; r += 4)
            add_four(out, job->a + r * width, width);
        for (; r < last; r++) {
            const float *a = job->a + r * width, *b = job->b ? job->b + r * width : NULL;
            for (size_t j = 0; j < width; j++)
                out[j] += b ? a[j] * b[j] : a[j];
        }
    }
    return CCLIP_OK;
}

void cclip_cpu_add_columns(struct cclip_device *device, float *out, const float *a, const float *b,
                           size_t rows, size_t width)
{
    const size_t slices = (rows + SLICE - 1) / SLICE;
    float *parts = cclip_cpu_reserve_shared(device, slices * width);
    if (!parts)
        return;
    struct backward_job job = { .out = parts, .a = a, .b = b, .rows = rows, .width = width };
    cclip_cpu_parallel(device, slices, 1, columns_body, &job);
    cclip_cpu_add_parts(device, out, parts, width, slices, width);
}

/* One piece is a band of columns: each element has one thread, which takes the rows in order. */
static cclip_status scatter_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    (void)worker;
    const size_t first = begin * COLUMNS;
    const size_t last = end * COLUMNS < job->width ? end * COLUMNS : job->width;
    for (size_t r = 0; r < job->rows; r++) {
        float *out = job->out + job->begin[r] * job->out_stride;
        const float *in = job->a + r * job->width;
        for (size_t j = first; j < last; j++)
            out[j] += in[j];
    }
    return CCLIP_OK;
}

void cclip_cpu_scatter_rows(struct cclip_device *device, float *out, size_t out_stride,
                            const float *in, const size_t *index, size_t rows, size_t width)
{
    struct backward_job job = { .out = out, .out_stride = out_stride, .a = in, .begin = index,
                                .rows = rows, .width = width };
    const size_t bands = (width + COLUMNS - 1) / COLUMNS;
    const size_t workers = (size_t)cclip_thread_pool_size(device->pool);
    cclip_cpu_parallel(device, bands, (bands + workers - 1) / workers, scatter_body, &job);
}

static cclip_status spread_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const float factor = 1.0f / (float)(job->end[i] - job->begin[i]);
        const float *in = job->a + i * job->width;
        for (size_t r = job->begin[i]; r < job->end[i]; r++)
            for (size_t j = 0; j < job->width; j++)
                job->out[r * job->out_stride + j] += in[j] * factor;
    }
    return CCLIP_OK;
}

/* The ranges do not overlap: they are pictures. */
void cclip_cpu_spread_rows(struct cclip_device *device, float *out, size_t out_stride,
                           const float *in, const size_t *begin, const size_t *end, size_t count,
                           size_t width)
{
    struct backward_job job = { .out = out, .out_stride = out_stride, .a = in, .begin = begin,
                                .end = end, .width = width };
    cclip_cpu_parallel(device, count, 1, spread_body, &job);
}

/* y = x / n with n = max(|x|, epsilon):  dx = (dy - y (y . dy)) / n, without the second term where
 * n is the constant. */
static cclip_status normalize_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        const float *x = job->b + r * job->width, *dy = job->a + r * job->width;
        float *dx = job->out + r * job->width;
        double square = 0, product = 0;
        for (size_t j = 0; j < job->width; j++) {
            square += (double)x[j] * x[j];
            product += (double)x[j] * dy[j];
        }
        const double length = sqrt(square);
        const double n = length < job->epsilon ? job->epsilon : length;
        const double along = length < job->epsilon ? 0 : product / square;
        for (size_t j = 0; j < job->width; j++)
            dx[j] = (float)((dy[j] - x[j] * along) / n);
    }
    return CCLIP_OK;
}

void cclip_cpu_normalize_rows_backward(struct cclip_device *device, float *d_in, const float *d_out,
                                       const float *in, size_t rows, size_t width, float epsilon)
{
    struct backward_job job = { .out = d_in, .a = d_out, .b = in, .width = width,
                                .epsilon = epsilon };
    cclip_cpu_parallel(device, rows, cclip_cpu_grain(device, rows, 8), normalize_body, &job);
}
