#include "image/colour_change.h"

#include <stdint.h>
#include <string.h>

/* ITU-R 601-2 luma in 16-bit fixed point, as Pillow's mode L. */
static unsigned luma(const unsigned char *pixel)
{
    return (pixel[0] * 19595u + pixel[1] * 38470u + pixel[2] * 7471u + 0x8000u) >> 16;
}

/* from + factor (to - from), cut to a byte: Pillow's blend, in float. */
static unsigned char blend(unsigned from, unsigned to, float factor)
{
    const float value = (float)from + factor * ((float)to - (float)from);
    return (unsigned char)(value <= 0.0f ? 0.0f : value >= 255.0f ? 255.0f : value);
}

/* Where each byte goes when it moves away from `from`. */
static void apply_blend(unsigned char *pixels, size_t count, unsigned from, double factor)
{
    unsigned char table[256];
    for (unsigned i = 0; i < 256; i++)
        table[i] = blend(from, i, (float)factor);
    for (size_t i = 0; i < 3 * count; i++)
        pixels[i] = table[pixels[i]];
}

void cclip_change_brightness(unsigned char *pixels, size_t count, double factor)
{
    apply_blend(pixels, count, 0, factor);
}

void cclip_change_contrast(unsigned char *pixels, size_t count, double factor)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += luma(pixels + 3 * i);
    const double mean = count ? (double)sum / (double)count : 0;
    apply_blend(pixels, count, (unsigned)(mean + 0.5), factor);
}

void cclip_change_saturation(unsigned char *pixels, size_t count, double factor)
{
    for (size_t i = 0; i < count; i++, pixels += 3) {
        const unsigned grey = luma(pixels);
        for (size_t c = 0; c < 3; c++)
            pixels[c] = blend(grey, pixels[c], (float)factor);
    }
}

void cclip_change_to_grey(unsigned char *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++, pixels += 3)
        pixels[0] = pixels[1] = pixels[2] = (unsigned char)luma(pixels);
}

/* Half away from zero, of a value that is not negative. */
static unsigned char round_to_byte(double value)
{
    const int whole = (int)value;
    return (unsigned char)(whole + (value - whole >= 0.5));
}

/* Hue and saturation of a pixel as bytes: the hexagon of Smith's HSV (1978), hue 0 to 255 for a full circle.
 * What is float and what is double decides about single steps, so it is as in Pillow. */
static void to_hue(unsigned char *hue, unsigned char *saturation, const unsigned char *pixel)
{
    const unsigned char r = pixel[0], g = pixel[1], b = pixel[2];
    const unsigned char high = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const unsigned char low = r < g ? (r < b ? r : b) : (g < b ? g : b);
    *hue = *saturation = 0;
    if (high == low)
        return;
    const float range = (float)(high - low);
    float h;
    if (r == high)
        h = (float)(high - b) / range - (float)(high - g) / range;
    else if (g == high)
        h = (float)(2.0 + (float)(high - r) / range - (float)(high - b) / range);
    else
        h = (float)(4.0 + (float)(high - g) / range - (float)(high - r) / range);
    const double turn = h / 6.0 + 1.0; /* 5/6 to 11/6: its fraction is wanted */
    h = (float)(turn >= 1 ? turn - 1 : turn);
    *hue = (unsigned char)(h * 255.0);
    *saturation = (unsigned char)((double)(range / (float)high) * 255.0);
}

/* The way back, as far as it depends on one byte. */
struct back {
    int sector[256];     /* of a hue: which sixth of the circle */
    float part[256];     /* and how far into it */
    float portion[256];  /* of a saturation */
};

static void make_back(struct back *out)
{
    for (int i = 0; i < 256; i++) {
        const double sixths = i * 6.0 / 255.0;
        out->sector[i] = (int)sixths % 6;
        out->part[i] = (float)(sixths - (int)sixths);
        out->portion[i] = (float)(i / 255.0);
    }
}

/* `value` is the largest of the three. */
static void from_hue(unsigned char *pixel, const struct back *back, unsigned char hue,
                     unsigned char saturation, unsigned char value)
{
    const float part = back->part[hue], s = back->portion[saturation];
    const unsigned char low = round_to_byte(value * (1.0 - s));
    const unsigned char falling = round_to_byte(value * (1.0 - s * part));
    const unsigned char rising = round_to_byte(value * (1.0 - s * (1.0 - part)));
    const unsigned char sectors[6][3] = { { value, rising, low }, { falling, value, low },
                                          { low, value, rising }, { low, falling, value },
                                          { rising, low, value }, { value, low, falling } };
    for (size_t c = 0; c < 3; c++)
        pixel[c] = saturation ? sectors[back->sector[hue]][c] : value;
}

/* Flat areas are common: a pixel like the one before needs no new answer. */
void cclip_change_hue(unsigned char *pixels, size_t count, double turn)
{
    const unsigned char step = (unsigned char)(int)(turn * 255);
    unsigned char before[3] = { 0, 0, 0 }, after[3] = { 0, 0, 0 }; /* black stays black */
    struct back back;
    make_back(&back);
    for (size_t i = 0; i < count; i++, pixels += 3) {
        if (memcmp(pixels, before, 3)) {
            const unsigned char r = pixels[0], g = pixels[1], b = pixels[2];
            const unsigned char value = r > g ? (r > b ? r : b) : (g > b ? g : b);
            unsigned char hue, saturation;
            memcpy(before, pixels, 3);
            to_hue(&hue, &saturation, pixels);
            from_hue(after, &back, (unsigned char)(hue + step), saturation, value);
        }
        memcpy(pixels, after, 3);
    }
}
