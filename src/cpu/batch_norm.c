#include "cpu/batch_norm.h"

#include <math.h>
#include <string.h>

#include "base/cpu_features.h"
#include "cpu/device_state.h"

enum { SLICE = 256 }; /* rows whose sums are one part; parts are added in order */

static const double EPSILON = 1e-5, MOMENTUM = 0.1;

static void sums_c(float *sums, const struct cclip_batch_norm_job *job, size_t begin, size_t end)
{
    const size_t channels = job->channels;
    float *restrict a = sums, *restrict b = sums + channels;
    memset(sums, 0, 2 * channels * sizeof *sums);
    for (size_t r = begin; r < end; r++) {
        const float *x = job->in + r * channels;
        const float *dy = job->d_out ? job->d_out + r * channels : NULL;
        for (size_t c = 0; c < channels; c++) {
            const float d = x[c] - job->mean[c];
            a[c] += dy ? dy[c] : d;
            b[c] += dy ? dy[c] * (d * job->rstd[c]) : d * d;
        }
    }
}

static void forward_c(const struct cclip_batch_norm_job *job, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r++) {
        const size_t at = r * job->channels;
        for (size_t c = 0; c < job->channels; c++) {
            float y = (job->in[at + c] - job->mean[c]) * job->rstd[c] * job->weight[c] + job->bias[c];
            if (job->residual)
                y += job->residual[at + c];
            job->out[at + c] = job->relu && y < 0.0f ? 0.0f : y;
        }
    }
}

/* With n = (x - mean) rstd:  dw += sum dy n,  db += sum dy,
 *   dx = w rstd (dy - mean(dy) - n mean(dy n)); with running statistics  dx = w rstd dy. */
static void backward_c(const struct cclip_batch_norm_job *job, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r++) {
        const size_t at = r * job->channels;
        for (size_t c = 0; c < job->channels; c++) {
            const float n = (job->in[at + c] - job->mean[c]) * job->rstd[c];
            const float dy = job->d_out[at + c] - job->first[c] - n * job->second[c];
            job->out[at + c] = job->weight[c] * job->rstd[c] * dy;
        }
    }
}

void cclip_batch_norm_kernels_init(struct cclip_batch_norm_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_batch_norm_kernels){ "c", sums_c, forward_c, backward_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_batch_norm_kernels){ "avx2", cclip_batch_norm_sums_avx2,
                                                     cclip_batch_norm_forward_avx2,
                                                     cclip_batch_norm_backward_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_batch_norm_kernels){ "avx512", cclip_batch_norm_sums_avx512,
                                                     cclip_batch_norm_forward_avx512,
                                                     cclip_batch_norm_backward_avx512 };
#endif
}

/* A loop over rows on the pool: the kernels, what they work on, where sums go. */
struct norm_loop {
    const struct cclip_batch_norm_kernels *kernels;
    const struct cclip_batch_norm_job *job;
    float *parts; /* [slices, 2 * channels] */
    size_t rows;
};

static cclip_status sums_body(void *context, size_t begin, size_t end, int worker)
{
    const struct norm_loop *loop = context;
    (void)worker;
    for (size_t slice = begin; slice < end; slice++) {
        const size_t last = (slice + 1) * SLICE < loop->rows ? (slice + 1) * SLICE : loop->rows;
        loop->kernels->sums(loop->parts + slice * 2 * loop->job->channels, loop->job, slice * SLICE,
                            last);
    }
    return CCLIP_OK;
}

static cclip_status forward_body(void *context, size_t begin, size_t end, int worker)
{
    const struct norm_loop *loop = context;
    (void)worker;
    loop->kernels->forward(loop->job, begin, end);
    return CCLIP_OK;
}

static cclip_status backward_body(void *context, size_t begin, size_t end, int worker)
{
    const struct norm_loop *loop = context;
    (void)worker;
    loop->kernels->backward(loop->job, begin, end);
    return CCLIP_OK;
}

static double total(const float *parts, size_t slices, size_t stride, size_t channel)
{
    double sum = 0;
    for (size_t i = 0; i < slices; i++)
        sum += parts[i * stride + channel];
    return sum;
}

static size_t slices_of(size_t rows)
{
    return (rows + SLICE - 1) / SLICE;
}

