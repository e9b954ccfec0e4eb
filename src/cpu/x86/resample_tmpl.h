/* The resampler's two passes, written once over the integer vectors that resample_avx2.c and
 * resample_avx512.c define before they include this file.
 *
 * A weight does not fit 16 bits, so it comes as two halves, weight = high * 4096 + low: sums of
 * pixel * low and of pixel * high are kept apart and put together at the end. Every step is exact
 * modulo 2^32, so the bytes are those of plain C.
 *
 * Across: one 128-bit lane holds one row. Sixteen bytes are loaded from four pixels on; a shuffle puts
 * the samples of pixels 0 and 1 (then 2 and 3) beside each other, a channel to each 32 bits. Up to
 * CCLIP_RESAMPLE_SLACK bytes behind the last row are read; their weights are zero. */
#include <string.h>

#include "cpu/resample.h"

enum { HALF_BITS = 12, HALF = 1 << (CCLIP_RESAMPLE_BITS - 1), GROUP = 2 * ROWS_A_VECTOR };

/* Bytes 0 1 2 3 of four 32-bit sums in every lane. */
static inline ivec across_finish(ivec low, ivec high)
{
    const ivec sum = ivec_add(low, ivec_shift_left(high, HALF_BITS));
    return ivec_pack(ivec_shift_right(sum, CCLIP_RESAMPLE_BITS));
}

static inline void put_pixel(unsigned char *out, uint32_t pixel, size_t channels)
{
    if (channels == 4) {
        memcpy(out, &pixel, 4);
    } else if (channels == 3) {
        memcpy(out, &pixel, 2);
        out[2] = (unsigned char)(pixel >> 16);
    } else {
        memcpy(out, &pixel, channels);
    }
}

static inline void put_rows(unsigned char *const *out, size_t offset, ivec pixels, size_t rows,
                            size_t channels)
{
    uint32_t lanes[ROWS_A_VECTOR];
    ivec_first_words(lanes, pixels);
    for (size_t i = 0; i < ROWS_A_VECTOR && i < rows; i++)
        put_pixel(out[i] + offset, lanes[i], channels);
}

/* The byte shuffles that bring two pixels' samples together as 16-bit numbers. */
static inline void make_shuffles(unsigned char first[16], unsigned char second[16], size_t channels)
{
    memset(first, 0x80, 16); /* 0x80: a zero */
    memset(second, 0x80, 16);
    for (size_t c = 0; c < channels; c++) {
        first[4 * c] = (unsigned char)c;
        first[4 * c + 2] = (unsigned char)(channels + c);
        second[4 * c] = (unsigned char)(2 * channels + c);
        second[4 * c + 2] = (unsigned char)(3 * channels + c);
    }
}

/* GROUP rows at once; where fewer are left the last one is computed several times, stored once. */
static inline __attribute__((always_inline)) void
across_group(unsigned char *const *out, const unsigned char *const *in, size_t rows,
             const struct cclip_resample_axis *axis, const size_t channels)
{
    unsigned char bytes[2][16];
    make_shuffles(bytes[0], bytes[1], channels);
    const ivec first = ivec_repeat(bytes[0]), second = ivec_repeat(bytes[1]);
    for (size_t x = 0; x < axis->count; x++) {
        const int16_t *w = axis->halves + x * axis->taps * 2;
        const size_t begin = axis->first[x] * channels, length = axis->length[x];
        ivec low_a = ivec_set(HALF), low_b = low_a, high_a = ivec_set(0), high_b = high_a;
        for (size_t k = 0; k < length; k += 4, w += 8) {
            const ivec a = ivec_rows(in, begin + k * channels);
            const ivec b = ivec_rows(in + ROWS_A_VECTOR, begin + k * channels);
            const ivec a0 = ivec_shuffle(a, first), a1 = ivec_shuffle(a, second);
            const ivec b0 = ivec_shuffle(b, first), b1 = ivec_shuffle(b, second);
            const ivec low0 = ivec_pair(w), high0 = ivec_pair(w + 2);
            const ivec low1 = ivec_pair(w + 4), high1 = ivec_pair(w + 6);
            low_a = ivec_add(low_a, ivec_add(ivec_madd(a0, low0), ivec_madd(a1, low1)));
            high_a = ivec_add(high_a, ivec_add(ivec_madd(a0, high0), ivec_madd(a1, high1)));
            low_b = ivec_add(low_b, ivec_add(ivec_madd(b0, low0), ivec_madd(b1, low1)));
            high_b = ivec_add(high_b, ivec_add(ivec_madd(b0, high0), ivec_madd(b1, high1)));
        }
        put_rows(out, x * channels, across_finish(low_a, high_a), rows, channels);
        if (rows > ROWS_A_VECTOR)
            put_rows(out + ROWS_A_VECTOR, x * channels, across_finish(low_b, high_b),
                     rows - ROWS_A_VECTOR, channels);
    }
}

