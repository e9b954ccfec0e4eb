/* Half blocks are lines of text: a row of pictures is put together line by line. The graphics
 * protocols draw at the cursor: room is made for the row first, so that nothing scrolls while the
 * cursor, saved and brought back, goes from picture to picture. */
#include "cli/mosaic.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/output.h"

enum { GAP = 2, PICTURE_BYTES = 16 << 20 };

static const char *const colours[] = { "", "\x1b[31m", "\x1b[32m" };

void cclip_mosaic_open(struct cclip_mosaic *mosaic, int wanted)
{
    struct winsize size;
    memset(mosaic, 0, sizeof(*mosaic));
    for (size_t i = 0; i < CCLIP_MOSAIC_ACROSS; i++) {
        cclip_buffer_open(&mosaic->pictures[i], PICTURE_BYTES);
        cclip_buffer_open(&mosaic->captions[i], 4096);
    }
    if (!wanted || !isatty(STDOUT_FILENO))
        return;
    const int known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col;
    mosaic->terminal = cclip_terminal_detect();
    mosaic->across = ((known ? size.ws_col : 80u) + GAP) / (CCLIP_MOSAIC_WIDTH + GAP);
    if (mosaic->across < 1)
        mosaic->across = 1;
    if (mosaic->across > CCLIP_MOSAIC_ACROSS)
        mosaic->across = CCLIP_MOSAIC_ACROSS;
}

void cclip_mosaic_close(struct cclip_mosaic *mosaic)
{
    for (size_t i = 0; i < CCLIP_MOSAIC_ACROSS; i++) {
        cclip_buffer_close(&mosaic->pictures[i]);
        cclip_buffer_close(&mosaic->captions[i]);
    }
}

static int append_text(void *user, const char *text, size_t length)
{
    return cclip_buffer_append(user, text, length) != CCLIP_OK;
}

/* Characters that move the cursor: without escape sequences and continuation bytes. */
static int visible_width(const char *text, size_t length)
{
    int width = 0, escape = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == 0x1b)
            escape = 1;
        else if (escape)
            escape = !(c >= '@' && c <= '~' && c != '[');
        else
            width += (c & 0xc0) != 0x80;
    }
    return width;
}

/* Line `number` of a text: its start and length; length 0 where there are fewer lines. */
static const char *line_at(const struct cclip_buffer *text, size_t number, size_t *length)
{
    const char *line = text->data ? text->data : "", *end;
    while (number-- && (end = strchr(line, '\n')))
        line = end + 1;
    *length = strcspn(line, "\n");
    if (number != (size_t)-1)
        *length = 0;
    return line;
}

static cclip_status print_line(const struct cclip_mosaic *mosaic, const struct cclip_buffer *texts,
                               size_t number)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < mosaic->count && !status; i++) {
        size_t length;
        const char *line = line_at(&texts[i], number, &length);
        const int padding = CCLIP_MOSAIC_WIDTH + GAP - visible_width(line, length);
        status = cclip_print("%.*s%*s", (int)length, line, padding > 0 ? padding : 0, "");
    }
    return status ? status : cclip_print("\n");
}

/* Without the new line at a picture's end, which could scroll. */
static cclip_status print_graphics(const struct cclip_mosaic *mosaic)
{
    cclip_status status = CCLIP_OK;
    for (int i = 0; i < CCLIP_MOSAIC_HEIGHT && !status; i++)
        status = cclip_print("\n");
    if (!status)
        status = cclip_print("\x1b[%dA", CCLIP_MOSAIC_HEIGHT);
    for (size_t i = 0; i < mosaic->count && !status; i++) {
        const struct cclip_buffer *picture = &mosaic->pictures[i];
        status = cclip_print("\x1b" "7");
        if (!status && i)
            status = cclip_print("\x1b[%zuC", i * (CCLIP_MOSAIC_WIDTH + GAP));
        if (!status && picture->length)
            status = cclip_print_bytes(picture->data, picture->length - 1);
        if (!status)
            status = cclip_print("\x1b" "8");
    }
    return status ? status : cclip_print("\x1b[%dB", CCLIP_MOSAIC_HEIGHT);
}

static cclip_status flush(struct cclip_mosaic *mosaic)
{
    cclip_status status = CCLIP_OK;
    if (!mosaic->count)
        return CCLIP_OK;
    if (mosaic->terminal != CCLIP_TERMINAL_BLOCKS)
        status = print_graphics(mosaic);
    for (size_t i = 0; i < CCLIP_MOSAIC_HEIGHT && !status; i++)
        if (mosaic->terminal == CCLIP_TERMINAL_BLOCKS)
            status = print_line(mosaic, mosaic->pictures, i);
    for (size_t i = 0; i < 3 && !status; i++)
        status = print_line(mosaic, mosaic->captions, i);
    for (size_t i = 0; i < mosaic->count; i++) {
        cclip_buffer_clear(&mosaic->pictures[i]);
        cclip_buffer_clear(&mosaic->captions[i]);
    }
    mosaic->count = 0;
    return status ? status : cclip_output_finish(); /* so that rows are seen as they come */
}

cclip_status cclip_mosaic_add(struct cclip_mosaic *mosaic, const char *path, const char *label,
                              double share, int good)
{
    char clean[128], bar[64];
    if (!mosaic->terminal)
        return CCLIP_OK;
    struct cclip_buffer *caption = &mosaic->captions[mosaic->count];
    cclip_status status =
        cclip_terminal_picture(append_text, &mosaic->pictures[mosaic->count], mosaic->terminal,
                               path, CCLIP_MOSAIC_WIDTH, CCLIP_MOSAIC_HEIGHT);
    cclip_bar(bar, sizeof(bar), share, CCLIP_MOSAIC_WIDTH - 6);
    cclip_printable(clean, CCLIP_MOSAIC_WIDTH + 1, label);
    if (!status)
        status = cclip_buffer_format(caption, "%s%s\x1b[0m\n%3.0f %% %s\n", colours[good + 1],
                                     clean, 100 * share, bar);
    mosaic->count++;
    return !status && mosaic->count == mosaic->across ? flush(mosaic) : status;
}

cclip_status cclip_mosaic_finish(struct cclip_mosaic *mosaic)
{
    return flush(mosaic);
}
