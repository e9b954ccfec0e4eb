/* What goes to stderr: messages, and the one line at the bottom of a terminal that shows progress.
 * What goes to stdout is in output.h. */
#ifndef CCLIP_CLI_CONSOLE_H
#define CCLIP_CLI_CONSOLE_H

#include <cclip/cclip.h>

enum {
    CCLIP_EXIT_DONE = 0,
    CCLIP_EXIT_FAILED = 1,
    CCLIP_EXIT_USAGE = 2,
    CCLIP_EXIT_SKIPPED = 3 /* done, but some inputs were skipped */
};

/* "cclip: ..." as one line: control characters, also those inside file names, become \xNN. */
void cclip_message(const char *format, ...) CCLIP_PRINTF(1, 2);

/* One line of text that has its own form, without "cclip: ". */
void cclip_console_line(const char *text);

/* Prints this thread's error message; returns CCLIP_EXIT_FAILED. */
int cclip_report_failure(void);

/* The line at the bottom; "" removes it. Only for a terminal (the caller asks). */
void cclip_console_status(const char *text);
/* Removes it where results are about to go to the same terminal; the next update shows it again. */
void cclip_console_make_room(void);
int cclip_console_is_terminal(void);

/* Library log lines come here: warnings always, more with each -v. */
void cclip_console_log_open(int verbose);

/* Ctrl-C and SIGTERM set a flag, so that what is done can be kept; a second one ends at once. */
void cclip_interrupt_open(void);
int cclip_interrupted(void);

#endif
