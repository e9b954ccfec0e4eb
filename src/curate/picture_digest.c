#include "curate/picture_digest.h"

#include <string.h>

#include <cclip/image.h>

/* splitmix64's last step: each bit of the result depends on all bits of `x`. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void take_word(struct cclip_digest *d, uint64_t word)
{
    d->half[0] = mix(d->half[0] ^ word);
    d->half[1] = mix(d->half[1] + (word ^ 0x9e3779b97f4a7c15u));
}

static void take_bytes(struct cclip_digest *d, const unsigned char *data, size_t size)
{
    size_t at = 0;
    uint64_t word;
    for (; at + 8 <= size; at += 8) {
        memcpy(&word, data + at, 8);
        take_word(d, word);
    }
    for (word = 0; at < size; at++)
        word = word << 8 | data[at];
    take_word(d, word ^ (uint64_t)size << 56);
}

struct cclip_digest cclip_digest_bytes(const void *data, size_t size)
{
    struct cclip_digest digest = { { size, ~(uint64_t)size } };
    take_bytes(&digest, data, size);
    return digest;
}

int cclip_digest_compare(const struct cclip_digest *a, const struct cclip_digest *b)
{
    for (int i = 0; i < 2; i++)
        if (a->half[i] != b->half[i])
            return a->half[i] < b->half[i] ? -1 : 1;
    return 0;
}

/* What is behind full transparency is not seen. */
static void take_row(struct cclip_digest *d, unsigned char *row, size_t width)
{
    for (size_t x = 0; x < width; x++)
        if (!row[4 * x + 3])
            memset(row + 4 * x, 0, 4);
    take_bytes(d, row, 4 * width);
}

cclip_status cclip_digest_pixels(struct cclip_digest *out, const struct cclip_picture *picture)
{
    struct cclip_picture seen;
    *out = (struct cclip_digest){ { mix(picture->width), mix(picture->height + 1) } };
    if (picture->mode == CCLIP_MODE_I) { /* 16 bits a pixel, which RGBA would cut */
        for (size_t y = 0; y < picture->height; y++)
            take_bytes(out, picture->pixels + y * picture->stride, 4 * picture->width);
        return CCLIP_OK;
    }
    const cclip_status status = cclip_picture_convert_rgba(&seen, picture);
    if (status)
        return status;
    for (size_t y = 0; y < seen.height; y++)
        take_row(out, seen.pixels + y * seen.stride, seen.width);
    cclip_picture_close(&seen);
    return CCLIP_OK;
}

enum { SIDE = 9, STEP = 2 }; /* STEP: what is no more than noise in a plain surface */

static void compare_neighbours(struct cclip_digest *out, const int *grey)
{
    for (int y = 0; y < SIDE - 1; y++) {
        for (int x = 0; x < SIDE - 1; x++) {
            const int here = grey[y * SIDE + x];
            out->half[0] = out->half[0] << 1 | (grey[y * SIDE + x + 1] > here + STEP);
            out->half[1] = out->half[1] << 1 | (grey[(y + 1) * SIDE + x] > here + STEP);
        }
    }
}

cclip_status cclip_difference_hash(struct cclip_digest *out, const struct cclip_picture *picture)
{
    static const unsigned char white[3] = { 255, 255, 255 };
    struct cclip_picture plain = { 0 }, small = { 0 };
    int grey[SIDE * SIDE];
    *out = (struct cclip_digest){ { 0, 0 } };
    cclip_status status = cclip_picture_has_alpha(picture) ? cclip_picture_compose(&plain, picture, white)
                                                           : cclip_picture_convert_rgb(&plain, picture);
    if (!status)
        status = cclip_picture_resize(&small, &plain, SIDE, SIDE, CCLIP_BILINEAR);
    for (int i = 0; i < SIDE * SIDE && !status; i++) {
        const unsigned char *pixel = small.pixels + (size_t)(i / SIDE) * small.stride + (size_t)(i % SIDE) * 3;
        grey[i] = (299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2] + 500) / 1000;
    }
    if (!status)
        compare_neighbours(out, grey);
    cclip_picture_close(&small);
    cclip_picture_close(&plain);
    return status;
}

int cclip_hash_distance(const struct cclip_digest *a, const struct cclip_digest *b)
{
    return __builtin_popcountll(a->half[0] ^ b->half[0]) + __builtin_popcountll(a->half[1] ^ b->half[1]);
}
