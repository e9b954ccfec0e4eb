#include "cpu/layer_norm.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/device_state.h"

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

void cclip_layer_norm_kernels_init(struct cclip_layer_norm_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_layer_norm_kernels){ "c", layer_norm_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_layer_norm_kernels){ "avx2", cclip_layer_norm_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_layer_norm_kernels){ "avx512", cclip_layer_norm_avx512 };
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
