/* Resampling of pictures, bit for bit as Pillow does it: weights normalised in double precision and
 * rounded to 22-bit fixed point, first across, then down, clipped to bytes in between.
 *
 * All sums are integers modulo 2^32, so every variant gives the same bytes as plain C. */
#ifndef CCLIP_CPU_RESAMPLE_H
#define CCLIP_CPU_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/image.h>
#include "base/status.h"

enum {
    CCLIP_RESAMPLE_BITS = 22, /* of the fixed-point weights */
    CCLIP_RESAMPLE_SLACK = 64 /* bytes that `across` may read behind the last row */
};

/* One direction: which inputs an output takes, and how much of each. */
struct cclip_resample_axis {
    size_t count;      /* outputs */
    size_t taps;       /* stride of the weights: most inputs of an output, a multiple of 4 */
    size_t begin, end; /* inputs that are used at all */
    uint32_t *first;   /* [count] first input of an output */
    uint32_t *length;  /* [count] inputs of an output */
    int32_t *weights;  /* [count][taps], zero behind `length` */
    double *exact;     /* [count][taps] before rounding, or NULL */
    /* The weights cut in two halves that fit 16 bits, weight = high * 4096 + low, in the order in which
     * the kernels multiply: [count][taps / 2] of { low, low, high, high }. */
    int16_t *halves;
};

/* Outputs [begin, begin + count) of an input of `in` samples scaled to `out`. `exact` asks for the
 * double weights too. Not for CCLIP_NEAREST. */
cclip_status cclip_resample_axis_open(struct cclip_resample_axis *axis, cclip_interpolation filter,
                                      size_t in, size_t out, size_t begin, size_t count, int exact);
void cclip_resample_axis_close(struct cclip_resample_axis *axis);

/* Source positions of CCLIP_NEAREST, accumulated as Pillow does; UINT32_MAX lies outside. */
void cclip_resample_nearest(uint32_t *positions, size_t in, size_t out, size_t begin, size_t count);

/* out[row][axis->count][channels] from in[row][...][channels], channels 1 to 4. Up to
 * CCLIP_RESAMPLE_SLACK bytes behind the last row of `in` are read, and do not matter. */
typedef void cclip_resample_across_fn(unsigned char *out, size_t out_stride, const unsigned char *in,
                                      size_t in_stride, size_t rows, size_t channels,
                                      const struct cclip_resample_axis *axis);
/* One row of `bytes` bytes: output `index` of the axis; `in` is the row of input 0. */
typedef void cclip_resample_down_fn(unsigned char *out, const unsigned char *in, size_t in_stride,
                                    size_t bytes, const struct cclip_resample_axis *axis, size_t index);

struct cclip_resample_kernels {
    const char *name;
    cclip_resample_across_fn *across;
    cclip_resample_down_fn *down;
};
void cclip_resample_kernels_init(struct cclip_resample_kernels *kernels, unsigned cpu_features);

/* The same for samples of 32 bits, summed in double as Pillow does for mode I. */
void cclip_resample_across_i32(int32_t *out, const int32_t *in, const struct cclip_resample_axis *axis);
void cclip_resample_down_i32(int32_t *out, const int32_t *in, size_t in_stride, size_t width,
                             const struct cclip_resample_axis *axis, size_t index);

/* Variants; each built with its own instruction set. */
cclip_resample_across_fn cclip_resample_across_avx2, cclip_resample_across_avx512;
cclip_resample_down_fn cclip_resample_down_avx2, cclip_resample_down_avx512;

#endif
