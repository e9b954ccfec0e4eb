/* Half blocks, and the protocols that send a picture file. */
#include "report/terminal.h"

#include <string.h>

#include "image/write_picture.h"
#include "report/markup.h"
#include "report/thumbnail.h"

/* A character is about twice as high as wide. Half blocks are 1 x 2 pixels by nature; sixels are
 * pixels of the screen, so the smallest usual character is assumed, to stay within the given size;
 * the others scale what they get. */
static const struct {
    size_t width, height;
} cells[] = { [CCLIP_TERMINAL_NONE] = { 1, 2 },   [CCLIP_TERMINAL_BLOCKS] = { 1, 2 },
              [CCLIP_TERMINAL_KITTY] = { 10, 20 }, [CCLIP_TERMINAL_ITERM] = { 10, 20 },
              [CCLIP_TERMINAL_SIXEL] = { 8, 16 } };

enum { FILE_MAXIMUM = 16 << 20, KITTY_CHUNK = 4096, SIDE_MAXIMUM = 1000, OPAQUE = 128 };

int cclip_terminal_pixel(const struct cclip_picture *picture, size_t x, size_t y,
                         unsigned char colour[3])
{
    const size_t bytes = picture->mode == CCLIP_MODE_RGBA ? 4 : 3;
    if (x >= picture->width || y >= picture->height)
        return 0;
    const unsigned char *pixel = picture->pixels + y * picture->stride + x * bytes;
    memcpy(colour, pixel, 3);
    return bytes == 3 || pixel[3] >= OPAQUE;
}

/* What the terminal draws with: a colour, or its own where there is none. */
struct ink {
    int set;
    unsigned char colour[3];
};

static int same_ink(const struct ink *a, const struct ink *b)
{
    return a->set == b->set && (!a->set || !memcmp(a->colour, b->colour, 3));
}

/* 38 and 48 set the colour of text and of its ground, 39 and 49 give it back. Said only when it
 * changes. */
static cclip_status use(struct cclip_buffer *out, struct ink *now, const struct ink *wanted, int ground)
{
    if (same_ink(now, wanted))
        return CCLIP_OK;
    *now = *wanted;
    if (!wanted->set)
        return cclip_buffer_format(out, "\x1b[%dm", ground ? 49 : 39);
    return cclip_buffer_format(out, "\x1b[%d;2;%d;%d;%dm", ground ? 48 : 38, wanted->colour[0],
                               wanted->colour[1], wanted->colour[2]);
}

/* One character: the upper half block with the upper pixel as text and the lower as ground; the lower
 * half block where only the lower pixel is there. */
static cclip_status put_cell(struct cclip_buffer *out, struct ink now[2], const struct ink *upper,
                             const struct ink *lower)
{
    static const struct ink none;
    const int flipped = !upper->set && lower->set;
    cclip_status status = CCLIP_OK;
    if (upper->set || lower->set)
        status = use(out, &now[0], flipped ? lower : upper, 0);
    if (!status)
        status = use(out, &now[1], flipped ? &none : lower, 1);
    if (!status)
        status = cclip_buffer_text(out, flipped ? "\u2584" : upper->set ? "\u2580" : " ");
    return status;
}

cclip_status cclip_terminal_blocks(struct cclip_buffer *out, const struct cclip_picture *picture)
{
    cclip_status status = CCLIP_OK;
    for (size_t y = 0; y < picture->height && !status; y += 2) {
        struct ink now[2] = { { 0 }, { 0 } };
        for (size_t x = 0; x < picture->width && !status; x++) {
            struct ink upper, lower;
            upper.set = cclip_terminal_pixel(picture, x, y, upper.colour);
            lower.set = cclip_terminal_pixel(picture, x, y + 1, lower.colour);
            status = put_cell(out, now, &upper, &lower);
        }
        if (!status)
            status = cclip_buffer_text(out, now[0].set || now[1].set ? "\x1b[0m\n" : "\n");
    }
    return status;
}

static cclip_status encode_png(struct cclip_buffer *out, const struct cclip_picture *picture)
{
    const struct cclip_pixels pixels = { picture->pixels, picture->width, picture->height,
                                         picture->stride, picture->mode == CCLIP_MODE_RGBA ? 4 : 3 };
    return cclip_png_write(out, &pixels);
}

/* a=T: send and show; f=100: PNG; q=2: no answer, which would end up in the next program's input;
 * m=1: more chunks follow. */
