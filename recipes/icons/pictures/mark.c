/* Measures a picture. Everything is integer arithmetic on 8-bit pixels, so records are the same everywhere. */
#include "mark.h"

#include <stdlib.h>
#include <string.h>

/* The order of `shares`; corpus/colours.py has the same list. */
enum colour { BLACK, GRAY, WHITE, RED, ORANGE, YELLOW, GREEN, TEAL, BLUE, PURPLE, PINK, BROWN };

static int largest(int a, int b, int c)
{
    const int ab = a > b ? a : b;
    return ab > c ? ab : c;
}

/* Hue in degrees, for a pixel whose channels are not all equal. */
static int hue_of(int r, int g, int b, int top, int spread)
{
    const int hue = top == r   ? 60 * (g - b) / spread
                    : top == g ? 120 + 60 * (b - r) / spread
                               : 240 + 60 * (r - g) / spread;
    return hue < 0 ? hue + 360 : hue;
}

/* What people would call a colour. Pale and dark shades of a hue have names of their own where people use them. */
static enum colour name_of(const unsigned char *p)
{
    static const struct {
        int below;
        enum colour bright, dark, pale;
    } HUES[] = { { 14, RED, RED, PINK },        { 42, ORANGE, BROWN, ORANGE }, { 68, YELLOW, BROWN, YELLOW },
                 { 165, GREEN, GREEN, GREEN },  { 195, TEAL, TEAL, TEAL },     { 255, BLUE, BLUE, BLUE },
                 { 295, PURPLE, PURPLE, PURPLE }, { 345, PINK, PURPLE, PINK }, { 361, RED, RED, PINK } };
    const int r = p[0], g = p[1], b = p[2];
    const int top = largest(r, g, b), spread = top + largest(-r, -g, -b);
    if (top < 52)
        return BLACK;
    if (spread * 100 < top * 14)
        return top > 232 ? WHITE : top < 72 ? BLACK : GRAY;
    const int hue = hue_of(r, g, b, top, spread);
    size_t i = 0;
    while (hue >= HUES[i].below)
        i++;
    if (top < 165)
        return HUES[i].dark;
    return spread * 100 < top * 55 ? HUES[i].pale : HUES[i].bright;
}

static uint64_t hash_of(const unsigned char *bytes, size_t count)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* Covered area, its outline, and whether it is of one colour. */
static void measure_ink(struct mark *out, const unsigned char *rgba)
{
    long area = 0, outline = 0, weights[COLOURS] = { 0 };
    const unsigned char *first = NULL;
    out->one_colour = 1;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const unsigned char *p = rgba + 4 * (y * SIDE + x);
            const int alpha = p[3];
            area += alpha;
            outline += abs(alpha - (x + 1 < SIDE ? p[7] : 0)) + abs(alpha - (y + 1 < SIDE ? p[4 * SIDE + 3] : 0));
            if (!alpha)
                continue;
            weights[name_of(p)] += alpha;
            if (alpha < 200)
                continue;
            if (!first)
                first = p;
            for (int c = 0; c < 3; c++)
                if (abs(p[c] - first[c]) > 24)
                    out->one_colour = 0;
        }
    out->ink = (uint16_t)(area * 1000 / (255L * SIDE * SIDE));
    /* An outline that is counted along both axes is 4 / pi times as long as it is, on average over directions. */
    const long width = outline ? 20 * area * 1273 / (1000 * outline) : 0;
    out->stroke = (uint16_t)(width > 65535 ? 65535 : width);
    for (int i = 0; i < COLOURS; i++)
        out->shares[i] = (uint16_t)(area ? weights[i] * 1000 / area : 0);
}

/* 255 - colour on white, or alpha where that would show nothing. */
static void darken(unsigned char *out, const unsigned char *rgba)
{
    int seen = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        for (int c = 0; c < 3; c++) {
            out[3 * i + c] = (unsigned char)((255 - rgba[4 * i + c]) * rgba[4 * i + 3] / 255);
            seen |= out[3 * i + c] > 40;
        }
    for (int i = 0; !seen && i < SIDE * SIDE; i++)
        memset(out + 3 * i, rgba[4 * i + 3], 3);
}

static int overlap(int cell, int pixel, int side)
{
    const int from = cell * side > pixel * GRID ? cell * side : pixel * GRID;
    const int to = (cell + 1) * side < (pixel + 1) * GRID ? (cell + 1) * side : (pixel + 1) * GRID;
    return to - from;
}

/* Adds a pixel at (x, y) of a square of `side` pixels to the cells it lies in. In GRID-ths of a pixel it is
 * GRID wide, and a cell is `side` wide. */
static void spread(long *sums, const unsigned char *pixel, int x, int y, int side)
{
    for (int row = y * GRID / side; row < GRID && row * side < (y + 1) * GRID; row++)
        for (int column = x * GRID / side; column < GRID && column * side < (x + 1) * GRID; column++) {
            const int weight = overlap(row, y, side) * overlap(column, x, side);
            for (int c = 0; c < 3; c++)
                sums[3 * (row * GRID + column) + c] += weight * pixel[c];
        }
}

/* The square around what is not white, averaged down. Sets differ in their margins; so the margin goes. */
static void make_raster(struct mark *out, const unsigned char *dark)
{
    int left = SIDE, right = -1, top = SIDE, bottom = -1;
    for (int i = 0; i < SIDE * SIDE; i++)
        if (dark[3 * i] > 40 || dark[3 * i + 1] > 40 || dark[3 * i + 2] > 40) {
            const int x = i % SIDE, y = i / SIDE;
            left = x < left ? x : left;
            right = x > right ? x : right;
            top = y < top ? y : top;
            bottom = y > bottom ? y : bottom;
        }
    if (right < 0)
        return;
    const int side = 1 + (right - left > bottom - top ? right - left : bottom - top);
    const int x0 = (left + right + 1 - side) / 2, y0 = (top + bottom + 1 - side) / 2;
    long sums[GRID_BYTES] = { 0 };
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            const int px = x0 + x, py = y0 + y;
            if (px >= 0 && px < SIDE && py >= 0 && py < SIDE)
                spread(sums, dark + 3 * (py * SIDE + px), x, y, side);
        }
    for (int i = 0; i < GRID_BYTES; i++)
        out->raster[i] = (uint8_t)(sums[i] / ((long)side * side));
}

void mark_picture(struct mark *out, const unsigned char rgba[PICTURE_BYTES])
{
    static unsigned char dark[SIDE * SIDE * 3];
    memset(out, 0, sizeof *out);
    out->drawn = 1;
    out->hash = hash_of(rgba, PICTURE_BYTES);
    measure_ink(out, rgba);
    darken(dark, rgba);
    make_raster(out, dark);
}
