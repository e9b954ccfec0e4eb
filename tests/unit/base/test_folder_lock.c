/* One process at a time in a folder: refused by name, free again however the holder ended. */
#include "support/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder_lock.h"
#include "base/memory.h"
#include "support/fault.h"

static char folder[] = "/tmp/cclip-lock-XXXXXX";

static void held_and_free(void **state)
{
    struct cclip_folder_lock lock, other;
    char expected[300], host[80] = "";
    (void)state;
    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected, "%s: in use by process %ld on %s", folder, (long)getpid(), host);
    assert_ok(cclip_folder_lock_open(&lock, folder));
    assert_true(cclip_is_file(lock.path));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_folder_lock_open(&other, folder));
    assert_string_equal(cclip_error_message(), expected);
    assert_null(other.path);
    cclip_folder_lock_close(&other);
    assert_true(cclip_is_file(lock.path));
    cclip_folder_lock_close(&lock);
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, folder));
    assert_int_equal(names.count, 0);
    cclip_names_close(&names);
    assert_ok(cclip_folder_lock_open(&lock, folder));
    cclip_folder_lock_close(&lock);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_folder_lock_open(&lock, "/tmp/cclip-no-such-folder"));
}

/* What a killed process leaves is a file without a lock. */
static void killed(void **state)
{
    struct cclip_folder_lock lock;
    int ready[2], status;
    char byte;
    (void)state;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (!child) {
        const int failed = cclip_folder_lock_open(&lock, folder) || write(ready[1], "x", 1) != 1;
        if (!failed)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_folder_lock_open(&lock, folder));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_ok(cclip_folder_lock_open(&lock, folder));
    cclip_folder_lock_close(&lock);
    close(ready[0]);
    close(ready[1]);
}

static cclip_status open_and_close(void *user)
{
    struct cclip_folder_lock lock;
    (void)user;
    const cclip_status status = cclip_folder_lock_open(&lock, folder);
    cclip_folder_lock_close(&lock);
    return status;
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(open_and_close, NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(held_and_free), cmocka_unit_test(killed),
                                        cmocka_unit_test(without_memory) };
    if (!mkdtemp(folder))
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
