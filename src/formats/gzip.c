#include "formats/gzip.h"

#include <limits.h>
#include <zlib.h>

#include "base/memory.h"

int cclip_is_gzip(const void *data, size_t size)
{
    const unsigned char *p = data;
    return size >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}

static void *take(void *context, unsigned count, unsigned size)
{
    (void)context;
    return cclip_allocate(count, size);
}

static void give(void *context, void *pointer)
{
    (void)context;
    cclip_release(pointer);
}

/* One member after another; `stream` keeps its place in the input. */
static cclip_status inflate_all(z_stream *stream, struct cclip_buffer *out, size_t maximum,
                                const char *name)
{
    unsigned char piece[16384];
    cclip_status status = CCLIP_OK;
    while (!status) {
        stream->next_out = piece;
        stream->avail_out = sizeof piece;
        const int result = inflate(stream, Z_NO_FLUSH);
        const size_t count = sizeof piece - stream->avail_out;
        if (result == Z_MEM_ERROR)
            return cclip_fail_memory(1 << 16);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %lu: damaged gzip data: %s", name,
                              stream->total_in, stream->msg ? stream->msg : "unknown");
        if (count > maximum - out->length)
            return cclip_fail(CCLIP_ERROR_LIMIT, "%s: inflates to more than %zu bytes", name,
                              maximum);
        status = cclip_buffer_append(out, piece, count);
        if (result == Z_STREAM_END) {
            if (!cclip_is_gzip(stream->next_in, stream->avail_in))
                break; /* whatever follows the last member is ignored, as gzip does */
            if (inflateReset(stream) != Z_OK)
                return cclip_fail(CCLIP_ERROR_FORMAT, "%s: damaged gzip data", name);
        } else if (!count && !stream->avail_in) {
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: gzip data ends after %lu bytes", name,
                              stream->total_in);
        }
    }
    return status;
}

cclip_status cclip_gzip_inflate(struct cclip_buffer *out, const void *data, size_t size,
                                size_t maximum, const char *name)
{
    z_stream stream = { .zalloc = take, .zfree = give };
    cclip_buffer_open(out, maximum);
    if (size > UINT_MAX)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %zu bytes of gzip data; at most %u are read",
                          name, size, UINT_MAX);
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return cclip_fail_memory(1 << 16);
    stream.next_in = (Bytef *)(size_t)data;
    stream.avail_in = (uInt)size;
    const cclip_status status = inflate_all(&stream, out, maximum, name);
    inflateEnd(&stream);
    return status;
}
