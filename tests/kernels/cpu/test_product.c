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
    { 113, 257, 96, 2, 2, 2 }, { 12, 512, 2048, 0, 0, 0 }, { 225, 520, 40, 0, 0, 0 },
    { 2, 17, 3072, 4, 4, 9 },  { 1, 1000, 640, 0, 0, 0 },
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
