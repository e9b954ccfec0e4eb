/* The matrix product: every level against a sum in double, the rule of one chain bit for bit, and
 * the epilogue. */
#include "kernels/cpu/kernel_test.h"

/* Tolerance: a chain of n roundings errs by at most n * 2^-24 of the sum of magnitudes; random
 * signs leave far less. Allowed here: 2^-24 * (4 + n / 4) of that sum, plus the smallest normal. */
static double tolerance(size_t depth, double magnitude)
{
    return magnitude * 5.96e-8 * (4.0 + (double)depth / 4.0) + 1.2e-38;
}

struct shape {
    size_t rows, columns, depth, in_pad, out_pad, offset;
};

static const struct shape shapes[] = {
    { 1, 1, 1, 0, 0, 0 },      { 1, 31, 7, 1, 3, 1 },      { 3, 33, 17, 5, 1, 3 },
    { 13, 32, 383, 0, 0, 0 },  { 14, 64, 384, 0, 0, 5 },   { 15, 65, 385, 3, 7, 1 },
    { 27, 100, 769, 1, 0, 0 }, { 29, 15, 1000, 0, 1, 7 },  { 50, 300, 768, 0, 0, 0 },
    { 113, 257, 96, 2, 2, 2 }, { 20, 40, 2048, 0, 0, 0 }, { 225, 520, 40, 0, 0, 0 },
    { 2, 17, 3072, 4, 4, 9 },   { 1, 1000, 640, 0, 0, 0 },
    { 31, 70, 1024, 0, 0, 4 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void check_shape(int level, const struct shape *s, enum test_values kind, int transposed)
{
    struct test_device d;
    test_device_open(&d, level, 2);
    const size_t in_stride = s->depth + s->in_pad, out_stride = s->columns + s->out_pad;
    struct guarded in = guarded_open(s->rows * in_stride, s->offset);
    struct guarded weight = guarded_open(s->columns * s->depth, s->offset);
    struct guarded out = guarded_open((s->rows - 1) * out_stride + s->columns, s->offset);
    fill_values(in.data, in.count, kind, 1);
    fill_values(weight.data, weight.count, kind, 2);
    const size_t cs = transposed ? 1 : s->depth, ds = transposed ? s->columns : 1;
    struct cclip_matrix matrix;
    assert_int_equal(d.device.ops->matrix_prepare(&d.device, &matrix, weight.data, s->columns,
                                                  s->depth, cs, ds), CCLIP_OK);
    d.device.ops->linear(&d.device, out.data, out_stride, in.data, in_stride, s->rows, &matrix,
                         NULL);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t c = 0; c < s->columns; c++) {
            double sum = 0, magnitude = 0;
            for (size_t k = 0; k < s->depth; k++) {
                const double p = (double)in.data[r * in_stride + k] * weight.data[c * cs + k * ds];
                sum += p;
                magnitude += fabs(p);
            }
            if (!(fabs(sum - out.data[r * out_stride + c]) <= tolerance(s->depth, magnitude)))
                fail_msg("%s %zux%zux%zu values %d: [%zu,%zu] is %g, not %g", test_levels[level],
                         s->rows, s->columns, s->depth, (int)kind, r, c,
                         (double)out.data[r * out_stride + c], sum);
        }
    d.device.ops->matrix_release(&d.device, &matrix);
    guarded_close(&in);
    guarded_close(&weight);
    guarded_close(&out);
    test_device_close(&d);
}

static void test_against_double(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < SHAPES && test_level_usable(level); i++)
            for (int kind = 0; kind < VALUES_KINDS; kind++)
                check_shape(level, &shapes[i], (enum test_values)kind, (i + kind) % 2);
}

/* ---- one chain, bit for bit ----------------------------------------------------------------- */

/* What the rule says: products added one by one in ascending order, fused where the level has
 * multiply-adds. */
static float chain(const float *in, const float *weight, size_t depth, int fused)
{
    float sum = 0;
    for (size_t k = 0; k < depth; k++) {
        volatile float product = in[k] * weight[k];
        sum = fused ? fmaf(in[k], weight[k], sum) : sum + product;
    }
    return sum;
}

struct linear {
    struct guarded in, weight, out;
    struct cclip_matrix matrix;
    const struct shape *shape;
};

static void linear_open(struct linear *p, struct test_device *d, const struct shape *s)
{
    p->shape = s;
    p->in = guarded_open(s->rows * (s->depth + s->in_pad), s->offset);
    p->weight = guarded_open(s->columns * s->depth, 0);
    p->out = guarded_open(s->rows * (s->columns + s->out_pad), s->offset);
    fill_values(p->in.data, p->in.count, VALUES_NORMAL, 1);
    fill_values(p->weight.data, p->weight.count, VALUES_NORMAL, 2);
    assert_int_equal(d->device.ops->matrix_prepare(&d->device, &p->matrix, p->weight.data, s->columns,
                                                   s->depth, s->depth, 1), CCLIP_OK);
}

static void linear_run(struct linear *p, struct test_device *d, size_t first, size_t rows)
{
    const struct shape *s = p->shape;
    const size_t in_stride = s->depth + s->in_pad, out_stride = s->columns + s->out_pad;
    d->device.ops->linear(&d->device, p->out.data + first * out_stride, out_stride,
                          p->in.data + first * in_stride, in_stride, rows, &p->matrix, NULL);
}

static void linear_close(struct linear *p, struct test_device *d)
{
    d->device.ops->matrix_release(&d->device, &p->matrix);
    guarded_close(&p->in);
    guarded_close(&p->weight);
    guarded_close(&p->out);
}

