/* Random numbers: the published algorithm, its streams apart, its distributions right. */
#include "support/unit.h"

#include <math.h>

#include "base/random.h"

/* xoshiro256** written down once more, from the state alone. */
static uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void test_algorithm(void **state)
{
    (void)state;
    struct cclip_random random;
    cclip_random_seed(&random, 42, 0);
    for (int i = 0; i < 100; i++) {
        uint64_t s[4];
        memcpy(s, random.state, sizeof s);
        assert_true(cclip_random_bits(&random) == rotate(s[1] * 5, 7) * 9);
        const uint64_t t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotate(s[3], 45);
        assert_memory_equal(s, random.state, sizeof s);
    }
}

static void test_streams(void **state)
{
    (void)state;
    struct cclip_random a, b, c;
    cclip_random_seed(&a, 1, 0);
    cclip_random_seed(&b, 1, 1);
    cclip_random_seed(&c, 1, 0);
    assert_memory_equal(&a, &c, sizeof a);
    assert_memory_not_equal(&a, &b, sizeof a);
    for (int i = 0; i < 1000; i++)
        assert_true(cclip_random_bits(&a) != cclip_random_bits(&b));
}

static void test_below(void **state)
{
    (void)state;
    struct cclip_random random;
    int counts[7] = { 0 };
    cclip_random_seed(&random, 3, 0);
    for (int i = 0; i < 70000; i++)
        counts[cclip_random_below(&random, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9600, 10400); /* four standard deviations */
    assert_true(cclip_random_below(&random, 1) == 0);
}

static void test_distributions(void **state)
{
    (void)state;
    struct cclip_random random;
    cclip_random_seed(&random, 4, 0);
    enum { N = 200000 };
    double uniform = 0, normal = 0, square = 0;
    for (int i = 0; i < N; i++) {
        const double u = cclip_random_uniform(&random), n = cclip_random_normal(&random);
        assert_true(u >= 0 && u < 1);
        uniform += u;
        normal += n;
        square += n * n;
    }
    assert_true(fabs(uniform / N - 0.5) < 0.003);
    assert_true(fabs(normal / N) < 0.01);
    assert_true(fabs(square / N - 1) < 0.015);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_algorithm),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_distributions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
