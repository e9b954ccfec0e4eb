/* PNG by libpng, in the modes in which Pillow opens it: 16-bit gray as mode I, other 16-bit samples by
 * their high byte, gray of 2 and 4 bits scaled to 8, palettes kept.
 *
 * libpng leaves by longjmp: the functions that call setjmp hold no changing locals and own nothing. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <png.h>

#include "base/memory.h"
#include "image/codec.h"

struct reader {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    const struct cclip_picture_source *source;
    struct cclip_picture *picture;
    png_bytep *rows;
    size_t offset, warnings;
    char message[160];
};

int cclip_png_matches(const unsigned char *data, size_t size)
{
    return size >= 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8);
}

static void on_error(png_structp png, png_const_charp message)
{
    struct reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    longjmp(r->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    struct reader *r = png_get_error_ptr(png);
    (void)message;
    r->warnings++;
}

static void on_read(png_structp png, png_bytep out, size_t count)
{
    struct reader *r = png_get_io_ptr(png);
    if (count > r->source->size - r->offset) {
        r->offset = r->source->size;
        snprintf(r->message, sizeof r->message, "the file ends early");
        longjmp(r->jump, 1);
    }
    memcpy(out, r->source->data + r->offset, count);
    r->offset += count;
}

/* Chunks that mean nothing here; some of them would be inflated. */
static void skip_chunks(png_structp png)
{
    static const png_byte names[] = "bKGD\0cHRM\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0"
                                    "sPLT\0sRGB\0tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, sizeof names / 5);
}

static int read_header(struct reader *r)
{
    if (setjmp(r->jump))
        return 0;
    png_set_read_fn(r->png, r, on_read);
    png_set_benign_errors(r->png, 1);
    png_set_chunk_malloc_max(r->png, 16 << 20);
    png_set_chunk_cache_max(r->png, 256);
    skip_chunks(r->png);
    png_read_info(r->png, r->info);
    return 1;
}

static int read_rows(struct reader *r)
{
    if (setjmp(r->jump))
        return 0;
    const int depth = png_get_bit_depth(r->png, r->info), type = png_get_color_type(r->png, r->info);
    if (r->picture->mode == CCLIP_MODE_I)
        png_set_swap(r->png); /* to the machine's order, which is little-endian; see widen */
    else if (depth == 16)
        png_set_strip_16(r->png);
    else if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(r->png);
    else if (depth < 8)
        png_set_packing(r->png);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    png_read_image(r->png, r->rows);
    return 1;
}

static cclip_status refuse(const struct reader *r)
{
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu of %zu: PNG: %s", r->source->name, r->offset,
                      r->source->size, r->message);
}

static enum cclip_picture_mode mode_of(int type, int depth)
{
    switch (type) {
    case PNG_COLOR_TYPE_GRAY:
        return depth == 1 ? CCLIP_MODE_1 : depth == 16 ? CCLIP_MODE_I : CCLIP_MODE_L;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
        return CCLIP_MODE_LA;
    case PNG_COLOR_TYPE_PALETTE:
        return CCLIP_MODE_P;
    case PNG_COLOR_TYPE_RGB:
        return CCLIP_MODE_RGB;
    default:
        return CCLIP_MODE_RGBA;
    }
}

static void read_palette(const struct reader *r)
{
    struct cclip_picture *out = r->picture;
    png_colorp colours = NULL;
    png_bytep alpha = NULL;
    int count = 0, transparent = 0;
    memset(out->palette, 0, sizeof out->palette);
    png_get_PLTE(r->png, r->info, &colours, &count);
    png_get_tRNS(r->png, r->info, &alpha, &transparent, NULL);
    for (int i = 0; i < 256; i++) {
        if (i < count) {
            const unsigned char colour[3] = { colours[i].red, colours[i].green, colours[i].blue };
            memcpy(out->palette[i], colour, 3);
        }
        out->palette[i][3] = alpha && i < transparent ? alpha[i] : 255;
        out->palette_has_alpha |= out->palette[i][3] != 255;
    }
}

/* The one transparent colour of a picture without alpha channel. */
static void read_key(const struct reader *r, int depth)
{
    struct cclip_picture *out = r->picture;
    png_color_16p key = NULL;
    png_get_tRNS(r->png, r->info, NULL, NULL, &key);
    if (!key || (depth == 16 && out->mode == CCLIP_MODE_RGB))
        return; /* the key of a 16-bit colour cannot be compared by its high bytes */
    out->has_key = 1;
    if (out->mode == CCLIP_MODE_RGB) {
        out->key[0] = key->red;
        out->key[1] = key->green;
        out->key[2] = key->blue;
    } else {
        out->key[0] = depth < 8 ? key->gray * (255 / ((1 << depth) - 1)) : key->gray;
    }
}

static void read_orientation(const struct reader *r)
{
#ifdef PNG_eXIf_SUPPORTED
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (r->source->limits.read_orientation && png_get_eXIf_1(r->png, r->info, &size, &exif) && exif)
        r->picture->orientation = cclip_exif_orientation(exif, size);
#else
    (void)r;
#endif
}

/* 16-bit samples lie in the first half of each row: spread them from the end. */
static void widen(struct cclip_picture *picture)
{
    for (size_t y = 0; y < picture->height; y++) {
        unsigned char *row = picture->pixels + y * picture->stride;
        for (size_t x = picture->width; x-- > 0;) {
            const int32_t value = row[2 * x] | row[2 * x + 1] << 8;
            memcpy(row + 4 * x, &value, sizeof value);
        }
    }
}

static cclip_status decode(struct reader *r)
{
    struct cclip_picture *out = r->picture;
    if (!read_header(r))
        return refuse(r);
    const int depth = png_get_bit_depth(r->png, r->info);
    const enum cclip_picture_mode mode = mode_of(png_get_color_type(r->png, r->info), depth);
    cclip_status status = cclip_picture_begin(out, r->source, mode, png_get_image_width(r->png, r->info),
                                              png_get_image_height(r->png, r->info));
    if (status)
        return status;
    if (mode == CCLIP_MODE_P)
        read_palette(r);
    else
        read_key(r, depth);
    read_orientation(r);
    r->rows = cclip_allocate(out->height, sizeof *r->rows);
    if (!r->rows)
        return CCLIP_ERROR_MEMORY;
    for (size_t y = 0; y < out->height; y++)
        r->rows[y] = out->pixels + y * out->stride;
    if (!read_rows(r))
        return refuse(r);
    if (mode == CCLIP_MODE_I)
        widen(out);
    out->warnings = r->warnings;
    return CCLIP_OK;
}

cclip_status cclip_png_decode(struct cclip_picture *out, const struct cclip_picture_source *source)
{
    struct reader r = { .source = source, .picture = out };
    cclip_status status = CCLIP_ERROR_MEMORY;
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (r.info)
        status = decode(&r);
    else
        cclip_fail(status, "%s: out of memory in libpng", source->name);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    cclip_release(r.rows);
    return status;
}
