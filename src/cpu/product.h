/* Matrix product: the kernels and what drives them.
 *
 * out[rows, columns] = epilogue(in[rows, depth] * weight[columns, depth]^T)
 *
 * The weight is packed once into panels of `tile_columns` columns: [panel][depth][tile_columns],
 * the last panel filled with zeros. The sum over depth is cut into chunks; between chunks the partial
 * sums rest in scratch, exact.
 *
 * Every output is one chain of multiply-adds over depth, in ascending order, from zero: the same
 * bits whatever the rows beside it, the place of its tile or the number of threads. */
#ifndef CCLIP_CPU_PRODUCT_H
#define CCLIP_CPU_PRODUCT_H

#include "tensor/backend.h"

enum {
    CCLIP_PRODUCT_AHEAD = 4,         /* steps of depth between two lines that a tile fetches */
    CCLIP_PRODUCT_DEPTH = 512,       /* longest chunk of depth */
    CCLIP_PRODUCT_STRIDE = 512 + 16, /* floats from one row of a copied chunk to the next */
    CCLIP_PRODUCT_SLICE = 2048,      /* rows of a weight's gradient that are one chain of additions */
    CCLIP_PRODUCT_ALIAS = 1024       /* rows a multiple of this many floats apart fight for one set
                                      * of the first-level cache: such rows are copied first */
};

/* c[rows, tile_columns] = (accumulate ? c : 0) + a[rows, depth] * b[depth, tile_columns];
 * rows is 1 .. tile_rows. All tile_columns columns of c are written; b is 64-byte aligned, a and c
 * need not be. `ahead` or NULL: places that are needed soon, one for each CCLIP_PRODUCT_AHEAD steps of depth or part
 * of them, to be fetched meanwhile. */
typedef void cclip_product_tile_fn(float *c, size_t c_stride, const float *a, size_t a_stride,
                                   const float *b, size_t depth, size_t rows, int accumulate,
                                   const void *const *ahead);

/* c[rows, tile_columns] = (accumulate ? c : 0) + the sum of outer products a[r] b[j] over `lines` times `length`
 * steps. a goes on by a_step at each, b by b_step and from line to line by b_line. Nothing need be aligned. */
struct cclip_product_outer {
    const float *a, *b;
    size_t a_step, b_step, b_line, length, lines;
};
typedef void cclip_product_outer_fn(float *c, size_t c_stride, const struct cclip_product_outer *outer,
                                    size_t rows, int accumulate);

/* Packs weight[columns, depth] (element strides) into panels of the kernel's tile_columns. */
typedef void cclip_product_pack_fn(float *out, const float *weight, size_t columns, size_t depth,
                                   size_t column_stride, size_t depth_stride);

/* out[rows, columns] = epilogue(in[rows, columns]); out and residual have stride `out_stride`, the
 * pointers in `epilogue` are those of this block's first row and column. out may be in. */
typedef void cclip_product_epilogue_fn(float *out, size_t out_stride, const float *in,
                                       size_t in_stride, size_t rows, size_t columns,
                                       const struct cclip_epilogue *epilogue);

struct cclip_product_kernels {
    const char *name;
    size_t tile_rows, tile_columns;
    cclip_product_tile_fn *tile;
    cclip_product_tile_fn *tile_transposed; /* the same, of a [depth, rows]: (r, k) is a[k * a_stride + r] */
    cclip_product_outer_fn *outer;
    cclip_product_pack_fn *pack;
    cclip_product_epilogue_fn *epilogue;
};
void cclip_product_kernels_init(struct cclip_product_kernels *kernels, unsigned cpu_features);

/* Where the rows of the left operand come from: a matrix, read where it is when `copy` is NULL; else
 * `copy` writes elements [begin, begin + count) of `rows` rows from `row` on to `out`,
 * CCLIP_PRODUCT_STRIDE apart, or as [count, rows] if they are wanted by columns. */
struct cclip_product_input {
    void (*copy)(const struct cclip_product_input *input, float *out, size_t row, size_t rows,
                 size_t begin, size_t count);
    const float *in;
    size_t stride;                   /* from one row of the matrix to the next, where it is read there */
    size_t pitch;                    /* the same for a `copy` */
    int by_columns;                  /* how `copy` leaves them */
    const struct cclip_conv2d *conv; /* windows of pictures */
};

/* Packs weight[columns, depth] on the device's pool into the shared scratch, where it stays until the
 * next call; NULL after a failure. */
const float *cclip_product_pack_shared(struct cclip_device *device, const float *weight,
                                       size_t columns, size_t depth, size_t column_stride,
                                       size_t depth_stride);

/* The panels of a prepared weight, or of one whose values are packed for this product alone, in the shared
 * scratch; NULL after a failure. */
const float *cclip_product_panels(struct cclip_device *device, const struct cclip_matrix *matrix);

/* out[i][j] += sum over r of a[r][i] * b[r][j], b as panels [rows, b_width]; `anew`: = instead of +=. */
void cclip_product_add_panels(struct cclip_device *device, float *out, size_t out_stride,
                              const float *a, size_t a_stride, size_t a_width, const float *panels,
                              size_t b_width, size_t rows, int anew);

/* The whole product on the device's pool. */
void cclip_product_run(struct cclip_device *device, float *out, size_t out_stride,
                       const struct cclip_product_input *input, size_t rows,
                       const struct cclip_matrix *matrix, const struct cclip_epilogue *epilogue);

/* Operations of struct cclip_backend. */
cclip_status cclip_cpu_matrix_prepare(struct cclip_device *device, struct cclip_matrix *out,
                                      const float *weight, size_t columns, size_t depth,
                                      size_t column_stride, size_t depth_stride);
void cclip_cpu_matrix_release(struct cclip_device *device, struct cclip_matrix *matrix);
void cclip_cpu_linear(struct cclip_device *device, float *out, size_t out_stride, const float *in,
                      size_t in_stride, size_t rows, const struct cclip_matrix *matrix,
                      const struct cclip_epilogue *epilogue);
/* out[i][j] += sum over r of a[r][i] * b[r][j]. The rows are cut into slices of a fixed number; the
 * sums of the slices are added in order, the first to what is there or, `anew`, to nothing. */
void cclip_cpu_add_product(struct cclip_device *device, float *out, size_t out_stride,
                           const float *a, size_t a_stride, size_t a_width, const float *b,
                           size_t b_stride, size_t b_width, size_t rows, int anew);
void cclip_cpu_conv2d(struct cclip_device *device, float *out, const float *in,
                      const struct cclip_conv2d *conv, const struct cclip_matrix *matrix,
                      const struct cclip_epilogue *epilogue);
void cclip_cpu_conv2d_backward(struct cclip_device *device, float *d_kernel, const float *d_out,
                               const float *in, const struct cclip_conv2d *conv, size_t columns);

/* Variants; each built with its own instruction set. */
cclip_product_tile_fn cclip_product_tile_avx2, cclip_product_tile_avx512, cclip_product_tile_neon;
cclip_product_tile_fn cclip_product_tile_transposed_avx2, cclip_product_tile_transposed_avx512;
cclip_product_tile_fn cclip_product_tile_transposed_neon;
cclip_product_outer_fn cclip_product_outer_avx2, cclip_product_outer_avx512, cclip_product_outer_neon;
cclip_product_pack_fn cclip_product_pack_c16, cclip_product_pack_avx2, cclip_product_pack_avx512;
cclip_product_epilogue_fn cclip_product_epilogue_avx2, cclip_product_epilogue_avx512;

#endif
