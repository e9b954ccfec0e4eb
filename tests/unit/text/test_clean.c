/* Cleaning: each rule by itself, in each style. */
#include "support/unit.h"

#include "text/clean.h"
#include "text/html.h"
#include "unit/text/small_tokenizer.h"

struct pair {
    const char *text, *wanted;
};

static void check(const struct cclip_text_options *options, const struct pair *pairs, size_t count)
{
    struct cclip_tokenizer *tokenizer;
    struct cclip_text_encoder *encoder;
    struct cclip_buffer out;
    cclip_buffer_open(&out, 1 << 20);
    assert_ok(small_open(&tokenizer, options));
    assert_ok(cclip_text_encoder_open(&encoder, tokenizer));
    for (size_t i = 0; i < count; i++) {
        cclip_buffer_clear(&out);
        assert_ok(cclip_text_clean(encoder, &out, pairs[i].text, strlen(pairs[i].text)));
        assert_string_equal(out.data ? out.data : "", pairs[i].wanted);
    }
    cclip_text_encoder_close(&encoder);
    cclip_text_tokenizer_close(&tokenizer);
    cclip_buffer_close(&out);
}
#define CHECK(options, pairs) check(options, pairs, sizeof(pairs) / sizeof(pairs)[0])

static const struct cclip_text_options openai = { .style = CCLIP_STYLE_OPENAI };
static const struct cclip_text_options plain = { .style = CCLIP_STYLE_OPENAI, .no_ftfy = 1 };
static const struct cclip_text_options hf = { .style = CCLIP_STYLE_HF };

static void test_white_space(void **state)
{
    static const struct pair without[] = {
        { "", "" },
        { " \t\n", "" },
        { "  a \t\r\n b\xc2\xa0" "c\xe3\x80\x80", "a b c" },
        { "\x1c" "a\x1d" "b\x1f", "a\x1d" "b" }, /* strip takes them, the pattern does not */
        { "a\xe2\x80\x8b" "b", "a\xe2\x80\x8b" "b" }, /* zero width space is none */
        { "a\xc2\x85" "b", "a b" },
    };
    static const struct pair split[] = { { "\x1c" "a\x1d" "b\x1f", "a b" } };
    const struct cclip_text_options open_clip = { .style = CCLIP_STYLE_OPEN_CLIP, .no_ftfy = 1 };
    (void)state;
    CHECK(&plain, without);
    CHECK(&open_clip, split);
}

static void test_lower_case(void **state)
{
    static const struct pair contexts[] = {
        { "ABC xYz", "abc xyz" },
        { "\xce\x9f\xce\xa3 \xce\xa3 \xce\xa3\xce\x91", "\xce\xbf\xcf\x82 \xcf\x83 \xcf\x83\xce\xb1" },
        { "\xce\x91\xce\xa3.", "\xce\xb1\xcf\x82." },
        { "\xce\x91\xce\xa3'\xce\x91", "\xce\xb1\xcf\x83'\xce\xb1" }, /* looked through */
        { "\xc4\xb0I", "i\xcc\x87i" },
        { "\xc5\xbf\xc3\x9f", "\xc5\xbf\xc3\x9f" },
        { "\xe1\xba\x9e", "\xc3\x9f" },
    };
    static const struct pair single[] = { { "\xce\x9f\xce\xa3", "\xce\xbf\xcf\x83" },
                                          { "\xc4\xb0", "i\xcc\x87" } };
    (void)state;
    CHECK(&plain, contexts);
    CHECK(&hf, single);
}

