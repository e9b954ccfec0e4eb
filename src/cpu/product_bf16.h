/* Matrix product of operands that are rounded to bf16, with sums in float32.
 *
 * bf16 is the upper half of a float32: all of its range, 8 bits of its precision. The instructions for it
 * multiply pairs along the depth, and so the operands lie: depth is cut into steps of 32, the last one filled with
 * zeros.
 *   left:  a panel of 32 rows,    [step][32 rows][32]
 *   right: panels of 32 columns, [panel][step][16 pairs][32 columns][2]
 *   sums:  a tile,               [32 rows][32 columns], float32
 *
 * Values are rounded to nearest, ties to even; denormals are zero. An output's sum runs in one order, which
 * depends on the variant and the depth alone: the same bits whatever the rows beside it and the threads. */
#ifndef CCLIP_CPU_PRODUCT_BF16_H
#define CCLIP_CPU_PRODUCT_BF16_H

#include "cpu/product.h"

enum {
    CCLIP_BF16_SIDE = 32,                            /* rows and columns of a tile */
    CCLIP_BF16_STEP = 32,                            /* of depth */
    CCLIP_BF16_TILE = CCLIP_BF16_SIDE * CCLIP_BF16_SIDE /* sums, and elements of a panel's step */
};

/* c = (accumulate ? c : 0) + a * b over `steps`; of rows behind `rows` (1 .. 32) a and c are undefined. All are
 * 64-byte aligned. */
typedef void cclip_bf16_tile_fn(float *c, const uint16_t *a, const uint16_t *b, size_t steps, size_t rows,
                                int accumulate);

/* Rounds weight[columns, depth] (element strides) to panels of the right side. */
typedef void cclip_bf16_pack_fn(uint16_t *out, const float *weight, size_t columns, size_t depth,
                                size_t column_stride, size_t depth_stride);

/* Rounds up to 32 rows to a panel of the left side: element (r, k) is in[r * stride + k]; by columns, it is
 * in[k * stride + r]. */
typedef void cclip_bf16_round_fn(uint16_t *out, const float *in, size_t stride, size_t rows, size_t depth);

struct cclip_bf16_kernels {
    const char *name;
    cclip_bf16_tile_fn *tile;
    cclip_bf16_pack_fn *pack;
    cclip_bf16_round_fn *round_rows, *round_columns;
    void (*enter)(void), (*leave)(void); /* a thread's before its first and after its last tile, or NULL */
};
void cclip_bf16_kernels_init(struct cclip_bf16_kernels *kernels, unsigned cpu_features);

/* As cclip_product_run and cclip_cpu_add_product; the matrix has `values`. */
void cclip_bf16_product_run(struct cclip_device *device, float *out, size_t out_stride,
                            const struct cclip_product_input *input, size_t rows,
                            const struct cclip_matrix *matrix, const struct cclip_epilogue *epilogue);
void cclip_bf16_add_product(struct cclip_device *device, float *out, size_t out_stride, const float *a,
                            size_t a_stride, size_t a_width, const float *b, size_t b_stride, size_t b_width,
                            size_t rows, int anew);

/* Variants; each built with its own instruction set. */
cclip_bf16_tile_fn cclip_bf16_tile_c, cclip_bf16_tile_avx512bf16, cclip_bf16_tile_amx;
cclip_bf16_pack_fn cclip_bf16_pack_c, cclip_bf16_pack_avx512bf16;
cclip_bf16_round_fn cclip_bf16_round_rows_c, cclip_bf16_round_rows_avx512bf16;
cclip_bf16_round_fn cclip_bf16_round_columns_c, cclip_bf16_round_columns_avx512bf16;
void cclip_bf16_enter_amx(void);
void cclip_bf16_leave_amx(void);

#endif
