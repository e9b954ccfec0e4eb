/* Resampling: weights, and the kernels in plain C. */
#include "cpu/resample.h"

#include <math.h>
#include <string.h>

#include "base/cpu_features.h"
#include "base/memory.h"

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution with a = -0.5. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x = x * M_PI;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct {
    double (*function)(double x);
    double support;
} filters[] = {
    [CCLIP_BICUBIC] = { cubic, 2.0 },
    [CCLIP_BILINEAR] = { triangle, 1.0 },
    [CCLIP_LANCZOS] = { lanczos, 3.0 },
};

/* The kernels multiply pairs of 16-bit numbers: weight = high * 4096 + low, low in [0, 4095]. */
static void cut_weights(int16_t *halves, const int32_t *weights, size_t taps)
{
    for (size_t i = 0; i < taps; i++) {
        int16_t *pair = halves + i / 2 * 4;
        pair[i % 2] = (int16_t)(weights[i] & 4095);
        pair[2 + i % 2] = (int16_t)((weights[i] - (weights[i] & 4095)) / 4096);
    }
}

/* One output: its inputs and normalised weights. Returns how many there are. */
static size_t weigh(double *weights, uint32_t *first, cclip_interpolation filter, size_t in,
                    double scale, size_t index)
{
    const double stretch = scale < 1.0 ? 1.0 : scale;
    const double support = filters[filter].support * stretch;
    const double centre = ((double)index + 0.5) * scale, step = 1.0 / stretch;
    double low = centre - support + 0.5, high = centre + support + 0.5, sum = 0.0;
    if (low < 0.0)
        low = 0.0;
    if (high > (double)in)
        high = (double)in;
    const size_t begin = (size_t)low, end = (size_t)high;
    const size_t length = end > begin ? end - begin : 0;
    for (size_t i = 0; i < length; i++) {
        weights[i] = filters[filter].function(((double)(i + begin) - centre + 0.5) * step);
        sum += weights[i];
    }
    for (size_t i = 0; i < length && sum != 0.0; i++)
        weights[i] /= sum;
    *first = (uint32_t)begin;
    return length;
}

