/* The pool: every piece once, failures carried to the caller, many short loops in a row. */
#include "support/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/thread_pool.h"

enum { COUNT = 10007 };

struct marks {
    atomic_int seen[COUNT];
    size_t fail_at, grain;
    int pool_size;
};

static cclip_status mark(void *context, size_t begin, size_t end, int worker)
{
    struct marks *marks = context;
    if (worker < 0 || worker >= marks->pool_size || end - begin > marks->grain || end > COUNT || begin >= end)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "worker %d got [%zu, %zu)", worker, begin, end);
    for (size_t i = begin; i < end; i++) {
        atomic_fetch_add(&marks->seen[i], 1);
        if (i == marks->fail_at)
            return cclip_fail(CCLIP_ERROR_FORMAT, "item %zu is broken", i);
    }
    return CCLIP_OK;
}

static void test_every_piece_once(void **state)
{
    (void)state;
    static struct marks marks;
    for (int threads = 1; threads <= 5; threads++) {
        struct cclip_thread_pool *pool;
        assert_ok(cclip_thread_pool_open(&pool, threads));
        assert_int_equal(cclip_thread_pool_size(pool), threads);
        for (size_t grain = 1; grain < 2 * COUNT; grain *= 7) {
            memset(&marks, 0, sizeof marks);
            marks.fail_at = SIZE_MAX;
            marks.grain = grain;
            marks.pool_size = threads;
            assert_ok(cclip_parallel(pool, COUNT, grain, mark, &marks));
            for (size_t i = 0; i < COUNT; i++)
                assert_int_equal(atomic_load(&marks.seen[i]), 1);
        }
        cclip_thread_pool_close(&pool);
        assert_null(pool);
    }
}

static void test_failure(void **state)
{
    (void)state;
    static struct marks marks;
    struct cclip_thread_pool *pool;
    assert_ok(cclip_thread_pool_open(&pool, 3));
    for (int round = 0; round < 50; round++) {
        memset(&marks, 0, sizeof marks);
        marks.fail_at = (size_t)round * 200;
        marks.grain = 5;
        marks.pool_size = 3;
        assert_int_equal(cclip_parallel(pool, COUNT, 5, mark, &marks), CCLIP_ERROR_FORMAT);
        char expected[64];
        snprintf(expected, sizeof expected, "item %zu is broken", marks.fail_at);
        assert_string_equal(cclip_error_message(), expected);
    }
    marks.fail_at = SIZE_MAX; /* the pool is as good as new */
    assert_ok(cclip_parallel(pool, COUNT, 5, mark, &marks));
    cclip_thread_pool_close(&pool);
}

static void test_without_pool(void **state)
{
    (void)state;
    static struct marks marks;
    marks.fail_at = SIZE_MAX;
    marks.grain = 100;
    marks.pool_size = 1;
    assert_int_equal(cclip_thread_pool_size(NULL), 1);
    assert_ok(cclip_parallel(NULL, COUNT, 100, mark, &marks));
    assert_ok(cclip_parallel(NULL, 0, 100, mark, &marks));
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(atomic_load(&marks.seen[i]), 1);
}

static cclip_status add(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    atomic_fetch_add((atomic_size_t *)context, end - begin);
    return CCLIP_OK;
}

static void test_short_loops(void **state)
{
    (void)state;
    struct cclip_thread_pool *pool;
    atomic_size_t sum = 0;
    assert_ok(cclip_thread_pool_open(&pool, 4));
    for (size_t loop = 0; loop < 3000; loop++)
        assert_ok(cclip_parallel(pool, 1 + loop % 9, 1, add, &sum));
    size_t expected = 0;
    for (size_t loop = 0; loop < 3000; loop++)
        expected += 1 + loop % 9;
    assert_int_equal(atomic_load(&sum), expected);
    cclip_thread_pool_close(&pool);
}

static void *use_own_pool(void *unused)
{
    (void)unused;
    struct cclip_thread_pool *pool;
    atomic_size_t sum = 0;
    if (cclip_thread_pool_open(&pool, 2))
        return NULL;
    for (int loop = 0; loop < 200; loop++)
        if (cclip_parallel(pool, 50, 3, add, &sum))
            return NULL;
    cclip_thread_pool_close(&pool);
    return atomic_load(&sum) == 200 * 50 ? (void *)1 : NULL;
}

static void test_pools_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_own_pool, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
}

static void test_arguments(void **state)
{
    (void)state;
    struct cclip_thread_pool *pool = (void *)1;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_thread_pool_open(&pool, 0));
    assert_null(pool);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_thread_pool_open(&pool, 1000000));
    cclip_thread_pool_close(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_piece_once), cmocka_unit_test(test_failure),
        cmocka_unit_test(test_without_pool),     cmocka_unit_test(test_short_loops),
        cmocka_unit_test(test_pools_side_by_side), cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
