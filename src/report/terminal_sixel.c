/* Sixel: bands of six rows; in each band a colour is a row of characters whose bits say which of the
 * six pixels it sets. The palette is a cube of 6 x 6 x 6 colours, whose levels sixel can say exactly
 * (it counts in percent), with the error of a pixel passed on to its neighbours (Floyd and Steinberg,
 * "An adaptive algorithm for spatial greyscale", 1976). */
#include <string.h>

#include "base/memory.h"
#include "report/terminal.h"

enum { LEVELS = 6, STEP = 255 / (LEVELS - 1), COLOURS = LEVELS * LEVELS * LEVELS, BAND = 6 };
enum { NOTHING = 255 }; /* a pixel that is not drawn; above all colours */

/* Errors of this row and the next, with a pixel more on both sides: [2][width + 2][3]. */
static int spread(int *errors, size_t width, size_t x, int channel, int value)
{
    int *here = errors + 3 * (x + 1) + channel, *below = here + 3 * (width + 2);
    const int wanted = value + (*here >= 0 ? *here + 8 : *here - 8) / 16;
    const int clipped = wanted < 0 ? 0 : wanted > 255 ? 255 : wanted;
    const int level = (clipped + STEP / 2) / STEP;
    const int error = clipped - level * STEP;
    here[3] += 7 * error;
    below[-3] += 3 * error;
    below[0] += 5 * error;
    below[3] += error;
    return level;
}

/* `places` [height][width] becomes the pixels' places in the palette. */
static void choose_colours(unsigned char *places, int *errors, const struct cclip_picture *picture)
{
    const size_t width = picture->width, row = 3 * (width + 2);
    memset(errors, 0, 2 * row * sizeof *errors);
    for (size_t y = 0; y < picture->height; y++) {
        for (size_t x = 0; x < width; x++) {
            unsigned char colour[3];
            int place = 0;
            if (!cclip_terminal_pixel(picture, x, y, colour)) {
                *places++ = NOTHING;
                continue;
            }
            for (int c = 0; c < 3; c++)
                place = place * LEVELS + spread(errors, width, x, c, colour[c]);
            *places++ = (unsigned char)place;
        }
        memcpy(errors, errors + row, row * sizeof *errors);
        memset(errors + row, 0, row * sizeof *errors);
    }
}

static cclip_status put_palette(struct cclip_buffer *out, const unsigned char *places, size_t pixels)
{
    unsigned char used[256] = { 0 };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < pixels; i++)
        used[places[i]] = 1;
    for (int c = 0; c < COLOURS && !status; c++)
        if (used[c])
            status = cclip_buffer_format(out, "#%d;2;%d;%d;%d", c,
                                         c / (LEVELS * LEVELS) * (100 / (LEVELS - 1)),
                                         c / LEVELS % LEVELS * (100 / (LEVELS - 1)),
                                         c % LEVELS * (100 / (LEVELS - 1)));
    return status;
}

/* A run of one character; three or fewer are shorter when written out. */
static cclip_status put_run(struct cclip_buffer *out, int character, size_t length)
{
    cclip_status status = CCLIP_OK;
    if (length > 3)
        return cclip_buffer_format(out, "!%zu%c", length, character);
    while (length-- && !status)
        status = cclip_buffer_byte(out, character);
    return status;
}

/* What one colour sets in a band; nothing is written behind its last pixel. */
static cclip_status put_colour(struct cclip_buffer *out, const unsigned char *band, size_t width,
                               size_t rows, int colour)
{
    cclip_status status = cclip_buffer_format(out, "#%d", colour);
    int last = '?';
    size_t length = 0;
    for (size_t x = 0; x < width && !status; x++) {
        int bits = 0;
        for (size_t y = 0; y < rows; y++)
            bits |= (band[y * width + x] == colour) << y;
        if (bits + '?' != last) {
            status = put_run(out, last, length);
            last = bits + '?';
            length = 0;
        }
        length++;
    }
    return status || last == '?' ? status : put_run(out, last, length);
}

/* $ goes back to the band's beginning, - to the next band. */
static cclip_status put_band(struct cclip_buffer *out, const unsigned char *band, size_t width,
                             size_t rows)
{
    unsigned char used[256] = { 0 };
    cclip_status status = CCLIP_OK;
    int first = 1;
    for (size_t i = 0; i < width * rows; i++)
        used[band[i]] = 1;
    for (int c = 0; c < COLOURS && !status; c++) {
        if (!used[c])
            continue;
        status = first ? CCLIP_OK : cclip_buffer_byte(out, '$');
        first = 0;
        if (!status)
            status = put_colour(out, band, width, rows, c);
    }
    return status ? status : cclip_buffer_byte(out, '-');
}

/* P2 = 1: what is not drawn stays as it is. */
cclip_status cclip_terminal_sixel(struct cclip_buffer *out, const struct cclip_picture *picture)
{
    const size_t width = picture->width, height = picture->height;
    unsigned char *places = cclip_allocate(width * height, 1);
    int *errors = cclip_allocate(2 * 3 * (width + 2), sizeof *errors);
    cclip_status status = places && errors ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status) {
        choose_colours(places, errors, picture);
        status = cclip_buffer_format(out, "\x1bP0;1;0q\"1;1;%zu;%zu", width, height);
    }
    if (!status)
        status = put_palette(out, places, width * height);
    for (size_t y = 0; y < height && !status; y += BAND)
        status = put_band(out, places + y * width, width, height - y < BAND ? height - y : BAND);
    if (!status)
        status = cclip_buffer_text(out, "\x1b\\\n");
    cclip_release(errors);
    cclip_release(places);
    return status;
}
