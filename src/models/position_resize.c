#include "models/position_resize.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Keys' cubic with a = -0.5 (Keys 1981, "Cubic convolution interpolation"). */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* One axis: `lines` vectors of `from` positions, each position `channels` floats. Antialiasing widens
 * the kernel by the factor of reduction. */
static void resize_axis(float *out, size_t to, const float *in, size_t from, size_t lines,
                        size_t in_line, size_t in_step, size_t out_line, size_t out_step,
                        size_t channels)
{
    const double scale = (double)from / (double)to, widen = scale > 1 ? scale : 1;
    const double support = 2 * widen;
    for (size_t i = 0; i < to; i++) {
        const double centre = scale * ((double)i + 0.5);
        const double low = floor(centre - support + 0.5), high = floor(centre + support + 0.5);
        const size_t first = low > 0 ? (size_t)low : 0;
        const size_t last = high < (double)from ? (size_t)high : from;
        double total = 0;
        for (size_t k = first; k < last; k++)
            total += cubic(((double)k - centre + 0.5) / widen);
        for (size_t line = 0; line < lines; line++) {
            float *target = out + line * out_line + i * out_step;
            memset(target, 0, channels * sizeof *target);
            for (size_t k = first; k < last; k++) {
                const float weight = (float)(cubic(((double)k - centre + 0.5) / widen) / total);
                const float *source = in + line * in_line + k * in_step;
                for (size_t c = 0; c < channels; c++)
                    target[c] += weight * source[c];
            }
        }
    }
}

cclip_status cclip_resize_grid_positions(float *out, size_t height, size_t width,
                                         const float *stored, size_t stored_rows, size_t extra,
                                         size_t channels)
{
    const size_t cells = stored_rows > extra ? stored_rows - extra : 0;
    const size_t side = (size_t)(sqrt((double)cells) + 0.5);
    if (!side || side * side != cells)
        return cclip_fail(CCLIP_ERROR_MISMATCH,
                          "position embeddings: %zu rows are not a square grid to resize from",
                          stored_rows);
    float *middle = cclip_allocate(side * width * channels, sizeof *middle);
    if (!middle)
        return CCLIP_ERROR_MEMORY;
    memcpy(out, stored, extra * channels * sizeof *out);
    resize_axis(middle, width, stored + extra * channels, side, side, side * channels, channels,
                width * channels, channels, channels);
    resize_axis(out + extra * channels, height, middle, side, width, channels, width * channels,
                channels, width * channels, channels);
    cclip_release(middle);
    return CCLIP_OK;
}

void cclip_resize_line_positions(float *out, size_t rows, const float *stored, size_t stored_rows,
                                 size_t channels)
{
    const float scale = (float)stored_rows / (float)rows;
    for (size_t i = 0; i < rows; i++) {
        const float place = fmaxf(scale * ((float)i + 0.5f) - 0.5f, 0.0f);
        const size_t low = (size_t)place < stored_rows - 1 ? (size_t)place : stored_rows - 1;
        const size_t high = low + 1 < stored_rows ? low + 1 : low;
        const float t = place - (float)low;
        for (size_t c = 0; c < channels; c++)
            out[i * channels + c] =
                stored[low * channels + c] * (1 - t) + stored[high * channels + c] * t;
    }
}
