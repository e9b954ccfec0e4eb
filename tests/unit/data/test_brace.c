/* Lists of shards by braces. */
#include "support/unit.h"

#include "data/brace.h"
#include "support/fault.h"

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern, *names; /* joined by blanks */
    } cases[] = {
        { "plain.tar", "plain.tar" },
        { "{0..2}.tar", "0.tar 1.tar 2.tar" },
        { "s-{008..011}.tar", "s-008.tar s-009.tar s-010.tar s-011.tar" },
        { "{00..1}", "00 01" },
        { "{8..11}", "8 9 10 11" },
        { "{2..0}", "2 1 0" },
        { "{7..7}", "7" },
        { "{a,bc,}/x", "a/x bc/x /x" },
        { "{x,y}-{1..2}.tar", "x-1.tar x-2.tar y-1.tar y-2.tar" },
        { "{a}.tar", "{a}.tar" }, /* neither list nor range: a name like any other */
        { "{}.tar", "{}.tar" },
        { "{1..}.tar", "{1..}.tar" },
        { "{..1}", "{..1}" },
        { "{a..c}", "{a..c}" },
        { "a{b", "a{b" },
        { "a}b{1..2}", "a}b1 a}b2" },
        { "{{1..2}", "{1 {2" },
        { "", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cclip_names names = { 0 };
        char joined[1000] = "";
        assert_ok(cclip_brace_expand(&names, cases[i].pattern));
        for (size_t k = 0; k < names.count; k++)
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", k ? " " : "", names.names[k]);
        assert_string_equal(joined, cases[i].names);
        cclip_names_close(&names);
    }
}

static void test_limit(void **state)
{
    struct cclip_names names = { 0 };
    (void)state;
    assert_fails(CCLIP_ERROR_LIMIT, cclip_brace_expand(&names, "{0..999999}{0..999999}"));
    assert_fails(CCLIP_ERROR_LIMIT, cclip_brace_expand(&names, "{0..999999999999999999}"));
    assert_int_equal(names.count, 0);
    assert_ok(cclip_brace_expand(&names, "{0..9999999999999999999999}")); /* too many digits for a range */
    assert_int_equal(names.count, 1);
    cclip_names_close(&names);
}

static cclip_status expand(void *context)
{
    struct cclip_names names = { 0 };
    (void)context;
    const cclip_status status = cclip_brace_expand(&names, "shard-with-a-long-name-{0..20}.tar");
    cclip_names_close(&names);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(expand, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_patterns), cmocka_unit_test(test_limit),
                                        cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