void VARIANT(cclip_resample_across)(unsigned char *out, size_t out_stride, const unsigned char *in,
                                    size_t in_stride, size_t rows, size_t channels,
                                    const struct cclip_resample_axis *axis)
{
    for (size_t y = 0; y < rows; y += GROUP) {
        unsigned char *to[GROUP];
        const unsigned char *from[GROUP];
        const size_t left = rows - y;
        for (size_t i = 0; i < GROUP; i++) {
            const size_t row = y + (i < left ? i : left - 1);
            to[i] = out + row * out_stride;
            from[i] = in + row * in_stride;
        }
        switch (channels) { /* a constant in each branch, so that the loops know it */
        case 1:
            across_group(to, from, left, axis, 1);
            break;
        case 2:
            across_group(to, from, left, axis, 2);
            break;
        case 3:
            across_group(to, from, left, axis, 3);
            break;
        default:
            across_group(to, from, left, axis, 4);
            break;
        }
    }
}

/* COLUMNS bytes of one output row. */
static inline void down_columns(unsigned char *out, const unsigned char *in, size_t in_stride,
                                const int16_t *w, size_t length)
{
    ivec low_a = ivec_set(HALF), low_b = low_a, high_a = ivec_set(0), high_b = high_a;
    for (size_t k = 0; k < length; k += 2, w += 4) {
        const unsigned char *row = in + k * in_stride;
        ivec a, b;
        ivec_interleave(&a, &b, row, k + 1 < length ? row + in_stride : row);
        const ivec low = ivec_pair(w), high = ivec_pair(w + 2);
        low_a = ivec_add(low_a, ivec_madd(a, low));
        high_a = ivec_add(high_a, ivec_madd(a, high));
        low_b = ivec_add(low_b, ivec_madd(b, low));
        high_b = ivec_add(high_b, ivec_madd(b, high));
    }
    const ivec a = ivec_add(low_a, ivec_shift_left(high_a, HALF_BITS));
    const ivec b = ivec_add(low_b, ivec_shift_left(high_b, HALF_BITS));
    ivec_store_columns(out, ivec_shift_right(a, CCLIP_RESAMPLE_BITS),
                       ivec_shift_right(b, CCLIP_RESAMPLE_BITS));
}

void VARIANT(cclip_resample_down)(unsigned char *out, const unsigned char *in, size_t in_stride,
                                  size_t bytes, const struct cclip_resample_axis *axis, size_t index)
{
    const int16_t *halves = axis->halves + index * axis->taps * 2;
    const int32_t *weights = axis->weights + index * axis->taps;
    const size_t length = axis->length[index];
    in += axis->first[index] * in_stride;
    size_t x = 0;
    for (; x + COLUMNS <= bytes; x += COLUMNS)
        down_columns(out + x, in + x, in_stride, halves, length);
    if (x < bytes && bytes >= COLUMNS) { /* the last full vector once more: the same bytes again */
        down_columns(out + bytes - COLUMNS, in + bytes - COLUMNS, in_stride, halves, length);
        return;
    }
    for (; x < bytes; x++) {
        uint32_t sum = HALF;
        for (size_t k = 0; k < length; k++)
            sum += (uint32_t)weights[k] * in[k * in_stride + x];
        const int32_t value = (int32_t)sum >> CCLIP_RESAMPLE_BITS;
        out[x] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}