static void test_html(void **state)
{
    static const struct pair pairs[] = {
        { "a &amp; b &amp;amp; c", "a & b & c" },
        { "&amp;amp;lt;", "&lt;" }, /* twice, not three times */
        { "&notit; &ampx &AMP; &Amp;", "\xc2\xacit; &x & &amp;" },
        { "&#128;&#x41;&#X42&#67", "\xe2\x82\xac" "abc" },
        { "x&#1;&#127;&#xFFFF;y", "xy" },
        { "&#0;&#xD800;&#1114112;&#99999999999999999999;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "&#x; &#; & &; &bogus;", "&#x; &#; & &; &bogus;" },
        { "&ngeqq;", "\xe2\x89\xa7\xcc\xb8" },
        { "&CounterClockwiseContourIntegral;", "\xe2\x88\xb3" },
    };
    (void)state;
    CHECK(&plain, pairs);
    assert_null(cclip_html_entity("amp", 2));
    assert_null(cclip_html_entity("ampx", 4));
    assert_non_null(cclip_html_entity("amp;", 4));
}

static void test_repair(void **state)
{
    static const struct pair pairs[] = {
        { "\xe2\x80\x9cquoted\xe2\x80\x9d it\xe2\x80\x99s \xe2\x80\x94", "\"quoted\" it's \xe2\x80\x94" },
        { "\xef\xac\x81ne \xef\xbd\x81\xef\xbc\xa2", "fine ab" },
        { "a\x01\x7f" "b\xef\xbb\xbf" "c", "abc" },
        { "\x1b[31mred\x1b[0m", "red" },
        { "e\xcc\x81", "\xc3\xa9" },
        { "&amp;amp;lt;", "<" },              /* one level more than without */
        { "<b>&amp;amp;lt;", "<b>&lt;" },     /* not where there are tags */
        { "&EACUTE; &HELLIP;", "\xc3\xa9 \xe2\x80\xa6" },
        { "sch\xc3\x83\xc2\xb6n", "sch\xc3\xb6n" },
        { "It\xc3\xa2\xe2\x82\xac\xe2\x84\xa2s", "it's" },
        { "caf\xc3\x83\xc2\x83\xc3\x82\xc2\xa9", "caf\xc3\xa9" }, /* twice wrong */
        { "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82" },
        { "\xed\xa0\xbd\xed\xb8\x80 \xed\xa0\x80", "\xf0\x9f\x98\x80 \xef\xbf\xbd" }, /* surrogates */
        { "na\xc3\xafve caf\xc3\xa9 \xc3\x9c" "ber", "na\xc3\xafve caf\xc3\xa9 \xc3\xbc" "ber" },
    };
    (void)state;
    CHECK(&openai, pairs);
}

static void test_composition(void **state)
{
    static const struct pair pairs[] = {
        { "a\xcc\x81\xcc\xa3", "\xe1\xba\xa1\xcc\x81" }, /* the mark below goes first */
        { "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81" },
        { "\xe2\x84\xab", "\xc3\xa5" },
        { "\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc" }, /* excluded from composition */
        { " a  b ", " a b " },                         /* style hf keeps the ends */
    };
    (void)state;
    CHECK(&hf, pairs);
}

static void test_cleaning_by_name(void **state)
{
    static const struct pair canonical[] = { { "A_photo, of: a (Cat)! it's", "a photo of a cat its" } };
    static const struct pair space[] = { { "  A  Cat ", "A Cat" } };
    const struct cclip_text_options siglip = { .style = CCLIP_STYLE_OPEN_CLIP,
                                               .cleaning = CCLIP_CLEANING_CANONICALIZE };
    const struct cclip_text_options whitespace = { .style = CCLIP_STYLE_OPEN_CLIP,
                                                   .cleaning = CCLIP_CLEANING_WHITESPACE };
    (void)state;
    CHECK(&siglip, canonical);
    CHECK(&whitespace, space);
}

static void test_malformed(void **state)
{
    static const char *const texts[] = { "a\xff", "\xc3", "\xe2\x82", "\xf4\x90\x80\x80", "\xc0\x80", "\x80" };
    struct cclip_tokenizer *tokenizer;
    struct cclip_text_encoder *encoder;
    const int32_t *ids;
    size_t count;
    (void)state;
    assert_ok(small_open(&tokenizer, &openai));
    assert_ok(cclip_text_encoder_open(&encoder, tokenizer));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_fails(CCLIP_ERROR_FORMAT, cclip_text_encode(encoder, &ids, &count, texts[i], strlen(texts[i])));
        assert_null(ids);
        assert_int_equal(count, 0);
        assert_non_null(strstr(cclip_error_message(), "byte "));
    }
    cclip_text_encoder_close(&encoder);
    cclip_text_tokenizer_close(&tokenizer);
    /* A lone surrogate is repaired, and refused where nothing repairs it. */
    assert_ok(small_open(&tokenizer, &plain));
    assert_ok(cclip_text_encoder_open(&encoder, tokenizer));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_text_encode(encoder, &ids, &count, "a \xed\xa0\x80", 5));
    assert_non_null(strstr(cclip_error_message(), "surrogate"));
    cclip_text_encoder_close(&encoder);
    cclip_text_tokenizer_close(&tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_white_space), cmocka_unit_test(test_lower_case),
        cmocka_unit_test(test_html),        cmocka_unit_test(test_repair),
        cmocka_unit_test(test_composition), cmocka_unit_test(test_cleaning_by_name),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
