/* Templates: what a file may look like, what is refused and how, expansion. */
#include "support/fault.h"
#include "support/unit.h"

#include "zero_shot/templates.h"

static struct cclip_templates *parse(const char *text)
{
    struct cclip_templates *templates = NULL;
    assert_ok(cclip_template_list_parse(&templates, text, strlen(text), "t.txt"));
    return templates;
}

static void test_lines(void **state)
{
    (void)state;
    struct cclip_templates *t = parse("\xef\xbb\xbf# comment\n\n  a photo of a {}.\r\n\t{c}\n{} and {c}");
    assert_int_equal(t->list.count, 3);
    assert_string_equal(t->list.names[0], "a photo of a {}.");
    assert_string_equal(t->list.names[1], "{c}");
    assert_string_equal(t->list.names[2], "{} and {c}");
    cclip_template_list_close(&t);
    assert_null(t);
}

static void test_python_lists(void **state)
{
    (void)state;
    static const char text[] = "imagenet_templates = [\n    'a bad photo of a {}.',\n"
                               "    \"itap of my {}.\",\n    lambda c: f'a {c} here.',\n"
                               "    'the {}'\n]\n";
    static const char *const expected[] = { "a bad photo of a {}.", "itap of my {}.", "a {c} here.",
                                            "the {}" };
    struct cclip_templates *t = parse(text);
    assert_int_equal(t->list.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(t->list.names[i], expected[i]);
    cclip_template_list_close(&t);
    t = parse("the {}'s\n'tis a {}\na {},\n"); /* quoted at one end, or not at all: as it stands */
    assert_string_equal(t->list.names[0], "the {}'s");
    assert_string_equal(t->list.names[1], "'tis a {}");
    assert_string_equal(t->list.names[2], "a {},");
    cclip_template_list_close(&t);
}

static void test_refused(void **state)
{
    (void)state;
    struct cclip_templates *t = (void *)1;
    assert_fails(CCLIP_ERROR_FORMAT, cclip_template_list_parse(&t, "a {}\nno place\n", 14, "t.txt"));
    assert_null(t);
    assert_string_equal(cclip_error_message(),
                        "t.txt: line 2: no {} for the label in the template \"no place\"");
    assert_fails(CCLIP_ERROR_FORMAT, cclip_template_list_parse(&t, "# nothing\n", 10, "t.txt"));
    assert_string_equal(cclip_error_message(), "t.txt: no template in it");
    assert_fails(CCLIP_ERROR_FORMAT, cclip_template_list_parse(&t, "a\0 {}\n", 6, "t.txt"));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_template_list_read(&t, "/no/such/file"));
    static const char *const own[] = { "{}", "a { }" };
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_template_list_copy(&t, own, 2));
    assert_string_equal(cclip_error_message(),
                        "template 2: no {} for the label in the template \"a { }\"");
    assert_null(t);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_template_list_copy(&t, own, 0));
}

static void test_expansion(void **state)
{
    (void)state;
    static const char *const cases[][2] = { { "a {}.", "a cat." },
                                            { "{c}", "cat" },
                                            { "{}{c} {", "catcat {" },
                                            { "{x} {}", "{x} cat" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cclip_buffer out;
        cclip_buffer_open(&out, 100);
        assert_ok(cclip_template_expand(&out, cases[i][0], "cat", 3));
        assert_string_equal(out.data, cases[i][1]);
        cclip_buffer_close(&out);
    }
    struct cclip_buffer small;
    cclip_buffer_open(&small, 4);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_template_expand(&small, "a long {}", "cat", 3));
    cclip_buffer_close(&small);
}

static cclip_status life(void *context)
{
    struct cclip_templates *t = NULL;
    const cclip_status status = cclip_template_list_parse(&t, context, strlen(context), "t.txt");
    cclip_template_list_close(&t);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    char text[] = "a {}\nthe {c}\n{}\n";
    assert_true(cclip_fault_each(life, text) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),     cmocka_unit_test(test_python_lists),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
