/* The tile of the matrix product with AVX-512: 14 rows x 32 columns of sums in 28 registers, two
 * for the weights, one for the input element. */
#include <immintrin.h>

#include "cpu/product.h"
#include "cpu/unroll.h"
#include "cpu/x86/transpose_avx512.h"

/* `rows` is a constant at each call, so that the sums live in registers. Three rows share a pointer;
 * the empty asm keeps the compiler from making fourteen of them, more than there are registers. Element
 * (r, k) of the left side is at a[r * a_stride + k * step]. */
static inline __attribute__((always_inline)) void tile(float *c, size_t c_stride, const float *a,
                                                       size_t a_stride, size_t step, const float *b,
                                                       size_t depth, int accumulate,
                                                       const void *const *ahead, const size_t rows)
{
    __m512 sum[14][2];
    const float *p[5];
    UNROLL
    for (size_t i = 0; i < 5; i++)
        p[i] = 3 * i < rows ? a + 3 * i * a_stride : a;
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = accumulate ? _mm512_loadu_ps(c + r * c_stride) : _mm512_setzero_ps();
        sum[r][1] = accumulate ? _mm512_loadu_ps(c + r * c_stride + 16) : _mm512_setzero_ps();
    }
    for (size_t k = 0; k < depth; k++, b += 32) {
        if (ahead && k % CCLIP_PRODUCT_AHEAD == 0)
            _mm_prefetch((const char *)ahead[k / CCLIP_PRODUCT_AHEAD], _MM_HINT_T1);
        const __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + 16);
        _mm_prefetch((const char *)(b + 512), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + 528), _MM_HINT_T0);
        __asm__("" : "+r"(p[0]), "+r"(p[1]), "+r"(p[2]), "+r"(p[3]), "+r"(p[4]));
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const __m512 x = _mm512_set1_ps(p[r / 3][r % 3 * a_stride]);
            sum[r][0] = _mm512_fmadd_ps(x, b0, sum[r][0]);
            sum[r][1] = _mm512_fmadd_ps(x, b1, sum[r][1]);
        }
        UNROLL
        for (size_t i = 0; i < 5; i++)
            p[i] += step;
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        _mm512_storeu_ps(c + r * c_stride, sum[r][0]);
        _mm512_storeu_ps(c + r * c_stride + 16, sum[r][1]);
    }
}

#define CASE(n)                                                        \
    case n:                                                            \
        tile(c, c_stride, a, a_stride, step, b, depth, accumulate, ahead, n); \
        break;

void cclip_product_tile_avx512(float *c, size_t c_stride, const float *a, size_t a_stride,
                               const float *b, size_t depth, size_t rows, int accumulate,
                               const void *const *ahead)
{
    enum { step = 1 };
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
        CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
    }
}

void cclip_product_tile_transposed_avx512(float *c, size_t c_stride, const float *a, size_t step,
                                       const float *b, size_t depth, size_t rows, int accumulate,
                                       const void *const *ahead)
{
    enum { a_stride = 1 };
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
        CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
    }
}

enum { AHEAD = 8 }; /* steps of an outer product between fetching its operands and using them */

static inline __attribute__((always_inline)) void
outer(float *c, size_t c_stride, const struct cclip_product_outer *outer, int accumulate,
      const size_t rows)
{
    __m512 sum[14][2];
    const float *a = outer->a;
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 2; j++)
            sum[r][j] = accumulate ? _mm512_loadu_ps(c + r * c_stride + 16 * j) : _mm512_setzero_ps();
    for (size_t line = 0; line < outer->lines; line++) {
        const float *b = outer->b + line * outer->b_line;
        for (size_t k = 0; k < outer->length; k++, a += outer->a_step, b += outer->b_step) {
            __m512 y[2];
            _mm_prefetch((const char *)(a + AHEAD * outer->a_step), _MM_HINT_T0);
            _mm_prefetch((const char *)(b + AHEAD * outer->b_step), _MM_HINT_T0);
            _mm_prefetch((const char *)(b + AHEAD * outer->b_step + 16), _MM_HINT_T0);
            UNROLL
            for (size_t j = 0; j < 2; j++)
                y[j] = _mm512_loadu_ps(b + 16 * j);
            UNROLL
            for (size_t r = 0; r < rows; r++) {
                const __m512 x = _mm512_set1_ps(a[r]);
                UNROLL
                for (size_t j = 0; j < 2; j++)
                    sum[r][j] = _mm512_fmadd_ps(x, y[j], sum[r][j]);
            }
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 2; j++)
            _mm512_storeu_ps(c + r * c_stride + 16 * j, sum[r][j]);
}

