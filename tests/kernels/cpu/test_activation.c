/* Activations: every level against double precision, over all of the range where they are not
 * trivially 0 or x. */
#include "kernels/cpu/kernel_test.h"

static double truth(enum cclip_activation kind, double x)
{
    switch (kind) {
    case CCLIP_ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    case CCLIP_ACTIVATION_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case CCLIP_ACTIVATION_GELU_TANH:
        return x / (1 + exp(-2 * sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case CCLIP_ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    default:
        return x;
    }
}

/* Tolerance: 8 units of 2^-24 for x >= -1; to the left the exponent z of the tail is rounded to 2^-24 |z|, and
 * the value errs by that times itself. Below 1e-37 |x| anything that small is right. */
static double tolerance(enum cclip_activation kind, double x, double want)
{
    const double z = x > 0 ? 0
                     : kind == CCLIP_ACTIVATION_GELU       ? x * x
                     : kind == CCLIP_ACTIVATION_GELU_TANH ? 3 * (-x - 0.044715 * x * x * x)
                                                           : -2 * x;
    return fabs(want) * 5.96e-8 * (8 + 2 * z) + 1e-37 * (1 + fabs(x));
}

static float input(size_t i, size_t count)
{
    static const float special[] = { 0.0f,  -0.0f,  1e-40f, -1e-40f, 1e-20f, -1e-20f,
                                     1e10f, -1e10f, 100.0f, -100.0f, 1e30f,  -1e30f };
    const size_t specials = sizeof special / sizeof special[0];
    return i < specials ? special[i]
                        : (float)(-20.0 + 40.0 * (double)(i - specials) / (double)(count - specials));
}

static void test_against_double(void **state)
{
    enum { COUNT = 400003 };
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int kind = 0; kind < CCLIP_ACTIVATIONS && test_level_usable(level); kind++) {
            struct test_device d;
            struct guarded in = guarded_open(COUNT, 1), out = guarded_open(COUNT, 3);
            double worst = 0;
            test_device_open(&d, level, 2);
            for (size_t i = 0; i < COUNT; i++)
                in.data[i] = input(i, COUNT);
            d.device.ops->activation(&d.device, out.data, in.data, COUNT,
                                     (enum cclip_activation)kind);
            for (size_t i = 0; i < COUNT; i++) {
                const double x = in.data[i], want = truth((enum cclip_activation)kind, x);
                if (!(fabs(out.data[i] - want) <= tolerance((enum cclip_activation)kind, x, want)))
                    fail_msg("%s activation %d at %.9g: %.9g, not %.9g", test_levels[level], kind, x,
                             (double)out.data[i], want);
                if (x > -3 && fabs(want) > 1e-30)
                    worst = fmax(worst, fabs(out.data[i] - want) / fabs(want));
            }
            print_message("%s activation %d: relative error %.2g for x > -3\n", test_levels[level],
                          kind, worst);
            guarded_close(&in);
            guarded_close(&out);
            test_device_close(&d);
        }
}

/* Values do not depend on where in the buffer they stand; NaN stays NaN; in place works. */
static void test_every_length(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int kind = 0; kind < CCLIP_ACTIVATIONS && test_level_usable(level); kind++) {
            struct test_device d;
            struct guarded whole = guarded_open(70, 0);
            test_device_open(&d, level, 1);
            fill_values(whole.data, 70, VALUES_NORMAL, 1);
            d.device.ops->activation(&d.device, whole.data, whole.data, 70,
                                     (enum cclip_activation)kind);
            for (size_t n = 1; n < 70; n++) {
                struct guarded part = guarded_open(n, n % 16);
                fill_values(part.data, n, VALUES_NORMAL, 1);
                d.device.ops->activation(&d.device, part.data, part.data, n,
                                         (enum cclip_activation)kind);
                assert_memory_equal(part.data, whole.data, n * sizeof(float));
                part.data[n - 1] = NAN;
                d.device.ops->activation(&d.device, part.data, part.data, n,
                                         (enum cclip_activation)kind);
                assert_true(isnan(part.data[n - 1]));
                guarded_close(&part);
            }
            guarded_close(&whole);
            test_device_close(&d);
        }
}

struct bench {
    struct cclip_device *device;
    float *data, *out;
    enum cclip_activation kind;
};

static void bench_call(void *context)
{
    struct bench *b = context;
    b->device->ops->activation(b->device, b->out, b->data, 16384, b->kind);
}

static void bench(void)
{
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int kind = 0; kind < CCLIP_ACTIVATIONS && test_level_usable(level); kind++) {
            struct test_device d;
            struct guarded in = guarded_open(16384, 0), out = guarded_open(16384, 0);
            test_device_open(&d, level, 1);
            fill_values(in.data, in.count, VALUES_NORMAL, 1);
            struct bench b = { &d.device, in.data, out.data, (enum cclip_activation)kind };
            printf("activation_%d_%s: %.2f ns a value\n", kind, test_levels[level],
                   bench_seconds(bench_call, &b) / 16384 * 1e9);
            guarded_close(&in);
            guarded_close(&out);
            test_device_close(&d);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_every_length),
    };
    if (bench_wanted(argc, argv)) {
        bench();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
