/* Rules for captions: what each changes and what it refuses, and what they leave alone. */
#include "support/unit.h"

#include "base/limits.h"
#include "curate/caption_rules.h"
#include "support/fault.h"

static const struct cclip_caption_settings usual = { 0, 2, 1000, 0.4 };

#define BIT(rule) (1u << CCLIP_CAPTION_##rule)

static void check(const char *text, const char *expected, unsigned changed, enum cclip_caption_rule refused,
                  const struct cclip_caption_settings *settings)
{
    struct cclip_caption_cleaner cleaner = { 0 };
    struct cclip_caption_verdict verdict;
    struct cclip_buffer out;
    cclip_buffer_open(&out, CCLIP_LIMIT_TEXT_BYTES);
    assert_ok(cclip_caption_clean(&out, &verdict, &cleaner, text, strlen(text), settings));
    if (strcmp(out.data ? out.data : "", expected) || verdict.changed != changed || verdict.refused != refused)
        fail_msg("\"%s\": \"%s\", changed %x, refused %d; expected \"%s\", %x, %d", text, out.data, verdict.changed,
                 (int)verdict.refused, expected, changed, (int)refused);
    cclip_caption_cleaner_close(&cleaner);
    cclip_buffer_close(&out);
}

static void test_changes(void **state)
{
    static const struct {
        const char *text, *expected;
        unsigned changed;
    } cases[] = {
        { "a cat on a mat", "a cat on a mat", 0 },
        { "Tom &amp; Jerry", "Tom & Jerry", BIT(ENTITIES) },
        { "it&amp;#39;s here", "it's here", BIT(ENTITIES) },
        { "AT&T store", "AT&T store", 0 },
        { "a <b>red</b> car", "a red car", BIT(TAGS) | BIT(WHITE_SPACE) },
        { "I <3 cats and 2 < 3 > 1 dogs", "I <3 cats and 2 < 3 > 1 dogs", 0 },
        { "a <not closed tag", "a <not closed tag", 0 },
        { "&lt;br/&gt;two cows", "two cows", BIT(ENTITIES) | BIT(TAGS) | BIT(WHITE_SPACE) },
        { "see (https://a.b/c?d=1) a lake", "see a lake", BIT(URLS) | BIT(WHITE_SPACE) },
        { "a lake www.lakes.org", "a lake", BIT(URLS) | BIT(WHITE_SPACE) },
        { "write to Bob.Smith@mail.example.com, now", "write to now", BIT(EMAILS) | BIT(WHITE_SPACE) },
        { "@bob at home, me@home", "@bob at home, me@home", 0 },
        { "IMG_1234.jpg a dog", "a dog", BIT(FILE_NAMES) | BIT(WHITE_SPACE) },
        { "a dog (DSC00123)", "a dog", BIT(FILE_NAMES) | BIT(WHITE_SPACE) },
        { "dog-and-cat.PNG two pets", "two pets", BIT(FILE_NAMES) | BIT(WHITE_SPACE) },
        { "P1010203 a boat, 20230514_101112", "a boat,", BIT(FILE_NAMES) | BIT(WHITE_SPACE) },
        { "img of a car, a P51 and a DSC", "img of a car, a P51 and a DSC", 0 },
        { " a\t\tb \xc2\xa0\xe3\x80\x80 c\n", "a b c", BIT(WHITE_SPACE) },
        { "a\x01z", "a z", BIT(WHITE_SPACE) },
        { "\xe7\x8c\xab", "\xe7\x8c\xab", 0 }, /* a whole word in one character */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].text, cases[i].expected, cases[i].changed, CCLIP_CAPTION_RULES, &usual);
}

static void test_refusals(void **state)
{
    const struct cclip_caption_settings strict = { 0, 5, 8, 0.4 };
    (void)state;
    check("\xff\xfe broken", "\xff\xfe broken", 0, CCLIP_CAPTION_NOT_UTF8, &usual);
    check("a \xed\xa0\x80 cat", "a \xed\xa0\x80 cat", 0, CCLIP_CAPTION_NOT_UTF8, &usual); /* a lone surrogate */
    check(" \n ", "", BIT(WHITE_SPACE), CCLIP_CAPTION_EMPTY, &usual);
    check("http://a.b/", "", BIT(URLS), CCLIP_CAPTION_EMPTY, &usual);
    check("x", "x", 0, CCLIP_CAPTION_TOO_SHORT, &usual);
    check("\xf0\x9f\x98\x80\xf0\x9f\x98\x80 \xf0\x9f\x98\x80", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80 \xf0\x9f\x98\x80", 0,
          CCLIP_CAPTION_NOT_TEXT, &usual);
    check("12345 - 67", "12345 - 67", 0, CCLIP_CAPTION_NOT_TEXT, &usual);
    check("bird", "bird", 0, CCLIP_CAPTION_TOO_SHORT, &strict);
    check("birds", "birds", 0, CCLIP_CAPTION_RULES, &strict);
    check("big birds", "big birds", 0, CCLIP_CAPTION_TOO_LONG, &strict);
}

/* A rule that is off does nothing, whether it changes or refuses. */
static void test_off(void **state)
{
    const unsigned all = (1u << CCLIP_CAPTION_RULES) - 1;
    const struct cclip_caption_settings off = { all, 2, 1000, 0.4 }, no_urls = { BIT(URLS), 2, 1000, 0.4 };
    (void)state;
    check("&amp; <b> http://x.y IMG_1234.jpg  ", "&amp; <b> http://x.y IMG_1234.jpg  ", 0, CCLIP_CAPTION_RULES, &off);
    check("\xff", "\xff", 0, CCLIP_CAPTION_RULES, &off);
    check("see http://x.y  now", "see http://x.y now", BIT(WHITE_SPACE), CCLIP_CAPTION_RULES, &no_urls);
}

static void test_names(void **state)
{
    (void)state;
    for (int rule = 0; rule < CCLIP_CAPTION_RULES; rule++)
        assert_int_equal(cclip_caption_rule_named(cclip_caption_rule_info((enum cclip_caption_rule)rule)->name), rule);
    assert_int_equal(cclip_caption_rule_named("no such rule"), CCLIP_CAPTION_RULES);
}

static cclip_status life(void *context)
{
    struct cclip_caption_cleaner cleaner = { 0 };
    struct cclip_caption_verdict verdict;
    struct cclip_buffer out;
    (void)context;
    cclip_buffer_open(&out, CCLIP_LIMIT_TEXT_BYTES);
    static const char text[] = "&amp;quot; <b> x@y.z http://x.y IMG_1234.jpg a  cat";
    const cclip_status status = cclip_caption_clean(&out, &verdict, &cleaner, text, sizeof text - 1, &usual);
    cclip_caption_cleaner_close(&cleaner);
    cclip_buffer_close(&out);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(life, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_changes), cmocka_unit_test(test_refusals),
                                        cmocka_unit_test(test_off), cmocka_unit_test(test_names),
                                        cmocka_unit_test(test_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
