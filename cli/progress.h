/* How far long work is: a bar with rate and time left on a terminal, else a plain line now and
 * then. Work that is over within a second shows nothing. */
#ifndef CCLIP_CLI_PROGRESS_H
#define CCLIP_CLI_PROGRESS_H

#include <cclip/status.h>
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

/* For the library's callbacks, both nonzero after Ctrl-C: progress, with a struct cclip_progress as `user`,
 * and an input that was skipped, whose message is printed. */
int cclip_progress_step(void *user, size_t done, size_t total);
int cclip_say_skipped(void *user, size_t index, cclip_status status, const char *message);

#endif
