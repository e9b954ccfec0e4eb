/* Operations on rows and pictures: exact where they only move or add numbers, else against double. One level
 * (plain C) serves all CPUs. */
#include "kernels/cpu/kernel_test.h"

static const int threads[] = { 1, 2, 3 };

static void test_embedding(void **state)
{
    enum { WIDTH = 19, TOKENS = 11, VOCABULARY = 30 };
    static const size_t offsets[] = { 0, 4, 4, 5, TOKENS };
    int32_t ids[TOKENS];
    (void)state;
    for (int i = 0; i < TOKENS; i++)
        ids[i] = (i * 7 + 3) % VOCABULARY;
    for (int t = 0; t < 6; t++) {
        struct test_device d;
        struct guarded table = guarded_open(VOCABULARY * WIDTH, 1), positions = guarded_open(8 * WIDTH, 2);
        struct guarded out = guarded_open(TOKENS * WIDTH, 3);
        test_device_open(&d, 0, threads[t % 3]);
        fill_values(table.data, table.count, VALUES_NORMAL, 1);
        fill_values(positions.data, positions.count, VALUES_NORMAL, 2);
        d.device.ops->embedding(&d.device, out.data, ids, table.data, t < 3 ? positions.data : NULL,
                                offsets, 4, WIDTH);
        for (size_t s = 0; s < 4; s++)
            for (size_t i = offsets[s]; i < offsets[s + 1]; i++)
                for (size_t c = 0; c < WIDTH; c++) {
                    const float place = t < 3 ? positions.data[(i - offsets[s]) * WIDTH + c] : 0;
                    assert_true(out.data[i * WIDTH + c] == table.data[(size_t)ids[i] * WIDTH + c] + place);
                }
        guarded_close(&table);
        guarded_close(&positions);
        guarded_close(&out);
        test_device_close(&d);
    }
}

static void test_gather_and_mean(void **state)
{
    enum { WIDTH = 37, STRIDE = 41, ROWS = 60 };
    static const size_t index[] = { 59, 0, 3, 3 }, begin[] = { 0, 10, 59 }, end[] = { 50, 11, 60 };
    (void)state;
    for (int t = 0; t < 3; t++) {
        struct test_device d;
        struct guarded in = guarded_open(ROWS * STRIDE, 1), out = guarded_open(4 * WIDTH, 2);
        test_device_open(&d, 0, threads[t]);
        fill_values(in.data, in.count, VALUES_LARGE_MEAN, 1);
        d.device.ops->gather_rows(&d.device, out.data, in.data, STRIDE, index, 4, WIDTH);
        for (size_t r = 0; r < 4; r++)
            assert_memory_equal(out.data + r * WIDTH, in.data + index[r] * STRIDE, WIDTH * sizeof(float));
        d.device.ops->mean_rows(&d.device, out.data, in.data, STRIDE, begin, end, 3, WIDTH);
        for (size_t r = 0; r < 3; r++)
            for (size_t c = 0; c < WIDTH; c++) {
                double mean = 0;
                for (size_t i = begin[r]; i < end[r]; i++)
                    mean += (double)in.data[i * STRIDE + c] / (double)(end[r] - begin[r]);
                assert_true(fabs(out.data[r * WIDTH + c] - mean) <= 50 * 5.96e-8 * mean);
            }
        guarded_close(&in);
        guarded_close(&out);
        test_device_close(&d);
    }
}

static void test_add_scale_normalize(void **state)
{
    enum { WIDTH = 45, ROWS = 21, PERIOD = 4 };
    (void)state;
    for (int kind = 0; kind < VALUES_KINDS; kind++) {
        struct test_device d;
        struct guarded in = guarded_open(ROWS * WIDTH, 1), out = guarded_open(ROWS * WIDTH, 2);
        struct guarded addend = guarded_open(PERIOD * WIDTH, 3);
        test_device_open(&d, 0, threads[kind % 3]);
        fill_values(in.data, in.count, (enum test_values)kind, 1);
        fill_values(addend.data, addend.count, VALUES_NORMAL, 2);
        d.device.ops->add_rows(&d.device, out.data, in.data, addend.data, ROWS, PERIOD, WIDTH);
        for (size_t i = 0; i < ROWS * WIDTH; i++)
            assert_true(out.data[i] == in.data[i] + addend.data[i / WIDTH % PERIOD * WIDTH + i % WIDTH]);
        d.device.ops->add_rows(&d.device, out.data, in.data, NULL, ROWS, 1, WIDTH);
        assert_memory_equal(out.data, in.data, in.count * sizeof(float));
        d.device.ops->scale_columns(&d.device, out.data, out.data, addend.data, ROWS, WIDTH);
        for (size_t i = 0; i < ROWS * WIDTH; i++)
            assert_true(out.data[i] == in.data[i] * addend.data[i % WIDTH]);
        const float epsilon = kind == VALUES_TINY ? 1e-12f : 1e-30f;
        d.device.ops->normalize_rows(&d.device, out.data, WIDTH, in.data, WIDTH, ROWS, WIDTH - 3, epsilon);
        for (size_t r = 0; r < ROWS; r++) {
            double length = 0;
            for (size_t c = 0; c < WIDTH - 3; c++)
                length += (double)in.data[r * WIDTH + c] * in.data[r * WIDTH + c];
            length = fmax(sqrt(length), (double)epsilon);
            for (size_t c = 0; c < WIDTH - 3; c++) {
                const double want = in.data[r * WIDTH + c] / length;
                assert_true(fabs(out.data[r * WIDTH + c] - want) <= 1.5e-7 * fabs(want) + 1e-44);
            }
        }
        guarded_close(&in);
        guarded_close(&out);
        guarded_close(&addend);
        test_device_close(&d);
    }
}

