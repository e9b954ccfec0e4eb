/* The ladder of instruction sets, and the mask that lowers it (read once a process: hence the forks). */
#include "support/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cclip/runtime.h>
#include "base/cpu_features.h"

static const char *const levels[] = { "c", "neon", "avx2", "avx512", "vnni", "bf16", "fp16", "amx" };
enum { LEVELS = sizeof levels / sizeof levels[0] };

static void test_ladder(void **state)
{
    (void)state;
    assert_int_equal(cclip_cpu_features_of_level("c"), 0);
    assert_int_equal(cclip_cpu_features_of_level("sse9"), ~0u);
    for (int i = 3; i < LEVELS; i++) { /* each x86 level holds the one before */
        const unsigned lower = cclip_cpu_features_of_level(levels[i - 1]);
        const unsigned upper = cclip_cpu_features_of_level(levels[i]);
        assert_int_equal(upper & lower, lower);
        assert_int_not_equal(upper, lower);
    }
}

/* What a process with that mask sees: 0 if it is at most the level asked for. */
static int in_child(const char *mask)
{
    const pid_t child = fork();
    if (!child) {
        setenv("CCLIP_CPU", mask, 1);
        const unsigned open = cclip_cpu_features_of_level(mask);
        _exit((cclip_cpu_features() & ~open) != 0 ||
              (!strcmp(mask, "c") && strcmp(cclip_cpu_level(), "c")) ||
              (cclip_cpu_features_of_level(cclip_cpu_level()) & ~cclip_cpu_features()));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static void test_mask(void **state)
{
    (void)state;
    for (int i = 0; i < LEVELS; i++)
        assert_int_equal(in_child(levels[i]), 0);
}

/* What is said to be in use has kernels, which a CPU that can do more does not change. */
static void test_level(void **state)
{
    static const char *const used[] = { "c", "neon", "avx2", "avx512" };
    int found = 0;
    (void)state;
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
        found |= !strcmp(cclip_cpu_level(), used[i]);
    assert_true(found);
}

static void test_count(void **state)
{
    (void)state;
    assert_in_range(cclip_cpu_count_allowed(), 1, 100000);
    assert_int_equal(cclip_cpu_count(), cclip_cpu_count_allowed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
