/* Windows bitmaps: 1, 4, 8, 16, 24 and 32 bits, run-length coded too, either way up, with the modes
 * and the accepted bit fields of Pillow. Alpha counts only where a header names its mask. */
#include <string.h>

#include "base/memory.h"
#include "image/codec.h"

enum { RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, FILE_HEADER = 14, MOST_COLOURS = 65536 };

struct reader {
    const struct cclip_picture_source *source;
    struct cclip_picture *picture;
    size_t header_size, offset, palette_at, palette_entry;
    uint32_t width, height, bits, compression, colours;
    uint32_t masks[4]; /* red, green, blue, alpha */
    int top_down;
};

int cclip_bmp_matches(const unsigned char *data, size_t size)
{
    return size >= FILE_HEADER + 4 && data[0] == 'B' && data[1] == 'M';
}

static uint32_t read16(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t read32(const unsigned char *at)
{
    return read16(at) | read16(at + 2) << 16;
}

static cclip_status refuse(const struct reader *r, cclip_status status, size_t place, const char *what)
{
    return cclip_fail(status, "%s: byte %zu of %zu: BMP: %s", r->source->name, place, r->source->size,
                      what);
}

static cclip_status ends_early(const struct reader *r)
{
    return refuse(r, CCLIP_ERROR_FORMAT, r->source->size, "the file ends early");
}

static cclip_status read_masks(struct reader *r)
{
    const unsigned char *data = r->source->data;
    const size_t at = FILE_HEADER + 40; /* in a longer header, or behind a header of 40 bytes */
    if (r->compression != BITFIELDS)
        return CCLIP_OK;
    if (r->source->size < at + 12)
        return ends_early(r);
    for (size_t i = 0; i < 3; i++)
        r->masks[i] = read32(data + at + 4 * i);
    if (r->header_size >= 56)
        r->masks[3] = read32(data + at + 12);
    if (r->header_size == 40)
        r->palette_at += 12;
    return CCLIP_OK;
}

static cclip_status read_header(struct reader *r)
{
    const unsigned char *data = r->source->data;
    const size_t size = r->source->size;
    r->offset = read32(data + 10);
    r->header_size = read32(data + FILE_HEADER);
    r->palette_at = FILE_HEADER + r->header_size;
    if (r->header_size == 12) {
        if (size < FILE_HEADER + 12)
            return ends_early(r);
        r->width = read16(data + 18);
        r->height = read16(data + 20);
        r->bits = read16(data + 24);
        r->palette_entry = 3;
    } else if (r->header_size == 40 || r->header_size == 52 || r->header_size == 56 ||
               r->header_size == 64 || r->header_size == 108 || r->header_size == 124) {
        if (size < FILE_HEADER + r->header_size)
            return ends_early(r);
        r->top_down = data[25] == 0xff;
        r->width = read32(data + 18);
        r->height = r->top_down ? 0u - read32(data + 22) : read32(data + 22);
        r->bits = read16(data + 28);
        r->compression = read32(data + 30);
        r->colours = read32(data + 46);
        r->palette_entry = 4;
    } else {
        return refuse(r, CCLIP_ERROR_UNSUPPORTED, FILE_HEADER, "an unknown kind of header");
    }
    if (!r->colours)
        r->colours = r->bits <= 8 ? 1u << r->bits : 0;
    return read_masks(r);
}

/* Mode 1 or L where the palette is black and white or the gray ramp, else P, as in Pillow. */
static cclip_status choose_palette_mode(const struct reader *r, enum cclip_picture_mode *mode)
{
    if (!r->colours || r->colours > MOST_COLOURS)
        return refuse(r, CCLIP_ERROR_FORMAT, 46, "an impossible number of colours");
    if (r->source->size < r->palette_at + r->palette_entry * r->colours)
        return ends_early(r);
    const unsigned char *colours = r->source->data + r->palette_at;
    int gray = r->colours <= 256;
    for (size_t i = 0; i < r->colours && gray; i++) {
        const unsigned value = r->colours == 2 && i ? 255 : (unsigned)i;
        const unsigned char *c = colours + i * r->palette_entry;
        gray = c[0] == value && c[1] == value && c[2] == value;
    }
    *mode = !gray ? CCLIP_MODE_P : r->colours <= 2 ? CCLIP_MODE_1 : CCLIP_MODE_L;
    return CCLIP_OK;
}

static void set_palette(const struct reader *r)
{
    memset(r->picture->palette, 0, sizeof r->picture->palette);
    for (size_t i = 0; i < 256; i++) {
        unsigned char *out = r->picture->palette[i];
        out[3] = 255;
        if (i < r->colours) {
            const unsigned char *c = r->source->data + r->palette_at + i * r->palette_entry;
            out[0] = c[2];
            out[1] = c[1];
            out[2] = c[0];
        }
    }
}

static int same_masks(const uint32_t *masks, uint32_t red, uint32_t green, uint32_t blue, uint32_t alpha)
{
    return masks[0] == red && masks[1] == green && masks[2] == blue && masks[3] == alpha;
}

static cclip_status choose_colour_mode(struct reader *r, enum cclip_picture_mode *mode)
{
    uint32_t *m = r->masks;
    *mode = CCLIP_MODE_RGB;
    if (r->compression == BITFIELDS && r->bits == 32) {
        static const uint32_t known[][4] = {
            { 0xff0000, 0xff00, 0xff, 0 },           { 0xff000000, 0xff0000, 0xff00, 0 },
            { 0xff000000, 0xff00, 0xff, 0 },         { 0xff000000, 0xff0000, 0xff00, 0xff },
            { 0xff, 0xff00, 0xff0000, 0xff000000 },  { 0xff0000, 0xff00, 0xff, 0xff000000 },
            { 0xff000000, 0xff00, 0xff, 0xff0000 },
        };
        int found = 0;
        if (same_masks(m, 0, 0, 0, 0)) { /* taken as blue, green, red, alpha */
            m[0] = 0xff0000;
            m[1] = 0xff00;
            m[2] = 0xff;
            m[3] = 0xff000000;
        }
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found |= same_masks(m, known[i][0], known[i][1], known[i][2], known[i][3]);
        *mode = m[3] ? CCLIP_MODE_RGBA : CCLIP_MODE_RGB;
        return found ? CCLIP_OK : refuse(r, CCLIP_ERROR_UNSUPPORTED, 54, "unusual bit fields");
    }
    if (r->compression == BITFIELDS && r->bits == 16) {
        m[3] = 0;
        if (same_masks(m, 0xf800, 0x7e0, 0x1f, 0) || same_masks(m, 0x7c00, 0x3e0, 0x1f, 0))
            return CCLIP_OK;
        return refuse(r, CCLIP_ERROR_UNSUPPORTED, 54, "unusual bit fields");
    }
    if (r->compression != RAW && !(r->compression == BITFIELDS && r->bits == 24))
        return refuse(r, CCLIP_ERROR_UNSUPPORTED, 30, "an unknown compression");
    m[0] = r->bits == 16 ? 0x7c00 : 0xff0000;
    m[1] = r->bits == 16 ? 0x3e0 : 0xff00;
    m[2] = r->bits == 16 ? 0x1f : 0xff;
    m[3] = 0;
    return CCLIP_OK;
}

static unsigned char *row_of(const struct reader *r, size_t y)
{
    struct cclip_picture *p = r->picture;
    return p->pixels + (r->top_down ? y : p->height - 1 - y) * p->stride;
}

/* The bits of `value` under `mask`, scaled to 255 (5 and 6 bits: value * 255 / most, cut). */
static unsigned char field(uint32_t value, uint32_t mask, uint32_t shift)
{
    return (unsigned char)(((value & mask) >> shift) * 255u / (mask >> shift));
}

static void unpack_row(const struct reader *r, unsigned char *out, const unsigned char *in)
{
    const size_t bytes = r->bits / 8, channels = r->picture->mode == CCLIP_MODE_RGBA ? 4 : 3;
    if (r->bits <= 8) {
        const unsigned per_byte = 8 / r->bits, mask = (1u << r->bits) - 1;
        for (size_t x = 0; x < r->width; x++) {
            const unsigned place = (unsigned)(x % per_byte);
            const unsigned value = in[x / per_byte] >> (8 - r->bits * (place + 1)) & mask;
            out[x] = (unsigned char)(r->picture->mode == CCLIP_MODE_1 && value ? 255 : value);
        }
        return;
    }
    uint32_t shifts[4] = { 0 };
    for (size_t c = 0; c < channels; c++)
        while (!(r->masks[c] >> shifts[c] & 1))
            shifts[c]++;
    for (size_t x = 0; x < r->width; x++, in += bytes, out += channels) {
        const uint32_t value = bytes == 2 ? read16(in) : bytes == 3 ? read16(in) | (uint32_t)in[2] << 16
                                                                    : read32(in);
        for (size_t c = 0; c < channels; c++)
            out[c] = field(value, r->masks[c], shifts[c]);
    }
}

static cclip_status read_raw(struct reader *r)
{
    const uint64_t row_bytes = ((uint64_t)r->width * r->bits + 31) / 32 * 4;
    if (r->offset > r->source->size || r->source->size - r->offset < row_bytes * (r->height - 1u) ||
        r->source->size - r->offset - row_bytes * (r->height - 1u) <
            ((uint64_t)r->width * r->bits + 7) / 8)
        return ends_early(r);
    for (size_t y = 0; y < r->height; y++)
        unpack_row(r, row_of(r, y), r->source->data + r->offset + y * row_bytes);
    return CCLIP_OK;
}

/* A pen over the picture's pixels in file order; what lies beyond the end is dropped. */
struct pen {
    const struct reader *r;
    size_t at, end;
};

static void put(struct pen *pen, unsigned value)
{
    if (pen->at < pen->end)
        row_of(pen->r, pen->at / pen->r->width)[pen->at % pen->r->width] = (unsigned char)value;
    pen->at++;
}

static void put_run(struct pen *pen, unsigned count, unsigned byte, int nibbles)
{
    const size_t left = pen->r->width - pen->at % pen->r->width;
    for (unsigned i = 0; i < count && i < left; i++)
        put(pen, !nibbles ? byte : i % 2 ? byte & 15 : byte >> 4);
}

/* `count` pixels as they are; returns the bytes they take, padded to 16 bits. */
static size_t put_literal(struct pen *pen, unsigned count, const unsigned char *in, int nibbles)
{
    for (unsigned i = 0; i < count; i++)
        put(pen, !nibbles ? in[i] : i % 2 ? in[i / 2] & 15 : in[i / 2] >> 4);
    const size_t bytes = nibbles ? (count + 1) / 2 : count;
    return (bytes + 1) / 2 * 2;
}

static cclip_status read_runs(struct reader *r)
{
    const unsigned char *data = r->source->data;
    const size_t size = r->source->size, width = r->width;
    const int nibbles = r->compression == RLE4;
    struct pen pen = { r, 0, width * r->height };
    size_t at = r->offset;
    memset(r->picture->pixels, 0, r->picture->stride * r->picture->height);
    while (pen.at < pen.end) {
        if (at > size || size - at < 2)
            return ends_early(r);
        const unsigned count = data[at], byte = data[at + 1];
        at += 2;
        if (count) {
            put_run(&pen, count, byte, nibbles);
        } else if (byte == 0) { /* end of row; at the beginning of one, nothing */
            pen.at = (pen.at + width - 1) / width * width;
        } else if (byte == 1) {
            break;
        } else if (byte == 2) {
            if (size - at < 2)
                return ends_early(r);
            pen.at += data[at] + data[at + 1] * width;
            at += 2;
        } else {
            if (size - at < (nibbles ? (byte + 1) / 2 : byte))
                return ends_early(r);
            at += put_literal(&pen, byte, data + at, nibbles);
        }
    }
    return CCLIP_OK;
}

cclip_status cclip_bmp_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    struct reader r = { .source = source, .picture = out };
    enum cclip_picture_mode mode = CCLIP_MODE_RGB;
    cclip_status status = read_header(&r);
    if (status)
        return status;
    const int runs = (r.compression == RLE8 && r.bits == 8) || (r.compression == RLE4 && r.bits == 4);
    if (r.bits == 1 || r.bits == 4 || r.bits == 8)
        status = runs || r.compression == RAW
                     ? choose_palette_mode(&r, &mode)
                     : refuse(&r, CCLIP_ERROR_UNSUPPORTED, 30, "an unknown compression");
    else if (r.bits == 16 || r.bits == 24 || r.bits == 32)
        status = choose_colour_mode(&r, &mode);
    else
        status = refuse(&r, CCLIP_ERROR_UNSUPPORTED, 28, "bits a pixel other than 1, 4, 8, 16, 24, 32");
    if (!status)
        status = cclip_picture_begin(out, source, mode, r.width, r.height);
    if (status)
        return status;
    if (mode == CCLIP_MODE_P)
        set_palette(&r);
    if (!r.offset)
        r.offset = r.palette_at + (r.bits <= 8 ? r.palette_entry * r.colours : 0);
    return runs ? read_runs(&r) : read_raw(&r);
}