static cclip_status put_chunks(struct cclip_buffer *out, const struct cclip_buffer *text,
                               size_t columns, size_t rows)
{
    cclip_status status = CCLIP_OK;
    for (size_t at = 0; at < text->length && !status; at += KITTY_CHUNK) {
        const size_t left = text->length - at, length = left < KITTY_CHUNK ? left : KITTY_CHUNK;
        status = at ? cclip_buffer_format(out, "\x1b_Gm=%d;", left > length)
                    : cclip_buffer_format(out, "\x1b_Ga=T,f=100,q=2,c=%zu,r=%zu,m=%d;", columns, rows,
                                          left > length);
        if (!status)
            status = cclip_buffer_append(out, text->data + at, length);
        if (!status)
            status = cclip_buffer_text(out, "\x1b\\");
    }
    return status ? status : cclip_buffer_byte(out, '\n');
}

cclip_status cclip_terminal_kitty(struct cclip_buffer *out, const struct cclip_picture *picture,
                                  size_t columns, size_t rows)
{
    struct cclip_buffer file, text;
    cclip_buffer_open(&file, FILE_MAXIMUM);
    cclip_buffer_open(&text, 2 * FILE_MAXIMUM);
    cclip_status status = encode_png(&file, picture);
    if (!status)
        status = cclip_base64(&text, file.data, file.length);
    if (!status)
        status = put_chunks(out, &text, columns, rows);
    cclip_buffer_close(&text);
    cclip_buffer_close(&file);
    return status;
}

cclip_status cclip_terminal_iterm(struct cclip_buffer *out, const struct cclip_picture *picture,
                                  size_t columns, size_t rows)
{
    struct cclip_buffer file;
    cclip_buffer_open(&file, FILE_MAXIMUM);
    cclip_status status = encode_png(&file, picture);
    if (!status)
        status = cclip_buffer_format(out,
                                     "\x1b]1337;File=inline=1;size=%zu;width=%zu;height=%zu;"
                                     "preserveAspectRatio=1:",
                                     file.length, columns, rows);
    if (!status)
        status = cclip_base64(out, file.data, file.length);
    if (!status)
        status = cclip_buffer_text(out, "\a\n");
    cclip_buffer_close(&file);
    return status;
}

static size_t cells_of(size_t pixels, size_t cell)
{
    return (pixels + cell - 1) / cell;
}

/* kitty stretches a picture to the characters it is given: transparent pixels fill them up. */
static cclip_status fill_cells(struct cclip_picture *picture, size_t columns, size_t rows)
{
    struct cclip_picture filled = { 0 }, wide = { 0 };
    cclip_status status = cclip_picture_convert_rgba(&wide, picture);
    if (!status)
        status = cclip_picture_open(&filled, CCLIP_MODE_RGBA,
                                    columns * cells[CCLIP_TERMINAL_KITTY].width,
                                    rows * cells[CCLIP_TERMINAL_KITTY].height);
    if (!status) {
        memset(filled.pixels, 0, filled.stride * filled.height);
        for (size_t y = 0; y < wide.height; y++)
            memcpy(filled.pixels + y * filled.stride, wide.pixels + y * wide.stride, 4 * wide.width);
        cclip_picture_close(picture);
        *picture = filled;
    }
    cclip_picture_close(&wide);
    return status;
}

cclip_status cclip_terminal_draw(struct cclip_buffer *out, cclip_terminal terminal, const char *path,
                                 size_t columns, size_t rows)
{
    struct cclip_picture picture;
    if ((unsigned)terminal > CCLIP_TERMINAL_SIXEL || !columns || !rows || columns > SIDE_MAXIMUM ||
        rows > SIDE_MAXIMUM)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "terminal %d, picture of %zu x %zu characters",
                          (int)terminal, columns, rows);
    if (terminal == CCLIP_TERMINAL_NONE)
        return CCLIP_OK;
    const size_t width = cells[terminal].width, height = cells[terminal].height;
    const struct cclip_thumbnail_size size = { columns * width, rows * height, 1 };
    cclip_status status = cclip_thumbnail_read(&picture, path, &size);
    if (status)
        return status;
    columns = cells_of(picture.width, width);
    rows = cells_of(picture.height, height);
    if (terminal == CCLIP_TERMINAL_KITTY)
        status = fill_cells(&picture, columns, rows);
    if (!status && terminal == CCLIP_TERMINAL_BLOCKS)
        status = cclip_terminal_blocks(out, &picture);
    else if (!status && terminal == CCLIP_TERMINAL_KITTY)
        status = cclip_terminal_kitty(out, &picture, columns, rows);
    else if (!status && terminal == CCLIP_TERMINAL_ITERM)
        status = cclip_terminal_iterm(out, &picture, columns, rows);
    else if (!status)
        status = cclip_terminal_sixel(out, &picture);
    cclip_picture_close(&picture);
    return status;
}
