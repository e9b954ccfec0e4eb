#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/console.h"

/* Seconds between two updates on a terminal, and between two plain lines. */
static const double terminal_interval = 0.1, plain_interval = 5.0;

void cclip_progress_open(struct cclip_progress *progress, const char *what, size_t total)
{
    memset(progress, 0, sizeof(*progress));
    progress->what = what;
    progress->total = total;
    progress->start = progress->shown = cclip_clock_seconds();
    progress->terminal = cclip_console_is_terminal();
}

static void write_duration(char *out, size_t size, double seconds)
{
    const long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, size, "%ld:%02ld", s / 60, s % 60);
}

static void write_bar(char *out, size_t size, double share)
{
    enum { WIDTH = 24 };
    char bar[WIDTH + 1];
    const int filled = (int)(share * WIDTH);
    memset(bar, '-', WIDTH);
    memset(bar, '#', (size_t)(filled > WIDTH ? WIDTH : filled));
    bar[WIDTH] = 0;
    snprintf(out, size, "[%s] ", bar);
}

void cclip_progress_update(struct cclip_progress *progress, size_t done)
{
    const double now = cclip_clock_seconds(), elapsed = now - progress->start;
    if (now - progress->shown < (progress->terminal ? terminal_interval : plain_interval))
        return;
    progress->shown = now;
    const double rate = elapsed > 0 ? (double)done / elapsed : 0;
    char bar[64] = "", left[32] = "", line[240];
    if (progress->total && done) {
        char duration[24];
        write_duration(duration, sizeof(duration), (double)(progress->total - done) / rate);
        snprintf(left, sizeof(left), ", %s left", duration);
    }
    if (progress->total) {
        if (progress->terminal)
            write_bar(bar, sizeof(bar), (double)done / (double)progress->total);
        snprintf(line, sizeof(line), "%s%zu of %zu %s, %.1f/s%s", bar, done, progress->total,
                 progress->what, rate, left);
    } else {
        snprintf(line, sizeof(line), "%zu %s, %.1f/s", done, progress->what, rate);
    }
    if (progress->terminal)
        cclip_console_status(line);
    else
        cclip_message("%s", line);
}

void cclip_progress_close(struct cclip_progress *progress)
{
    if (progress->terminal)
        cclip_console_status("");
}

int cclip_progress_step(void *user, size_t done, size_t total)
{
    struct cclip_progress *progress = user;
    progress->total = total;
    cclip_progress_update(progress, done);
    return cclip_interrupted();
}

int cclip_say_skipped(void *user, size_t index, cclip_status status, const char *message)
{
    (void)user;
    (void)index;
    (void)status;
    cclip_message("skipped: %s", message);
    return cclip_interrupted();
}
