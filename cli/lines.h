/* Lines of a file or of standard input as they come: the first is handed out before the second is written, and an
 * endless one is refused. */
#ifndef CCLIP_CLI_LINES_H
#define CCLIP_CLI_LINES_H

#include "base/buffer.h"
#include "base/status.h"

struct cclip_lines {
    char chunk[1 << 16];
    size_t at, end; /* of what is in the chunk */
    struct cclip_buffer line;
    size_t maximum;
    const char *name; /* for messages */
    int file;
};

/* `path`, which must stay, is "-" for standard input; `maximum`: bytes of a line. Close in any case. */
cclip_status cclip_lines_open(struct cclip_lines *lines, const char *path, size_t maximum);
void cclip_lines_close(struct cclip_lines *lines);

/* The next line without its end, valid until the next call; `*line` is NULL after the last one, and
 * after Ctrl-C. */
cclip_status cclip_lines_next(struct cclip_lines *lines, const char **line, size_t *length);

#endif
