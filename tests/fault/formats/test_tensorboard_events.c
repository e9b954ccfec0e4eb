/* An event file, each allocation failing in turn, and a disk that is full after some bytes. */
#include "support/fault.h"
#include "support/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "formats/tensorboard_events.h"

static char path[] = "/tmp/cclip-events-XXXXXX";

static cclip_status write_file(void *context)
{
    static const struct cclip_scalar scalars[] = { { "train/loss", 1 }, { "train/lr", 2 } };
    struct cclip_events_file file;
    (void)context;
    cclip_status status = cclip_events_file_open(&file, path, 1, 0);
    for (uint64_t step = 0; step < 20 && !status; step++)
        status = cclip_events_file_scalars(&file, 1, step, scalars, 2);
    cclip_events_file_close(&file);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(write_file, NULL) >= 2);
}

static void test_short_writes(void **state)
{
    const struct rlimit free_again = { RLIM_INFINITY, RLIM_INFINITY };
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes < 400; bytes += 37) {
        const struct rlimit full = { bytes, RLIM_INFINITY };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        const cclip_status status = write_file(NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &free_again), 0);
        assert_int_equal(status, CCLIP_ERROR_IO);
        assert_non_null(strstr(cclip_error_message(), path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_allocations),
                                        cmocka_unit_test(test_short_writes) };
    const int made = mkstemp(path);
    if (made < 0 || close(made))
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
