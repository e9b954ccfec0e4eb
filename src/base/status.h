/* Failing with a message. The text is kept per thread; a lower message is extended, never lost. */
#ifndef CCLIP_BASE_STATUS_H
#define CCLIP_BASE_STATUS_H

#include <stddef.h>
#include <cclip/status.h>

enum { CCLIP_MESSAGE_SIZE = 1024 };

/* Sets this thread's message and returns `status`, so that `return cclip_fail(...)` reads well. */
cclip_status cclip_fail(cclip_status status, const char *format, ...) CCLIP_PRINTF(2, 3);

/* Puts "context: " in front of this thread's message; returns `status`. For callers that know the
 * file or item the failing call could not name. */
cclip_status cclip_fail_in(cclip_status status, const char *format, ...) CCLIP_PRINTF(2, 3);

/* CCLIP_ERROR_MEMORY with the number of bytes that were asked for. */
cclip_status cclip_fail_memory(size_t bytes);

/* CCLIP_ERROR_IO with `path` and the text of errno. ENOENT gives CCLIP_ERROR_NOT_FOUND. */
cclip_status cclip_fail_errno(const char *path, const char *action);

/* A pool worker's failure is carried to the joining thread: take it there, raise it here. */
struct cclip_failure {
    cclip_status status;
    char message[CCLIP_MESSAGE_SIZE];
};
void cclip_failure_take(struct cclip_failure *out, cclip_status status);
cclip_status cclip_failure_raise(const struct cclip_failure *failure);

#endif
