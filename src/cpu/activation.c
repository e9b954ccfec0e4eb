#include "cpu/activation.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/device_state.h"

static float gelu(float x)
{
    /* 1 + erf(z) = erfc(-z), which keeps its digits far to the left of zero. */
    return 0.5f * x * erfcf(-0.70710678118654752440f * x);
}

static float gelu_tanh(float x)
{
    const float inner = 0.79788456080286535588f * (x + 0.044715f * x * x * x);
    return x / (1.0f + expf(-2.0f * inner)); /* (1 + tanh(u)) / 2 = 1 / (1 + exp(-2u)) */
}

static float quick_gelu(float x)
{
    return x / (1.0f + expf(-1.702f * x));
}

void cclip_activation_c(float *out, const float *in, size_t count, enum cclip_activation kind)
{
    switch (kind) {
    case CCLIP_ACTIVATION_RELU:
        for (size_t i = 0; i < count; i++)
            out[i] = in[i] < 0.0f ? 0.0f : in[i];
        break;
    case CCLIP_ACTIVATION_GELU:
        for (size_t i = 0; i < count; i++)
            out[i] = gelu(in[i]);
        break;
    case CCLIP_ACTIVATION_GELU_TANH:
        for (size_t i = 0; i < count; i++)
            out[i] = gelu_tanh(in[i]);
        break;
    case CCLIP_ACTIVATION_QUICK_GELU:
        for (size_t i = 0; i < count; i++)
            out[i] = quick_gelu(in[i]);
        break;
    default:
        for (size_t i = 0; i < count; i++)
            out[i] = in[i];
        break;
    }
}

/* x Phi(x): Phi(x) + x phi(x) */
static float gelu_slope(float x)
{
    return 0.5f * erfcf(-0.70710678118654752440f * x) +
           x * 0.39894228040143267794f * expf(-0.5f * x * x);
}

/* x s(u) with s = 1 / (1 + exp(-2u)): s + x s (1 - s) 2 u' */
static float gelu_tanh_slope(float x)
{
    const float u = 0.79788456080286535588f * (x + 0.044715f * x * x * x);
    const float slope = 0.79788456080286535588f * (1.0f + 3 * 0.044715f * x * x);
    const float s = 1.0f / (1.0f + expf(-2.0f * u));
    return s + 2.0f * x * s * (1.0f / (1.0f + expf(2.0f * u))) * slope;
}

/* x s(1.702 x): s + 1.702 x s (1 - s) */
static float quick_gelu_slope(float x)
{
    const float s = 1.0f / (1.0f + expf(-1.702f * x));
    return s + 1.702f * x * s * (1.0f / (1.0f + expf(1.702f * x)));
}

static void activation_backward_c(float *d_in, float *out, const float *d_out, const float *in,
                                  size_t count, enum cclip_activation kind)
{
    for (size_t i = 0; i < count; i++) {
        const float x = in[i], dy = d_out[i];
        switch (kind) {
        case CCLIP_ACTIVATION_RELU:
            d_in[i] = x > 0.0f ? dy : 0.0f;
            break;
        case CCLIP_ACTIVATION_GELU:
            d_in[i] = dy * gelu_slope(x);
            break;
        case CCLIP_ACTIVATION_GELU_TANH:
            d_in[i] = dy * gelu_tanh_slope(x);
            break;
        case CCLIP_ACTIVATION_QUICK_GELU:
            d_in[i] = dy * quick_gelu_slope(x);
            break;
        default:
            d_in[i] = dy;
            break;
        }
    }
    if (out)
        cclip_activation_c(out, in, count, kind);
}

void cclip_activation_kernels_init(struct cclip_activation_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_activation_kernels){ "c", cclip_activation_c,
                                                      activation_backward_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_activation_kernels){ "avx2", cclip_activation_avx2,
                                                     cclip_activation_backward_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_activation_kernels){ "avx512", cclip_activation_avx512,
                                                     cclip_activation_backward_avx512 };
#endif
}

struct activation_job {
    cclip_activation_fn *forward;
    float *out;
    const float *in;
    enum cclip_activation kind;
};

static cclip_status activation_body(void *context, size_t begin, size_t end, int worker)
{
    const struct activation_job *job = context;
    (void)worker;
    job->forward(job->out + begin, job->in + begin, end - begin, job->kind);
    return CCLIP_OK;
}

void cclip_cpu_activation(struct cclip_device *device, float *out, const float *in, size_t count,
                          enum cclip_activation kind)
{
    struct activation_job job = { cclip_cpu_state(device)->kernels.activation.forward, out, in,
                                  kind };
    cclip_cpu_parallel(device, count, cclip_cpu_grain(device, count, 4096), activation_body, &job);
}

struct backward_job {
    cclip_activation_backward_fn *backward;
    float *d_in, *out;
    const float *d_out, *in;
    enum cclip_activation kind;
};

static cclip_status backward_body(void *context, size_t begin, size_t end, int worker)
{
    const struct backward_job *job = context;
    (void)worker;
    job->backward(job->d_in + begin, job->out ? job->out + begin : NULL, job->d_out + begin,
                  job->in + begin, end - begin, job->kind);
    return CCLIP_OK;
}

void cclip_cpu_activation_backward(struct cclip_device *device, float *d_in, float *out,
                                   const float *d_out, const float *in, size_t count,
                                   enum cclip_activation kind)
{
    struct backward_job job = { cclip_cpu_state(device)->kernels.activation.backward, d_in, out,
                                d_out, in, kind };
    cclip_cpu_parallel(device, count, cclip_cpu_grain(device, count, 4096), backward_body, &job);
}
