/* The device itself: every allocation that fails is survived, errors are sticky, forms are checked. */
#include "kernels/cpu/kernel_test.h"

#include "base/memory.h"

enum { WIDTH = 48, ROWS = 20 };

/* A little of everything that takes memory; stops at the first failure. */
static cclip_status work(void)
{
    struct cclip_device device;
    struct cclip_matrix matrix = { 0 };
    float in[ROWS * WIDTH] = { 1 }, out[ROWS * WIDTH], weight[WIDTH * WIDTH] = { 1 };
    void *memory = NULL;
    cclip_status status = cclip_cpu_device_open(&device, NULL, cclip_cpu_features());
    if (status) {
        assert_null(device.ops);
        return status;
    }
    const size_t offsets[] = { 0, ROWS };
    const struct cclip_attention at = { .out = out, .q = in, .k = in, .v = in, .out_stride = WIDTH,
                                        .q_stride = WIDTH, .k_stride = WIDTH, .v_stride = WIDTH,
                                        .heads = 3, .head_width = 16, .sequences = 1,
                                        .q_offsets = offsets, .k_offsets = offsets, .scale = 1 };
    status = device.ops->allocate(&device, &memory, 100);
    if (!status)
        status = device.ops->matrix_prepare(&device, &matrix, weight, WIDTH, WIDTH, WIDTH, 1);
    if (!status) {
        device.ops->linear(&device, out, WIDTH, in, WIDTH, ROWS, &matrix, NULL);
        device.ops->attention(&device, &at);
        status = cclip_device_finish(&device);
    }
    device.ops->matrix_release(&device, &matrix);
    device.ops->release(&device, memory);
    cclip_cpu_device_close(&device);
    cclip_cpu_device_close(&device);
    return status;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    cclip_memory_fail_at(0);
    assert_int_equal(work(), CCLIP_OK);
    const unsigned long allocations = cclip_memory_fail_at(0);
    assert_true(allocations >= 5);
    for (unsigned long n = 1; n <= allocations; n++) {
        cclip_memory_fail_at(n);
        assert_int_equal(work(), CCLIP_ERROR_MEMORY);
    }
    cclip_memory_fail_at(0);
    assert_int_equal(work(), CCLIP_OK);
}

/* A second run of the same work takes no memory. */
static void test_steady_state(void **state)
{
    float in[ROWS * WIDTH] = { 1 }, out[ROWS * WIDTH], weight[WIDTH * WIDTH] = { 1 };
    struct test_device d;
    struct cclip_matrix matrix;
    (void)state;
    test_device_open(&d, 0, 2);
    assert_int_equal(d.device.ops->matrix_prepare(&d.device, &matrix, weight, WIDTH, WIDTH, WIDTH, 1),
                     CCLIP_OK);
    d.device.ops->linear(&d.device, out, WIDTH, in, WIDTH, ROWS, &matrix, NULL);
    cclip_memory_fail_at(0);
    d.device.ops->linear(&d.device, out, WIDTH, in, WIDTH, ROWS, &matrix, NULL);
    d.device.ops->linear(&d.device, out, WIDTH, in, WIDTH, 1, &matrix, NULL);
    assert_int_equal(cclip_memory_fail_at(0), 0);
    d.device.ops->matrix_release(&d.device, &matrix);
    test_device_close(&d);
}

static void test_errors_are_sticky(void **state)
{
    float in[WIDTH] = { 1 }, out[WIDTH] = { 5 }, weight[WIDTH * WIDTH] = { 1 };
    struct test_device d;
    struct cclip_matrix matrix;
    (void)state;
    test_device_open(&d, 0, 1);
    assert_int_equal(d.device.ops->matrix_prepare(&d.device, &matrix, weight, WIDTH, WIDTH, WIDTH, 1),
                     CCLIP_OK);
    cclip_device_fail(&d.device, cclip_fail(CCLIP_ERROR_IO, "the first error"));
    cclip_device_fail(&d.device, cclip_fail(CCLIP_ERROR_LIMIT, "the second error"));
    d.device.ops->linear(&d.device, out, WIDTH, in, WIDTH, 1, &matrix, NULL);
    d.device.ops->activation(&d.device, out, in, WIDTH, CCLIP_ACTIVATION_RELU);
    assert_true(out[0] == 5.0f); /* nothing ran */
    assert_int_equal(cclip_device_finish(&d.device), CCLIP_ERROR_IO);
    assert_string_equal(cclip_error_message(), "the first error");
    assert_int_equal(cclip_device_finish(&d.device), CCLIP_OK);
    d.device.ops->linear(&d.device, out, WIDTH, in, WIDTH, 1, &matrix, NULL);
    assert_int_equal(cclip_device_finish(&d.device), CCLIP_OK);
    assert_true(out[0] == 1.0f);
    d.device.ops->matrix_release(&d.device, &matrix);
    test_device_close(&d);
}

static void test_matrix_of_another_form(void **state)
{
    (void)state;
    for (int level = 1; level < TEST_LEVELS; level++) {
        float in[WIDTH] = { 1 }, out[WIDTH], weight[WIDTH * WIDTH] = { 1 };
        struct test_device plain, other;
        struct cclip_matrix matrix;
        if (!test_level_usable(level))
            continue;
        test_device_open(&plain, 0, 1);
        test_device_open(&other, level, 1);
        assert_int_equal(plain.device.ops->matrix_prepare(&plain.device, &matrix, weight, WIDTH, WIDTH,
                                                          WIDTH, 1), CCLIP_OK);
        other.device.ops->linear(&other.device, out, WIDTH, in, WIDTH, 1, &matrix, NULL);
        assert_int_equal(cclip_device_finish(&other.device), CCLIP_ERROR_MISMATCH);
        plain.device.ops->matrix_release(&plain.device, &matrix);
        test_device_close(&plain);
        test_device_close(&other);
    }
}

static void test_impossible_matrix(void **state)
{
    float weight[1] = { 1 };
    struct test_device d;
    struct cclip_matrix matrix;
    (void)state;
    test_device_open(&d, 0, 1);
    static const size_t sizes[][2] = { { 0, 1 }, { 1, 0 }, { SIZE_MAX, SIZE_MAX }, { 1 << 30, 1 << 30 } };
    for (int i = 0; i < 4; i++) {
        assert_int_equal(d.device.ops->matrix_prepare(&d.device, &matrix, weight, sizes[i][0],
                                                      sizes[i][1], 1, 1), CCLIP_ERROR_LIMIT);
        assert_null(matrix.prepared);
    }
    test_device_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_errors_are_sticky),
        cmocka_unit_test(test_matrix_of_another_form),
        cmocka_unit_test(test_impossible_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
