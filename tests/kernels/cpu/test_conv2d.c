/* Convolution: every level against a sum in double; batch independence bit for bit. */
#include "kernels/cpu/kernel_test.h"

struct shape {
    struct cclip_conv2d conv;
    size_t columns;
};

static const struct shape shapes[] = {
    { { 1, 1, 1, 1, 1, 1, 0 }, 1 },     { { 2, 9, 7, 3, 3, 2, 1 }, 33 },
    { { 1, 8, 8, 5, 3, 1, 1 }, 16 },    { { 3, 5, 6, 64, 1, 1, 0 }, 40 },
    { { 2, 6, 5, 7, 1, 2, 0 }, 20 },    { { 1, 14, 10, 50, 3, 1, 1 }, 65 },
    { { 1, 12, 12, 3, 4, 4, 0 }, 24 },  { { 1, 3, 2, 4, 5, 1, 2 }, 9 },
    { { 1, 4, 4, 130, 3, 1, 1 }, 31 },  { { 2, 1, 1, 2, 3, 1, 1 }, 5 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static double at(const float *in, const struct cclip_conv2d *v, size_t n, ptrdiff_t y, ptrdiff_t x,
                 size_t c)
{
    if (y < 0 || x < 0 || y >= (ptrdiff_t)v->height || x >= (ptrdiff_t)v->width)
        return 0;
    return in[((n * v->height + (size_t)y) * v->width + (size_t)x) * v->channels + c];
}

/* Tolerance as in test_product.c. */
static void check_output(int level, const struct shape *s, const float *in, const float *weight,
                         const float *out)
{
    const struct cclip_conv2d *v = &s->conv;
    const size_t height = cclip_conv2d_out(v->height, v), width = cclip_conv2d_out(v->width, v);
    const size_t depth = v->kernel * v->kernel * v->channels;
    for (size_t i = 0; i < v->batch * height * width * s->columns; i++) {
        const size_t o = i % s->columns, x = i / s->columns % width;
        const size_t y = i / s->columns / width % height, n = i / s->columns / width / height;
        double sum = 0, magnitude = 0;
        for (size_t k = 0; k < depth; k++) {
            const size_t c = k % v->channels, kx = k / v->channels % v->kernel;
            const size_t ky = k / v->channels / v->kernel;
            const double p = weight[o * depth + k] *
                             at(in, v, n, (ptrdiff_t)(y * v->stride + ky) - (ptrdiff_t)v->padding,
                                (ptrdiff_t)(x * v->stride + kx) - (ptrdiff_t)v->padding, c);
            sum += p;
            magnitude += fabs(p);
        }
        if (!(fabs(sum - out[i]) <= magnitude * 5.96e-8 * (4 + (double)depth / 4) + 1.2e-38))
            fail_msg("%s shape %d: [%zu,%zu,%zu,%zu] is %g, not %g", test_levels[level],
                     (int)(s - shapes), n, y, x, o, (double)out[i], sum);
    }
}

static void check_shape(int level, const struct shape *s, int threads)
{
    struct test_device d;
    const struct cclip_conv2d *v = &s->conv;
    const size_t depth = v->kernel * v->kernel * v->channels;
    const size_t picture = v->height * v->width * v->channels;
    const size_t result = cclip_conv2d_out(v->height, v) * cclip_conv2d_out(v->width, v) * s->columns;
    struct guarded in = guarded_open(v->batch * picture, 3), weight = guarded_open(s->columns * depth, 1);
    struct guarded out = guarded_open(v->batch * result, 5), alone = guarded_open(result, 0);
    struct cclip_matrix matrix;
    test_device_open(&d, level, threads);
    fill_values(in.data, in.count, VALUES_NORMAL, 1);
    fill_values(weight.data, weight.count, VALUES_NORMAL, 2);
    assert_int_equal(d.device.ops->matrix_prepare(&d.device, &matrix, weight.data, s->columns, depth,
                                                  depth, 1), CCLIP_OK);
    d.device.ops->conv2d(&d.device, out.data, in.data, v, &matrix, NULL);
    check_output(level, s, in.data, weight.data, out.data);
    struct cclip_conv2d one = *v;
    one.batch = 1;
    for (size_t n = 0; n < v->batch; n++) {
        d.device.ops->conv2d(&d.device, alone.data, in.data + n * picture, &one, &matrix, NULL);
        assert_memory_equal(alone.data, out.data + n * result, result * sizeof(float));
    }
    d.device.ops->matrix_release(&d.device, &matrix);
    guarded_close(&in);
    guarded_close(&weight);
    guarded_close(&out);
    guarded_close(&alone);
    test_device_close(&d);
}

static void test_against_double(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < SHAPES && test_level_usable(level); i++)
            check_shape(level, &shapes[i], 1 + i % 3);
}

/* ---- the kernel's gradient ------------------------------------------------------------------------ */

/* Sizes of each way that it may go, and both sides of what tells them apart. */
static const struct shape backward_shapes[] = {
    { { 1, 1, 1, 1, 1, 1, 0 }, 1 },    { { 2, 9, 7, 3, 3, 2, 1 }, 33 },  { { 3, 8, 8, 16, 3, 1, 1 }, 16 },
    { { 2, 9, 11, 32, 3, 1, 1 }, 31 }, { { 19, 4, 8, 64, 3, 1, 1 }, 15 }, { { 1, 33, 9, 8, 3, 1, 1 }, 5 },
    { { 2, 8, 7, 32, 3, 1, 1 }, 20 },  { { 2, 8, 8, 40, 3, 1, 1 }, 20 }, { { 1, 10, 8, 32, 5, 1, 2 }, 14 },
    { { 17, 3, 5, 32, 1, 1, 0 }, 29 }, { { 5, 30, 31, 64, 1, 1, 0 }, 40 }, { { 3, 5, 6, 20, 1, 1, 0 }, 7 },
    { { 600, 2, 2, 32, 3, 1, 1 }, 9 }, { { 2, 6, 5, 7, 1, 2, 0 }, 20 },
};
enum { BACKWARD_SHAPES = sizeof backward_shapes / sizeof backward_shapes[0] };

static void check_kernel_gradient(int level, const struct shape *s, const float *in, const float *d_out,
                                  const float *got)
{
    const struct cclip_conv2d *v = &s->conv;
    const size_t height = cclip_conv2d_out(v->height, v), width = cclip_conv2d_out(v->width, v);
    const size_t depth = v->kernel * v->kernel * v->channels, rows = v->batch * height * width;
    for (size_t i = 0; i < s->columns * depth; i++) {
        const size_t o = i / depth, c = i % v->channels, kx = i / v->channels % v->kernel;
        const size_t ky = i % depth / v->channels / v->kernel;
        double sum = 1, magnitude = 1; /* what was there */
        for (size_t r = 0; r < rows; r++) {
            const size_t y = r / width % height, x = r % width;
            const double p = d_out[r * s->columns + o] *
                             at(in, v, r / width / height, (ptrdiff_t)(y * v->stride + ky) - (ptrdiff_t)v->padding,
                                (ptrdiff_t)(x * v->stride + kx) - (ptrdiff_t)v->padding, c);
            sum += p;
            magnitude += fabs(p);
        }
        if (!(fabs(sum - got[i]) <= magnitude * 5.96e-8 * (4 + (double)rows / 4)))
            fail_msg("%s gradient %d: [%zu,%zu,%zu,%zu] is %g, not %g", test_levels[level],
                     (int)(s - backward_shapes), o, ky, kx, c, (double)got[i], sum);
    }
}

static void check_backward(int level, const struct shape *s)
{
    const struct cclip_conv2d *v = &s->conv;
    const size_t rows = v->batch * cclip_conv2d_out(v->height, v) * cclip_conv2d_out(v->width, v);
    const size_t depth = v->kernel * v->kernel * v->channels;
    struct guarded in = guarded_open(v->batch * v->height * v->width * v->channels, 3);
    struct guarded d_out = guarded_open(rows * s->columns, 1), got[3];
    fill_values(in.data, in.count, VALUES_NORMAL, 1);
    fill_values(d_out.data, d_out.count, VALUES_NORMAL, 2);
    for (int threads = 1; threads <= 3; threads++) {
        struct test_device d;
        struct guarded *g = &got[threads - 1];
        *g = guarded_open(s->columns * depth, 5);
        for (size_t i = 0; i < g->count; i++)
            g->data[i] = 1;
        test_device_open(&d, level, threads);
        d.device.ops->conv2d_backward(&d.device, g->data, d_out.data, in.data, v, s->columns);
        assert_int_equal(cclip_device_finish(&d.device), CCLIP_OK);
        assert_memory_equal(g->data, got[0].data, g->count * sizeof(float));
        test_device_close(&d);
    }
    check_kernel_gradient(level, s, in.data, d_out.data, got[0].data);
    for (int i = 0; i < 3; i++)
        guarded_close(&got[i]);
    guarded_close(&in);
    guarded_close(&d_out);
}

static void test_backward(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < BACKWARD_SHAPES && test_level_usable(level); i++)
            check_backward(level, &backward_shapes[i]);
}

