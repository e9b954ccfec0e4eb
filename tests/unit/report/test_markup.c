/* Any bytes become valid HTML text; base64 as RFC 4648 has it. */
#include "support/unit.h"

#include <math.h>

#include "report/markup.h"

static void expect_text(const char *text, const char *expected)
{
    struct cclip_buffer out;
    cclip_buffer_open(&out, 4096);
    assert_ok(cclip_markup_text(&out, text));
    assert_string_equal(out.data ? out.data : "", expected);
    cclip_buffer_close(&out);
}

static void test_text(void **state)
{
    (void)state;
    expect_text("", "");
    expect_text("cat.png", "cat.png");
    expect_text("<img src=x onerror=\"a('b')\">&amp;",
                "&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;amp;");
    expect_text("caf\u00e9 \u4e2d \U0001f408", "caf\u00e9 \u4e2d \U0001f408");
}

static void test_bytes_that_are_no_utf8(void **state)
{
    (void)state;
    expect_text("caf\xe9.jpg", "caf\ufffd.jpg");                /* Latin-1 */
    expect_text("\xc3", "\ufffd");                              /* cut off */
    expect_text("\xe4\xb8", "\ufffd\ufffd");                    /* cut off */
    expect_text("\xc0\xaf", "\ufffd\ufffd");                    /* not the shortest form */
    expect_text("\xed\xa0\x80", "\ufffd\ufffd\ufffd");          /* a surrogate */
    expect_text("\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"); /* above U+10FFFF */
    expect_text("\xf0\x9f\x90\x88\x80", "\U0001f408\ufffd");
    expect_text("a\x1b[31m\n\x7f\xc2\x85", "a\ufffd[31m\ufffd\ufffd\ufffd"); /* control characters */
    expect_text("\xc2\xa0", "\xc2\xa0"); /* the first that is none */
}

static void test_base64(void **state)
{
    static const char *const pairs[][2] = { { "", "" },          { "f", "Zg==" },
                                            { "fo", "Zm8=" },     { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xbf", "+/+/" } };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct cclip_buffer out;
        cclip_buffer_open(&out, 4096);
        assert_ok(cclip_buffer_text(&out, "x"));
        assert_ok(cclip_base64(&out, pairs[i][0], strlen(pairs[i][0])));
        assert_string_equal(out.data + 1, pairs[i][1]);
        assert_int_equal(out.length, 1 + strlen(pairs[i][1]));
        cclip_buffer_close(&out);
    }
}

static void test_base64_limit(void **state)
{
    struct cclip_buffer out;
    (void)state;
    cclip_buffer_open(&out, 7);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_base64(&out, "abcd", 4));
    assert_int_equal(out.length, 0);
    cclip_buffer_close(&out);
}

static void test_permille(void **state)
{
    (void)state;
    assert_int_equal(cclip_permille(0), 0);
    assert_int_equal(cclip_permille(1), 1000);
    assert_int_equal(cclip_permille(0.1234f), 123);
    assert_int_equal(cclip_permille(0.1235f), 124);
    assert_int_equal(cclip_permille(-3), 0);
    assert_int_equal(cclip_permille(INFINITY), 1000);
    assert_int_equal(cclip_permille(NAN), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),         cmocka_unit_test(test_bytes_that_are_no_utf8),
        cmocka_unit_test(test_base64),       cmocka_unit_test(test_base64_limit),
        cmocka_unit_test(test_permille),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
