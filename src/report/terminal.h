/* Pictures as text for a terminal. */
#ifndef CCLIP_REPORT_TERMINAL_H
#define CCLIP_REPORT_TERMINAL_H

#include <cclip/report.h>
#include "base/buffer.h"
#include "image/picture.h"

/* Appends what shows the picture file `path`, at most `columns` x `rows` characters large. */
cclip_status cclip_terminal_draw(struct cclip_buffer *out, cclip_terminal terminal, const char *path,
                                 size_t columns, size_t rows);

/* The parts, for pictures in mode RGB or RGBA. A pixel counts as transparent below half alpha. */
int cclip_terminal_pixel(const struct cclip_picture *picture, size_t x, size_t y,
                         unsigned char colour[3]);
/* Two pixels a character, one above the other. */
cclip_status cclip_terminal_blocks(struct cclip_buffer *out, const struct cclip_picture *picture);
cclip_status cclip_terminal_sixel(struct cclip_buffer *out, const struct cclip_picture *picture);
/* `columns` x `rows` are the characters that it shall fill. */
cclip_status cclip_terminal_kitty(struct cclip_buffer *out, const struct cclip_picture *picture,
                                  size_t columns, size_t rows);
cclip_status cclip_terminal_iterm(struct cclip_buffer *out, const struct cclip_picture *picture,
                                  size_t columns, size_t rows);

#endif
