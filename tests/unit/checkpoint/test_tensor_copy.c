/* Tensors into C order: plain types with their bits, blocks decoded, both with rows and columns exchanged. */
#include "support/fault.h"
#include "support/unit.h"

#include "checkpoint/tensor_copy.h"

enum { ROWS = 3, COLUMNS = 64, BLOCK = 34 };

/* A q8_0 matrix [ROWS, COLUMNS]: element (r, c) is r - c / 2, for its scale is a half. */
static void make_blocks(unsigned char data[ROWS * COLUMNS / 32 * BLOCK])
{
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        unsigned char *block = data + i / 32 * BLOCK;
        const uint16_t half = cclip_f32_to_f16(0.5f);
        memcpy(block, &half, sizeof half);
        block[2 + i % 32] = (unsigned char)(2 * (int)(i / COLUMNS) - (int)(i % COLUMNS));
    }
}

static struct cclip_tensor matrix(const void *data, enum cclip_dtype dtype, int transposed)
{
    struct cclip_tensor t = { .data = data, .dtype = dtype, .rank = 2, .shape = { ROWS, COLUMNS } };
    cclip_tensor_set_contiguous(&t);
    if (transposed) {
        t.shape[0] = COLUMNS;
        t.shape[1] = ROWS;
        t.stride[0] = 1;
        t.stride[1] = COLUMNS;
    }
    return t;
}

static void test_blocks(void **state)
{
    unsigned char data[ROWS * COLUMNS / 32 * BLOCK];
    float out[ROWS * COLUMNS];
    (void)state;
    make_blocks(data);
    for (int transposed = 0; transposed < 2; transposed++) {
        const struct cclip_tensor t = matrix(data, CCLIP_Q8_0, transposed);
        assert_ok(cclip_tensor_read_f32(out, &t));
        for (size_t i = 0; i < ROWS * COLUMNS; i++) {
            const size_t r = transposed ? i % ROWS : i / COLUMNS, c = transposed ? i / ROWS : i % COLUMNS;
            assert_true(out[i] == (float)r - (float)c / 2);
        }
    }
}

static void test_bits(void **state)
{
    uint16_t data[ROWS * COLUMNS], out[ROWS * COLUMNS];
    uint64_t wide[6] = { 1, 2, 3, 4, 5, (uint64_t)-1 }, wide_out[6];
    (void)state;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        data[i] = (uint16_t)(0x7c00 + i); /* f16 NaNs of every kind among them */
    for (int transposed = 0; transposed < 2; transposed++) {
        const struct cclip_tensor t = matrix(data, CCLIP_F16, transposed);
        cclip_tensor_copy(out, &t);
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            assert_int_equal(out[i], data[transposed ? i % ROWS * COLUMNS + i / ROWS : i]);
    }
    const struct cclip_tensor t = { wide, CCLIP_F64, 3, { 2, 1, 3 }, { 1, 1, 2 } };
    cclip_tensor_copy(wide_out, &t);
    for (size_t i = 0; i < 6; i++)
        assert_true(wide_out[i] == wide[i / 3 + i % 3 * 2]);
}

static cclip_status read_transposed(void *context)
{
    float out[ROWS * COLUMNS];
    const struct cclip_tensor t = matrix(context, CCLIP_Q8_0, 1);
    return cclip_tensor_read_f32(out, &t);
}

static void test_out_of_memory(void **state)
{
    unsigned char data[ROWS * COLUMNS / 32 * BLOCK];
    (void)state;
    make_blocks(data);
    assert_int_equal(cclip_fault_each(read_transposed, data), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_blocks), cmocka_unit_test(test_bits),
                                        cmocka_unit_test(test_out_of_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
