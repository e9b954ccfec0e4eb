/* Just enough of cmocka to run the kernel tests on a machine that has no cmocka: the cross-compiled
 * run of tests/kernels/neon.sh. A failed assertion prints itself and ends the program. */
#ifndef CCLIP_TESTS_NEON_CMOCKA_H
#define CCLIP_TESTS_NEON_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define fail_msg(...) \
    (printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), printf("\n"), exit(1))
#define print_message(...) printf(__VA_ARGS__)
#define assert_true(x) ((x) ? (void)0 : fail_msg("%s", #x))
#define assert_null(x) assert_true((x) == NULL)
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};
#define cmocka_unit_test(function) { #function, function }

static inline int shim_run(const struct CMUnitTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        tests[i].run(&state);
        printf("passed: %s\n", tests[i].name);
    }
    return 0;
}
#define cmocka_run_group_tests(tests, setup, teardown) \
    shim_run(tests, sizeof(tests) / sizeof((tests)[0]))

#endif
