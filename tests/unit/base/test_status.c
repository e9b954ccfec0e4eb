/* Messages: one line, extended from outside, carried between threads. */
#include "support/unit.h"

#include <errno.h>
#include <pthread.h>
#include "base/printable.h"

static void test_fail(void **state)
{
    (void)state;
    assert_int_equal(cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %d", "a.npy", 7), CCLIP_ERROR_FORMAT);
    assert_string_equal(cclip_error_message(), "a.npy: byte 7");
    assert_int_equal(cclip_fail_in(CCLIP_ERROR_FORMAT, "row %d", 3), CCLIP_ERROR_FORMAT);
    assert_string_equal(cclip_error_message(), "row 3: a.npy: byte 7");
}

static void test_message_into_message(void **state)
{
    (void)state;
    cclip_fail(CCLIP_ERROR_IO, "inner");
    cclip_fail(CCLIP_ERROR_IO, "outer (%s)", cclip_error_message());
    assert_string_equal(cclip_error_message(), "outer (inner)");
}

static void test_control_characters(void **state)
{
    (void)state;
    cclip_fail(CCLIP_ERROR_IO, "%s: no", "a\x1b[2J\nb\x7f.png");
    assert_string_equal(cclip_error_message(), "a\\x1b[2J\\x0ab\\x7f.png: no");
    cclip_fail_in(CCLIP_ERROR_IO, "in\r");
    assert_string_equal(cclip_error_message(), "in\\x0d: a\\x1b[2J\\x0ab\\x7f.png: no");
}

/* In the middle: the name stands in front, what is wrong with it at the end. */
static void test_long_messages_are_cut(void **state)
{
    (void)state;
    char name[3 * CCLIP_MESSAGE_SIZE];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cclip_fail(CCLIP_ERROR_IO, "a/%s: cannot open", name);
    assert_int_equal(strlen(cclip_error_message()), CCLIP_MESSAGE_SIZE - 1);
    assert_memory_equal(cclip_error_message(), "a/xx", 4);
    assert_non_null(strstr(cclip_error_message(), "xx ... xx"));
    assert_string_equal(cclip_error_message() + CCLIP_MESSAGE_SIZE - 1 - 15, "xx: cannot open");
    cclip_fail_in(CCLIP_ERROR_IO, "%s", name);
    assert_int_equal(strlen(cclip_error_message()), CCLIP_MESSAGE_SIZE - 1);
    assert_string_equal(cclip_error_message() + CCLIP_MESSAGE_SIZE - 1 - 15, "xx: cannot open");
}

static void test_long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    char name[2 * CCLIP_MESSAGE_SIZE + 1];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(name, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof name; i += 3)
            memcpy(name + i, "\xe2\x82\xac", 4);
        cclip_fail(CCLIP_ERROR_IO, "%s", name);
        const char *text = cclip_error_message();
        size_t left = strlen(text);
        assert_in_range(left, CCLIP_MESSAGE_SIZE - 8, CCLIP_MESSAGE_SIZE - 1);
        for (size_t length; left; text += length, left -= length) {
            length = cclip_utf8_length(text, left);
            assert_int_not_equal(length, 0);
        }
    }
}

static void test_errno(void **state)
{
    (void)state;
    errno = ENOENT;
    assert_int_equal(cclip_fail_errno("a", "cannot open"), CCLIP_ERROR_NOT_FOUND);
    assert_string_equal(cclip_error_message(), "a: cannot open: No such file or directory");
    errno = EACCES;
    assert_int_equal(cclip_fail_errno("a", "cannot open"), CCLIP_ERROR_IO);
}

static void *fail_elsewhere(void *out)
{
    cclip_failure_take(out, cclip_fail(CCLIP_ERROR_LIMIT, "from another thread"));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct cclip_failure failure;
    pthread_t thread;
    cclip_fail(CCLIP_ERROR_IO, "mine");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, &failure), 0);
    pthread_join(thread, NULL);
    assert_string_equal(cclip_error_message(), "mine");
    assert_int_equal(cclip_failure_raise(&failure), CCLIP_ERROR_LIMIT);
    assert_string_equal(cclip_error_message(), "from another thread");
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(cclip_status_name(CCLIP_OK), "ok");
    assert_string_equal(cclip_status_name(CCLIP_ERROR_CANCELLED), "cancelled");
    assert_string_equal(cclip_status_name((cclip_status)-99), "unknown");
    assert_string_equal(cclip_status_name((cclip_status)1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_message_into_message),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_long_messages_are_cut_between_characters),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
