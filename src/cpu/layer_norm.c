#include "cpu/layer_norm.h"

#include <math.h>
#include <string.h>

#include "base/cpu_features.h"
#include "cpu/device_state.h"
#include "cpu/rows_backward.h"

/* Sums run in 16 interleaved parts so that a compiler can use vectors and rounding errors stay
 * small; the order is fixed by the number of channels alone. */
enum { PARTS = 16 };

static float sum_of(const float *x, size_t count, float offset, int squared)
{
    float parts[PARTS] = { 0 };
    size_t i = 0;
    for (; i + PARTS <= count; i += PARTS)
        for (int j = 0; j < PARTS; j++) {
            const float d = x[i + j] - offset;
            parts[j] += squared ? d * d : d;
        }
    for (int j = 0; i < count; i++, j++) {
        const float d = x[i] - offset;
        parts[j] += squared ? d * d : d;
    }
    for (int width = PARTS / 2; width; width /= 2)
        for (int j = 0; j < width; j++)
            parts[j] += parts[j + width];
    return parts[0];
}

static void layer_norm_c(float *out, float *mean, float *rstd, const float *in,
                         const float *weight, const float *bias, size_t channels, float epsilon)
{
    /* The first element is taken off before the sum: a large common mean then costs no digits. */
    const float n = (float)channels, origin = in[0];
    const float shift = sum_of(in, channels, origin, 0) / n;
    const float centre = origin + shift;
    const float rest = sum_of(in, channels, centre, 0) / n;
    const float variance = sum_of(in, channels, centre, 1) / n - rest * rest;
    const float scale = 1.0f / sqrtf((variance > 0 ? variance : 0) + epsilon);
    for (size_t i = 0; i < channels; i++) {
        const float y = (in[i] - centre - rest) * scale * weight[i];
        out[i] = bias ? y + bias[i] : y;
    }
    *mean = centre + rest;
    *rstd = scale;
}

/* y = n w + b with n = (x - mean) rstd. With g = dy w:
 *   dx = rstd (g - mean(g) - n mean(g n)),   dw += dy n,   db += dy */
static void layer_norm_backward_c(float *d_in, float *sums, const float *d_out, const float *in,
                                  float mean, float rstd, const float *weight,
                                  const float *residual, size_t channels)
{
    float g_parts[PARTS] = { 0 }, gn_parts[PARTS] = { 0 };
    for (size_t i = 0; i < channels; i++) {
        const float g = d_out[i] * weight[i], n = (in[i] - mean) * rstd;
        g_parts[i % PARTS] += g;
        gn_parts[i % PARTS] += g * n;
    }
    for (int width = PARTS / 2; width; width /= 2)
        for (int j = 0; j < width; j++) {
            g_parts[j] += g_parts[j + width];
            gn_parts[j] += gn_parts[j + width];
        }
    const float g_mean = g_parts[0] / (float)channels, gn_mean = gn_parts[0] / (float)channels;
    for (size_t i = 0; i < channels; i++) {
        const float dy = d_out[i], n = (in[i] - mean) * rstd;
        sums[i] += dy * n;
        sums[channels + i] += dy;
        const float dx = rstd * (dy * weight[i] - g_mean - n * gn_mean);
        d_in[i] = residual ? residual[i] + dx : dx;
    }
}

void cclip_layer_norm_kernels_init(struct cclip_layer_norm_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_layer_norm_kernels){ "c", layer_norm_c, layer_norm_backward_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_layer_norm_kernels){ "avx2", cclip_layer_norm_avx2,
                                                     cclip_layer_norm_backward_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_layer_norm_kernels){ "avx512", cclip_layer_norm_avx512,
                                                     cclip_layer_norm_backward_avx512 };
#endif
}

struct layer_norm_job {
    cclip_layer_norm_fn *forward;
    float *out, *mean, *rstd;
    const float *in, *weight, *bias;
    size_t out_stride, in_stride, channels;
    float epsilon;
};

static cclip_status layer_norm_body(void *context, size_t begin, size_t end, int worker)
{
    const struct layer_norm_job *job = context;
    (void)worker;
    for (size_t row = begin; row < end; row++) {
        float mean, rstd;
        job->forward(job->out + row * job->out_stride, &mean, &rstd,
                     job->in + row * job->in_stride, job->weight, job->bias, job->channels,
                     job->epsilon);
        if (job->mean)
            job->mean[row] = mean;
        if (job->rstd)
            job->rstd[row] = rstd;
    }
    return CCLIP_OK;
}

void cclip_cpu_layer_norm(struct cclip_device *device, float *out, size_t out_stride, float *mean,
                          float *rstd, const float *in, size_t in_stride, const float *weight,
                          const float *bias, size_t rows, size_t channels, float epsilon)
{
    struct layer_norm_job job = { cclip_cpu_state(device)->kernels.layer_norm.forward,
                                  out, mean, rstd, in, weight, bias, out_stride, in_stride,
                                  channels, epsilon };
    cclip_cpu_parallel(device, rows, cclip_cpu_grain(device, rows, 8192 / (channels + 1) + 1),
                       layer_norm_body, &job);
}

/* ---- gradient ------------------------------------------------------------------------------------ */

enum { SLICE = 64 }; /* rows whose share of d_weight and d_bias is one part */

struct backward_job {
    cclip_layer_norm_backward_fn *backward;
    float *d_in, *parts;
    const float *d_out, *in, *mean, *rstd, *weight, *residual;
    size_t rows, channels;
};

static cclip_status backward_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    const size_t channels = job->channels;
    (void)worker;
    for (size_t slice = begin; slice < end; slice++) {
        const size_t last = (slice + 1) * SLICE < job->rows ? (slice + 1) * SLICE : job->rows;
        float *sums = job->parts + slice * 2 * channels;
        memset(sums, 0, 2 * channels * sizeof *sums);
        for (size_t row = slice * SLICE; row < last; row++) {
            const size_t at = row * channels;
            job->backward(job->d_in + at, sums, job->d_out + at, job->in + at, job->mean[row],
                          job->rstd[row], job->weight, job->residual ? job->residual + at : NULL,
                          channels);
        }
    }
    return CCLIP_OK;
}

void cclip_cpu_layer_norm_backward(struct cclip_device *device, float *d_in, float *d_weight,
                                   float *d_bias, const float *d_out, const float *in,
                                   const float *mean, const float *rstd, const float *weight,
                                   const float *residual, size_t rows, size_t channels)
{
    const size_t slices = (rows + SLICE - 1) / SLICE;
    float *parts = cclip_cpu_reserve_shared(device, slices * 2 * channels);
    if (!parts)
        return;
    struct backward_job job = { cclip_cpu_state(device)->kernels.layer_norm.backward,
                                d_in, parts, d_out, in, mean, rstd, weight, residual, rows, channels };
    cclip_cpu_parallel(device, slices, 1, backward_body, &job);
    if (d_weight)
        cclip_cpu_add_parts(device, d_weight, parts, 2 * channels, slices, channels);
    if (d_bias)
        cclip_cpu_add_parts(device, d_bias, parts + channels, 2 * channels, slices, channels);
}
