/* The tile of the matrix product with NEON: 6 rows x 16 columns of sums in 24 registers, four for
 * the weights, the input elements four at a time. */
#include <arm_neon.h>

#include "cpu/product.h"
#include "cpu/unroll.h"

/* `rows` is a constant at each call, so that the sums live in registers. Element (r, k) of the left side is
 * at a[r * a_stride + k * step]. */
static inline __attribute__((always_inline)) void tile(float *c, size_t c_stride, const float *a,
                                                       size_t a_stride, size_t step, const float *b,
                                                       size_t depth, int accumulate,
                                                       const size_t rows)
{
    float32x4_t sum[6][4];
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 4; j++)
            sum[r][j] = accumulate ? vld1q_f32(c + r * c_stride + 4 * j) : vdupq_n_f32(0.0f);
    for (size_t k = 0; k < depth; k++, a += step, b += 16) {
        const float32x4_t b0 = vld1q_f32(b), b1 = vld1q_f32(b + 4);
        const float32x4_t b2 = vld1q_f32(b + 8), b3 = vld1q_f32(b + 12);
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            const float32x4_t x = vld1q_dup_f32(a + r * a_stride);
            sum[r][0] = vfmaq_f32(sum[r][0], x, b0);
            sum[r][1] = vfmaq_f32(sum[r][1], x, b1);
            sum[r][2] = vfmaq_f32(sum[r][2], x, b2);
            sum[r][3] = vfmaq_f32(sum[r][3], x, b3);
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 4; j++)
            vst1q_f32(c + r * c_stride + 4 * j, sum[r][j]);
}

#define CASE(n)                                                        \
    case n:                                                            \
        tile(c, c_stride, a, a_stride, step, b, depth, accumulate, n); \
        break;

void cclip_product_tile_neon(float *c, size_t c_stride, const float *a, size_t a_stride,
                             const float *b, size_t depth, size_t rows, int accumulate,
                             const void *const *ahead)
{
    (void)ahead;
    enum { step = 1 };
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
    }
}

void cclip_product_tile_transposed_neon(float *c, size_t c_stride, const float *a, size_t step,
                                     const float *b, size_t depth, size_t rows, int accumulate,
                                     const void *const *ahead)
{
    (void)ahead;
    enum { a_stride = 1 };
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
    }
}

static inline __attribute__((always_inline)) void
outer(float *c, size_t c_stride, const struct cclip_product_outer *outer, int accumulate,
      const size_t rows)
{
    float32x4_t sum[6][4];
    const float *a = outer->a;
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 4; j++)
            sum[r][j] = accumulate ? vld1q_f32(c + r * c_stride + 4 * j) : vdupq_n_f32(0.0f);
    for (size_t line = 0; line < outer->lines; line++) {
        const float *b = outer->b + line * outer->b_line;
        for (size_t k = 0; k < outer->length; k++, a += outer->a_step, b += outer->b_step) {
            float32x4_t y[4];
            UNROLL
            for (size_t j = 0; j < 4; j++)
                y[j] = vld1q_f32(b + 4 * j);
            UNROLL
            for (size_t r = 0; r < rows; r++) {
                const float32x4_t x = vld1q_dup_f32(a + r);
                UNROLL
                for (size_t j = 0; j < 4; j++)
                    sum[r][j] = vfmaq_f32(sum[r][j], x, y[j]);
            }
        }
    }
    UNROLL
    for (size_t r = 0; r < rows; r++)
        UNROLL
        for (size_t j = 0; j < 4; j++)
            vst1q_f32(c + r * c_stride + 4 * j, sum[r][j]);
}

#define OUTER_CASE(n)                              \
    case n:                                        \
        outer(c, c_stride, o, accumulate, n);      \
        break;

void cclip_product_outer_neon(float *c, size_t c_stride, const struct cclip_product_outer *o,
                              size_t rows, int accumulate)
{
    switch (rows) {
        OUTER_CASE(1) OUTER_CASE(2) OUTER_CASE(3) OUTER_CASE(4) OUTER_CASE(5) OUTER_CASE(6)
    }
}
