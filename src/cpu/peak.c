#include "cpu/peak.h"

#include "base/clock.h"
#include "base/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { PEAK_CHAINS = 12, PEAK_STEPS = 2000000 };

__attribute__((target("avx512f"))) static float peak_avx512(void)
{
    __m512 sum[PEAK_CHAINS], a = _mm512_set1_ps(1e-9f), b = _mm512_set1_ps(0.5f);
    for (int i = 0; i < PEAK_CHAINS; i++)
        sum[i] = _mm512_set1_ps((float)i);
    for (long n = 0; n < PEAK_STEPS; n++) {
        __asm__ volatile("" : "+v"(a));
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_CHAINS; i++)
            sum[i] = _mm512_fmadd_ps(a, b, sum[i]);
    }
    for (int i = 1; i < PEAK_CHAINS; i++)
        sum[0] = _mm512_add_ps(sum[0], sum[i]);
    return _mm512_cvtss_f32(sum[0]);
}

__attribute__((target("avx2,fma"))) static float peak_avx2(void)
{
    __m256 sum[PEAK_CHAINS], a = _mm256_set1_ps(1e-9f), b = _mm256_set1_ps(0.5f);
    for (int i = 0; i < PEAK_CHAINS; i++)
        sum[i] = _mm256_set1_ps((float)i);
    for (long n = 0; n < PEAK_STEPS; n++) {
        __asm__ volatile("" : "+x"(a));
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_CHAINS; i++)
            sum[i] = _mm256_fmadd_ps(a, b, sum[i]);
    }
    for (int i = 1; i < PEAK_CHAINS; i++)
        sum[0] = _mm256_add_ps(sum[0], sum[i]);
    return _mm256_cvtss_f32(sum[0]);
}

static cclip_status peak_body(void *context, size_t begin, size_t end, int worker)
{
    volatile float sink; /* keeps the loop from being left out */
    const int wide = (cclip_cpu_features() & CCLIP_CPU_AVX512) != 0;
    (void)context;
    (void)worker;
    for (size_t i = begin; i < end; i++)
        sink = wide ? peak_avx512() : peak_avx2();
    (void)sink;
    return CCLIP_OK;
}

double cclip_cpu_peak_gflops(struct cclip_thread_pool *pool)
{
    const unsigned features = cclip_cpu_features();
    const int threads = cclip_thread_pool_size(pool);
    double best = 0;
    if (!(features & CCLIP_CPU_AVX2))
        return 0;
    enum { REPEATS = 40 }; /* a quarter of a second: one of them is undisturbed */
    const double lanes = features & CCLIP_CPU_AVX512 ? 16 : 8;
    for (int i = 0; i < REPEATS; i++) {
        const double start = cclip_clock_seconds();
        cclip_parallel(pool, (size_t)threads, 1, peak_body, NULL);
        const double rate = 2.0 * lanes * PEAK_CHAINS * PEAK_STEPS * threads /
                            (cclip_clock_seconds() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}
#else
double cclip_cpu_peak_gflops(struct cclip_thread_pool *pool)
{
    (void)pool;
    return 0;
}
#endif