static void fill_axis(struct cclip_resample_axis *axis, double *scratch, cclip_interpolation filter,
                      size_t in, double scale, size_t begin)
{
    axis->begin = in;
    for (size_t i = 0; i < axis->count; i++) {
        double *exact = axis->exact ? axis->exact + i * axis->taps : scratch;
        int32_t *weights = axis->weights + i * axis->taps;
        const size_t length = weigh(exact, &axis->first[i], filter, in, scale, begin + i);
        for (size_t k = 0; k < length; k++) {
            const double fixed = exact[k] * (1 << CCLIP_RESAMPLE_BITS);
            weights[k] = (int32_t)(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
        }
        memset(weights + length, 0, (axis->taps - length) * sizeof *weights);
        cut_weights(axis->halves + i * axis->taps * 2, weights, axis->taps);
        axis->length[i] = (uint32_t)length;
        if (axis->first[i] < axis->begin)
            axis->begin = axis->first[i];
        if (axis->first[i] + length > axis->end)
            axis->end = axis->first[i] + length;
    }
}

cclip_status cclip_resample_axis_open(struct cclip_resample_axis *axis, cclip_interpolation filter,
                                      size_t in, size_t out, size_t begin, size_t count, int exact)
{
    const double scale = (double)in / (double)out;
    const double support = filters[filter].support * (scale < 1.0 ? 1.0 : scale);
    const size_t taps = ((size_t)ceil(support) * 2 + 1 + 3) / 4 * 4;
    cclip_status status = CCLIP_ERROR_MEMORY;
    *axis = (struct cclip_resample_axis){ .count = count, .taps = taps };
    double *scratch = cclip_allocate(taps, sizeof *scratch);
    axis->first = cclip_allocate(count, sizeof *axis->first);
    axis->length = cclip_allocate(count, sizeof *axis->length);
    axis->weights = cclip_allocate(count * taps, sizeof *axis->weights);
    axis->halves = cclip_allocate(count * taps, 2 * sizeof *axis->halves);
    if (exact)
        axis->exact = cclip_allocate(count * taps, sizeof *axis->exact);
    if (scratch && axis->first && axis->length && axis->weights && axis->halves &&
        (axis->exact || !exact)) {
        fill_axis(axis, scratch, filter, in, scale, begin);
        status = CCLIP_OK;
    }
    cclip_release(scratch);
    if (status)
        cclip_resample_axis_close(axis);
    return status;
}

void cclip_resample_axis_close(struct cclip_resample_axis *axis)
{
    cclip_release(axis->first);
    cclip_release(axis->length);
    cclip_release(axis->weights);
    cclip_release(axis->halves);
    cclip_release(axis->exact);
    *axis = (struct cclip_resample_axis){ 0 };
}

void cclip_resample_nearest(uint32_t *positions, size_t in, size_t out, size_t begin, size_t count)
{
    const double step = (double)in / (double)out;
    double position = step * 0.5;
    for (size_t i = 0; i < begin + count; i++) {
        if (i >= begin)
            positions[i - begin] = position < (double)in ? (uint32_t)position : UINT32_MAX;
        position += step;
    }
}

static unsigned char clip(uint32_t sum)
{
    const int32_t value = (int32_t)sum >> CCLIP_RESAMPLE_BITS;
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void across_c(unsigned char *out, size_t out_stride, const unsigned char *in, size_t in_stride,
                     size_t rows, size_t channels, const struct cclip_resample_axis *axis)
{
    for (size_t y = 0; y < rows; y++, in += in_stride, out += out_stride)
        for (size_t x = 0; x < axis->count; x++) {
            const int32_t *weights = axis->weights + x * axis->taps;
            const unsigned char *pixel = in + axis->first[x] * channels;
            for (size_t c = 0; c < channels; c++) {
                uint32_t sum = 1u << (CCLIP_RESAMPLE_BITS - 1);
                for (size_t k = 0; k < axis->length[x]; k++)
                    sum += (uint32_t)weights[k] * pixel[k * channels + c];
                out[x * channels + c] = clip(sum);
            }
        }
}

static void down_c(unsigned char *out, const unsigned char *in, size_t in_stride, size_t bytes,
                   const struct cclip_resample_axis *axis, size_t index)
{
    const int32_t *weights = axis->weights + index * axis->taps;
    in += axis->first[index] * in_stride;
    for (size_t x = 0; x < bytes; x++) {
        uint32_t sum = 1u << (CCLIP_RESAMPLE_BITS - 1);
        for (size_t k = 0; k < axis->length[index]; k++)
            sum += (uint32_t)weights[k] * in[k * in_stride + x];
        out[x] = clip(sum);
    }
}

void cclip_resample_kernels_init(struct cclip_resample_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_resample_kernels){ "c", across_c, down_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_resample_kernels){ "avx2", cclip_resample_across_avx2,
                                                cclip_resample_down_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_resample_kernels){ "avx512", cclip_resample_across_avx512,
                                                cclip_resample_down_avx512 };
#endif
}

/* Halves away from zero, as Pillow rounds. */
static int32_t round_i32(double x)
{
    return (int32_t)(x >= 0.0 ? floor(x + 0.5) : -floor(fabs(x) + 0.5));
}

void cclip_resample_across_i32(int32_t *out, const int32_t *in, const struct cclip_resample_axis *axis)
{
    for (size_t x = 0; x < axis->count; x++) {
        const double *weights = axis->exact + x * axis->taps;
        double sum = 0.0;
        for (size_t k = 0; k < axis->length[x]; k++)
            sum += in[axis->first[x] + k] * weights[k];
        out[x] = round_i32(sum);
    }
}

void cclip_resample_down_i32(int32_t *out, const int32_t *in, size_t in_stride, size_t width,
                             const struct cclip_resample_axis *axis, size_t index)
{
    const double *weights = axis->exact + index * axis->taps;
    in += axis->first[index] * in_stride;
    for (size_t x = 0; x < width; x++) {
        double sum = 0.0;
        for (size_t k = 0; k < axis->length[index]; k++)
            sum += in[k * in_stride + x] * weights[k];
        out[x] = round_i32(sum);
    }
}
