/* Layer normalisation: every level against double precision, at odd sizes, strides and alignments. */
#include "kernels/cpu/kernel_test.h"

static const size_t sizes[] = { 1, 2, 7, 8, 15, 16, 17, 31, 33, 63, 64, 100, 512, 768, 1023, 4096 };
enum { SIZES = sizeof sizes / sizeof sizes[0], ROWS = 5 };

struct problem {
    struct guarded in, out, weight, bias;
    float mean[ROWS], rstd[ROWS];
    size_t channels, in_stride, out_stride;
};

/* Tolerance: the deviations of a row err by a few 2^-24 of the row's largest deviation and, when the mean is
 * large, by nothing else, since the mean is known to more digits than a float has. */
static void check_row(const struct problem *p, size_t row, float epsilon, const char *what)
{
    const float *in = p->in.data + row * p->in_stride, *out = p->out.data + row * p->out_stride;
    double mean = 0, variance = 0, spread = 0;
    for (size_t i = 0; i < p->channels; i++)
        mean += (double)in[i] / (double)p->channels;
    for (size_t i = 0; i < p->channels; i++) {
        variance += (in[i] - mean) * (in[i] - mean) / (double)p->channels;
        spread = fmax(spread, fabs(in[i] - mean));
    }
    const double rstd = 1 / sqrt(variance + (double)epsilon);
    assert_true(fabs(p->mean[row] - mean) <= 6e-8 * fabs(mean) + 1e-6 * spread + 1e-44);
    assert_true(fabs(p->rstd[row] - rstd) <= 1e-6 * rstd);
    for (size_t i = 0; i < p->channels; i++) {
        const double want = (in[i] - mean) * rstd * p->weight.data[i] + p->bias.data[i];
        const double allowed = 1e-6 * (fabs(spread * rstd * p->weight.data[i]) + fabs(p->bias.data[i]));
        if (!(fabs(out[i] - want) <= allowed + 1e-37))
            fail_msg("%s channels %zu row %zu: %.9g, not %.9g", what, p->channels, row, (double)out[i],
                     want);
    }
}

static void check(int level, size_t channels, enum test_values kind)
{
    const float epsilon = kind == VALUES_TINY ? 1e-5f : 1e-6f;
    struct test_device d;
    struct problem p = { .channels = channels, .in_stride = channels + 3, .out_stride = channels + 1 };
    p.in = guarded_open(ROWS * p.in_stride, 1);
    p.out = guarded_open((ROWS - 1) * p.out_stride + channels, 2);
    p.weight = guarded_open(channels, 5);
    p.bias = guarded_open(channels, 0);
    fill_values(p.in.data, p.in.count, kind, 1);
    fill_values(p.weight.data, channels, VALUES_NORMAL, 2);
    fill_values(p.bias.data, channels, VALUES_NORMAL, 3);
    test_device_open(&d, level, 2);
    d.device.ops->layer_norm(&d.device, p.out.data, p.out_stride, p.mean, p.rstd, p.in.data, p.in_stride,
                             p.weight.data, p.bias.data, ROWS, channels, epsilon);
    for (size_t row = 0; row < ROWS; row++)
        check_row(&p, row, epsilon, test_levels[level]);
    /* Without bias and statistics, in place, one row: same bits as with a bias of zero. */
    memset(p.bias.data, 0, channels * sizeof(float));
    d.device.ops->layer_norm(&d.device, p.out.data, p.out_stride, NULL, NULL, p.in.data, p.in_stride,
                             p.weight.data, p.bias.data, ROWS, channels, epsilon);
    d.device.ops->layer_norm(&d.device, p.in.data + p.in_stride, 0, NULL, NULL, p.in.data + p.in_stride,
                             0, p.weight.data, NULL, 1, channels, epsilon);
    for (size_t i = 0; i < channels; i++)
        assert_true(p.in.data[p.in_stride + i] == p.out.data[p.out_stride + i]);
    guarded_close(&p.in);
    guarded_close(&p.out);
    guarded_close(&p.weight);
    guarded_close(&p.bias);
    test_device_close(&d);
}

static void test_against_double(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < SIZES && test_level_usable(level); i++)
            for (int kind = 0; kind < VALUES_KINDS; kind++)
                check(level, sizes[i], (enum test_values)kind);
}

struct bench {
    struct cclip_device *device;
    struct guarded in, weight;
};

static void bench_call(void *context)
{
    struct bench *b = context;
    b->device->ops->layer_norm(b->device, b->in.data, 768, NULL, NULL, b->in.data, 768, b->weight.data,
                               b->weight.data, 50, 768, 1e-5f);
}

static void bench(void)
{
    for (int level = 0; level < TEST_LEVELS; level++)
        if (test_level_usable(level)) {
            struct test_device d;
            struct bench b = { NULL, guarded_open(50 * 768, 0), guarded_open(768, 0) };
            test_device_open(&d, level, 1);
            b.device = &d.device;
            fill_values(b.in.data, b.in.count, VALUES_NORMAL, 1);
            fill_values(b.weight.data, b.weight.count, VALUES_NORMAL, 2);
            printf("layer_norm_50x768_%s: %.2f GB/s read and written\n", test_levels[level],
                   8.0 * 50 * 768 / bench_seconds(bench_call, &b) / 1e9);
            guarded_close(&b.in);
            guarded_close(&b.weight);
            test_device_close(&d);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_double) };
    if (bench_wanted(argc, argv)) {
        bench();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
