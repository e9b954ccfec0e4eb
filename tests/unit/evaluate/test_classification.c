/* Top-1, top-5 and mean per-class recall, against cases worked out by hand. */
#include "support/unit.h"

#include <math.h>

#include "evaluate/classification.h"
#include "support/fault.h"

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-12))
        fail_msg("%.17g instead of %.17g", value, expected);
}

/* Six classes, the scores fall from class 0 to class 5: the truth is found at its own place. */
static void test_figures(void **state)
{
    const float falling[6] = { 6, 5, 4, 3, 2, 1 };
    static const int32_t truths[] = { 0, 0, 1, 4, 5, 5, 5 };
    struct cclip_class_tally tally;
    (void)state;
    assert_ok(cclip_class_tally_open(&tally, 6));
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(cclip_class_tally_add(&tally, falling, truths[i]), 0);
    assert_int_equal(tally.samples, 7);
    near(cclip_class_tally_acc1(&tally), 2.0 / 7);
    near(cclip_class_tally_acc5(&tally), 4.0 / 7); /* class 5 is the sixth */
    /* classes 0, 1, 4, 5 occur: 2 of 2, 0 of 1, 0 of 1, 0 of 3; 2 and 3 are left out */
    near(cclip_class_tally_mean_recall(&tally), 1.0 / 4);
    const float last[6] = { 0, 0, 0, 0, 0, 1 };
    assert_int_equal(cclip_class_tally_add(&tally, last, 5), 5);
    near(cclip_class_tally_acc1(&tally), 3.0 / 8);
    near(cclip_class_tally_mean_recall(&tally), (1 + 0 + 0 + 1.0 / 4) / 4);
    cclip_class_tally_close(&tally);
}

/* Of equals the earlier is the better one, for the prediction and for the rank alike. */
static void test_ties(void **state)
{
    const float equal[6] = { 1, 1, 1, 1, 1, 1 };
    struct cclip_class_tally tally;
    (void)state;
    assert_ok(cclip_class_tally_open(&tally, 6));
    for (int32_t truth = 0; truth < 6; truth++)
        assert_int_equal(cclip_class_tally_add(&tally, equal, truth), 0);
    assert_int_equal(tally.top1, 1);
    assert_int_equal(tally.top5, 5);
    cclip_class_tally_close(&tally);
}

static void test_not_a_number(void **state)
{
    const float all[6] = { NAN, NAN, NAN, NAN, NAN, NAN }, own[6] = { 1, NAN, 0, 0, 0, 0 };
    const float other[6] = { 2, 1, NAN, 0, 0, 0 };
    struct cclip_class_tally tally;
    (void)state;
    assert_ok(cclip_class_tally_open(&tally, 6));
    cclip_class_tally_add(&tally, all, 0);
    cclip_class_tally_add(&tally, own, 1);
    assert_int_equal(tally.top1 + tally.top5, 0);
    cclip_class_tally_add(&tally, other, 0); /* what NaN would be is unknown: not the best for sure */
    assert_int_equal(tally.top1, 0);
    assert_int_equal(tally.top5, 1);
    cclip_class_tally_close(&tally);
}

static void test_few_classes(void **state)
{
    const float scores[4] = { 0, 1, 0, 0 };
    struct cclip_class_tally tally;
    (void)state;
    assert_ok(cclip_class_tally_open(&tally, 4));
    cclip_class_tally_add(&tally, scores, 1);
    assert_true(isnan(cclip_class_tally_acc5(&tally)));
    near(cclip_class_tally_acc1(&tally), 1);
    cclip_class_tally_close(&tally);
    const float one = 0;
    assert_ok(cclip_class_tally_open(&tally, 1));
    assert_int_equal(cclip_class_tally_add(&tally, &one, 0), 0);
    near(cclip_class_tally_acc1(&tally), 1);
    cclip_class_tally_close(&tally);
}

static cclip_status life(void *context)
{
    struct cclip_class_tally tally;
    (void)context;
    const cclip_status status = cclip_class_tally_open(&tally, 3);
    cclip_class_tally_close(&tally);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_int_equal(cclip_fault_each(life, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_figures), cmocka_unit_test(test_ties),
                                        cmocka_unit_test(test_not_a_number), cmocka_unit_test(test_few_classes),
                                        cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