/* With an epilogue, and the same bits as where windows are copied: of a width that is too small for lines. */
static void check_epilogue(int level, size_t width, size_t columns)
{
    const struct cclip_conv2d wide = { 2, 5, width, 24, 3, 1, 1 };
    const size_t rows = wide.batch * wide.height * width, depth = 9 * wide.channels;
    struct test_device d;
    struct guarded in = guarded_open(rows * wide.channels, 1), weight = guarded_open(columns * depth, 2);
    struct guarded bias = guarded_open(columns, 3), residual = guarded_open(rows * columns, 4);
    struct guarded plain = guarded_open(rows * columns, 5), out = guarded_open(rows * columns, 6);
    struct cclip_matrix matrix;
    test_device_open(&d, level, 2);
    fill_values(in.data, in.count, VALUES_NORMAL, 1);
    fill_values(weight.data, weight.count, VALUES_NORMAL, 2);
    fill_values(bias.data, bias.count, VALUES_NORMAL, 3);
    fill_values(residual.data, residual.count, VALUES_NORMAL, 4);
    assert_int_equal(d.device.ops->matrix_prepare(&d.device, &matrix, weight.data, columns, depth, depth,
                                                  1), CCLIP_OK);
    const struct cclip_epilogue e = { .bias = bias.data, .residual = residual.data, .relu_last = 1 };
    d.device.ops->conv2d(&d.device, plain.data, in.data, &wide, &matrix, NULL);
    d.device.ops->conv2d(&d.device, out.data, in.data, &wide, &matrix, &e);
    for (size_t i = 0; i < out.count; i++) {
        const volatile float y = plain.data[i] + bias.data[i % columns];
        const float want = y + residual.data[i];
        assert_true(out.data[i] == (want < 0 ? 0 : want));
    }
    for (size_t i = 0; i < plain.count; i++) { /* one chain, in the order of the window */
        const size_t r = i / columns, y = r / width % wide.height, x = r % width;
        float sum = 0;
        for (size_t k = 0; k < depth; k++) {
            const double px = at(in.data, &wide, r / width / wide.height, (ptrdiff_t)(y + k / 72) - 1,
                                 (ptrdiff_t)(x + k / 24 % 3) - 1, k % 24);
            const volatile float product = (float)px * weight.data[i % columns * depth + k];
            sum = level ? fmaf((float)px, weight.data[i % columns * depth + k], sum) : sum + product;
        }
        assert_true(sum == plain.data[i]);
    }
    d.device.ops->matrix_release(&d.device, &matrix);
    struct guarded *const all[] = { &in, &weight, &bias, &residual, &plain, &out };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        guarded_close(all[i]);
    test_device_close(&d);
}

