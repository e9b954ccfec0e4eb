/* Tables of data sets: columns in any order, separators, names made of paths, and what is refused. */
#include "support/unit.h"

#include "evaluate/suite.h"
#include "support/fault.h"

static cclip_status parse(struct cclip_suite_list *out, const char *text)
{
    return cclip_suite_parse(out, text, strlen(text), "s.csv");
}

static void test_lines(void **state)
{
    struct cclip_suite_list list;
    (void)state;
    assert_ok(parse(&list, "kind,path,name,task\nemoji,sets/a/,,\n\n,\"b,c\",second,zeroshot_retrieval\nicons,d\n"));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.lines[0].texts[CCLIP_SUITE_NAME], "a");
    assert_string_equal(list.lines[0].texts[CCLIP_SUITE_KIND], "emoji");
    assert_string_equal(list.lines[0].texts[CCLIP_SUITE_PATH], "sets/a/");
    assert_null(list.lines[0].texts[CCLIP_SUITE_TASK]);
    assert_null(list.lines[1].texts[CCLIP_SUITE_KIND]);
    assert_string_equal(list.lines[1].texts[CCLIP_SUITE_PATH], "b,c");
    assert_string_equal(list.lines[1].texts[CCLIP_SUITE_NAME], "second");
    assert_int_equal(list.lines[1].line, 4);
    assert_string_equal(list.lines[2].texts[CCLIP_SUITE_NAME], "d"); /* fields at the end may be left out */
    cclip_suite_list_close(&list);
    assert_ok(parse(&list, "path\tsplit\nx\ttrain\n"));
    assert_string_equal(list.lines[0].texts[CCLIP_SUITE_SPLIT], "train");
    cclip_suite_list_close(&list);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "", "s.csv: line 1: no column \"path\"" },
        { "name,kind\n", "s.csv: line 1: no column \"path\"" },
        { "path,colour\nx,red\n", "s.csv: line 1: a suite has no column \"colour\": path, name, kind, task, templates, "
                                  "classnames, split, image_column, caption_column" },
        { "path,path\nx,y\n", "s.csv: line 1: the column \"path\" is there twice" },
        { "path,kind\n,emoji\n", "s.csv: line 2: the path of a data set expected" },
        { "path,kind\nx,emoji,7\n", "s.csv: line 2: 3 fields, but 2 columns" },
        { "path\na/x\nb/x\n", "s.csv: line 3: the name \"x\" is there already, in line 2" },
        { "path\n", "s.csv: no data set" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cclip_suite_list list;
        assert_int_equal(parse(&list, cases[i].text), CCLIP_ERROR_FORMAT);
        assert_string_equal(cclip_error_message(), cases[i].message);
        assert_int_equal(list.count, 0);
    }
}

static cclip_status life(void *context)
{
    struct cclip_suite_list list;
    (void)context;
    const cclip_status status = parse(&list, "path,name\nx,a\ny\n");
    cclip_suite_list_close(&list);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(life, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_refused),
                                        cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
