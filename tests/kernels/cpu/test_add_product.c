/* A weight's gradient: the sum of each slice of 2048 rows is one chain bit for bit, slices are added in
 * order to what is there or to nothing, at every level and with any number of threads. */
#include "kernels/cpu/kernel_test.h"

enum { SLICE = 2048 };

struct shape {
    size_t a_width, b_width, rows, pad, offset;
};

static const struct shape shapes[] = {
    { 1, 1, 1, 0, 0 },      { 3, 31, 5, 1, 1 },      { 4, 32, 17, 0, 0 },    { 7, 33, 511, 3, 2 },
    { 8, 64, 512, 0, 0 },   { 14, 100, 513, 0, 5 },  { 15, 16, 1030, 1, 0 }, { 29, 40, 2048, 0, 0 },
    { 30, 20, 2049, 2, 1 }, { 13, 257, 700, 0, 3 },  { 200, 70, 4500, 0, 0 }, { 1024, 5, 600, 0, 0 },
    { 3, 5, 0, 0, 0 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static float chain(const float *a, size_t a_stride, const float *b, size_t b_stride, size_t rows,
                   float sum, int fused)
{
    for (size_t first = 0; first < rows; first += SLICE) {
        float part = 0;
        for (size_t r = first; r < rows && r < first + SLICE; r++) {
            const float x = a[r * a_stride], y = b[r * b_stride];
            const volatile float product = x * y;
            part = fused ? fmaf(x, y, part) : part + product;
        }
        sum = part + sum;
    }
    return sum;
}

static void check(int level, int threads, const struct shape *s, int anew)
{
    struct test_device d;
    const size_t a_stride = s->a_width + s->pad, b_stride = s->b_width + s->pad;
    struct guarded a = guarded_open(s->rows * a_stride, s->offset);
    struct guarded b = guarded_open(s->rows * b_stride, s->offset);
    struct guarded out = guarded_open(s->a_width * b_stride, s->offset);
    float *before = malloc(out.count * sizeof *before);
    assert_non_null(before);
    fill_values(a.data, a.count, VALUES_NORMAL, 1);
    fill_values(b.data, b.count, VALUES_NORMAL, 2);
    fill_values(out.data, out.count, VALUES_NORMAL, 3);
    memcpy(before, out.data, out.count * sizeof *before);
    test_device_open(&d, level, threads);
    d.device.ops->add_product(&d.device, out.data, b_stride, a.data, a_stride, s->a_width, b.data,
                              b_stride, s->b_width, s->rows, anew);
    for (size_t i = 0; i < out.count; i++) {
        const size_t row = i / b_stride, column = i % b_stride;
        const float want = column < s->b_width ? chain(a.data + row, a_stride, b.data + column, b_stride,
                                                       s->rows, anew ? 0 : before[i], level > 0)
                                               : before[i];
        if (memcmp(&want, &out.data[i], sizeof want) != 0)
            fail_msg("%s %zux%zu, %zu rows, %d threads: [%zu,%zu] is %.9g, not %.9g", test_levels[level],
                     s->a_width, s->b_width, s->rows, threads, row, column, (double)out.data[i],
                     (double)want);
    }
    test_device_close(&d);
    free(before);
    guarded_close(&a);
    guarded_close(&b);
    guarded_close(&out);
}

static void test_chains(void **state)
{
    (void)state;
    for (int level = 0; level < TEST_LEVELS; level++)
        for (int i = 0; i < SHAPES && test_level_usable(level); i++)
            for (int anew = 0; anew < 2; anew++)
                check(level, 1 + i % 3, &shapes[i], anew);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_chains) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
