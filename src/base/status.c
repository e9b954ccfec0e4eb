#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

/* A message is one line for a terminal: control bytes from file names or file contents are shown
 * as '?', so that a hostile name cannot move the cursor. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

cclip_status cclip_fail(cclip_status status, const char *format, ...)
{
    /* Formatted aside first: an argument may point into the present message. */
    char text[CCLIP_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text);
    memcpy(message, text, sizeof message);
    return status;
}

cclip_status cclip_fail_in(cclip_status status, const char *format, ...)
{
    char context[CCLIP_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    if (length < 0)
        return status;
    make_printable(context);
    char text[2 * CCLIP_MESSAGE_SIZE + 3];
    snprintf(text, sizeof text, "%s: %s", context, message);
    text[CCLIP_MESSAGE_SIZE - 1] = '\0';
    memcpy(message, text, sizeof message);
    return status;
}

cclip_status cclip_fail_memory(size_t bytes)
{
    return cclip_fail(CCLIP_ERROR_MEMORY, "out of memory (%zu bytes wanted)", bytes);
}

cclip_status cclip_fail_errno(const char *path, const char *action)
{
    const int code = errno;
    return cclip_fail(code == ENOENT ? CCLIP_ERROR_NOT_FOUND : CCLIP_ERROR_IO, "%s: %s: %s", path,
                      action, strerror(code));
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
