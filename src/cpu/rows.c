#include "cpu/rows.h"

#include <math.h>
#include <string.h>

#include "cpu/device_state.h"

/* One structure for all: each operation uses what it needs. */
struct rows_job {
    float *out;
    const float *in, *other;
    const int32_t *ids;
    const size_t *begin, *end;
    size_t out_stride, in_stride, period, width;
    float epsilon;
};

static void run_rows(struct cclip_device *device, size_t rows, cclip_parallel_body *body,
                     struct rows_job *job)
{
    cclip_cpu_parallel(device, rows, cclip_cpu_grain(device, rows, 16384 / (job->width + 1) + 1),
                       body, job);
}

static cclip_status embedding_body(void *context, size_t begin, size_t end, int worker)
{
    const struct rows_job *job = context;
    (void)worker;
    for (size_t s = begin; s < end; s++)
        for (size_t i = job->begin[s]; i < job->begin[s + 1]; i++) {
            const float *token = job->in + (size_t)job->ids[i] * job->width;
            float *out = job->out + i * job->width;
            if (!job->other) {
                memcpy(out, token, job->width * sizeof *out);
                continue;
            }
            const float *position = job->other + (i - job->begin[s]) * job->width;
            for (size_t c = 0; c < job->width; c++)
                out[c] = token[c] + position[c];
        }
    return CCLIP_OK;
}

void cclip_cpu_embedding(struct cclip_device *device, float *out, const int32_t *ids,
                         const float *table, const float *positions, const size_t *offsets,
                         size_t sequences, size_t width)
{
    struct rows_job job = { .out = out, .in = table, .other = positions, .ids = ids,
                            .begin = offsets, .width = width };
    cclip_cpu_parallel(device, sequences, cclip_cpu_grain(device, sequences, 4), embedding_body,
                       &job);
}

static cclip_status gather_body(void *context, size_t begin, size_t end, int worker)
{
    const struct rows_job *job = context;
    (void)worker;
    for (size_t r = begin; r < end; r++)
        memcpy(job->out + r * job->width, job->in + job->begin[r] * job->in_stride,
               job->width * sizeof *job->out);
    return CCLIP_OK;
}

void cclip_cpu_gather_rows(struct cclip_device *device, float *out, const float *in,
                           size_t in_stride, const size_t *index, size_t rows, size_t width)
{
    struct rows_job job = { .out = out, .in = in, .in_stride = in_stride, .begin = index,
                            .width = width };
    run_rows(device, rows, gather_body, &job);
}

static cclip_status mean_body(void *context, size_t begin, size_t end, int worker)
{
    const struct rows_job *job = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float *out = job->out + i * job->width;
        for (size_t c = 0; c < job->width; c++)
            out[c] = 0;
        for (size_t r = job->begin[i]; r < job->end[i]; r++) {
            const float *in = job->in + r * job->in_stride;
            for (size_t c = 0; c < job->width; c++)
                out[c] += in[c];
        }
        const float count = (float)(job->end[i] - job->begin[i]);
        for (size_t c = 0; c < job->width; c++)
            out[c] /= count;
    }
    return CCLIP_OK;
}

void cclip_cpu_mean_rows(struct cclip_device *device, float *out, const float *in,
                         size_t in_stride, const size_t *begin, const size_t *end, size_t count,
                         size_t width)
{
    struct rows_job job = { .out = out, .in = in, .in_stride = in_stride, .begin = begin,
                            .end = end, .width = width };
    cclip_cpu_parallel(device, count, 1, mean_body, &job);
}

static cclip_status add_body(void *context, size_t begin, size_t end, int worker)
{
    const struct rows_job *job = context;
    const size_t width = job->width;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        float *out = job->out + r * width;
        const float *in = job->in + r * width;
        const float *addend = job->other ? job->other + r % job->period * width : NULL;
        for (size_t c = 0; c < width; c++)
            out[c] = addend ? in[c] + addend[c] : in[c];
    }
    return CCLIP_OK;
}

void cclip_cpu_add_rows(struct cclip_device *device, float *out, const float *in,
                        const float *addend, size_t rows, size_t period, size_t width)
{
    struct rows_job job = { .out = out, .in = in, .other = addend, .period = period,
                            .width = width };
    run_rows(device, rows, add_body, &job);
}

static cclip_status scale_body(void *context, size_t begin, size_t end, int worker)
{
    const struct rows_job *job = context;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        float *out = job->out + r * job->width;
        const float *in = job->in + r * job->width;
        for (size_t c = 0; c < job->width; c++)
            out[c] = in[c] * job->other[c];
    }
    return CCLIP_OK;
}

void cclip_cpu_scale_columns(struct cclip_device *device, float *out, const float *in,
                             const float *scale, size_t rows, size_t width)
{
    struct rows_job job = { .out = out, .in = in, .other = scale, .width = width };
    run_rows(device, rows, scale_body, &job);
}

/* In double, so that neither large nor tiny rows leave the range. */
static float length_of(const float *x, size_t count)
{
    enum { PARTS = 8 };
    double parts[PARTS] = { 0 };
    size_t i = 0;
    for (; i + PARTS <= count; i += PARTS)
        for (int j = 0; j < PARTS; j++)
            parts[j] += (double)x[i + j] * x[i + j];
    for (int j = 0; i < count; i++, j++)
        parts[j] += (double)x[i] * x[i];
    const double sum = ((parts[0] + parts[4]) + (parts[2] + parts[6])) +
                       ((parts[1] + parts[5]) + (parts[3] + parts[7]));
    return (float)sqrt(sum);
}

static cclip_status normalize_body(void *context, size_t begin, size_t end, int worker)
{
    const struct rows_job *job = context;
    (void)worker;
    for (size_t r = begin; r < end; r++) {
        float *out = job->out + r * job->out_stride;
        const float *in = job->in + r * job->in_stride;
        const float length = length_of(in, job->width);
        const float divisor = length < job->epsilon ? job->epsilon : length;
        for (size_t c = 0; c < job->width; c++)
            out[c] = in[c] / divisor;
    }
    return CCLIP_OK;
}

void cclip_cpu_normalize_rows(struct cclip_device *device, float *out, size_t out_stride,
                              const float *in, size_t in_stride, size_t rows, size_t width,
                              float epsilon)
{
    struct rows_job job = { .out = out, .in = in, .out_stride = out_stride,
                            .in_stride = in_stride, .width = width, .epsilon = epsilon };
    run_rows(device, rows, normalize_body, &job);
}
