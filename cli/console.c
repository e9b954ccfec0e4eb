/* stderr: messages, the progress line, the library's log; and the signals that end a run early.
 *
 * The state below is the process's own terminal and signal flag, of which there is one each. */
#include "cli/console.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/printable.h"
#include "base/status.h"

static char status_line[256];
static int log_level = CCLIP_LOG_WARNING;
static volatile sig_atomic_t interrupted;

static void put_line(const char *lead, const char *text)
{
    char line[4 * CCLIP_MESSAGE_SIZE];
    cclip_printable(line, sizeof(line), text);
    /* one call, so that lines of several threads do not mix */
    if (status_line[0])
        fprintf(stderr, "\r\x1b[K%s%s\n%s", lead, line, status_line);
    else
        fprintf(stderr, "%s%s\n", lead, line);
    fflush(stderr);
}

void cclip_message(const char *format, ...)
{
    char text[2 * CCLIP_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    put_line("cclip: ", text);
}

void cclip_console_line(const char *text)
{
    put_line("", text);
}

int cclip_report_failure(void)
{
    cclip_message("%s", cclip_error_message());
    return CCLIP_EXIT_FAILED;
}

int cclip_console_is_terminal(void)
{
    return isatty(STDERR_FILENO);
}

void cclip_console_status(const char *text)
{
    if (!text[0] && !status_line[0])
        return;
    snprintf(status_line, sizeof(status_line), "%s", text);
    fprintf(stderr, "\r\x1b[K%s", status_line);
    fflush(stderr);
}

void cclip_console_make_room(void)
{
    if (status_line[0] && isatty(STDOUT_FILENO))
        cclip_console_status("");
}

static void log_line(void *user, cclip_log_level level, const char *message)
{
    (void)user;
    static const char *const leads[] = { "cclip: ", "cclip: warning: ", "cclip: ",
                                         "cclip: debug: " };
    if ((int)level <= log_level)
        put_line(leads[level], message);
}

void cclip_console_log_open(int verbose)
{
    log_level = CCLIP_LOG_WARNING + verbose;
    cclip_log_set(log_line, NULL);
}

static void on_signal(int number)
{
    (void)number;
    interrupted = 1; /* SA_RESETHAND: the next one ends the process */
}

void cclip_interrupt_open(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a failed write, with its message */
}

int cclip_interrupted(void)
{
    return interrupted != 0;
}