static void test_epilogue(void **state)
{
    static const size_t widths[] = { 7, 8, 15, 29 };
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < 4 && test_level_usable(level); i++) {
            check_epilogue(level, widths[i], 31 + (size_t)i % 2);
            check_epilogue(level, widths[i], 70);
        }
}

struct bench {
    struct test_device d;
    struct shape shape;
    struct guarded in, weight, out;
    struct cclip_matrix matrix;
};

static void bench_call(void *context)
{
    struct bench *b = context;
    b->d.device.ops->conv2d(&b->d.device, b->out.data, b->in.data, &b->shape.conv, &b->matrix, NULL);
}

/* The convolutions of a ResNet-50 at 224 px, batch 2, one thread. */
static void bench(int level)
{
    static const struct shape sizes[] = {
        { { 2, 224, 224, 3, 3, 2, 1 }, 32 },   { { 2, 112, 112, 32, 3, 1, 1 }, 32 },
        { { 2, 112, 112, 32, 3, 1, 1 }, 64 },  { { 2, 56, 56, 64, 1, 1, 0 }, 64 },
        { { 2, 56, 56, 64, 3, 1, 1 }, 64 },    { { 2, 56, 56, 64, 1, 1, 0 }, 256 },
        { { 2, 56, 56, 256, 1, 1, 0 }, 64 },   { { 2, 28, 28, 128, 3, 1, 1 }, 128 },
        { { 2, 28, 28, 512, 1, 1, 0 }, 128 },  { { 2, 14, 14, 256, 3, 1, 1 }, 256 },
        { { 2, 14, 14, 1024, 1, 1, 0 }, 256 }, { { 2, 7, 7, 512, 3, 1, 1 }, 512 },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bench b = { .shape = sizes[i] };
        const struct cclip_conv2d *v = &b.shape.conv;
        const size_t depth = v->kernel * v->kernel * v->channels;
        const size_t rows = v->batch * cclip_conv2d_out(v->height, v) * cclip_conv2d_out(v->width, v);
        test_device_open(&b.d, level, 1);
        b.in = guarded_open(v->batch * v->height * v->width * v->channels, 0);
        b.weight = guarded_open(depth * b.shape.columns, 0);
        b.out = guarded_open(rows * b.shape.columns, 0);
        fill_values(b.in.data, b.in.count, VALUES_NORMAL, 1);
        fill_values(b.weight.data, b.weight.count, VALUES_NORMAL, 2);
        b.d.device.ops->matrix_prepare(&b.d.device, &b.matrix, b.weight.data, b.shape.columns, depth,
                                       depth, 1);
        printf("conv2d_%zux%zu_%zu_to_%zu_kernel%zu_%s: %.1f GFLOP/s\n", v->height, v->width,
               v->channels, b.shape.columns, v->kernel, test_levels[level],
               2.0 * (double)(rows * depth * b.shape.columns) / bench_seconds(bench_call, &b) / 1e9);
        b.d.device.ops->matrix_release(&b.d.device, &b.matrix);
        guarded_close(&b.in);
        guarded_close(&b.weight);
        guarded_close(&b.out);
        test_device_close(&b.d);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
        cmocka_unit_test(test_backward),
        cmocka_unit_test(test_epilogue),
    };
    if (bench_wanted(argc, argv)) {
        for (int level = 0; level < TEST_LEVELS; level++)
            if (test_level_usable(level))
                bench(level);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
