/* L-BFGS on functions with known minima: a long curved valley, a badly scaled bowl, a wall beyond which there is no
 * value; and what ends it. */
#include "support/fault.h"
#include "support/unit.h"

#include <math.h>

#include "train/lbfgs.h"

enum { MOST = 200 };

struct call {
    size_t size, stop_at;
    size_t reported;
};

/* Rosenbrock's valley, pair by pair; the minimum is 0 at (1, 1, ...). */
static cclip_status valley(void *context, double *value, double *gradient, const double *x)
{
    const struct call *call = context;
    *value = 0;
    for (size_t i = 0; i < call->size; i += 2) {
        const double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
        *value += a * a + 100 * b * b;
        gradient[i] = -2 * a - 400 * x[i] * b;
        gradient[i + 1] = 200 * b;
    }
    return CCLIP_OK;
}

/* Curvatures from 1 to 1e3; the minimum is where each x is 1 / curvature. */
static cclip_status bowl(void *context, double *value, double *gradient, const double *x)
{
    const struct call *call = context;
    *value = 0;
    for (size_t i = 0; i < call->size; i++) {
        const double curvature = pow(10, 3.0 * (double)i / (double)call->size);
        *value += 0.5 * curvature * x[i] * x[i] - x[i];
        gradient[i] = curvature * x[i] - 1;
    }
    return CCLIP_OK;
}

/* x - log x: no value at 0 and below; the minimum is at 1. */
static cclip_status wall(void *context, double *value, double *gradient, const double *x)
{
    (void)context;
    *value = x[0] > 0 ? x[0] - log(x[0]) : (double)NAN;
    gradient[0] = 1 - 1 / x[0];
    return CCLIP_OK;
}

static cclip_status report(void *context, size_t iteration, double value, double gradient)
{
    struct call *call = context;
    assert_int_equal(iteration, call->reported + 1);
    assert_true(isfinite(value) && gradient >= 0);
    call->reported = iteration;
    return iteration == call->stop_at ? cclip_fail(CCLIP_ERROR_CANCELLED, "enough") : CCLIP_OK;
}

static struct cclip_lbfgs with(cclip_lbfgs_function *function, struct call *call)
{
    return (struct cclip_lbfgs){ .size = call->size, .function = function, .context = call, .memory = 8,
                                 .iterations = 1000, .gradient_tolerance = 1e-9, .report = report };
}

static void test_valley(void **state)
{
    struct call call = { .size = MOST };
    double x[MOST], first[MOST];
    struct cclip_lbfgs_result result;
    (void)state;
    const struct cclip_lbfgs problem = with(valley, &call);
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < MOST; i++)
            x[i] = i % 2 ? 1 : -1.2 - 0.001 * (double)i;
        call.reported = 0;
        assert_ok(cclip_lbfgs_minimize(&problem, x, &result));
        assert_true(result.converged && result.gradient <= 1e-9);
        assert_true(result.iterations < 400 && result.evaluations < 500);
        assert_int_equal(call.reported, result.iterations);
        for (size_t i = 0; i < MOST; i++)
            assert_true(fabs(x[i] - 1) < 1e-7);
        if (again)
            assert_memory_equal(x, first, sizeof x); /* the same bits */
        memcpy(first, x, sizeof x);
    }
}

static void test_bowl(void **state)
{
    struct call call = { .size = 50 };
    double x[50] = { 0 };
    struct cclip_lbfgs_result result;
    (void)state;
    const struct cclip_lbfgs problem = with(bowl, &call);
    assert_ok(cclip_lbfgs_minimize(&problem, x, &result));
    assert_true(result.converged);
    for (size_t i = 0; i < 50; i++)
        assert_true(fabs(x[i] * pow(10, 3.0 * (double)i / 50) - 1) < 1e-6);
}

static void test_wall(void **state)
{
    struct call call = { .size = 1 };
    double x[1] = { 40 };
    struct cclip_lbfgs_result result;
    (void)state;
    struct cclip_lbfgs problem = with(wall, &call);
    assert_ok(cclip_lbfgs_minimize(&problem, x, &result));
    assert_true(fabs(x[0] - 1) < 1e-7);
    x[0] = -1;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_lbfgs_minimize(&problem, x, &result));
}

static void test_ends(void **state)
{
    struct call call = { .size = 2 };
    double x[2] = { -1.2, 1 };
    struct cclip_lbfgs_result result;
    (void)state;
    struct cclip_lbfgs problem = with(valley, &call);
    problem.iterations = 3;
    assert_ok(cclip_lbfgs_minimize(&problem, x, &result));
    assert_true(!result.converged && result.iterations == 3);
    problem.iterations = 1000;
    problem.gradient_tolerance = 0;
    problem.value_tolerance = 1e30; /* at rest after the first ten */
    call.reported = 0;
    assert_ok(cclip_lbfgs_minimize(&problem, x, &result));
    assert_true(result.converged && result.iterations == 10);
    call = (struct call){ .size = 2, .stop_at = 2 };
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_lbfgs_minimize(&problem, x, &result));
    assert_int_equal(call.reported, 2);
    x[0] = x[1] = 1; /* there already: nothing gets lower */
    call = (struct call){ .size = 2 };
    assert_ok(cclip_lbfgs_minimize(&problem, x, &result));
    assert_true(result.converged && result.iterations == 0);
}

static cclip_status body(void *context)
{
    struct call call = { .size = 4 };
    double x[4] = { 0, 0, 0, 0 };
    struct cclip_lbfgs_result result;
    const struct cclip_lbfgs problem = with(valley, &call);
    (void)context;
    return cclip_lbfgs_minimize(&problem, x, &result);
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(body, NULL) >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valley), cmocka_unit_test(test_bowl),   cmocka_unit_test(test_wall),
        cmocka_unit_test(test_ends),   cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
