/* gzip: inflating a whole member list into memory, up to a maximum. */
#ifndef CCLIP_FORMATS_GZIP_H
#define CCLIP_FORMATS_GZIP_H

#include <stddef.h>
#include "base/buffer.h"
#include "base/status.h"

/* Do the bytes begin as a gzip file does? */
int cclip_is_gzip(const void *data, size_t size);

/* Opens `out` with `maximum` and fills it; the caller closes it, also on failure. More than
 * `maximum` bytes is CCLIP_ERROR_LIMIT, a damaged or cut stream CCLIP_ERROR_FORMAT. */
cclip_status cclip_gzip_inflate(struct cclip_buffer *out, const void *data, size_t size,
                                size_t maximum, const char *name);

#endif
