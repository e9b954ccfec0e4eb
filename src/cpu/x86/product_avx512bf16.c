/* bf16 with AVX-512: rounding into panels, for AMX too, and a tile by vdpbf16ps. */
#include <immintrin.h>
#include <string.h>

#include "cpu/product_bf16.h"
#include "cpu/unroll.h"
#include "cpu/x86/transpose_avx512.h"

enum { SIDE = CCLIP_BF16_SIDE, STEP = CCLIP_BF16_STEP, TILE = CCLIP_BF16_TILE };

/* Of each element of a tile's columns the pair of products is added in one instruction; 11 rows x 32
 * columns of sums take 22 registers. `rows` is a constant at each call. */
static inline __attribute__((always_inline)) void rows_of_tile(float *c, const uint16_t *a,
                                                               const uint16_t *b, size_t steps,
                                                               int accumulate, const size_t rows)
{
    __m512 sum[11][2];
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t h = 0; h < 2; h++)
            sum[r][h] = accumulate ? _mm512_load_ps(c + r * SIDE + 16 * h) : _mm512_setzero_ps();
    for (size_t s = 0; s < steps; s++, a += TILE)
        for (size_t pair = 0; pair < STEP / 2; pair++, b += 2 * SIDE) {
            const __m512bh b0 = (__m512bh)_mm512_load_si512(b);
            const __m512bh b1 = (__m512bh)_mm512_load_si512(b + SIDE);
            UNROLL
            for (size_t r = 0; r < rows; r++) {
                int both;
                memcpy(&both, a + r * STEP + 2 * pair, sizeof both);
                const __m512bh x = (__m512bh)_mm512_set1_epi32(both);
                sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
                sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
            }
        }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t h = 0; h < 2; h++)
            _mm512_store_ps(c + r * SIDE + 16 * h, sum[r][h]);
}

#define CASE(n)                                                                            \
    case n:                                                                                \
        rows_of_tile(c + r * SIDE, a + r * STEP, b, steps, accumulate, n);                 \
        break;

void cclip_bf16_tile_avx512bf16(float *c, const uint16_t *a, const uint16_t *b, size_t steps, size_t rows,
                                int accumulate)
{
    const size_t parts = (rows + 10) / 11;
    for (size_t i = 0; i < parts; i++) {
        const size_t r = i * rows / parts;
        switch ((i + 1) * rows / parts - r) {
            CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11)
        }
    }
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1);
}

static inline size_t less(size_t from, size_t n)
{
    return from > n ? from - n : 0;
}

/* 32 elements of a row from `in`, `count` of them there, as 16 pairs. */
static inline __m512 pairs_of_row(const float *in, size_t count)
{
    const __m512 low = _mm512_maskz_loadu_ps(first_lanes(count), in);
    const __m512 high = _mm512_maskz_loadu_ps(first_lanes(less(count, 16)), in + 16);
    return (__m512)_mm512_cvtne2ps_pbh(high, low);
}

/* Elements j of two rows as pairs, for 16 j. */
static inline __m512 pairs_of_rows(const float *first, const float *second, __mmask16 mask, int both)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                           22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512 low = _mm512_maskz_loadu_ps(mask, first);
    const __m512 high = _mm512_maskz_loadu_ps(both ? mask : 0, second);
    return (__m512)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* One step of half a panel: 16 columns. */
static inline void pack_step(uint16_t *out, const float *in, size_t columns, size_t depth,
                             size_t column_stride)
{
    __m512 r[16];
    UNROLL
    for (size_t j = 0; j < 16; j++)
        r[j] = j < columns ? pairs_of_row(in + j * column_stride, depth) : _mm512_setzero_ps();
    transpose16(r);
    UNROLL
    for (size_t pair = 0; pair < 16; pair++)
        _mm512_store_ps(out + pair * 2 * SIDE, r[pair]);
}

/* The same of a weight whose columns are contiguous. */
static inline void pack_step_by_columns(uint16_t *out, const float *in, size_t columns, size_t depth,
                                        size_t depth_stride)
{
    const __mmask16 mask = first_lanes(columns);
    for (size_t pair = 0; pair < 16; pair++, out += 2 * SIDE) {
        const float *first = in + 2 * pair * depth_stride;
        _mm512_store_ps(out, 2 * pair < depth ? pairs_of_rows(first, first + depth_stride, mask,
                                                              2 * pair + 1 < depth)
                                              : _mm512_setzero_ps());
    }
}

void cclip_bf16_pack_avx512bf16(uint16_t *out, const float *weight, size_t columns, size_t depth,
                                size_t column_stride, size_t depth_stride)
{
    if (column_stride != 1 && depth_stride != 1) {
        cclip_bf16_pack_c(out, weight, columns, depth, column_stride, depth_stride);
        return;
    }
    for (size_t first = 0; first < columns; first += SIDE)
        for (size_t k = 0; k < depth; k += STEP, out += TILE)
            for (size_t half = 0; half < SIDE; half += 16) {
                const size_t left = less(columns, first + half);
                const float *in = weight + (left ? (first + half) * column_stride + k * depth_stride : 0);
                if (depth_stride == 1)
                    pack_step(out + 2 * half, in, left, depth - k, column_stride);
                else
                    pack_step_by_columns(out + 2 * half, in, left, depth - k, depth_stride);
            }
}

void cclip_bf16_round_rows_avx512bf16(uint16_t *out, const float *in, size_t stride, size_t rows,
                                      size_t depth)
{
    for (size_t r = 0; r < rows; r++, in += stride, out += STEP) {
        size_t k = 0;
        for (; k + STEP <= depth; k += STEP)
            _mm512_store_ps(out + k * SIDE, (__m512)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(in + k + 16),
                                                                        _mm512_loadu_ps(in + k)));
        if (k < depth)
            _mm512_store_ps(out + k * SIDE, pairs_of_row(in + k, depth - k));
    }
}

void cclip_bf16_round_columns_avx512bf16(uint16_t *out, const float *in, size_t stride, size_t rows,
                                         size_t depth)
{
    for (size_t k = 0; k < depth; k += STEP)
        for (size_t first = 0; first < rows; first += 16) {
            const __mmask16 mask = first_lanes(rows - first);
            __m512 r[16];
            UNROLL
            for (size_t pair = 0; pair < 16; pair++) {
                const size_t at = k + 2 * pair;
                const float *p = in + at * stride + first;
                r[pair] = at < depth ? pairs_of_rows(p, p + stride, mask, at + 1 < depth)
                                     : _mm512_setzero_ps();
            }
            transpose16(r);
            UNROLL
            for (size_t i = 0; i < 16; i++)
                _mm512_store_ps(out + k * SIDE + (first + i) * STEP, r[i]);
        }
}
