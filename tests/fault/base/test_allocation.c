/* base survives each failing allocation: the arena, the pool, files and lists of names. */
#include "support/unit.h"
#include "support/fault.h"

#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/thread_pool.h"

static cclip_status arena_body(void *unused)
{
    (void)unused;
    struct cclip_arena arena = { 0 };
    cclip_status status = CCLIP_OK;
    for (size_t i = 1; i < 10 && !status; i++) {
        if (!cclip_arena_take(&arena, i * 30000, 1))
            status = CCLIP_ERROR_MEMORY;
        if (i == 5)
            cclip_arena_reset(&arena);
    }
    cclip_arena_close(&arena);
    return status;
}

static cclip_status pool_body(void *unused)
{
    (void)unused;
    struct cclip_thread_pool *pool;
    const cclip_status status = cclip_thread_pool_open(&pool, 3);
    if (status)
        assert_null(pool);
    cclip_thread_pool_close(&pool);
    return status;
}

static cclip_status file_body(void *path)
{
    struct cclip_buffer buffer;
    cclip_buffer_open(&buffer, 0);
    cclip_status status = cclip_file_write(path, "0123456789", 10);
    if (!status)
        status = cclip_file_read(&buffer, path, 100000);
    cclip_buffer_close(&buffer);
    return status;
}

static cclip_status list_body(void *unused)
{
    (void)unused;
    struct cclip_names names;
    cclip_status status = cclip_folder_list(&names, "/");
    if (!status)
        status = cclip_names_add(&names, "one more", 8);
    cclip_names_close(&names);
    return status;
}

static void test_arena(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(arena_body, NULL) > 2);
}

static void test_pool(void **state)
{
    (void)state;
    assert_int_equal(cclip_fault_each(pool_body, NULL), 2);
}

static void test_file(void **state)
{
    (void)state;
    char path[] = "/tmp/cclip-fault-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_true(cclip_fault_each(file_body, path) >= 3);
    unlink(path);
}

static void test_list(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(list_body, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
