/* PBM, PGM and PPM, plain (P1 to P3) and raw (P4 to P6). Samples are scaled to 255 as Pillow does:
 * round(value / maxval * 255), halves to even; PGM beyond 8 bits becomes mode I, scaled to 65535. */
#include <math.h>
#include <string.h>

#include "image/codec.h"

struct reader {
    const struct cclip_picture_source *source;
    size_t offset;
    unsigned maxval;
    size_t channels;
    int plain, bits;
};

int cclip_ppm_matches(const unsigned char *data, size_t size)
{
    return size >= 3 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' &&
           (data[2] == '#' || data[2] == ' ' || (data[2] >= '\t' && data[2] <= '\r'));
}

static int next_byte(struct reader *r)
{
    return r->offset < r->source->size ? r->source->data[r->offset++] : -1;
}

static int is_space(int byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The next byte that is neither white space nor in a comment; -1 at the end. */
static int next_solid(struct reader *r)
{
    int byte = next_byte(r);
    while (byte == '#' || is_space(byte)) {
        if (byte == '#')
            while (byte != '\n' && byte != '\r' && byte != -1)
                byte = next_byte(r);
        else
            byte = next_byte(r);
    }
    return byte;
}

static cclip_status refuse(const struct reader *r, const char *what)
{
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu of %zu: PPM: %s", r->source->name, r->offset,
                      r->source->size, what);
}

/* A decimal number and the one byte of white space behind it. */
static cclip_status read_number(struct reader *r, unsigned *out, const char *what)
{
    int byte = next_solid(r);
    unsigned value = 0, digits = 0;
    for (; byte >= '0' && byte <= '9' && digits < 9; byte = next_byte(r), digits++)
        value = value * 10 + (unsigned)(byte - '0');
    if (byte == -1 && !digits)
        return refuse(r, "the file ends early");
    if (byte == '#' && digits)
        r->offset--;
    else if (!digits || (byte != -1 && !is_space(byte)))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu: PPM: expected a number (%s)",
                          r->source->name, r->offset, what);
    *out = value;
    return CCLIP_OK;
}

static cclip_status read_bitmap(struct reader *r, struct cclip_picture *out)
{
    const size_t row_bytes = (out->width + 7) / 8;
    if (!r->plain && r->source->size - r->offset < row_bytes * out->height)
        return refuse(r, "the file ends early");
    for (size_t y = 0; y < out->height; y++) {
        unsigned char *row = out->pixels + y * out->stride;
        const unsigned char *packed = r->source->data + r->offset;
        for (size_t x = 0; x < out->width; x++) {
            const int digit = r->plain ? next_solid(r) : '0' + (packed[x / 8] >> (7 - x % 8) & 1);
            if (digit != '0' && digit != '1')
                return refuse(r, digit == -1 ? "the file ends early" : "expected 0 or 1");
            row[x] = digit == '1' ? 0 : 255;
        }
        r->offset += r->plain ? 0 : row_bytes;
    }
    return CCLIP_OK;
}

static cclip_status read_sample(struct reader *r, unsigned *out)
{
    if (r->plain) {
        const cclip_status status = read_number(r, out, "sample");
        if (!status && *out > r->maxval)
            return refuse(r, "a sample is larger than the largest value in the header");
        return status;
    }
    const unsigned char *at = r->source->data + r->offset;
    *out = r->maxval > 255 ? (unsigned)(at[0] << 8 | at[1]) : at[0];
    r->offset += r->maxval > 255 ? 2 : 1;
    return CCLIP_OK;
}

static cclip_status read_samples(struct reader *r, struct cclip_picture *out)
{
    const size_t count = out->width * r->channels, bytes = r->maxval > 255 ? 2 : 1;
    const double most = out->mode == CCLIP_MODE_I ? 65535 : 255;
    if (!r->plain && r->source->size - r->offset < count * out->height * bytes)
        return refuse(r, "the file ends early");
    for (size_t y = 0; y < out->height; y++) {
        unsigned char *row = out->pixels + y * out->stride;
        if (!r->plain && r->maxval == 255) {
            memcpy(row, r->source->data + r->offset, count);
            r->offset += count;
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            unsigned sample;
            const cclip_status status = read_sample(r, &sample);
            if (status)
                return status;
            const int32_t value = (int32_t)fmin(most, rint(sample / (double)r->maxval * most));
            if (out->mode == CCLIP_MODE_I)
                memcpy(row + 4 * i, &value, sizeof value);
            else
                row[i] = (unsigned char)value;
        }
    }
    return CCLIP_OK;
}

cclip_status cclip_ppm_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    struct reader r = { .source = source, .offset = 2, .maxval = 1 };
    const int kind = source->data[1] - '0';
    unsigned width, height;
    r.plain = kind <= 3;
    r.bits = kind == 1 || kind == 4;
    r.channels = kind == 3 || kind == 6 ? 3 : 1;
    cclip_status status = read_number(&r, &width, "width");
    if (!status)
        status = read_number(&r, &height, "height");
    if (!status && !r.bits)
        status = read_number(&r, &r.maxval, "largest value");
    if (status)
        return status;
    if (!r.maxval || r.maxval > 65535)
        return refuse(&r, "the largest value must be between 1 and 65535");
    status = cclip_picture_begin(out, source,
                                 r.bits            ? CCLIP_MODE_1
                                 : r.channels == 3 ? CCLIP_MODE_RGB
                                 : r.maxval > 255  ? CCLIP_MODE_I
                                                   : CCLIP_MODE_L,
                                 width, height);
    if (status)
        return status;
    return r.bits ? read_bitmap(&r, out) : read_samples(&r, out);
}
