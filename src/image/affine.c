#include "image/affine.h"

#include <math.h>
#include <string.h>

static const double degree = 0.017453292519943295769;

/* From a place in the output to one in the input: x' = m[0] x + m[1] y + m[2], y' = m[3] x + m[4] y + m[5].
 * The inverse of: move the centre to the origin, turn, scale, move back, shift. */
static void invert(double m[6], const struct cclip_affine *a, double centre_x, double centre_y)
{
    const double c = cos(a->degrees * degree), s = sin(a->degrees * degree);
    m[0] = c / a->zoom;
    m[1] = s / a->zoom;
    m[3] = -s / a->zoom;
    m[4] = c / a->zoom;
    m[2] = m[0] * (-centre_x - a->shift_x) + m[1] * (-centre_y - a->shift_y) + centre_x;
    m[5] = m[3] * (-centre_x - a->shift_x) + m[4] * (-centre_y - a->shift_y) + centre_y;
}

static size_t clamp(ptrdiff_t at, size_t size)
{
    return at < 0 ? 0 : (size_t)at >= size ? size - 1 : (size_t)at;
}

static ptrdiff_t floor_of(double x)
{
    const ptrdiff_t whole = (ptrdiff_t)x;
    return whole - (x < (double)whole);
}

/* The pixel at (x, y), or the nearest one of the edge; pixel centres are at halves. */
static void sample(unsigned char *out, const unsigned char *in, size_t width, size_t height, double x,
                   double y)
{
    x -= 0.5;
    y -= 0.5;
    const ptrdiff_t left = floor_of(x), top = floor_of(y);
    const double dx = x - (double)left, dy = y - (double)top;
    const size_t x0 = 3 * clamp(left, width), x1 = 3 * clamp(left + 1, width);
    const unsigned char *above = in + 3 * width * clamp(top, height);
    const unsigned char *below = in + 3 * width * clamp(top + 1, height);
    for (size_t c = 0; c < 3; c++) {
        const double first = above[x0 + c] + (above[x1 + c] - above[x0 + c]) * dx;
        const double second = below[x0 + c] + (below[x1 + c] - below[x0 + c]) * dx;
        out[c] = (unsigned char)(first + (second - first) * dy);
    }
}

void cclip_affine_rgb(unsigned char *out, const unsigned char *in, size_t width, size_t height,
                      const struct cclip_affine *affine)
{
    double m[6];
    invert(m, affine, (double)width * 0.5, (double)height * 0.5);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++, out += 3) {
            const double at_x = (double)x + 0.5, at_y = (double)y + 0.5;
            const double from_x = m[0] * at_x + m[1] * at_y + m[2];
            const double from_y = m[3] * at_x + m[4] * at_y + m[5];
            if (affine->edge || (from_x >= 0 && from_x < (double)width && from_y >= 0 && from_y < (double)height))
                sample(out, in, width, height, from_x, from_y);
            else
                memcpy(out, affine->fill, 3);
        }
}
