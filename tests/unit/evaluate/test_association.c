/* SC-WEAT: a case worked out by hand, the exact test against counting all divisions by their bits, drawn divisions
 * against the exact ones. */
#include "support/unit.h"

#include <math.h>

#include "base/random.h"
#include "evaluate/association.h"
#include "support/fault.h"

static void near(double value, double expected, double most)
{
    if (!(fabs(value - expected) <= most))
        fail_msg("%.17g instead of %.17g", value, expected);
}

/* A = 0.5, 0.3; B = 0.2, 0.0. Means 0.4 and 0.1; of all four the mean is 0.25, the squares are 0.0625, 0.0025, 0.0025,
 * 0.0625: variance 0.13 / 3. Of the 6 divisions only the one seen has so large a difference, and its mirror. */
static void test_by_hand(void **state)
{
    static const double cosines[] = { 0.5, 0.3, 0.2, 0.0 };
    struct cclip_association a;
    (void)state;
    assert_ok(cclip_associate(&a, cosines, 2, 2, 1000, 0));
    near(a.effect_size, 0.3 / sqrt(0.13 / 3), 1e-12);
    assert_true(a.exact);
    assert_int_equal(a.divisions, 6);
    near(a.p_greater, 1.0 / 6, 1e-12);
    near(a.p_two_sided, 2.0 / 6, 1e-12);
}

/* Counted by another way: every number of n bits with a_count ones is a division. */
static void count_divisions(double *greater, double *either, const double *cosines, size_t a_count, size_t n)
{
    size_t all = 0, as_great = 0, as_far = 0;
    double seen = 0;
    for (size_t i = 0; i < n; i++)
        seen += i < a_count ? cosines[i] / (double)a_count : -cosines[i] / (double)(n - a_count);
    for (unsigned bits = 0; bits < 1u << n; bits++) {
        double d = 0;
        size_t ones = 0;
        for (size_t i = 0; i < n; i++) {
            ones += bits >> i & 1;
            d += bits >> i & 1 ? cosines[i] / (double)a_count : -cosines[i] / (double)(n - a_count);
        }
        if (ones != a_count)
            continue;
        all++;
        as_great += d >= seen - 1e-9;
        as_far += fabs(d) >= fabs(seen) - 1e-9;
    }
    *greater = (double)as_great / (double)all;
    *either = (double)as_far / (double)all;
}

static void test_exhaustive(void **state)
{
    struct cclip_random random;
    (void)state;
    cclip_random_seed(&random, 1, 0);
    for (size_t run = 0; run < 40; run++) {
        const size_t n = 4 + cclip_random_below(&random, 9), a_count = 1 + cclip_random_below(&random, n - 2);
        double cosines[12], greater, either;
        struct cclip_association exact, drawn;
        for (size_t i = 0; i < n; i++) /* in steps, so that there are ties */
            cosines[i] = (double)cclip_random_below(&random, 8) / 16 + (i < a_count ? 0.1 : 0);
        assert_ok(cclip_associate(&exact, cosines, a_count, n - a_count, 1000, 0));
        count_divisions(&greater, &either, cosines, a_count, n);
        assert_true(exact.exact);
        near(exact.p_greater, greater, 1e-12);
        near(exact.p_two_sided, either, 1e-12);
        assert_ok(cclip_associate(&drawn, cosines, a_count, n - a_count, 3, run));
        assert_true(drawn.exact == (exact.divisions <= 3));
    }
}

static void test_drawn(void **state)
{
    struct cclip_random random;
    double cosines[20];
    struct cclip_association exact, drawn, again;
    (void)state;
    cclip_random_seed(&random, 2, 0);
    for (size_t i = 0; i < 20; i++)
        cosines[i] = 0.2 + 0.05 * cclip_random_normal(&random) + (i < 8 ? 0.03 : 0);
    assert_ok(cclip_associate(&exact, cosines, 8, 12, 200000, 0)); /* 125,970 divisions */
    assert_int_equal(exact.divisions, 125970);
    assert_ok(cclip_associate(&drawn, cosines, 8, 12, 20000, 7));
    assert_false(drawn.exact);
    assert_int_equal(drawn.divisions, 20001);
    near(drawn.p_greater, exact.p_greater, 5 * sqrt(exact.p_greater / 20000) + 1e-4);
    near(drawn.p_two_sided, exact.p_two_sided, 5 * sqrt(exact.p_two_sided / 20000) + 1e-4);
    assert_true(drawn.effect_size == exact.effect_size);
    assert_ok(cclip_associate(&again, cosines, 8, 12, 20000, 7));
    assert_true(again.p_greater == drawn.p_greater && again.p_two_sided == drawn.p_two_sided);
}

static void test_nothing_to_say(void **state)
{
    static const double equal[] = { 0.3, 0.3, 0.3 };
    struct cclip_association a;
    (void)state;
    assert_ok(cclip_associate(&a, equal, 1, 2, 1000, 0));
    assert_true(isnan(a.effect_size) && isnan(a.p_greater));
    assert_ok(cclip_associate(&a, equal, 0, 3, 1000, 0));
    assert_true(isnan(a.effect_size));
}

static cclip_status life(void *context)
{
    static const double cosines[] = { 0.5, 0.3, 0.2, 0.0 };
    (void)context;
    return cclip_associate(&(struct cclip_association){ 0 }, cosines, 2, 2, 10, 0);
}

static void test_allocations(void **state)
{
    (void)state;
    assert_int_equal(cclip_fault_each(life, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_by_hand), cmocka_unit_test(test_exhaustive),
                                        cmocka_unit_test(test_drawn), cmocka_unit_test(test_nothing_to_say),
                                        cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
