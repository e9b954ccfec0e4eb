/* Pictures side by side on a terminal, each with two lines of text below it. */
#ifndef CCLIP_CLI_MOSAIC_H
#define CCLIP_CLI_MOSAIC_H

#include <cclip/report.h>

#include "base/buffer.h"

enum { CCLIP_MOSAIC_ACROSS = 12, CCLIP_MOSAIC_WIDTH = 18, CCLIP_MOSAIC_HEIGHT = 9 };

struct cclip_mosaic {
    cclip_terminal terminal; /* CCLIP_TERMINAL_NONE: everything below does nothing */
    size_t across, count;    /* pictures that fit beside each other; that wait to be printed */
    struct cclip_buffer pictures[CCLIP_MOSAIC_ACROSS];
    struct cclip_buffer captions[CCLIP_MOSAIC_ACROSS];
};

/* Looks at standard output; `wanted` 0 switches it off. */
void cclip_mosaic_open(struct cclip_mosaic *mosaic, int wanted);
/* `good`: 1 green, 0 red, -1 plain. Rows are printed as they fill. */
cclip_status cclip_mosaic_add(struct cclip_mosaic *mosaic, const char *path, const char *label,
                              double share, int good);
cclip_status cclip_mosaic_finish(struct cclip_mosaic *mosaic);
void cclip_mosaic_close(struct cclip_mosaic *mosaic);

#endif
