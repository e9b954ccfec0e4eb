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
    const size_t n = end - begin < CCLIP_BATCH_NORM_SHIFT_ROWS ? end - begin
                                                               : CCLIP_BATCH_NORM_SHIFT_ROWS;
    float *restrict a = sums, *restrict b = sums + channels, *restrict shift = sums + 2 * channels;
    memset(sums, 0, 3 * channels * sizeof *sums);
    for (size_t r = begin; r < begin + n; r++)
        for (size_t c = 0; c < channels; c++)
            shift[c] += job->in[r * channels + c] / (float)n;
    for (size_t r = begin; r < end; r++)
        for (size_t c = 0; c < channels; c++) {
            const float d = job->in[r * channels + c] - shift[c];
            a[c] += d;
            b[c] += d * d;
        }
}

/* n = (x - mean) rstd of element `at`, channel c. */
static inline float normal(const struct cclip_batch_norm_job *job, size_t at, size_t c)
{
    return (job->in[at] - job->mean[c]) * job->rstd[c];
}

/* dy behind the ReLU, as far as the job's ReLU is computed anew. */
static inline float d_norm(const struct cclip_batch_norm_job *job, size_t at, size_t c, float n)
{
    return !job->relu || n * job->weight[c] + job->bias[c] > 0.0f ? job->d_out[at] : 0.0f;
}

static void gradient_sums_c(float *sums, const struct cclip_batch_norm_job *job, size_t begin,
                            size_t end)
{
    const size_t channels = job->channels;
    float *restrict a = sums, *restrict b = sums + channels;
    memset(sums, 0, 2 * channels * sizeof *sums);
    for (size_t r = begin; r < end; r++)
        for (size_t c = 0; c < channels; c++) {
            const size_t at = r * channels + c;
            const float n = normal(job, at, c);
            float dy = d_norm(job, at, c, n);
            if (job->y)
                job->masked[at] = dy = job->y[at] > 0.0f ? dy : 0.0f;
            a[c] += dy;
            b[c] += dy * n;
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
    for (size_t r = begin; r < end; r++)
        for (size_t c = 0; c < job->channels; c++) {
            const size_t at = r * job->channels + c;
            const float n = normal(job, at, c);
            const float dy = d_norm(job, at, c, n) - job->first[c] - n * job->second[c];
            job->out[at] = job->weight[c] * job->rstd[c] * dy;
        }
}

void cclip_batch_norm_kernels_init(struct cclip_batch_norm_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_batch_norm_kernels){ "c", sums_c, gradient_sums_c, forward_c,
                                                 backward_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_batch_norm_kernels){
        "avx2", cclip_batch_norm_sums_avx2, cclip_batch_norm_gradient_sums_avx2,
        cclip_batch_norm_forward_avx2, cclip_batch_norm_backward_avx2
    };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_batch_norm_kernels){
        "avx512", cclip_batch_norm_sums_avx512, cclip_batch_norm_gradient_sums_avx512,
        cclip_batch_norm_forward_avx512, cclip_batch_norm_backward_avx512
    };
#endif
}

/* A loop over rows on the pool: the kernels, what they work on, where sums go. */
struct norm_loop {
    const struct cclip_batch_norm_job *job;
    size_t rows;
    cclip_batch_norm_sums_fn *sums; /* the one or */
    float *parts;                   /* [slices, stride] */
    size_t stride;
    cclip_batch_norm_rows_fn *kernel; /* the other */
};

static cclip_status sums_body(void *context, size_t begin, size_t end, int worker)
{
    const struct norm_loop *loop = context;
    (void)worker;
    for (size_t slice = begin; slice < end; slice++) {
        const size_t last = (slice + 1) * SLICE < loop->rows ? (slice + 1) * SLICE : loop->rows;
        loop->sums(loop->parts + slice * loop->stride, loop->job, slice * SLICE, last);
    }
    return CCLIP_OK;
}

static cclip_status rows_body(void *context, size_t begin, size_t end, int worker)
{
    const struct norm_loop *loop = context;
    (void)worker;
    loop->kernel(loop->job, begin, end);
    return CCLIP_OK;
}

static size_t slices_of(size_t rows)
{
    return (rows + SLICE - 1) / SLICE;
}

static void run_sums(struct cclip_device *device, float *parts, size_t stride,
                     cclip_batch_norm_sums_fn *sums, const struct cclip_batch_norm_job *job,
                     size_t rows)
{
    struct norm_loop loop = { .job = job, .rows = rows, .sums = sums, .parts = parts,
                              .stride = stride };
    cclip_cpu_parallel(device, slices_of(rows), 1, sums_body, &loop);
}

