/* Work ahead: each item once, in its slot, complete when its batch is given; no more ahead than there are slots. */
#include "support/unit.h"

#include <stdatomic.h>

#include "base/work_ahead.h"

enum { MOST = 1000 };

struct record {
    atomic_int done[MOST];
    size_t item_of[64];      /* by slot */
    atomic_size_t taken;     /* items below it were given to the caller, and the next batch asked for */
    size_t slots;
    atomic_int workers[16];  /* inside the function now */
    atomic_int failed;
};

static void work(void *context, size_t item, size_t slot, int worker)
{
    struct record *r = context;
    atomic_fetch_add(&r->done[item], 1);
    if (slot >= r->slots || item >= atomic_load(&r->taken) + r->slots)
        atomic_store(&r->failed, 1);
    if (atomic_fetch_add(&r->workers[worker], 1))
        atomic_store(&r->failed, 2);
    r->item_of[slot] = item;
    for (volatile int i = 0; i < 200 * (int)(item % 7); i++) /* some take longer */
        ;
    atomic_fetch_sub(&r->workers[worker], 1);
}

static void run(size_t first, size_t end, size_t batch, size_t batches, int threads, int helpers)
{
    static struct record r;
    struct cclip_work_request request = { .work = work, .context = &r, .first = first, .end = end,
                                          .batch = batch, .batches = batches, .threads = threads };
    struct cclip_work_ahead *ahead;
    struct cclip_work_batch given;
    memset(&r, 0, sizeof r);
    r.slots = batch * batches;
    atomic_store(&r.taken, first);
    if (helpers)
        assert_ok(cclip_thread_pool_open(&request.pool, helpers));
    assert_ok(cclip_work_ahead_open(&ahead, &request));
    for (size_t at = first; at < end; at += given.count) {
        atomic_store(&r.taken, at);
        cclip_work_ahead_next(ahead, &given);
        assert_int_equal(given.first, at);
        assert_int_equal(given.count, end - at < batch ? end - at : batch);
        assert_int_equal(given.slot % batch, 0);
        for (size_t i = 0; i < given.count; i++) {
            assert_int_equal(atomic_load(&r.done[at + i]), 1);
            assert_int_equal(r.item_of[given.slot + i], at + i);
        }
    }
    cclip_work_ahead_next(ahead, &given);
    assert_int_equal(given.count, 0);
    cclip_work_ahead_close(&ahead);
    assert_null(ahead);
    cclip_thread_pool_close(&request.pool);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(r.done[i], i >= first && i < end);
    assert_int_equal(r.failed, 0);
}

static void test_each_once(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 4; threads += 2)
        for (int helpers = 0; helpers <= 3; helpers += 3)
            for (size_t batches = 1; batches <= 3; batches++) {
                run(0, 300, 16, batches, threads, helpers);
                run(37, 300, 7, batches, threads, helpers);
                run(5, 6, 16, batches, threads, helpers);
                run(0, 20, 1, batches, threads, helpers);
            }
    run(9, 9, 4, 2, 2, 0);
}

/* What was begun ends, what was not does not begin. */
static void test_close_early(void **state)
{
    static struct record r;
    const struct cclip_work_request request = { .work = work, .context = &r, .end = SIZE_MAX, .batch = 8,
                                                .batches = 4, .threads = 3 };
    struct cclip_work_ahead *ahead;
    struct cclip_work_batch given;
    (void)state;
    r.slots = 32;
    assert_ok(cclip_work_ahead_open(&ahead, &request));
    cclip_work_ahead_next(ahead, &given);
    assert_int_equal(given.count, 8);
    cclip_work_ahead_close(&ahead);
    for (size_t i = 0; i < MOST; i++)
        assert_true(atomic_load(&r.done[i]) <= (i < 32) && (i >= 8 || r.done[i]));
    assert_ok(cclip_work_ahead_open(&ahead, &request));
    cclip_work_ahead_close(&ahead); /* before anything was asked for */
    cclip_work_ahead_close(&ahead);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_once), cmocka_unit_test(test_close_early) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