static void check_chain(const struct linear *p, int level)
{
    const struct shape *s = p->shape;
    for (size_t r = 0; r < s->rows; r++)
        for (size_t c = 0; c < s->columns; c++) {
            const float want = chain(p->in.data + r * (s->depth + s->in_pad),
                                     p->weight.data + c * s->depth, s->depth, level > 0);
            const float got = p->out.data[r * (s->columns + s->out_pad) + c];
            if (memcmp(&want, &got, sizeof want) != 0)
                fail_msg("%s %zux%zux%zu: [%zu,%zu] is %.9g, not %.9g", test_levels[level], s->rows,
                         s->columns, s->depth, r, c, (double)got, (double)want);
        }
}

/* The whole batch with one, two and three threads, then every third row alone. */
static void test_one_chain(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < SHAPES && test_level_usable(level); i++)
            for (int threads = 1; threads <= 3; threads++) {
                struct test_device d;
                struct linear p;
                test_device_open(&d, level, threads);
                linear_open(&p, &d, &shapes[i]);
                linear_run(&p, &d, 0, shapes[i].rows);
                check_chain(&p, level);
                memset(p.out.data, 0, p.out.count * sizeof(float));
                for (size_t row = 0; row < shapes[i].rows; row += 3)
                    linear_run(&p, &d, row, shapes[i].rows - row < 3 ? shapes[i].rows - row : 3);
                check_chain(&p, level);
                linear_close(&p, &d);
                test_device_close(&d);
            }
}

/* ---- epilogue --------------------------------------------------------------------------------- */

static double activate(enum cclip_activation kind, double x)
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

/* `parts`: bit 0 bias, 1 scale, 2 residual (the output itself), 3 ReLU at the end. The product without an epilogue
 * is the start, so only the epilogue's own rounding is allowed for: 1e-6 of the terms. */
static void check_epilogue(int level, const struct shape *s, enum cclip_activation kind, int parts)
{
    struct test_device d;
    struct linear p;
    test_device_open(&d, level, 2);
    linear_open(&p, &d, s);
    struct guarded bias = guarded_open(s->columns, 1), scale = guarded_open(s->columns, 3);
    float *plain = malloc(p.out.count * sizeof *plain), *residual = malloc(p.out.count * sizeof *residual);
    for (size_t i = 0; i < p.in.count; i++)
        p.in.data[i] *= 0.05f;
    fill_values(bias.data, bias.count, VALUES_NORMAL, 3);
    fill_values(scale.data, scale.count, VALUES_NORMAL, 4);
    linear_run(&p, &d, 0, s->rows);
    memcpy(plain, p.out.data, p.out.count * sizeof *plain);
    fill_values(residual, p.out.count, VALUES_NORMAL, 5);
    memcpy(p.out.data, residual, p.out.count * sizeof *residual);
    const struct cclip_epilogue e = { parts & 1 ? bias.data : NULL, kind, parts & 2 ? scale.data : NULL,
                                      parts & 4 ? p.out.data : NULL, parts & 8 ? 1 : 0 };
    const size_t out_stride = s->columns + s->out_pad;
    d.device.ops->linear(&d.device, p.out.data, out_stride, p.in.data, s->depth + s->in_pad, s->rows,
                         &p.matrix, &e);
    for (size_t i = 0; i < p.out.count; i++) {
        const size_t c = i % out_stride;
        if (c >= s->columns) { /* between the rows: untouched */
            assert_memory_equal(&p.out.data[i], &residual[i], sizeof(float));
            continue;
        }
        double y = plain[i] + (e.bias ? (double)bias.data[c] : 0);
        const double size = 1 + fabs((double)plain[i]) + fabs(y);
        y = activate(kind, y) * (e.scale ? (double)scale.data[c] : 1) +
            (e.residual ? (double)residual[i] : 0);
        y = e.relu_last && y < 0 ? 0 : y;
        if (!(fabs(p.out.data[i] - y) <= 1e-6 * size * (1 + fabs((double)scale.data[c])) * 2))
            fail_msg("%s activation %d parts %d: %g, not %g", test_levels[level], (int)kind, parts,
                     (double)p.out.data[i], y);
    }
    free(plain);
    free(residual);
    guarded_close(&bias);
    guarded_close(&scale);
    linear_close(&p, &d);
    test_device_close(&d);
}

static void test_epilogue(void **state)
{
    static const struct shape own[] = { { 5, 37, 20, 0, 2, 1 }, { 30, 96, 400, 0, 0, 0 } };
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int kind = 0; kind < CCLIP_ACTIVATIONS && test_level_usable(level); kind++)
            for (int parts = 0; parts < 16; parts++)
                check_epilogue(level, &own[parts % 2], (enum cclip_activation)kind, parts);
}

/* ---- time --------------------------------------------------------------------------------------- */

struct bench {
    struct linear p;
    struct test_device d;
};

static void bench_call(void *context)
{
    struct bench *b = context;
    linear_run(&b->p, &b->d, 0, b->p.shape->rows);
}

static void bench(void)
{
    static const struct shape sizes[] = { { 1, 768, 768, 0, 0, 0 }, { 50, 2304, 768, 0, 0, 0 },
                                          { 400, 768, 3072, 0, 0, 0 } };
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < 3 && test_level_usable(level); i++) {
            struct bench b;
            const struct shape *s = &sizes[i];
            test_device_open(&b.d, level, 1);
            linear_open(&b.p, &b.d, s);
            printf("product_%zux%zux%zu_%s: %.1f GFLOP/s, one thread\n", s->rows, s->columns, s->depth,
                   test_levels[level], 2.0 * (double)(s->rows * s->columns * s->depth) /
                                           bench_seconds(bench_call, &b) / 1e9);
            linear_close(&b.p, &b.d);
            test_device_close(&b.d);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_one_chain),
        cmocka_unit_test(test_epilogue),
    };
    if (bench_wanted(argc, argv)) {
        bench();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
