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

/* Doubles in the shared scratch behind `floats` floats: room for what is exchanged with other ranks. */
static double *doubles_behind(float *scratch, size_t floats)
{
    return (double *)(void *)(scratch + (floats + 1) / 2 * 2);
}

/* Of doubles: what this rank gives, and what all of them gave, each with the number of its rows behind. */
static size_t exchanged(const struct cclip_device *device, size_t channels)
{
    return (2 * channels + 1) * (1 + (device->exchange ? device->exchange->ranks : 0));
}

/* Scratch for `floats` floats and what is exchanged. */
static float *reserve(struct cclip_device *device, size_t floats, size_t channels, double **own)
{
    float *scratch = cclip_cpu_reserve_shared(device, floats + 1 + 2 * exchanged(device, channels));
    if (scratch)
        *own = doubles_behind(scratch, floats);
    return scratch;
}

/* own [2 * channels + 1], the last one its rows, of all ranks one after the other; NULL after a failure. */
static const double *gather(struct cclip_device *device, const double *own, size_t channels)
{
    const size_t count = 2 * channels + 1;
    double *all = (double *)own + count;
    if (!device->failure.status)
        cclip_device_fail(device, device->exchange->gather(device->exchange->user, all, own, count));
    return device->failure.status ? NULL : all;
}

/* Means and variances of this rank's rows become those of all rows (Chan, Golub and LeVeque, 1979), in the
 * order of the ranks. */
static void merge_moments(struct cclip_device *device, double *own, size_t channels)
{
    const size_t stride = 2 * channels + 1;
    const double *all = gather(device, own, channels);
    double rows = 0;
    if (!all)
        return;
    for (size_t r = 0; r < device->exchange->ranks; r++)
        rows += all[r * stride + 2 * channels];
    for (size_t c = 0; c < channels; c++) {
        double mean = 0, squares = 0;
        for (size_t r = 0; r < device->exchange->ranks; r++)
            mean += all[r * stride + 2 * channels] / rows * all[r * stride + c];
        for (size_t r = 0; r < device->exchange->ranks; r++) {
            const double *of = all + r * stride, off = of[c] - mean;
            squares += of[2 * channels] * (of[channels + c] + off * off);
        }
        own[c] = mean;
        own[channels + c] = squares / rows;
    }
    own[2 * channels] = rows;
}

/* moments [2 * channels + 1]: means, variances, rows. mean [channels] is the float the rows were measured
 * from. The first row stands in for it at first, so that a large common value costs no digits. */
static void find_moments(struct cclip_device *device, double *moments, float *mean, float *parts,
                         const float *in, size_t rows, size_t channels)
{
    const size_t slices = slices_of(rows), stride = 2 * channels;
    const double n = (double)rows;
    struct cclip_batch_norm_job job = { .in = in, .mean = in, .channels = channels };
    run_sums(device, parts, &job, rows);
    for (size_t c = 0; c < channels; c++)
        mean[c] = (float)(in[c] + total(parts, slices, stride, c) / n);
    job.mean = mean;
    run_sums(device, parts, &job, rows);
    for (size_t c = 0; c < channels; c++) {
        const double rest = total(parts, slices, stride, c) / n;
        moments[c] = mean[c] + rest;
        moments[channels + c] = total(parts, slices, stride, channels + c) / n - rest * rest;
    }
    moments[2 * channels] = n;
}

void cclip_cpu_batch_norm_statistics(struct cclip_device *device, float *mean, float *rstd,
                                     float *running_mean, float *running_variance, const float *in,
                                     size_t rows, size_t channels, int of_batch)
{
    double *moments;
    float *parts = reserve(device, slices_of(rows) * 2 * channels, channels, &moments);
    if (!parts || !rows)
        return;
    if (!of_batch) {
        for (size_t c = 0; c < channels; c++) {
            mean[c] = running_mean[c];
            rstd[c] = (float)(1 / sqrt((double)running_variance[c] + EPSILON));
        }
        return;
    }
    find_moments(device, moments, mean, parts, in, rows, channels);
    if (device->exchange)
        merge_moments(device, moments, channels);
    const double n = moments[2 * channels];
    for (size_t c = 0; c < channels; c++) {
        const double variance = moments[channels + c];
        const double unbiased = n > 1 ? variance * n / (n - 1) : variance;
        mean[c] = (float)moments[c];
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

/* Sums of this rank's rows become those of all, as do the rows. */
static void merge_sums(struct cclip_device *device, double *own, size_t channels)
{
    const size_t stride = 2 * channels + 1;
    const double *all = gather(device, own, channels);
    for (size_t i = 0; all && i < stride; i++) {
        own[i] = 0;
        for (size_t r = 0; r < device->exchange->ranks; r++)
            own[i] += all[r * stride + i];
    }
}

void cclip_cpu_batch_norm_backward(struct cclip_device *device, float *d_in, float *d_weight,
                                   float *d_bias, const float *d_out, const float *in,
                                   const float *mean, const float *rstd, const float *weight,
                                   size_t rows, size_t channels, int of_batch)
{
    const size_t slices = slices_of(rows), stride = 2 * channels;
    double *sums; /* of dy, of dy n, and how many rows they are of */
    float *parts = reserve(device, (slices + 1) * stride, channels, &sums);
    if (!parts || !rows)
        return;
    float *means = parts + slices * stride;
    const struct cclip_batch_norm_job job = { .out = d_in, .in = in, .d_out = d_out, .mean = mean,
                                              .rstd = rstd, .weight = weight, .first = means,
                                              .second = means + channels, .channels = channels };
    run_sums(device, parts, &job, rows);
    for (size_t c = 0; c < channels; c++) {
        sums[c] = total(parts, slices, stride, c);
        sums[channels + c] = total(parts, slices, stride, channels + c);
        if (d_bias)
            d_bias[c] += (float)sums[c];
        if (d_weight)
            d_weight[c] += (float)sums[channels + c];
    }
    sums[stride] = (double)rows;
    if (of_batch && device->exchange)
        merge_sums(device, sums, channels);
    for (size_t i = 0; i < stride; i++)
        means[i] = of_batch ? (float)(sums[i] / sums[stride]) : 0.0f;
    run_rows(device, backward_body, &job, rows);
}
