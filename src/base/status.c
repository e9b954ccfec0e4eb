#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/printable.h"

static _Thread_local char message[CCLIP_MESSAGE_SIZE];

const char *cclip_error_message(void)
{
    return message;
}

const char *cclip_status_name(cclip_status status)
{
    static const char *const names[] = { "ok",          "memory",    "io",       "format",   "argument", "limit",
                                         "unsupported", "not found", "mismatch", "cancelled" };
    const int index = -(int)status;
    if (index < 0 || index >= (int)(sizeof names / sizeof names[0]))
        return "unknown";
    return names[index];
}

enum { LONGEST = 8192 }; /* a path of 4096 bytes and what is wrong with it */

/* A message is one line for a terminal. What does not fit is left out in the middle: a path stands in
 * front, what is wrong with it at the end. */
static void set_message(const char *text)
{
    static const char gap[] = " ... ";
    enum { GAP = sizeof gap - 1, HEAD = CCLIP_MESSAGE_SIZE / 4, TAIL = CCLIP_MESSAGE_SIZE - 1 - HEAD - GAP };
    char clean[LONGEST];
    cclip_printable(clean, sizeof clean, text);
    size_t length = strlen(clean);
    if (length < CCLIP_MESSAGE_SIZE) {
        memcpy(message, clean, length + 1);
        return;
    }
    size_t head = HEAD, tail = length - TAIL;
    while (((unsigned char)clean[head] & 0xc0) == 0x80) /* not through the middle of a character */
        head--;
    while (((unsigned char)clean[tail] & 0xc0) == 0x80)
        tail++;
    snprintf(message, sizeof message, "%.*s%s%s", (int)head, clean, gap, clean + tail);
}

cclip_status cclip_fail(cclip_status status, const char *format, ...)
{
    /* Formatted aside first: an argument may point into the present message. */
    char text[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    set_message(text);
    return status;
}

cclip_status cclip_fail_in(cclip_status status, const char *format, ...)
{
    char text[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, LONGEST - CCLIP_MESSAGE_SIZE - 2, format, arguments);
    va_end(arguments);
    if (length < 0)
        return status;
    const size_t end = strlen(text);
    snprintf(text + end, sizeof text - end, ": %s", message);
    set_message(text);
    return status;
}

cclip_status cclip_fail_memory(size_t bytes)
{
    return cclip_fail(CCLIP_ERROR_MEMORY, "out of memory (%zu bytes wanted)", bytes);
}

cclip_status cclip_fail_errno(const char *path, const char *action)
{
    const int code = errno;
    return cclip_fail(code == ENOENT ? CCLIP_ERROR_NOT_FOUND : CCLIP_ERROR_IO, "%.*s: %s: %s",
                      (int)CCLIP_LIMIT_PATH, *path ? path : "\"\"", action, strerror(code));
}

void cclip_failure_take(struct cclip_failure *out, cclip_status status)
{
    out->status = status;
    memcpy(out->message, message, sizeof message);
}

cclip_status cclip_failure_raise(const struct cclip_failure *failure)
{
    if (failure->status)
        memcpy(message, failure->message, sizeof message);
    return failure->status;
}