static void run_sums(struct cclip_device *device, float *parts,
                     const struct cclip_batch_norm_job *job, size_t rows)
{
    struct norm_loop loop = { &cclip_cpu_state(device)->kernels.batch_norm, job, parts, rows };
    cclip_cpu_parallel(device, slices_of(rows), 1, sums_body, &loop);
}

static void run_rows(struct cclip_device *device, cclip_parallel_body *body,
                     const struct cclip_batch_norm_job *job, size_t rows)
{
    struct norm_loop loop = { &cclip_cpu_state(device)->kernels.batch_norm, job, NULL, rows };
    cclip_cpu_parallel(device, rows, cclip_cpu_grain(device, rows, 64), body, &loop);
}

/* The first row stands in for the mean, so that a large common value costs no digits. */
void cclip_cpu_batch_norm_statistics(struct cclip_device *device, float *mean, float *rstd,
                                     float *running_mean, float *running_variance, const float *in,
                                     size_t rows, size_t channels, int of_batch)
{
    const size_t slices = slices_of(rows);
    float *parts = cclip_cpu_reserve_shared(device, slices * 2 * channels);
    if (!parts || !rows)
        return;
    if (!of_batch) {
        for (size_t c = 0; c < channels; c++) {
            mean[c] = running_mean[c];
            rstd[c] = (float)(1 / sqrt((double)running_variance[c] + EPSILON));
        }
        return;
    }
    struct cclip_batch_norm_job job = { .in = in, .mean = in, .channels = channels };
    run_sums(device, parts, &job, rows);
    for (size_t c = 0; c < channels; c++)
        mean[c] = (float)(in[c] + total(parts, slices, 2 * channels, c) / (double)rows);
    job.mean = mean;
    run_sums(device, parts, &job, rows);
    for (size_t c = 0; c < channels; c++) {
        const double n = (double)rows, rest = total(parts, slices, 2 * channels, c) / n;
        const double squares = total(parts, slices, 2 * channels, channels + c);
        const double variance = squares / n - rest * rest;
        const double unbiased = rows > 1 ? variance * n / (n - 1) : variance;
        rstd[c] = (float)(1 / sqrt((variance > 0 ? variance : 0) + EPSILON));
        if (!running_mean)
            continue;
        running_mean[c] = (float)((1 - MOMENTUM) * running_mean[c] + MOMENTUM * mean[c]);
        running_variance[c] = (float)((1 - MOMENTUM) * running_variance[c] + MOMENTUM * unbiased);
    }
}

void cclip_cpu_batch_norm(struct cclip_device *device, float *out, const float *in,
                          const float *mean, const float *rstd, const float *weight,
                          const float *bias, const float *residual, int relu, size_t rows,
                          size_t channels)
{
    const struct cclip_batch_norm_job job = { .out = out, .in = in, .mean = mean, .rstd = rstd,
                                              .weight = weight, .bias = bias, .residual = residual,
                                              .relu = relu, .channels = channels };
    run_rows(device, forward_body, &job, rows);
}

void cclip_cpu_batch_norm_backward(struct cclip_device *device, float *d_in, float *d_weight,
                                   float *d_bias, const float *d_out, const float *in,
                                   const float *mean, const float *rstd, const float *weight,
                                   size_t rows, size_t channels, int of_batch)
{
    const size_t slices = slices_of(rows), stride = 2 * channels;
    float *parts = cclip_cpu_reserve_shared(device, (slices + 1) * stride);
    if (!parts || !rows)
        return;
    float *means = parts + slices * stride;
    const struct cclip_batch_norm_job job = { .out = d_in, .in = in, .d_out = d_out, .mean = mean,
                                              .rstd = rstd, .weight = weight, .first = means,
                                              .second = means + channels, .channels = channels };
    run_sums(device, parts, &job, rows);
    for (size_t c = 0; c < channels; c++) {
        const double sum = total(parts, slices, stride, c);
        const double product = total(parts, slices, stride, channels + c);
        if (d_bias)
            d_bias[c] += (float)sum;
        if (d_weight)
            d_weight[c] += (float)product;
        means[c] = of_batch ? (float)(sum / (double)rows) : 0.0f;
        means[channels + c] = of_batch ? (float)(product / (double)rows) : 0.0f;
    }
    run_rows(device, backward_body, &job, rows);
}
