/* What ranks do together: every size from 1 to 7, small and large messages, sums in the background, failures. */
#include "support/thread_ranks.h"

#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "distributed/background_sum.h"
#include "distributed/ranks.h"

enum { LONG = 100000 };

static atomic_int wrong, told;

static void check(int condition)
{
    wrong += !condition;
}

static void collectives(struct cclip_communicator *c, void *user)
{
    const int rank = cclip_communicator_rank(c), size = cclip_communicator_size(c);
    static const size_t lengths[] = { 1, 3, 1000, LONG };
    (void)user;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        const size_t n = lengths[l];
        int *own = malloc(n * sizeof *own), *all = malloc((size_t)size * n * sizeof *all);
        for (size_t i = 0; i < n; i++)
            own[i] = (int)i * 10 + rank;
        check(!cclip_all_gather(c, all, own, n * sizeof *own));
        for (size_t i = 0; i < (size_t)size * n; i++)
            check(all[i] == (int)(i % n) * 10 + (int)(i / n));
        check(!cclip_broadcast(c, own, n * sizeof *own));
        for (size_t i = 0; i < n; i++)
            check(own[i] == (int)i * 10);
        free(own);
        free(all);
    }
    double values[2] = { 1e17 * (rank == 0) - 1e17 * (rank == 1), 1 };
    check(!cclip_all_sum(c, values, 2));
    check(values[1] == size && (size == 1 || values[0] == 0));
}

/* Sums as one would write them down: in the order of the ranks. */
static float expected(size_t job, size_t i, int size)
{
    float sum = 0;
    for (int r = 0; r < size; r++)
        sum += (float)(i + job) * 0.1f + 1.0f / (float)(r + 1);
    return sum;
}

static void background(struct cclip_communicator *c, void *user)
{
    static const size_t lengths[] = { 5, LONG, 1, 77777, 2, 4000 };
    enum { JOBS = sizeof lengths / sizeof *lengths };
    const int rank = cclip_communicator_rank(c), size = cclip_communicator_size(c);
    struct cclip_background_sum *sum;
    struct cclip_background_figures figures;
    float *values[JOBS];
    (void)user;
    check(!cclip_background_sum_open(&sum, c, LONG));
    for (size_t j = 0; j < JOBS; j++)
        values[j] = malloc(lengths[j] * sizeof(float));
    for (int round = 0; round < 3; round++) {
        double one = 1;
        for (size_t j = 0; j < JOBS; j++) {
            for (size_t i = 0; i < lengths[j]; i++)
                values[j][i] = (float)(i + j) * 0.1f + 1.0f / (float)(rank + 1);
            check(!cclip_background_sum_add(sum, values[j], lengths[j]));
        }
        check(!cclip_all_sum(c, &one, 1) && one == size); /* meanwhile */
        check(!cclip_background_sum_finish(sum, &figures));
        check(figures.busy > 0 && figures.waited >= 0);
        for (size_t j = 0; j < JOBS; j++)
            for (size_t i = 0; i < lengths[j]; i++)
                check(values[j][i] == expected(j, i, size));
    }
    cclip_background_sum_close(&sum);
    for (size_t j = 0; j < JOBS; j++)
        free(values[j]);
}

/* Rank 1 has had enough; the others wait, one for a sum, one in the background. */
static void failing(struct cclip_communicator *c, void *user)
{
    const int rank = cclip_communicator_rank(c);
    double value = 0;
    float values[8] = { 0 };
    cclip_status status;
    (void)user;
    if (rank == 1) {
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "no data here");
        check(cclip_communicator_fail(c, status) == CCLIP_ERROR_NOT_FOUND);
        return;
    }
    if (rank == 2) {
        struct cclip_background_sum *sum;
        check(!cclip_background_sum_open(&sum, c, 8));
        status = cclip_background_sum_add(sum, values, 8);
        if (!status)
            status = cclip_background_sum_finish(sum, NULL);
        check(cclip_background_sum_add(sum, values, 8) == CCLIP_ERROR_NOT_FOUND);
        cclip_background_sum_close(&sum);
    } else {
        status = cclip_all_sum(c, &value, 1);
    }
    check(status == CCLIP_ERROR_NOT_FOUND);
    told += !strcmp(cclip_error_message(), "rank 1: no data here");
}

static void hanging(struct cclip_communicator *c, void *user)
{
    double value = 0;
    (void)user;
    const struct timespec nap = { 0, 800000000 };
    if (cclip_communicator_rank(c) == 0) {
        nanosleep(&nap, NULL);
        return;
    }
    check(cclip_broadcast(c, &value, sizeof value) == CCLIP_ERROR_IO);
    told += strstr(cclip_error_message(), "nothing came from the other ranks for 0.3 seconds") != NULL;
}

/* Rank 2 hangs, and rank 1 is the first to lose patience: rank 0, which speaks for all, learns it from rank 1. */
static void giving_up(struct cclip_communicator *c, void *user)
{
    const struct timespec nap = { 0, 800000000 };
    const int rank = cclip_communicator_rank(c);
    double value = 0;
    (void)user;
    if (rank == 2) {
        nanosleep(&nap, NULL);
        return;
    }
    c->timeout = rank ? 0.3 : 30;
    const cclip_status status = cclip_all_sum(c, &value, 1);
    check(status == CCLIP_ERROR_IO);
    check(cclip_communicator_has_heard(c) == !rank);
    if (rank)
        cclip_communicator_fail(c, status);
    else
        told += strstr(cclip_error_message(), "rank 1: nothing came from the other ranks for 0.3") != NULL;
}

static void all_sizes(void **state)
{
    (void)state;
    for (int size = 1; size <= 7; size++) {
        run_as_ranks(size, 60, collectives, NULL);
        if (size > 1)
            run_as_ranks(size, 60, background, NULL);
    }
    assert_int_equal(wrong, 0);
}

static void failures(void **state)
{
    const double start = cclip_clock_seconds();
    (void)state;
    run_as_ranks(4, 60, failing, NULL);
    assert_int_equal(told, 3);
    assert_true(cclip_clock_seconds() - start < 10);
    told = 0;
    run_as_ranks(2, 0.3, hanging, NULL);
    assert_int_equal(told, 1);
    run_as_ranks(3, 60, giving_up, NULL);
    assert_int_equal(told, 2);
    assert_true(cclip_clock_seconds() - start < 20);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(all_sizes), cmocka_unit_test(failures) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
