/* A growing byte string with its maximum from birth. */
#ifndef CCLIP_BASE_BUFFER_H
#define CCLIP_BASE_BUFFER_H

#include <stddef.h>
#include "base/status.h"

struct cclip_buffer {
    char *data; /* zero-terminated whenever it is not NULL */
    size_t length, capacity, maximum;
};

void cclip_buffer_open(struct cclip_buffer *buffer, size_t maximum);
void cclip_buffer_close(struct cclip_buffer *buffer);
void cclip_buffer_clear(struct cclip_buffer *buffer); /* keeps the memory */
cclip_status cclip_buffer_reserve(struct cclip_buffer *buffer, size_t length);
cclip_status cclip_buffer_append(struct cclip_buffer *buffer, const void *data, size_t length);
cclip_status cclip_buffer_text(struct cclip_buffer *buffer, const char *text);
cclip_status cclip_buffer_byte(struct cclip_buffer *buffer, int byte);
cclip_status cclip_buffer_format(struct cclip_buffer *buffer, const char *format, ...)
    CCLIP_PRINTF(2, 3);

#endif
