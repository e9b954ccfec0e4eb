/* gzip: members one after another, damage, a cut stream, more than the maximum. */
#include "support/unit.h"

#include <zlib.h>

#include "formats/gzip.h"
#include "support/fault.h"

enum { ROOM = 100000 };

static size_t deflated(unsigned char *out, const void *data, size_t size)
{
    z_stream stream = { 0 };
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(size_t)data;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = ROOM;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    const size_t length = stream.total_out;
    deflateEnd(&stream);
    return length;
}

static void test_members(void **state)
{
    unsigned char data[ROOM];
    struct cclip_buffer out;
    (void)state;
    size_t size = deflated(data, "first ", 6);
    size += deflated(data + size, "second", 6);
    assert_true(cclip_is_gzip(data, size));
    assert_ok(cclip_gzip_inflate(&out, data, size, 1000, "t.gz"));
    assert_string_equal(out.data, "first second");
    cclip_buffer_close(&out);
    memcpy(data + size, "padding", 7); /* ignored */
    assert_ok(cclip_gzip_inflate(&out, data, size + 7, 1000, "t.gz"));
    assert_int_equal(out.length, 12);
    cclip_buffer_close(&out);
    assert_false(cclip_is_gzip("\x1f", 1));
    assert_false(cclip_is_gzip("PK", 2));
}

static void test_maximum(void **state)
{
    static char zeros[4000000];
    unsigned char data[ROOM];
    struct cclip_buffer out;
    (void)state;
    const size_t size = deflated(data, zeros, sizeof zeros);
    assert_true(size < 8000);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_gzip_inflate(&out, data, size, sizeof zeros - 1, "t.gz"));
    assert_non_null(strstr(cclip_error_message(), "t.gz"));
    cclip_buffer_close(&out);
    assert_ok(cclip_gzip_inflate(&out, data, size, sizeof zeros, "t.gz"));
    assert_int_equal(out.length, sizeof zeros);
    cclip_buffer_close(&out);
}

static void test_damage(void **state)
{
    unsigned char data[ROOM];
    char text[2000];
    struct cclip_buffer out;
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * i >> 3);
    const size_t size = deflated(data, text, sizeof text);
    for (size_t cut = 0; cut < size; cut++) {
        assert_fails(CCLIP_ERROR_FORMAT, cclip_gzip_inflate(&out, data, cut, 10000, "t.gz"));
        cclip_buffer_close(&out);
    }
    data[size - 6] ^= 1; /* checksum */
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gzip_inflate(&out, data, size, 10000, "t.gz"));
    assert_non_null(strstr(cclip_error_message(), "t.gz: byte "));
    cclip_buffer_close(&out);
}

static cclip_status inflate_once(void *context)
{
    struct cclip_buffer *data = context, out;
    const cclip_status status = cclip_gzip_inflate(&out, data->data, data->length, 1000, "t.gz");
    cclip_buffer_close(&out);
    return status;
}

static void test_allocations(void **state)
{
    unsigned char bytes[ROOM];
    struct cclip_buffer data = { .data = (char *)bytes };
    (void)state;
    data.length = deflated(bytes, "text", 4);
    assert_true(cclip_fault_each(inflate_once, &data) >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_members), cmocka_unit_test(test_maximum),
                                        cmocka_unit_test(test_damage), cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
