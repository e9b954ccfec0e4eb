/* Pairs in their own order: all of them or some evenly spaced, broken ones named and left out, the same again. */
#include "support/fault.h"
#include "support/unit.h"

#include "data/pairs_in_order.h"
#include "support/made_pairs.h"

static enum broken some_broken(size_t number)
{
    return number == 3 ? NO_PICTURE : number == 4 ? CUT_PICTURE : number == 9 ? EMPTY_CAPTION : WHOLE;
}

static int count_broken(void *user, size_t index, cclip_status status, const char *message)
{
    assert_true(index == 3 || index == 4 || index == 9);
    assert_true(status && message[0]);
    return ++*(int *)user < 0;
}

static int stop(void *user, size_t index, cclip_status status, const char *message)
{
    (void)user;
    (void)index;
    (void)status;
    (void)message;
    return 1;
}

/* The numbers that its pictures show. */
static size_t read_all(struct cclip_pairs_in_order *pairs, size_t *numbers, int *broken)
{
    size_t count = 0;
    cclip_pairs_in_order_rewind(pairs);
    do {
        assert_ok(cclip_pairs_in_order_next(pairs, broken ? count_broken : NULL, broken));
        for (size_t i = 0; i < pairs->count; i++) {
            char caption[32];
            size_t length;
            const struct cclip_pair_batch as_batch = { .pixels = pairs->pixels };
            const size_t shown = made_number_of(&as_batch, i);
            snprintf(caption, sizeof caption, "dog %zu", shown);
            assert_string_equal(cclip_pair_caption(&pairs->samples[i], 0, &length), caption);
            assert_int_equal(pairs->numbers[i], shown);
            numbers[count++] = shown;
        }
    } while (pairs->count);
    return count;
}

static void in_order(void **state)
{
    struct cclip_thread_pool *pool;
    struct cclip_pair_index index;
    struct cclip_pairs_in_order pairs;
    struct cclip_sample sample;
    const struct cclip_pair_source source = { .path = made_shards("order", 2, 6, some_broken) };
    const struct cclip_pair_request request = made_request(&source, 1, NULL);
    size_t numbers[12];
    int broken = 0;
    (void)state;
    assert_ok(cclip_thread_pool_open(&pool, 3));
    assert_ok(cclip_pair_index_open(&index, &source, 1, 2));
    assert_ok(cclip_pairs_in_order_open(&pairs, &index, 0, 5, request.preprocessing, pool));
    for (int again = 0; again < 2; again++) {
        static const size_t expected[] = { 0, 1, 2, 5, 6, 7, 8, 10, 11 };
        assert_int_equal(read_all(&pairs, numbers, again ? NULL : &broken), 9);
        assert_memory_equal(numbers, expected, sizeof expected);
        assert_true(broken == 3 && pairs.broken == 3 && pairs.total == 12);
    }
    cclip_pairs_in_order_rewind(&pairs);
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_pairs_in_order_next(&pairs, stop, NULL));
    cclip_sample_open(&sample);
    assert_ok(cclip_pairs_in_order_get(&pairs, 7, &sample));
    assert_non_null(strstr(sample.name.data, "00007.ppm"));
    cclip_sample_close(&sample);
    cclip_pairs_in_order_close(&pairs);
    assert_ok(cclip_pairs_in_order_open(&pairs, &index, 4, 64, request.preprocessing, pool));
    static const size_t spaced[] = { 0, 6 }; /* 3 and 9 are broken */
    assert_int_equal(read_all(&pairs, numbers, NULL), 2);
    assert_memory_equal(numbers, spaced, sizeof spaced);
    cclip_pairs_in_order_close(&pairs);
    cclip_pair_index_close(&index);
    cclip_thread_pool_close(&pool);
}

static cclip_status life(void *context)
{
    struct cclip_pair_index index;
    struct cclip_pairs_in_order pairs = { 0 };
    const struct cclip_pair_request *request = context;
    cclip_status status = cclip_pair_index_open(&index, request->sources, 1, 1);
    if (status)
        return status;
    status = cclip_pairs_in_order_open(&pairs, &index, 0, 5, request->preprocessing, NULL);
    do {
        if (!status)
            status = cclip_pairs_in_order_next(&pairs, NULL, NULL);
    } while (!status && pairs.count);
    cclip_pairs_in_order_close(&pairs);
    cclip_pair_index_close(&index);
    return status;
}

static void allocations(void **state)
{
    const struct cclip_pair_source source = { .path = made_shards("order", 2, 6, some_broken) };
    struct cclip_pair_request request = made_request(&source, 1, NULL);
    (void)state;
    assert_true(cclip_fault_each(life, &request) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(in_order), cmocka_unit_test(allocations) };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
