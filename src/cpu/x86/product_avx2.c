/* The tile of the matrix product with AVX2: 6 rows x 16 columns of sums in 12 registers, two for
 * the weights, one for the input element. */
#include <immintrin.h>

#include "cpu/product.h"
#include "cpu/unroll.h"

/* `rows` is a constant at each call, so that the sums live in registers. Element (r, k) of the left side is
 * at a[r * a_stride + k * step]. */
static inline __attribute__((always_inline)) void tile(float *c, size_t c_stride, const float *a,
                                                       size_t a_stride, size_t step, const float *b,
                                                       size_t depth, int accumulate,
                                                       const size_t rows)
{
    __m256 sum[6][2];
    const float *p[2] = { a, rows > 3 ? a + 3 * a_stride : a };
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        sum[r][0] = accumulate ? _mm256_loadu_ps(c + r * c_stride) : _mm256_setzero_ps();
        sum[r][1] = accumulate ? _mm256_loadu_ps(c + r * c_stride + 8) : _mm256_setzero_ps();
    }
    for (size_t k = 0; k < depth; k++, b += 16) {
        const __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
        _mm_prefetch((const char *)(b + 512), _MM_HINT_T0);
        __asm__("" : "+r"(p[0]), "+r"(p[1]));
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const __m256 x = _mm256_broadcast_ss(p[r / 3] + r % 3 * a_stride);
            sum[r][0] = _mm256_fmadd_ps(x, b0, sum[r][0]);
            sum[r][1] = _mm256_fmadd_ps(x, b1, sum[r][1]);
        }
        p[0] += step;
        p[1] += step;
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        _mm256_storeu_ps(c + r * c_stride, sum[r][0]);
        _mm256_storeu_ps(c + r * c_stride + 8, sum[r][1]);
    }
}

#define CASE(n)                                                        \
    case n:                                                            \
        tile(c, c_stride, a, a_stride, step, b, depth, accumulate, n); \
        break;

void cclip_product_tile_avx2(float *c, size_t c_stride, const float *a, size_t a_stride,
                             const float *b, size_t depth, size_t rows, int accumulate,
                             const void *const *ahead)
{
    (void)ahead;
    enum { step = 1 };
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
    }
}

void cclip_product_tile_transposed_avx2(float *c, size_t c_stride, const float *a, size_t step,
                                     const float *b, size_t depth, size_t rows, int accumulate,
                                     const void *const *ahead)
{
    (void)ahead;
    enum { a_stride = 1 };
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
    }
}

enum { AHEAD = 8 }; /* steps of an outer product between fetching its operands and using them */

static inline __attribute__((always_inline)) void
outer(float *c, size_t c_stride, const struct cclip_product_outer *outer, int accumulate,
      const size_t rows)
{
    __m256 sum[6][2];
    const float *a = outer->a;
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 2; j++)
            sum[r][j] = accumulate ? _mm256_loadu_ps(c + r * c_stride + 8 * j) : _mm256_setzero_ps();
    for (size_t line = 0; line < outer->lines; line++) {
        const float *b = outer->b + line * outer->b_line;
        for (size_t k = 0; k < outer->length; k++, a += outer->a_step, b += outer->b_step) {
            __m256 y[2];
            _mm_prefetch((const char *)(a + AHEAD * outer->a_step), _MM_HINT_T0);
            _mm_prefetch((const char *)(b + AHEAD * outer->b_step), _MM_HINT_T0);
            UNROLL
            for (size_t j = 0; j < 2; j++)
                y[j] = _mm256_loadu_ps(b + 8 * j);
            UNROLL
            for (size_t r = 0; r < rows; r++) {
                const __m256 x = _mm256_broadcast_ss(a + r);
                UNROLL
                for (size_t j = 0; j < 2; j++)
                    sum[r][j] = _mm256_fmadd_ps(x, y[j], sum[r][j]);
            }
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 2; j++)
            _mm256_storeu_ps(c + r * c_stride + 8 * j, sum[r][j]);
}

#define OUTER_CASE(n)                              \
    case n:                                        \
        outer(c, c_stride, o, accumulate, n);      \
        break;

void cclip_product_outer_avx2(float *c, size_t c_stride, const struct cclip_product_outer *o,
                              size_t rows, int accumulate)
{
    switch (rows) {
        OUTER_CASE(1) OUTER_CASE(2) OUTER_CASE(3) OUTER_CASE(4) OUTER_CASE(5) OUTER_CASE(6)
    }
}

/* 8 rows of 8 floats to their transpose. */
static inline void transpose8(__m256 r[8])
{
    __m256 t[8], u[8];
    UNROLL
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    UNROLL
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

/* Half a panel (8 columns) of a weight whose depth is contiguous; all columns are there. */
static size_t pack_half(float *out, const float *in, size_t depth, size_t column_stride)
{
    size_t k = 0;
    for (; k + 8 <= depth; k += 8) {
        __m256 r[8];
        UNROLL
        for (size_t j = 0; j < 8; j++)
            r[j] = _mm256_loadu_ps(in + j * column_stride + k);
        transpose8(r);
        UNROLL
        for (size_t j = 0; j < 8; j++)
            _mm256_store_ps(out + (k + j) * 16, r[j]);
    }
    return k;
}

void cclip_product_pack_avx2(float *out, const float *weight, size_t columns, size_t depth,
                             size_t column_stride, size_t depth_stride)
{
    for (size_t first = 0; first < columns; first += 8) {
        float *half = out + first / 16 * 16 * depth + first % 16;
        const float *in = weight + first * column_stride;
        const size_t used = columns - first < 8 ? columns - first : 8;
        size_t k = depth_stride == 1 && used == 8 ? pack_half(half, in, depth, column_stride) : 0;
        for (; k < depth; k++) {
            if (column_stride == 1 && used == 8) {
                _mm256_store_ps(half + k * 16, _mm256_loadu_ps(in + k * depth_stride));
                continue;
            }
            for (size_t j = 0; j < 8; j++)
                half[k * 16 + j] = j < used ? in[j * column_stride + k * depth_stride] : 0;
        }
        if (first + 8 >= columns && first % 16 == 0) /* the last panel's other half */
            for (k = 0; k < depth; k++)
                _mm256_store_ps(half + k * 16 + 8, _mm256_setzero_ps());
    }
}
