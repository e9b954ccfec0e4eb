/* How far long work is: a bar with rate and time left on a terminal, else a plain line now and
 * then. Work that is over within a second shows nothing. */
#ifndef CCLIP_CLI_PROGRESS_H
#define CCLIP_CLI_PROGRESS_H

#include <stddef.h>

struct cclip_progress {
    const char *what; /* "pictures" */
    size_t total;     /* 0: unknown */
    double start, shown;
    int terminal;
};

void cclip_progress_open(struct cclip_progress *progress, const char *what, size_t total);
void cclip_progress_update(struct cclip_progress *progress, size_t done);
void cclip_progress_close(struct cclip_progress *progress);

#endif
