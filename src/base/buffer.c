#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void cclip_buffer_open(struct cclip_buffer *buffer, size_t maximum)
{
    *buffer = (struct cclip_buffer){ .maximum = maximum };
}

void cclip_buffer_close(struct cclip_buffer *buffer)
{
    cclip_release(buffer->data);
    *buffer = (struct cclip_buffer){ .maximum = buffer->maximum };
}

void cclip_buffer_clear(struct cclip_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

cclip_status cclip_buffer_reserve(struct cclip_buffer *buffer, size_t length)
{
    const cclip_status status = cclip_grow(&buffer->data, &buffer->capacity, length + 1, 1,
                                           buffer->maximum + 1, "text");
    if (!status)
        buffer->data[buffer->length] = '\0';
    return status;
}

cclip_status cclip_buffer_append(struct cclip_buffer *buffer, const void *data, size_t length)
{
    if (length > buffer->maximum - buffer->length)
        return cclip_fail(CCLIP_ERROR_LIMIT, "text: more than the limit of %zu bytes",
                          buffer->maximum);
    const cclip_status status = cclip_buffer_reserve(buffer, buffer->length + length);
    if (status)
        return status;
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return CCLIP_OK;
}

cclip_status cclip_buffer_text(struct cclip_buffer *buffer, const char *text)
{
    return cclip_buffer_append(buffer, text, strlen(text));
}

cclip_status cclip_buffer_byte(struct cclip_buffer *buffer, int byte)
{
    const char c = (char)byte;
    return cclip_buffer_append(buffer, &c, 1);
}

cclip_status cclip_buffer_format(struct cclip_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    cclip_status status;
    if (length >= 0 && (size_t)length <= buffer->maximum - buffer->length)
        status = cclip_buffer_reserve(buffer, buffer->length + (size_t)length);
    else
        status = cclip_fail(CCLIP_ERROR_LIMIT, "text: more than the limit of %zu bytes", buffer->maximum);
    if (!status) {
        vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
    return status;
}
