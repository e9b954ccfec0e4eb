/** @file
 * Every call that can fail returns a cclip_status; the detail is a text kept per thread. */
#ifndef CCLIP_STATUS_H
#define CCLIP_STATUS_H

#include <cclip/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Result of a call. 0 is success; numbers are stable and never reused. */
typedef enum cclip_status {
    CCLIP_OK = 0,
    CCLIP_ERROR_MEMORY = -1,      /**< an allocation failed */
    CCLIP_ERROR_IO = -2,          /**< the operating system refused a read, write, open or map */
    CCLIP_ERROR_FORMAT = -3,      /**< a file or text is not what its format says */
    CCLIP_ERROR_ARGUMENT = -4,    /**< an argument is outside what the call accepts */
    CCLIP_ERROR_LIMIT = -5,       /**< a size, count or depth is over the limit set for it */
    CCLIP_ERROR_UNSUPPORTED = -6, /**< well formed, but not something this build can handle */
    CCLIP_ERROR_NOT_FOUND = -7,   /**< a file, name, tensor or key is not there */
    CCLIP_ERROR_MISMATCH = -8,    /**< parts that must fit do not: weights and configuration, say */
    CCLIP_ERROR_CANCELLED = -9    /**< a callback asked to stop */
} cclip_status;

/**
 * What went wrong in the last failing call of this thread: one line without a newline that names
 * the file and the place in it. Never NULL; valid until the next failing call of this thread.
 */
CCLIP_API const char *cclip_error_message(void);

/** A short fixed name of a status, such as "format"; never NULL. */
CCLIP_API const char *cclip_status_name(cclip_status status);

#ifdef __cplusplus
}
#endif
#endif
