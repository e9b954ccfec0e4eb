/* Vectors of 16 floats for kernels_tmpl.h: the few operations its kernels are written in. Static
 * functions only, so that no other file can end up with code of this instruction set. */
#ifndef CCLIP_CPU_X86_VECTOR_AVX512_H
#define CCLIP_CPU_X86_VECTOR_AVX512_H

#include <immintrin.h>
#include <stddef.h>

typedef __m512 vec;
enum { LANES = 16 };
#define VARIANT(name) name##_avx512

static inline __mmask16 vec_mask(size_t n)
{
    return (__mmask16)((1u << n) - 1); /* n below 16 */
}
static inline vec vec_set(float x)
{
    return _mm512_set1_ps(x);
}
static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void vec_store(float *p, vec x)
{
    _mm512_storeu_ps(p, x);
}
/* The first n < LANES floats, zeros behind them. */
static inline vec vec_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vec_mask(n), p);
}
static inline void vec_store_part(float *p, vec x, size_t n)
{
    _mm512_mask_storeu_ps(p, vec_mask(n), x);
}
/* x in the first n < LANES lanes, `other` behind them. */
static inline vec vec_first(vec x, vec other, size_t n)
{
    return _mm512_mask_mov_ps(other, vec_mask(n), x);
}
/* `then` where x > 0, else `otherwise`. */
static inline vec vec_positive(vec x, vec then, vec otherwise)
{
    return _mm512_mask_mov_ps(otherwise, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), then);
}
static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}
static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}
static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline vec vec_fnma(vec a, vec b, vec c) /* c - a b */
{
    return _mm512_fnmadd_ps(a, b, c);
}
/* The second operand where either is not a number. */
static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}
static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}
static inline vec vec_abs(vec a)
{
    return _mm512_abs_ps(a);
}
static inline vec vec_round(vec a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n for whole n; underflows to denormals and zero. */
static inline vec vec_scale(vec x, vec n)
{
    return _mm512_scalef_ps(x, n);
}
/* 1 / x for x in [1, 2^125]: an estimate of 14 bits and one Newton step. */
static inline vec vec_reciprocal(vec x)
{
    const vec r = _mm512_rcp14_ps(x);
    return _mm512_fmadd_ps(r, _mm512_fnmadd_ps(x, r, _mm512_set1_ps(1.0f)), r);
}
static inline float vec_sum(vec x)
{
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
static inline float vec_largest(vec x)
{
    return _mm512_reduce_max_ps(x);
}

#endif
