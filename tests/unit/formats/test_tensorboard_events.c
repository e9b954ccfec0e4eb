/* Event files byte for byte as TensorBoard's own writer makes them (tests/data/tensorboard/make.py). */
#include "support/paths.h"
#include "support/unit.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/tensorboard_events.h"

static void test_crc(void **state)
{
    static const unsigned char zeros[32];
    (void)state;
    assert_int_equal(cclip_crc32c("123456789", 9), 0xe3069283); /* the check value of CRC-32C */
    assert_int_equal(cclip_crc32c(zeros, 32), 0x8a9136aa);      /* RFC 3720, B.4 */
    assert_int_equal(cclip_crc32c("", 0), 0);
}

static void expected_bytes(struct cclip_buffer *out)
{
    assert_ok(cclip_file_read(out, cclip_test_in_source("tests/data/tensorboard/events.expected"),
                              1 << 20));
}

static void test_bytes(void **state)
{
    char long_tag[7 + 200] = "train/";
    struct cclip_buffer out, expected;
    (void)state;
    memset(long_tag + 6, 'x', 200);
    const struct cclip_scalar plain[] = { { "train/loss", 4.125 }, { "train/lr", 1e-3 } };
    const struct cclip_scalar odd[] = { { long_tag, NAN }, { "\u03bb", -1e30 } };
    cclip_buffer_open(&out, 1 << 16);
    assert_ok(cclip_events_version(&out, 1700000000.25));
    assert_ok(cclip_events_start(&out, 1700000000.25, 300));
    assert_ok(cclip_events_scalars(&out, 1700000001.5, 300, plain, 2));
    assert_ok(cclip_events_scalars(&out, 1700000002.5, UINT64_C(1) << 40, odd, 2));
    assert_ok(cclip_events_scalars(&out, 1700000003.5, 301, NULL, 0));
    expected_bytes(&expected);
    assert_int_equal(out.length, expected.length);
    assert_memory_equal(out.data, expected.data, out.length);
    cclip_buffer_close(&out);
    cclip_buffer_close(&expected);
}

/* A record that does not fit leaves those before it. */
static void test_limit(void **state)
{
    const struct cclip_scalar scalar = { "train/loss", 1 };
    struct cclip_buffer out;
    (void)state;
    cclip_buffer_open(&out, 60);
    assert_ok(cclip_events_version(&out, 1));
    const size_t before = out.length;
    assert_fails(CCLIP_ERROR_LIMIT, cclip_events_scalars(&out, 1, 1, &scalar, 1));
    assert_int_equal(out.length, before);
    cclip_buffer_close(&out);
}

/* A file has each record as soon as it is written. */
static void test_file(void **state)
{
    const struct cclip_scalar plain[] = { { "train/loss", 4.125 }, { "train/lr", 1e-3 } };
    char path[] = "/tmp/cclip-events-XXXXXX";
    struct cclip_events_file file;
    struct cclip_buffer seen, expected;
    (void)state;
    const int made = mkstemp(path);
    assert_true(made >= 0);
    assert_int_equal(close(made), 0);
    assert_ok(cclip_events_file_open(&file, path, 1700000000.25, 300));
    assert_ok(cclip_events_file_scalars(&file, 1700000001.5, 300, plain, 2));
    assert_ok(cclip_file_read(&seen, path, 1 << 20));
    cclip_events_file_close(&file);
    cclip_events_file_close(&file);
    expected_bytes(&expected);
    assert_true(seen.length > 100);
    assert_memory_equal(seen.data, expected.data, seen.length);
    cclip_buffer_close(&seen);
    cclip_buffer_close(&expected);
    assert_int_equal(unlink(path), 0);
}

static void test_failures(void **state)
{
    struct cclip_events_file file;
    (void)state;
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_events_file_open(&file, "/none/events", 1, 0));
    assert_non_null(strstr(cclip_error_message(), "/none/events"));
    assert_fails(CCLIP_ERROR_IO, cclip_events_file_open(&file, "/dev/full", 1, 0));
    assert_non_null(strstr(cclip_error_message(), "/dev/full"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),  cmocka_unit_test(test_bytes),    cmocka_unit_test(test_limit),
        cmocka_unit_test(test_file), cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
