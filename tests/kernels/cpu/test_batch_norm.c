/* Batch norm: statistics, norm and gradient of every level against double precision. */
#include "kernels/cpu/kernel_test.h"

static const size_t widths[] = { 1, 3, 8, 15, 16, 17, 33, 64, 67, 130 };
enum { WIDTHS = sizeof widths / sizeof widths[0], ROWS = 600 };

struct problem {
    struct guarded in, d_out, residual, out, mean, rstd, weight, bias, running_mean, running_variance;
    size_t channels;
};

static struct guarded filled(size_t count, size_t offset, enum test_values kind, uint64_t seed)
{
    struct guarded g = guarded_open(count, offset);
    fill_values(g.data, count, kind, seed);
    return g;
}

static void problem_open(struct problem *p, size_t channels, enum test_values kind)
{
    const size_t count = ROWS * channels;
    *p = (struct problem){
        .in = filled(count, 1, kind, 1), .d_out = filled(count, 2, VALUES_NORMAL, 2),
        .residual = filled(count, 3, VALUES_NORMAL, 3), .out = guarded_open(count, 5),
        .mean = guarded_open(channels, 0), .rstd = guarded_open(channels, 7),
        .weight = filled(channels, 1, VALUES_NORMAL, 4), .bias = filled(channels, 0, VALUES_NORMAL, 5),
        .running_mean = filled(channels, 0, VALUES_NORMAL, 6),
        .running_variance = filled(channels, 0, VALUES_CONSTANT, 7), .channels = channels,
    };
}

static void problem_close(struct problem *p)
{
    struct guarded *const all[] = { &p->in, &p->d_out, &p->residual, &p->out, &p->mean, &p->rstd,
                                    &p->weight, &p->bias, &p->running_mean, &p->running_variance };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_close(all[i]);
}

/* Of channel c, all in double from the stored statistics. */
static void check_channel(const struct problem *p, size_t c, int relu, const char *level)
{
    const float *x = p->in.data + c, *residual = p->residual.data + c, *out = p->out.data + c;
    double mean = 0, variance = 0;
    for (size_t r = 0; r < ROWS; r++)
        mean += (double)x[r * p->channels] / ROWS;
    for (size_t r = 0; r < ROWS; r++)
        variance += pow(x[r * p->channels] - mean, 2) / ROWS;
    const double rstd = 1 / sqrt(variance + 1e-5);
    assert_true(fabs(p->mean.data[c] - mean) <= 1e-6 * (fabs(mean) + sqrt(variance)));
    assert_true(fabs(p->rstd.data[c] - rstd) <= 1e-5 * rstd);
    for (size_t r = 0; r < ROWS; r++) {
        const double n = ((double)x[r * p->channels] - p->mean.data[c]) * p->rstd.data[c];
        double y = n * p->weight.data[c] + p->bias.data[c] + residual[r * p->channels];
        y = relu && y < 0 ? 0 : y;
        if (!(fabs(out[r * p->channels] - y) <= 1e-5 * (1 + fabs(n))))
            fail_msg("%s: channel %zu of %zu, row %zu: %.9g, not %.9g", level, c, p->channels, r,
                     (double)out[r * p->channels], y);
    }
}

static void check_gradient(const struct problem *p, const float *d_weight, const float *d_bias, size_t c,
                           const char *level)
{
    const double mean = p->mean.data[c], rstd = p->rstd.data[c], weight = p->weight.data[c];
    double sum = 0, product = 0;
    for (size_t r = 0; r < ROWS; r++) {
        const double dy = p->d_out.data[r * p->channels + c];
        sum += dy;
        product += dy * (p->in.data[r * p->channels + c] - mean) * rstd;
    }
    assert_true(fabs(d_bias[c] - 1 - sum) <= 1e-4 && fabs(d_weight[c] - 1 - product) <= 2e-4);
    for (size_t r = 0; r < ROWS; r++) {
        const double n = (p->in.data[r * p->channels + c] - mean) * rstd;
        const double want =
            weight * rstd * (p->d_out.data[r * p->channels + c] - sum / ROWS - n * product / ROWS);
        const double got = p->out.data[r * p->channels + c];
        if (!(fabs(got - want) <= 1e-5 * fabs(weight * rstd) * (1 + fabs(n))))
            fail_msg("%s: gradient of channel %zu of %zu, row %zu: %.9g, not %.9g", level, c, p->channels,
                     r, got, want);
    }
}