static void run_rows(struct cclip_device *device, cclip_batch_norm_rows_fn *kernel,
                     const struct cclip_batch_norm_job *job, size_t rows)
{
    struct norm_loop loop = { .job = job, .rows = rows, .kernel = kernel };
    cclip_cpu_parallel(device, rows, cclip_cpu_grain(device, rows, 64), rows_body, &loop);
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

/* moments [2 * channels + 1]: means, variances, rows. A slice's sums are taken around a mean of its own, so that
 * neither a large common value nor an odd row costs many digits. */
static void find_moments(struct cclip_device *device, double *moments, float *parts, const float *in,
                         size_t rows, size_t channels)
{
    const struct cclip_batch_norm_job job = { .in = in, .channels = channels };
    double *mean = moments, *variance = moments + channels;
    run_sums(device, parts, 3 * channels, cclip_cpu_state(device)->kernels.batch_norm.sums, &job, rows);
    memset(moments, 0, 2 * channels * sizeof *moments);
    for (size_t i = 0; i < slices_of(rows); i++) {
        const double n = (double)(rows - i * SLICE < SLICE ? rows - i * SLICE : SLICE);
        const float *sum = parts + i * 3 * channels, *shift = sum + 2 * channels;
        for (size_t c = 0; c < channels; c++)
            mean[c] += (n * shift[c] + sum[c]) / (double)rows;
    }
    for (size_t i = 0; i < slices_of(rows); i++) {
        const double n = (double)(rows - i * SLICE < SLICE ? rows - i * SLICE : SLICE);
        const float *sum = parts + i * 3 * channels, *shift = sum + 2 * channels;
        for (size_t c = 0; c < channels; c++) {
            const double rest = sum[c] / n, away = shift[c] + rest - mean[c];
            variance[c] += (sum[channels + c] + n * (away * away - rest * rest)) / (double)rows;
        }
    }
    moments[2 * channels] = (double)rows;
}

void cclip_cpu_batch_norm_statistics(struct cclip_device *device, float *mean, float *rstd,
                                     float *running_mean, float *running_variance, const float *in,
                                     size_t rows, size_t channels, int of_batch)
{
    double *moments;
    float *parts = reserve(device, slices_of(rows) * 3 * channels, channels, &moments);
    if (!parts || !rows)
        return;
    if (!of_batch) {
        for (size_t c = 0; c < channels; c++) {
            mean[c] = running_mean[c];
            rstd[c] = (float)(1 / sqrt((double)running_variance[c] + EPSILON));
        }
        return;
    }
    find_moments(device, moments, parts, in, rows, channels);
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
    run_rows(device, cclip_cpu_state(device)->kernels.batch_norm.forward, &job, rows);
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

static double total(const float *parts, size_t slices, size_t stride, size_t channel)
{
    double sum = 0;
    for (size_t i = 0; i < slices; i++)
        sum += parts[i * stride + channel];
    return sum;
}

void cclip_cpu_batch_norm_backward(struct cclip_device *device,
                                   const struct cclip_batch_norm_gradient *g)
{
    const struct cclip_batch_norm_kernels *kernels = &cclip_cpu_state(device)->kernels.batch_norm;
    const size_t slices = slices_of(g->rows), channels = g->channels, stride = 2 * channels;
    double *sums; /* of dy, of dy n, and how many rows they are of */
    float *parts = reserve(device, (slices + 1) * stride, channels, &sums);
    if (!parts || !g->rows)
        return;
    float *means = parts + slices * stride;
    const int masks = g->relu && g->d_residual;
    struct cclip_batch_norm_job job = {
        .out = g->d_in, .in = g->in, .mean = g->mean, .rstd = g->rstd, .weight = g->weight,
        .bias = g->bias, .relu = g->relu && !masks, .channels = channels, .d_out = g->d_out,
        .y = masks ? g->out : NULL, .masked = masks ? g->d_residual : NULL, .first = means,
        .second = means + channels,
    };
    run_sums(device, parts, stride, kernels->gradient_sums, &job, g->rows);
    for (size_t c = 0; c < channels; c++) {
        sums[c] = total(parts, slices, stride, c);
        sums[channels + c] = total(parts, slices, stride, channels + c);
        if (g->d_bias)
            g->d_bias[c] += (float)sums[c];
        if (g->d_weight)
            g->d_weight[c] += (float)sums[channels + c];
    }
    sums[stride] = (double)g->rows;
    if (g->of_batch && device->exchange)
        merge_sums(device, sums, channels);
    for (size_t i = 0; i < stride; i++)
        means[i] = g->of_batch ? (float)(sums[i] / sums[stride]) : 0.0f;
    if (masks)
        job.d_out = job.masked;
    run_rows(device, kernels->backward, &job, g->rows);
}
