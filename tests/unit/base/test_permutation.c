/* Orders that are computed: each number once, both ways, and even. */
#include "support/unit.h"

#include <math.h>

#include "base/permutation.h"

static void test_each_once(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 300; count++) {
        unsigned char seen[300] = { 0 };
        struct cclip_permutation p;
        cclip_permutation_open(&p, count, 7, count);
        for (uint64_t i = 0; i < count; i++) {
            const uint64_t number = cclip_permutation_at(&p, i);
            assert_true(number < count && !seen[number]);
            seen[number] = 1;
            assert_int_equal(cclip_permutation_place(&p, number), i);
        }
    }
}

static void test_large(void **state)
{
    (void)state;
    for (unsigned bits = 9; bits <= 62; bits++) {
        struct cclip_permutation p;
        const uint64_t count = ((uint64_t)1 << bits) - bits;
        cclip_permutation_open(&p, count, 1, 2);
        for (uint64_t i = 0; i < 50; i++) {
            const uint64_t place = i * (count / 50), number = cclip_permutation_at(&p, place);
            assert_true(number < count);
            assert_int_equal(cclip_permutation_place(&p, number), place);
        }
    }
}

/* Over many streams each number stands equally often at each place, and neighbours are strangers. */
static void test_even(void **state)
{
    enum { COUNT = 12, ORDERS = 24000 };
    static double seen[COUNT][COUNT];
    double chi = 0, follows = 0;
    (void)state;
    for (uint64_t stream = 0; stream < ORDERS; stream++) {
        struct cclip_permutation p;
        cclip_permutation_open(&p, COUNT, 5, stream);
        for (uint64_t i = 0; i < COUNT; i++)
            seen[i][cclip_permutation_at(&p, i)]++;
        for (uint64_t i = 0; i + 1 < COUNT; i++)
            follows += cclip_permutation_at(&p, i) + 1 == cclip_permutation_at(&p, i + 1);
    }
    for (int i = 0; i < COUNT * COUNT; i++)
        chi += pow(seen[i / COUNT][i % COUNT] - ORDERS / COUNT, 2) / (ORDERS / COUNT);
    /* 11 x 11 degrees of freedom: mean 121, standard deviation 15.6 */
    if (chi < 121 - 5 * 15.6 || chi > 121 + 5 * 15.6)
        fail_msg("chi square %g, about 121 expected", chi);
    /* 11 pairs a place, one in 12 of which is right */
    const double expected = ORDERS * 11.0 / 12.0;
    if (fabs(follows - expected) > 5 * sqrt(expected))
        fail_msg("%g neighbours stay neighbours, about %g expected", follows, expected);
}

static void test_streams(void **state)
{
    struct cclip_permutation a, b, c;
    int same[2] = { 0, 0 };
    (void)state;
    cclip_permutation_open(&a, 1000, 1, 1);
    cclip_permutation_open(&b, 1000, 1, 2);
    cclip_permutation_open(&c, 1000, 2, 1);
    for (uint64_t i = 0; i < 1000; i++) {
        same[0] += cclip_permutation_at(&a, i) == cclip_permutation_at(&b, i);
        same[1] += cclip_permutation_at(&a, i) == cclip_permutation_at(&c, i);
    }
    assert_true(same[0] < 10 && same[1] < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_once), cmocka_unit_test(test_large),
                                        cmocka_unit_test(test_even), cmocka_unit_test(test_streams) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
