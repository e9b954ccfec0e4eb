/* The bootstrap: percentiles, strata, the same numbers for the same seed, and intervals that hold what they
 * should: of 1000 made sets 95 in a hundred. */
#include "support/unit.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "evaluate/bootstrap.h"
#include "support/fault.h"

static void near(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-12))
        fail_msg("%.17g instead of %.17g", value, expected);
}

/* numpy.percentile([1, 2, 4, 8], [0, 25, 50, 95, 100]) */
static void test_percentiles(void **state)
{
    static const double values[] = { 1, 2, 4, 8 }, gap[] = { 1, 2, NAN, NAN }, ends[] = { 0, INFINITY, INFINITY };
    (void)state;
    near(cclip_percentile(values, 4, 0), 1);
    near(cclip_percentile(values, 4, 0.25), 1.75);
    near(cclip_percentile(values, 4, 0.5), 3);
    near(cclip_percentile(values, 4, 0.95), 7.4);
    near(cclip_percentile(values, 4, 1), 8);
    near(cclip_percentile(gap, 4, 0.5), 1.5);
    assert_true(isinf(cclip_percentile(ends, 3, 0.75)));
    assert_true(isnan(cclip_percentile(gap + 2, 2, 0.5)));
    assert_true(isnan(cclip_percentile(values, 0, 0.5)));
    const struct cclip_interval i = cclip_percentile_interval(values, 4, 0.5);
    near(i.low, 1.75);
    near(i.high, 5);
}

/* Each stratum keeps its size; the whole too. */
static void count_strata(const void *context, double *values, const uint32_t *counts)
{
    const size_t *strata = context;
    values[0] = values[1] = values[2] = 0;
    for (size_t i = 0; i < 7; i++)
        values[strata[i]] += counts[i];
}

static void test_strata(void **state)
{
    static const size_t strata[] = { 2, 0, 2, 1, 2, 1, 2 };
    double values[3 * 50];
    const struct cclip_bootstrap b = { .resamples = 50, .samples = 7, .strata = strata, .figures = 3,
                                       .measure = count_strata, .context = strata };
    (void)state;
    assert_ok(cclip_bootstrap_run(values, &b));
    for (size_t r = 0; r < 50; r++) {
        near(values[r], 1);
        near(values[50 + r], 2);
        near(values[100 + r], 4);
    }
}

struct made {
    unsigned char right[400];
    size_t count;
};

static void share_right(const void *context, double *values, const uint32_t *counts)
{
    const struct made *made = context;
    double hits = 0;
    for (size_t i = 0; i < made->count; i++)
        hits += made->right[i] ? counts[i] : 0;
    values[0] = hits / (double)made->count;
}

static void test_same_seed(void **state)
{
    struct made made = { .count = 100 };
    double a[200], b[200], c[200];
    struct cclip_bootstrap plan = { .resamples = 200, .samples = 100, .figures = 1, .measure = share_right,
                                    .context = &made };
    (void)state;
    for (size_t i = 0; i < 30; i++)
        made.right[i] = 1;
    assert_ok(cclip_bootstrap_run(a, &plan));
    assert_ok(cclip_bootstrap_run(b, &plan));
    assert_memory_equal(a, b, sizeof a);
    plan.seed = 1;
    assert_ok(cclip_bootstrap_run(c, &plan));
    assert_memory_not_equal(a, c, sizeof a);
    assert_ok(cclip_bootstrap_run_unsorted(b, &plan));
    assert_memory_not_equal(b, c, sizeof b);
    plan.samples = 0;
    made.count = 0;
    assert_ok(cclip_bootstrap_run(a, &plan));
    assert_true(isnan(cclip_percentile(a, 200, 0.5)));
}

/* Accuracies of 0.1 to 0.9 on made sets of 200 pictures: how often does the interval hold the true one? The
 * percentile method is known to fall a little short of 95 % on a few hundred. */
static void test_coverage(void **state)
{
    enum { SETS = 1000, RESAMPLES = 400, PICTURES = 200 };
    struct cclip_random random;
    struct made made = { .count = PICTURES };
    double values[RESAMPLES];
    size_t held = 0;
    (void)state;
    cclip_random_seed(&random, 5, 0);
    for (size_t s = 0; s < SETS; s++) {
        const double truth = 0.1 + 0.8 * cclip_random_uniform(&random);
        const struct cclip_bootstrap plan = { .resamples = RESAMPLES, .seed = s, .samples = PICTURES, .figures = 1,
                                              .measure = share_right, .context = &made };
        for (size_t i = 0; i < PICTURES; i++)
            made.right[i] = cclip_random_uniform(&random) < truth;
        assert_ok(cclip_bootstrap_run(values, &plan));
        const struct cclip_interval interval = cclip_percentile_interval(values, RESAMPLES, 0.95);
        held += interval.low <= truth && truth <= interval.high;
    }
    print_message("  %zu of %d intervals hold the true accuracy\n", held, SETS);
    assert_in_range(held, 925, 970);
}

static cclip_status life(void *context)
{
    struct made made = { .count = 3 };
    double values[4];
    const struct cclip_bootstrap plan = { .resamples = 4, .samples = 3, .figures = 1, .measure = share_right,
                                          .context = &made };
    (void)context;
    return cclip_bootstrap_run(values, &plan);
}

static void test_allocations(void **state)
{
    (void)state;
    assert_int_equal(cclip_fault_each(life, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_percentiles), cmocka_unit_test(test_strata),
                                        cmocka_unit_test(test_same_seed), cmocka_unit_test(test_coverage),
                                        cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
