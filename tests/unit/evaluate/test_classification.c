/* The predicted class and the place of the right one, ties and what is not a number among the scores. */
#include "support/unit.h"

#include <math.h>

#include "evaluate/classification.h"

/* Six classes, the scores fall from class 0 to class 5: the truth is found at its own place. */
static void test_places(void **state)
{
    const float falling[6] = { 6, 5, 4, 3, 2, 1 }, last[6] = { 0, 0, 0, 0, 0, 1 };
    (void)state;
    for (size_t truth = 0; truth < 6; truth++)
        assert_int_equal(cclip_class_rank(falling, 6, truth), truth);
    assert_int_equal(cclip_best_class(falling, 6), 0);
    assert_int_equal(cclip_best_class(last, 6), 5);
    assert_int_equal(cclip_class_rank(last, 6, 5), 0);
    assert_int_equal(cclip_best_class(last, 1), 0);
    assert_int_equal(cclip_class_rank(last, 1, 0), 0);
}

/* Of equals the earlier is the better one, for the prediction and for the rank alike. */
static void test_ties(void **state)
{
    const float equal[6] = { 1, 1, 1, 1, 1, 1 };
    (void)state;
    assert_int_equal(cclip_best_class(equal, 6), 0);
    for (size_t truth = 0; truth < 6; truth++)
        assert_int_equal(cclip_class_rank(equal, 6, truth), truth);
}

static void test_not_a_number(void **state)
{
    const float all[6] = { NAN, NAN, NAN, NAN, NAN, NAN }, own[6] = { 1, NAN, 0, 0, 0, 0 };
    const float other[6] = { 2, 1, NAN, 0, 0, 0 };
    (void)state;
    assert_int_equal(cclip_class_rank(all, 6, 0), 6);
    assert_int_equal(cclip_class_rank(own, 6, 1), 6);
    assert_int_equal(cclip_class_rank(other, 6, 0), 1); /* what NaN would be is unknown: not the best for sure */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_places), cmocka_unit_test(test_ties),
                                        cmocka_unit_test(test_not_a_number) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