static void test_patches_and_layout(void **state)
{
    enum { BATCH = 2, CHANNELS = 3, HEIGHT = 11, WIDTH = 17, SIDE = 4, DOWN = 2, ACROSS = 4 };
    enum { LENGTH = CHANNELS * SIDE * SIDE };
    (void)state;
    for (int t = 0; t < 3; t++) {
        struct test_device d;
        struct guarded in = guarded_open(BATCH * CHANNELS * HEIGHT * WIDTH, 1);
        struct guarded out = guarded_open(BATCH * DOWN * ACROSS * LENGTH, 2), nhwc = guarded_open(in.count, 3);
        test_device_open(&d, 0, threads[t]);
        fill_values(in.data, in.count, VALUES_NORMAL, 1);
        d.device.ops->patches(&d.device, out.data, in.data, BATCH, CHANNELS, HEIGHT, WIDTH, SIDE);
        for (size_t i = 0; i < out.count; i++) {
            const size_t dx = i % SIDE, dy = i / SIDE % SIDE, c = i / (SIDE * SIDE) % CHANNELS;
            const size_t x = i / LENGTH % ACROSS, y = i / LENGTH / ACROSS % DOWN;
            const size_t n = i / LENGTH / ACROSS / DOWN;
            assert_true(out.data[i] == in.data[((n * CHANNELS + c) * HEIGHT + y * SIDE + dy) * WIDTH +
                                               x * SIDE + dx]);
        }
        d.device.ops->nchw_to_nhwc(&d.device, nhwc.data, in.data, BATCH, CHANNELS, HEIGHT * WIDTH);
        for (size_t i = 0; i < in.count; i++) {
            const size_t p = i % (HEIGHT * WIDTH), c = i / (HEIGHT * WIDTH) % CHANNELS;
            const size_t n = i / (HEIGHT * WIDTH) / CHANNELS;
            assert_true(nhwc.data[(n * HEIGHT * WIDTH + p) * CHANNELS + c] == in.data[i]);
        }
        guarded_close(&in);
        guarded_close(&out);
        guarded_close(&nhwc);
        test_device_close(&d);
    }
}

static void test_average_pool(void **state)
{
    enum { BATCH = 2, HEIGHT = 9, WIDTH = 8, CHANNELS = 21 };
    (void)state;
    for (size_t k = 1; k <= 4; k++) {
        const size_t down = HEIGHT / k, across = WIDTH / k;
        struct test_device d;
        struct guarded in = guarded_open(BATCH * HEIGHT * WIDTH * CHANNELS, 1);
        struct guarded out = guarded_open(BATCH * down * across * CHANNELS, 2);
        test_device_open(&d, 0, threads[k % 3]);
        fill_values(in.data, in.count, VALUES_NORMAL, 1);
        d.device.ops->average_pool2d(&d.device, out.data, in.data, BATCH, HEIGHT, WIDTH, CHANNELS, k);
        for (size_t i = 0; i < out.count; i++) {
            const size_t c = i % CHANNELS, x = i / CHANNELS % across, y = i / CHANNELS / across % down;
            const size_t n = i / CHANNELS / across / down;
            double mean = 0;
            for (size_t j = 0; j < k * k; j++)
                mean += in.data[((n * HEIGHT + y * k + j / k) * WIDTH + x * k + j % k) * CHANNELS + c];
            assert_true(fabs(out.data[i] - mean / (double)(k * k)) <= 1e-6);
        }
        guarded_close(&in);
        guarded_close(&out);
        test_device_close(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_gather_and_mean),
        cmocka_unit_test(test_add_scale_normalize),
        cmocka_unit_test(test_patches_and_layout),
        cmocka_unit_test(test_average_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
