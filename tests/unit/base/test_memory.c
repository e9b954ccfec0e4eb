/* Allocation, arena and buffer: sizes checked, limits kept, alignment. */
#include "support/unit.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/limits.h"
#include "base/memory.h"

static void test_sizes(void **state)
{
    (void)state;
    void *nothing = cclip_allocate(0, 8);
    assert_non_null(nothing);
    cclip_release(nothing);
    assert_null(cclip_allocate(SIZE_MAX / 2, 3)); /* the product would wrap */
    assert_null(cclip_allocate_zero(SIZE_MAX, SIZE_MAX));
    assert_null(cclip_allocate(CCLIP_LIMIT_ALLOCATION + 1, 1));
    assert_non_null(strstr(cclip_error_message(), "out of memory"));
    cclip_release(NULL);
    cclip_release_aligned(NULL);
}

static void test_aligned(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 200; bytes += 7) {
        unsigned char *pointer = cclip_allocate_aligned(bytes);
        assert_non_null(pointer);
        assert_int_equal((uintptr_t)pointer % 64, 0);
        if (bytes)
            memset(pointer, 1, bytes);
        cclip_release_aligned(pointer);
    }
    assert_null(cclip_allocate_aligned(SIZE_MAX - 10));
}

static void test_grow(void **state)
{
    (void)state;
    int *array = NULL;
    size_t capacity = 0;
    for (size_t count = 0; count < 1000; count++) {
        assert_ok(cclip_grow(&array, &capacity, count + 1, sizeof *array, 1000, "things"));
        array[count] = (int)count;
    }
    assert_int_equal(capacity, 1000); /* never beyond the maximum */
    assert_fails(CCLIP_ERROR_LIMIT, cclip_grow(&array, &capacity, 1001, sizeof *array, 1000, "things"));
    assert_non_null(strstr(cclip_error_message(), "things"));
    assert_int_equal(array[999], 999);
    cclip_release(array);
}

static void test_injected_failure(void **state)
{
    (void)state;
    cclip_memory_fail_at(2);
    void *first = cclip_allocate(1, 1);
    assert_non_null(first);
    assert_null(cclip_allocate(1, 1));
    void *third = cclip_allocate(1, 1); /* it fails once */
    assert_non_null(third);
    assert_int_equal(cclip_memory_fail_at(0), 3);
    cclip_release(first);
    cclip_release(third);
}

static void test_arena(void **state)
{
    (void)state;
    struct cclip_arena arena = { 0 };
    unsigned char *pieces[50];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 50; i++) {
            const size_t size = i * i * 11;
            pieces[i] = cclip_arena_take(&arena, size, 1);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 64, 0);
            memset(pieces[i], (int)i, size);
        }
        for (size_t i = 0; i < 50; i++)
            for (size_t k = 0; k < i * i * 11; k += 97)
                assert_int_equal(pieces[i][k], i);
        const size_t held = arena.total;
        cclip_arena_reset(&arena);
        if (round)
            assert_int_equal(arena.total, held); /* steady: nothing more is asked of the system */
    }
    assert_null(cclip_arena_take(&arena, SIZE_MAX / 2, 4));
    assert_string_equal(cclip_arena_text(&arena, "abcdef", 3), "abc");
    cclip_arena_close(&arena);
    cclip_arena_close(&arena);
}

/* Lent memory is used first, is not touched by lending, and may be written over in between. */
static void test_lent_arena(void **state)
{
    (void)state;
    struct cclip_arena arena = { 0 };
    enum { BYTES = 1024 };
    unsigned char *memory = cclip_allocate_aligned(BYTES), *second = NULL;
    assert_non_null(memory);
    for (int round = 0; round < 3; round++) {
        memset(memory, 7 + round, BYTES);
        assert_ok(cclip_arena_lend(&arena, memory, BYTES));
        for (size_t i = 0; i < BYTES; i++)
            assert_int_equal(memory[i], 7 + round);
        assert_ptr_equal(cclip_arena_take(&arena, 600, 1), memory);
        unsigned char *more = cclip_arena_take(&arena, 600, 1); /* does not fit: the system's */
        assert_non_null(more);
        assert_true(more < memory || more >= memory + BYTES);
        if (round)
            assert_ptr_equal(more, second);
        second = more;
        memset(memory, 99, BYTES);
        memset(more, 1, 600);
    }
    cclip_arena_close(&arena);
    cclip_memory_fail_at(1);
    assert_fails(CCLIP_ERROR_MEMORY, cclip_arena_lend(&arena, memory, BYTES));
    cclip_memory_fail_at(0);
    cclip_release_aligned(memory);
}

static void test_buffer(void **state)
{
    (void)state;
    struct cclip_buffer buffer;
    cclip_buffer_open(&buffer, 20);
    assert_ok(cclip_buffer_text(&buffer, "0123456789"));
    assert_ok(cclip_buffer_format(&buffer, "%d", 12345));
    assert_ok(cclip_buffer_byte(&buffer, 'x'));
    assert_string_equal(buffer.data, "012345678912345x");
    assert_fails(CCLIP_ERROR_LIMIT, cclip_buffer_append(&buffer, "too long", 8));
    assert_fails(CCLIP_ERROR_LIMIT, cclip_buffer_format(&buffer, "%s", "too long"));
    assert_string_equal(buffer.data, "012345678912345x");
    cclip_buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    cclip_buffer_close(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_aligned), cmocka_unit_test(test_grow),
        cmocka_unit_test(test_injected_failure), cmocka_unit_test(test_arena),
        cmocka_unit_test(test_lent_arena), cmocka_unit_test(test_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
