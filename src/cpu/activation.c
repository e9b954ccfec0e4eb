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

void cclip_activation_kernels_init(struct cclip_activation_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_activation_kernels){ "c", cclip_activation_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_activation_kernels){ "avx2", cclip_activation_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_activation_kernels){ "avx512", cclip_activation_avx512 };
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