static void check(int level, size_t channels, enum test_values kind)
{
    struct test_device d;
    struct problem p;
    const int relu = channels % 2 == 0;
    problem_open(&p, channels, kind);
    test_device_open(&d, level, 1 + (int)channels % 3);
    const struct cclip_backend *ops = d.device.ops;
    ops->batch_norm_statistics(&d.device, p.mean.data, p.rstd.data, p.running_mean.data,
                               p.running_variance.data, p.in.data, ROWS, channels, 1);
    ops->batch_norm(&d.device, p.out.data, p.in.data, p.mean.data, p.rstd.data, p.weight.data,
                    p.bias.data, p.residual.data, relu, ROWS, channels);
    for (size_t c = 0; c < channels; c++)
        check_channel(&p, c, relu, test_levels[level]);
    float d_weight[256], d_bias[256];
    for (size_t c = 0; c < channels; c++)
        d_weight[c] = d_bias[c] = 1; /* added to */
    const struct cclip_batch_norm_gradient gradient = {
        .d_in = p.out.data, .d_weight = d_weight, .d_bias = d_bias, .d_out = p.d_out.data,
        .in = p.in.data, .mean = p.mean.data, .rstd = p.rstd.data, .weight = p.weight.data,
        .bias = p.bias.data, .of_batch = 1, .rows = ROWS, .channels = channels,
    };
    ops->batch_norm_backward(&d.device, &gradient);
    for (size_t c = 0; c < channels; c++)
        check_gradient(&p, d_weight, d_bias, c, test_levels[level]);
    test_device_close(&d);
    problem_close(&p);
}

static void test_against_double(void **state)
{
    static const enum test_values kinds[] = { VALUES_NORMAL, VALUES_LARGE_MEAN };
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < WIDTHS && test_level_usable(level); i++)
            for (int k = 0; k < 2; k++)
                check(level, widths[i], kinds[k]);
}

/* A ReLU behind the norm: the same bits as with a dy that was cut off by hand where the output is zero, whether
 * the kernel reads the output or computes it anew. */
static void check_relu(int level, size_t channels, int with_residual)
{
    struct test_device d;
    struct problem p;
    const size_t count = ROWS * channels;
    problem_open(&p, channels, VALUES_NORMAL);
    test_device_open(&d, level, 1 + (int)channels % 3);
    const struct cclip_backend *ops = d.device.ops;
    struct guarded cut = guarded_open(count, 3), plain = guarded_open(count, 2);
    struct guarded kept = guarded_open(count, 1);
    ops->batch_norm_statistics(&d.device, p.mean.data, p.rstd.data, NULL, NULL, p.in.data, ROWS,
                               channels, 1);
    ops->batch_norm(&d.device, p.out.data, p.in.data, p.mean.data, p.rstd.data, p.weight.data,
                    p.bias.data, with_residual ? p.residual.data : NULL, 1, ROWS, channels);
    for (size_t i = 0; i < count; i++)
        cut.data[i] = p.out.data[i] > 0 ? p.d_out.data[i] : 0;
    float sums[2][2][256] = { 0 };
    struct cclip_batch_norm_gradient g = {
        .d_in = plain.data, .d_weight = sums[0][0], .d_bias = sums[0][1], .d_out = cut.data,
        .in = p.in.data, .mean = p.mean.data, .rstd = p.rstd.data, .weight = p.weight.data,
        .bias = p.bias.data, .of_batch = 1, .rows = ROWS, .channels = channels,
    };
    ops->batch_norm_backward(&d.device, &g);
    g.d_in = kept.data;
    g.d_weight = sums[1][0];
    g.d_bias = sums[1][1];
    g.d_out = p.d_out.data;
    g.relu = 1;
    if (with_residual) {
        g.out = p.out.data;
        g.d_residual = p.d_out.data;
    }
    ops->batch_norm_backward(&d.device, &g);
    assert_int_equal(cclip_device_finish(&d.device), CCLIP_OK);
    assert_memory_equal(kept.data, plain.data, count * sizeof(float));
    assert_memory_equal(sums[1], sums[0], sizeof sums[0]);
    if (with_residual)
        assert_memory_equal(p.d_out.data, cut.data, count * sizeof(float));
    guarded_close(&cut);
    guarded_close(&plain);
    guarded_close(&kept);
    test_device_close(&d);
    problem_close(&p);
}

static void test_relu(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < WIDTHS && test_level_usable(level); i++)
            for (int with_residual = 0; with_residual < 2; with_residual++)
                check_relu(level, widths[i], with_residual);
}

/* A first row far from all others, the worst case for sums around it. */
static void test_odd_first_row(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++) {
        if (!test_level_usable(level))
            continue;
        struct test_device d;
        struct problem p;
        problem_open(&p, 17, VALUES_NORMAL);
        test_device_open(&d, level, 2);
        for (size_t c = 0; c < p.channels; c++)
            p.in.data[c] = 1e4f;
        d.device.ops->batch_norm_statistics(&d.device, p.mean.data, p.rstd.data, NULL, NULL, p.in.data,
                                            ROWS, p.channels, 1);
        d.device.ops->batch_norm(&d.device, p.out.data, p.in.data, p.mean.data, p.rstd.data,
                                 p.weight.data, p.bias.data, p.residual.data, 0, ROWS, p.channels);
        for (size_t c = 0; c < p.channels; c++)
            check_channel(&p, c, 0, test_levels[level]);
        test_device_close(&d);
        problem_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_against_double), cmocka_unit_test(test_relu),
                                       cmocka_unit_test(test_odd_first_row) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