#define OUTER_CASE(n)                              \
    case n:                                        \
        outer(c, c_stride, o, accumulate, n);      \
        break;

void cclip_product_outer_avx512(float *c, size_t c_stride, const struct cclip_product_outer *o,
                              size_t rows, int accumulate)
{
    switch (rows) {
        OUTER_CASE(1) OUTER_CASE(2) OUTER_CASE(3) OUTER_CASE(4) OUTER_CASE(5) OUTER_CASE(6) OUTER_CASE(7)
        OUTER_CASE(8) OUTER_CASE(9) OUTER_CASE(10) OUTER_CASE(11) OUTER_CASE(12) OUTER_CASE(13) OUTER_CASE(14)
    }
}

static inline __mmask16 mask_of(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1);
}

/* Half a panel (16 columns) of a weight whose depth is contiguous. */
static void pack_half(float *out, const float *in, size_t columns, size_t depth,
                      size_t column_stride)
{
    for (size_t k = 0; k < depth; k += 16) {
        const __mmask16 mask = mask_of(depth - k);
        const size_t n = depth - k < 16 ? depth - k : 16;
        __m512 r[16];
        UNROLL
        for (size_t j = 0; j < 16; j++)
            r[j] = j < columns ? _mm512_maskz_loadu_ps(mask, in + j * column_stride + k)
                               : _mm512_setzero_ps();
        transpose16(r);
        UNROLL
        for (size_t j = 0; j < 16; j++)
            if (j < n)
                _mm512_store_ps(out + (k + j) * 32, r[j]);
    }
}

/* Half a panel of a weight whose columns are `column_stride` apart: contiguous when that is 1. */
static void pack_half_strided(float *out, const float *in, size_t columns, size_t depth,
                              size_t column_stride, size_t depth_stride)
{
    const __mmask16 mask = mask_of(columns);
    for (size_t k = 0; k < depth; k++, in += depth_stride, out += 32) {
        if (column_stride == 1) {
            _mm512_store_ps(out, _mm512_maskz_loadu_ps(mask, in));
            continue;
        }
        for (size_t j = 0; j < 16; j++)
            out[j] = j < columns ? in[j * column_stride] : 0;
    }
}

/* A whole panel of a weight whose columns are contiguous. */
static void pack_whole(float *out, const float *in, size_t depth, size_t depth_stride)
{
    for (size_t k = 0; k < depth; k++, in += depth_stride, out += 32) {
        _mm512_store_ps(out, _mm512_loadu_ps(in));
        _mm512_store_ps(out + 16, _mm512_loadu_ps(in + 16));
    }
}

void cclip_product_pack_avx512(float *out, const float *weight, size_t columns, size_t depth,
                               size_t column_stride, size_t depth_stride)
{
    for (size_t first = 0; first < columns; first += 32, out += 32 * depth) {
        if (column_stride == 1 && columns - first >= 32) {
            pack_whole(out, weight + first, depth, depth_stride);
            continue;
        }
        for (size_t half = 0; half < 32; half += 16) {
            const size_t done = first + half;
            const size_t used = done >= columns ? 0 : columns - done < 16 ? columns - done : 16;
            const float *in = weight + (used ? done : 0) * column_stride;
            if (depth_stride == 1)
                pack_half(out + half, in, used, depth, column_stride);
            else
                pack_half_strided(out + half, in, used, depth, column_stride, depth_stride);
        }
    }
}
