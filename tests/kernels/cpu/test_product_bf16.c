/* Products of operands rounded to bf16: every variant against a sum in double of operands that are rounded here,
 * bit by bit; the same bits whatever the company and the threads. */
#include "kernels/cpu/kernel_test.h"

static const char *const levels[] = { "c", "bf16", "amx" };
static const char *const variants[] = { "bf16 c,", "bf16 avx512bf16,", "bf16 amx," };
enum { LEVELS = sizeof levels / sizeof levels[0] };

static int usable(int level)
{
    const unsigned needed = cclip_cpu_features_of_level(levels[level]);
    return (needed & cclip_cpu_features()) == needed;
}

static void open_device(struct test_device *d, int level, int threads)
{
    assert_int_equal(cclip_thread_pool_open(&d->pool, threads), CCLIP_OK);
    assert_int_equal(cclip_cpu_device_open(&d->device, d->pool, cclip_cpu_features_of_level(levels[level])),
                     CCLIP_OK);
    d->device.compute = CCLIP_BF16;
}

/* To nearest, ties to even. Denormals are zero. */
static float rounded(float x)
{
    if (fabsf(x) < 1.17549435e-38f)
        return copysignf(0, x);
    int exponent;
    const double fraction = frexp((double)x, &exponent); /* 8 digits of it stay; nearbyint goes to even */
    return (float)ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

/* A copy of the operand, rounded; the caller frees it. */
static float *rounded_all(const struct guarded *in)
{
    float *out = malloc((in->count + 1) * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < in->count; i++)
        out[i] = rounded(in->data[i]);
    return out;
}

/* A float32 sum of n exact products, in any order: n roundings of at most 2^-24 of the magnitudes. */
static double tolerance(size_t depth, double magnitude)
{
    return magnitude * 5.96e-8 * (4.0 + (double)depth / 4.0) + 1.2e-38 * (double)(depth + 1);
}

struct shape {
    size_t rows, columns, depth, in_pad, out_pad, offset;
};

static const struct shape shapes[] = {
    { 1, 1, 1, 0, 0, 0 },       { 1, 31, 7, 1, 3, 1 },     { 3, 33, 17, 5, 1, 3 },    { 16, 32, 33, 0, 0, 0 },
    { 17, 16, 64, 0, 0, 5 },    { 33, 65, 385, 3, 7, 1 },  { 27, 100, 769, 1, 0, 0 }, { 29, 15, 1000, 0, 1, 7 },
    { 50, 300, 768, 0, 0, 0 },  { 113, 257, 96, 2, 2, 2 }, { 20, 40, 2048, 0, 0, 0 }, { 225, 520, 40, 0, 0, 0 },
    { 150, 600, 513, 4, 4, 9 }, { 1, 1000, 640, 0, 0, 0 }, { 31, 70, 1024, 0, 0, 4 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* ---- rounding ------------------------------------------------------------------------------------ */

/* A product with the unit matrix gives the operand itself, rounded. */
static void test_rounding(void **state)
{
    enum { WIDTH = 32 };
    static const uint32_t hard[] = {
        0,          0x80000000, 0x00000001, 0x007fffff, 0x807fffff, 0x00800000, 0x3f808000, 0x3f818000,
        0x3f808001, 0x3f807fff, 0x3f7fffff, 0xbf808000, 0xbf818000, 0x7f000000, 0x7f7f0000, 0x4b7fffff,
        0xcb7f8000, 0x3fffffff, 0x3fff8000, 0x3fff7fff, 0x00808000, 0x00818000, 0x7e7f8000, 0xfe808000,
    };
    float in[WIDTH] = { 0 }, out[WIDTH], unit[WIDTH * WIDTH] = { 0 };
    (void)state;
    memcpy(in, hard, sizeof hard);
    for (int i = 0; i < WIDTH; i++)
        unit[i * WIDTH + i] = 1;
    for (int level = 0; level < LEVELS; level++) {
        struct test_device d;
        const struct cclip_matrix one = { .columns = WIDTH, .depth = WIDTH, .values = unit,
                                          .column_stride = WIDTH, .depth_stride = 1 };
        const struct cclip_matrix given = { .columns = WIDTH, .depth = WIDTH, .values = in,
                                            .column_stride = 1, .depth_stride = WIDTH };
        if (!usable(level))
            continue;
        open_device(&d, level, 1);
        d.device.ops->linear(&d.device, out, WIDTH, in, WIDTH, 1, &one, NULL);
        for (int i = 0; i < WIDTH; i++)
            if (out[i] != rounded(in[i]))
                fail_msg("%s: %a becomes %a, not %a", levels[level], (double)in[i], (double)out[i],
                         (double)rounded(in[i]));
        /* The other side: column j of a weight whose only row is `in`. */
        struct cclip_matrix row = given;
        row.depth = 1;
        d.device.ops->linear(&d.device, out, WIDTH, unit, WIDTH, 1, &row, NULL);
        for (int i = 0; i < WIDTH; i++)
            assert_true(out[i] == rounded(in[i]));
        test_device_close(&d);
    }
}

/* ---- linear -------------------------------------------------------------------------------------- */

struct linear {
    struct guarded in, weight, out;
    const struct shape *shape;
    struct cclip_matrix matrix;
};

/* `form` 0: depth contiguous; 1: columns contiguous; 2: neither. */
static void linear_open(struct linear *p, const struct shape *s, enum test_values kind, int form)
{
    p->shape = s;
    p->in = guarded_open(s->rows * (s->depth + s->in_pad), s->offset);
    p->weight = guarded_open(s->columns * s->depth * (form == 2 ? 2 : 1), s->offset);
    p->out = guarded_open((s->rows - 1) * (s->columns + s->out_pad) + s->columns, s->offset);
    fill_values(p->in.data, p->in.count, kind, 1);
    fill_values(p->weight.data, p->weight.count, kind, 2);
    p->matrix = (struct cclip_matrix){ .columns = s->columns, .depth = s->depth, .values = p->weight.data,
                                       .column_stride = form == 1 ? 1 : s->depth * (form == 2 ? 2 : 1),
                                       .depth_stride = form == 0 ? 1 : form == 1 ? s->columns : 2 };
}

static void linear_run(struct linear *p, struct test_device *d, size_t first, size_t rows)
{
    const struct shape *s = p->shape;
    const size_t in_stride = s->depth + s->in_pad, out_stride = s->columns + s->out_pad;
    d->device.ops->linear(&d->device, p->out.data + first * out_stride, out_stride,
                          p->in.data + first * in_stride, in_stride, rows, &p->matrix, NULL);
}

static void linear_close(struct linear *p)
{
    guarded_close(&p->in);
    guarded_close(&p->weight);
    guarded_close(&p->out);
}

static void check_linear(const struct linear *p, int level, int kind)
{
    const struct shape *s = p->shape;
    float *in = rounded_all(&p->in), *weight = rounded_all(&p->weight);
    for (size_t r = 0; r < s->rows; r++)
        for (size_t c = 0; c < s->columns; c++) {
            double sum = 0, magnitude = 0;
            for (size_t k = 0; k < s->depth; k++) {
                const double p_k = (double)in[r * (s->depth + s->in_pad) + k] *
                                   weight[c * p->matrix.column_stride + k * p->matrix.depth_stride];
                sum += p_k;
                magnitude += fabs(p_k);
            }
            const double got = p->out.data[r * (s->columns + s->out_pad) + c];
            if (!(fabs(sum - got) <= tolerance(s->depth, magnitude)))
                fail_msg("%s %zux%zux%zu values %d: [%zu,%zu] is %g, not %g", levels[level], s->rows,
                         s->columns, s->depth, kind, r, c, got, sum);
        }
    free(in);
    free(weight);
}

/* The whole batch, then every third row alone: the same bits. */
static void check_company(struct linear *p, struct test_device *d)
{
    float *together = malloc(p->out.count * sizeof *together);
    assert_non_null(together);
    memcpy(together, p->out.data, p->out.count * sizeof *together);
    for (size_t row = 0; row < p->shape->rows; row += 3)
        linear_run(p, d, row, p->shape->rows - row < 3 ? p->shape->rows - row : 3);
    assert_memory_equal(together, p->out.data, p->out.count * sizeof *together);
    free(together);
}

static void test_linear(void **state)
{
    (void)state;
    for (int level = 0; level < LEVELS; level++)
        for (int i = 0; i < SHAPES && usable(level); i++)
            for (int kind = 0; kind < VALUES_KINDS; kind++) {
                struct test_device d;
                struct linear p;
                char text[160];
                open_device(&d, level, 1 + (i + kind) % 3);
                assert_non_null(strstr(cclip_cpu_variants(text, sizeof text,
                                                          cclip_cpu_features_of_level(levels[level])),
                                       variants[level]));
                linear_open(&p, &shapes[i], (enum test_values)kind, (i + kind) % 3);
                linear_run(&p, &d, 0, shapes[i].rows);
                check_linear(&p, level, kind);
                check_company(&p, &d);
                linear_close(&p);
                test_device_close(&d);
            }
}

/* Bias, activation and residual come after the sum, as in float32. */
static void test_epilogue(void **state)
{
    static const struct shape s = { 40, 70, 600, 0, 3, 1 };
    (void)state;
    for (int level = 0; level < LEVELS; level++) {
        struct test_device d;
        struct linear p;
        float bias[70], plain[40 * 73];
        if (!usable(level))
            continue;
        open_device(&d, level, 2);
        linear_open(&p, &s, VALUES_NORMAL, 0);
        fill_values(bias, 70, VALUES_NORMAL, 7);
        linear_run(&p, &d, 0, s.rows);
        memcpy(plain, p.out.data, p.out.count * sizeof *plain);
        const struct cclip_epilogue e = { .bias = bias, .activation = CCLIP_ACTIVATION_RELU,
                                          .residual = p.out.data };
        d.device.ops->linear(&d.device, p.out.data, 73, p.in.data, s.depth, s.rows, &p.matrix, &e);
        for (size_t r = 0; r < s.rows; r++)
            for (size_t c = 0; c < s.columns; c++) {
                const float sum = plain[r * 73 + c] + bias[c];
                assert_true(p.out.data[r * 73 + c] == (sum > 0 ? sum : 0) + plain[r * 73 + c]);
            }
        linear_close(&p);
        test_device_close(&d);
    }
}

/* ---- a weight's gradient --------------------------------------------------------------------------- */

static void check_add_product(int level, int threads, size_t a_width, size_t b_width, size_t rows, size_t pad,
                              int anew, float *bits)
{
    struct test_device d;
    struct guarded a = guarded_open(rows * (a_width + pad), pad), b = guarded_open(rows * (b_width + pad), 1);
    struct guarded out = guarded_open(a_width * b_width, 2);
    fill_values(a.data, a.count, VALUES_NORMAL, 1);
    fill_values(b.data, b.count, VALUES_NORMAL, 2);
    for (size_t i = 0; i < out.count; i++)
        out.data[i] = 0.5f;
    open_device(&d, level, threads);
    d.device.ops->add_product(&d.device, out.data, b_width, a.data, a_width + pad, a_width, b.data,
                              b_width + pad, b_width, rows, anew);
    float *left = rounded_all(&a), *right = rounded_all(&b);
    for (size_t i = 0; i < a_width; i++)
        for (size_t j = 0; j < b_width; j++) {
            double sum = anew ? 0 : 0.5, magnitude = 0.5;
            for (size_t r = 0; r < rows; r++) {
                const double p = (double)left[r * (a_width + pad) + i] * right[r * (b_width + pad) + j];
                sum += p;
                magnitude += fabs(p);
            }
            if (!(fabs(sum - out.data[i * b_width + j]) <= tolerance(rows, magnitude)))
                fail_msg("%s %zux%zu, %zu rows: [%zu,%zu] is %g, not %g", levels[level], a_width, b_width,
                         rows, i, j, (double)out.data[i * b_width + j], sum);
        }
    if (threads > 1)
        assert_memory_equal(bits, out.data, out.count * sizeof *bits);
    memcpy(bits, out.data, out.count * sizeof *bits);
    free(left);
    free(right);
    test_device_close(&d);
    guarded_close(&a);
    guarded_close(&b);
    guarded_close(&out);
}

static void test_add_product(void **state)
{
    static const size_t sizes[][4] = { { 1, 1, 1, 0 },      { 3, 31, 5, 1 },    { 16, 32, 33, 0 }, { 17, 33, 511, 3 },
                                       { 30, 100, 513, 0 }, { 65, 40, 2049, 0 }, { 13, 70, 9000, 2 } };
    static float bits[65 * 100];
    (void)state;
    for (int level = 0; level < LEVELS; level++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && usable(level); i++)
            for (int run = 0; run < 6; run++)
                check_add_product(level, 1 + run % 3, sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], run / 3,
                                  bits);
}

/* ---- convolution ------------------------------------------------------------------------------------ */

static double at(const float *in, const struct cclip_conv2d *v, size_t n, ptrdiff_t y, ptrdiff_t x, size_t c)
{
    if (y < 0 || x < 0 || y >= (ptrdiff_t)v->height || x >= (ptrdiff_t)v->width)
        return 0;
    return rounded(in[((n * v->height + (size_t)y) * v->width + (size_t)x) * v->channels + c]);
}

static void check_conv2d(int level, const struct cclip_conv2d *v, size_t columns)
{
    struct test_device d;
    const size_t depth = v->kernel * v->kernel * v->channels, height = cclip_conv2d_out(v->height, v);
    const size_t width = cclip_conv2d_out(v->width, v);
    struct guarded in = guarded_open(v->batch * v->height * v->width * v->channels, 3);
    struct guarded weight = guarded_open(columns * depth, 1);
    struct guarded out = guarded_open(v->batch * height * width * columns, 5);
    const struct cclip_matrix matrix = { .columns = columns, .depth = depth, .values = weight.data,
                                         .column_stride = depth, .depth_stride = 1 };
    fill_values(in.data, in.count, VALUES_NORMAL, 1);
    fill_values(weight.data, weight.count, VALUES_NORMAL, 2);
    open_device(&d, level, 2);
    d.device.ops->conv2d(&d.device, out.data, in.data, v, &matrix, NULL);
    for (size_t i = 0; i < out.count; i++) {
        const size_t o = i % columns, x = i / columns % width, y = i / columns / width % height;
        double sum = 0, magnitude = 0;
        for (size_t k = 0; k < depth; k++) {
            const ptrdiff_t ky = (ptrdiff_t)(k / v->channels / v->kernel);
            const ptrdiff_t kx = (ptrdiff_t)(k / v->channels % v->kernel);
            const double p = (double)rounded(weight.data[o * depth + k]) *
                             at(in.data, v, i / columns / width / height,
                                (ptrdiff_t)(y * v->stride) + ky - (ptrdiff_t)v->padding,
                                (ptrdiff_t)(x * v->stride) + kx - (ptrdiff_t)v->padding, k % v->channels);
            sum += p;
            magnitude += fabs(p);
        }
        if (!(fabs(sum - out.data[i]) <= tolerance(depth, magnitude)))
            fail_msg("%s: output %zu is %g, not %g", levels[level], i, (double)out.data[i], sum);
    }
    test_device_close(&d);
    guarded_close(&in);
    guarded_close(&weight);
    guarded_close(&out);
}

static void test_conv2d(void **state)
{
    static const struct cclip_conv2d convs[] = {
        { 2, 9, 7, 3, 3, 2, 1 },    { 3, 5, 6, 64, 1, 1, 0 }, { 2, 6, 5, 7, 1, 2, 0 },
        { 1, 14, 10, 50, 3, 1, 1 }, { 2, 8, 8, 32, 3, 1, 1 }, { 1, 4, 4, 130, 3, 1, 1 },
    };
    (void)state;
    for (int level = 0; level < LEVELS; level++)
        for (size_t i = 0; i < sizeof convs / sizeof convs[0] && usable(level); i++)
            check_conv2d(level, &convs[i], 9 + 24 * i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),    cmocka_unit_test(test_linear), cmocka_unit_test(test_epilogue),
        cmocka_unit_test(test_add_product), cmocka_unit_test(test_conv2d),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
