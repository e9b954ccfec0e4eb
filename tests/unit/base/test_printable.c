/* What may go to a terminal and what is spelled out. */
#include "support/unit.h"

#include "base/printable.h"

static const struct {
    const char *text, *shown;
} cases[] = {
    { "", "" },
    { "plain, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "plain, \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "a\nb\r\t\x1b[31m\x7f\x01", "a\\x0ab\\x0d\\x09\\x1b[31m\\x7f\\x01" },
    { "\xc2\x9b" "2J\xc2\xa0", "\\xc2\\x9b2J\xc2\xa0" },     /* control sequence in one character */
    { "\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9" }, /* line and paragraph end */
    { "\xe2\x80\xaegpj.exe", "\\xe2\\x80\\xaegpj.exe" },     /* right-to-left override */
    { "\xe2\x81\xa6\xe2\x81\xaa", "\\xe2\\x81\\xa6\xe2\x81\xaa" },
    { "\xd8\x9c\xd8\x9d", "\\xd8\\x9c\xd8\x9d" },
    { "\x80\xff\x9b", "\\x80\\xff\\x9b" },                   /* bytes that begin no character */
    { "\xc3", "\\xc3" },                                     /* the rest is missing */
    { "\xe2\x82", "\\xe2\\x82" },
    { "\xc0\xaf\xed\xa0\x80", "\\xc0\\xaf\\xed\\xa0\\x80" }, /* overlong; a surrogate */
    { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },          /* beyond the last character */
};

static void test_cases(void **state)
{
    (void)state;
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ptr_equal(cclip_printable(out, sizeof out, cases[i].text), out);
        assert_string_equal(out, cases[i].shown);
        char again[64];
        assert_string_equal(cclip_printable(again, sizeof again, out), out);
    }
}

static void test_cut(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        const char *shown;
    } cuts[] = { { 1, "" },         { 2, "a" },          { 3, "a" },          { 4, "a\xc3\xa4" },
                 { 7, "a\xc3\xa4" }, { 8, "a\xc3\xa4\\x0a" }, { 9, "a\xc3\xa4\\x0a" "b" } };
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        char *out = malloc(cuts[i].size);
        assert_non_null(out);
        assert_string_equal(cclip_printable(out, cuts[i].size, "a\xc3\xa4\nb"), cuts[i].shown);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_cut) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
