/* Skew and NDKL against values worked out by hand. */
#include "support/unit.h"

#include <math.h>

#include "evaluate/ranking_fairness.h"

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-12))
        fail_msg("%.17g instead of %.17g", value, expected);
}

/* Groups 0 0 1 with desired shares of one half. Shares of the first 1, 2, 3: (1, 0), (1, 0), (2/3, 1/3).
 * KL: ln 2, ln 2, 2/3 ln(4/3) + 1/3 ln(2/3). Weights: 1/log2 2 = 1, 1/log2 3, 1/log2 4 = 1/2. */
static void test_two_groups(void **state)
{
    static const size_t ranked[] = { 0, 0, 1 };
    static const double half[] = { 0.5, 0.5 };
    double skew[2];
    size_t shown[2];
    (void)state;
    cclip_ranking_skew(skew, ranked, 3, half, 2);
    near(skew[0], log(4.0 / 3));
    near(skew[1], log(2.0 / 3));
    const double weight = 1 / log2(3), last = 2.0 / 3 * log(4.0 / 3) + 1.0 / 3 * log(2.0 / 3);
    near(cclip_ranking_ndkl(ranked, 3, half, 2, shown), (log(2) + weight * log(2) + last / 2) / (1.5 + weight));
    near(cclip_ranking_ndkl(ranked, 3, half, 2, shown), 0.5437959015635332); /* the same, by a pocket calculator */
}

/* Three groups of which the last is never shown; desired 1/2, 1/4, 1/4. First: KL = ln 4. Then ln(1/2 / 1/4) / 2. */
static void test_unequal_shares(void **state)
{
    static const size_t ranked[] = { 1, 0 };
    static const double desired[] = { 0.5, 0.25, 0.25 };
    double skew[3];
    size_t shown[3];
    (void)state;
    cclip_ranking_skew(skew, ranked, 2, desired, 3);
    near(skew[0], 0);
    near(skew[1], log(2));
    assert_true(isinf(skew[2]) && skew[2] < 0);
    const double weight = 1 / log2(3);
    near(cclip_ranking_ndkl(ranked, 2, desired, 3, shown), (log(4) + weight * log(2) / 2) / (1 + weight));
}

static void test_fair(void **state)
{
    static const size_t ranked[] = { 0, 0, 0 };
    static const double all[] = { 1 };
    size_t shown[1];
    double skew[1];
    (void)state;
    near(cclip_ranking_ndkl(ranked, 3, all, 1, shown), 0);
    near(cclip_ranking_ndkl(ranked, 0, all, 1, shown), 0);
    cclip_ranking_skew(skew, ranked, 3, all, 1);
    near(skew[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_two_groups), cmocka_unit_test(test_unequal_shares),
                                        cmocka_unit_test(test_fair) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
