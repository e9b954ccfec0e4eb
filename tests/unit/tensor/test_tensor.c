/* Shapes, strides and number types: every half-precision number, every block format against its definition. */
#include "support/unit.h"

#include <math.h>

#include "tensor/tensor.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void test_count(void **state)
{
    (void)state;
    size_t count;
    assert_ok(cclip_tensor_count(&count, (const size_t[]){ 3, 4, 5 }, 3));
    assert_int_equal(count, 60);
    assert_ok(cclip_tensor_count(&count, NULL, 0));
    assert_int_equal(count, 1);
    assert_ok(cclip_tensor_count(&count, (const size_t[]){ 3, 0, 5 }, 3));
    assert_int_equal(count, 0);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_tensor_count(&count, (const size_t[]){ SIZE_MAX, SIZE_MAX }, 2));
    const size_t wraps[] = { (size_t)1 << 33, (size_t)1 << 33 };
    assert_fails(CCLIP_ERROR_LIMIT, cclip_tensor_count(&count, wraps, 2));
}

static void test_shape_text(void **state)
{
    (void)state;
    char text[64], little[8];
    assert_string_equal(cclip_shape_text(text, sizeof text, (const size_t[]){ 768, 512 }, 2), "[768, 512]");
    assert_string_equal(cclip_shape_text(text, sizeof text, NULL, 0), "[]");
    assert_true(strlen(cclip_shape_text(little, sizeof little, (const size_t[]){ 123456, 123456 }, 2)) < 8);
}

/* By the definition of IEEE half precision, in double. */
static double half_by_definition(unsigned bits)
{
    const int exponent = bits >> 10 & 31;
    const double sign = bits >> 15 ? -1 : 1, fraction = bits & 1023;
    if (exponent == 31)
        return fraction > 0 ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1 + fraction / 1024, exponent - 15) : ldexp(fraction / 1024, -14));
}

static void test_every_half(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        const float value = cclip_f16_to_f32((uint16_t)bits);
        const double expected = half_by_definition(bits);
        if (isnan(expected)) {
            assert_true(isnan(value));
            continue;
        }
        assert_true((double)value == expected && !signbit(value) == !signbit(expected));
        assert_int_equal(cclip_f32_to_f16(value), bits);
    }
}

static void test_rounding_to_half(void **state)
{
    (void)state;
    assert_int_equal(cclip_f32_to_f16(1.0f + 0x1p-11f), 0x3c00);            /* half way: to even */
    assert_int_equal(cclip_f32_to_f16(1.0f + 3 * 0x1p-11f), 0x3c02);        /* half way: to even */
    assert_int_equal(cclip_f32_to_f16(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01); /* above half way */
    assert_int_equal(cclip_f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(cclip_f32_to_f16(65520.0f), 0x7c00); /* infinity */
    assert_int_equal(cclip_f32_to_f16(0x1p-25f), 0x0000);
    assert_int_equal(cclip_f32_to_f16(0x1.1p-25f), 0x0001);
    assert_int_equal(cclip_f32_to_f16(-0.0f), 0x8000);
    assert_true((cclip_f32_to_f16(NAN) & 0x7fff) > 0x7c00);
}

static void test_bf16(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        const float value = cclip_bf16_to_f32((uint16_t)bits);
        assert_int_equal(bits_of(value), bits << 16);
        if (!isnan(value))
            assert_int_equal(cclip_f32_to_bf16(value), bits);
    }
    assert_int_equal(cclip_f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);      /* half way: to even */
    assert_int_equal(cclip_f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);  /* half way: to even */
    assert_int_equal(cclip_f32_to_bf16(0x1.fffffep127f), 0x7f80);     /* infinity */
    assert_true((cclip_f32_to_bf16(NAN) & 0x7fff) > 0x7f80);
}

static void test_strides(void **state)
{
    (void)state;
    /* A 3 x 2 matrix stored by columns. */
    const float data[6] = { 0, 2, 4, 1, 3, 5 };
    struct cclip_tensor tensor = { .data = data, .dtype = CCLIP_F32, .rank = 2, .shape = { 3, 2 }, .stride = { 1, 3 } };
    float out[6];
    assert_false(cclip_tensor_is_contiguous(&tensor));
    cclip_tensor_to_f32(out, &tensor);
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == (float)i);
    cclip_tensor_set_contiguous(&tensor);
    assert_int_equal(tensor.stride[0], 2);
    assert_int_equal(tensor.stride[1], 1);
    assert_true(cclip_tensor_is_contiguous(&tensor));
    cclip_tensor_to_f32(out, &tensor);
    assert_memory_equal(out, data, sizeof data);
}

static void test_plain_types(void **state)
{
    (void)state;
    static const double f64[2] = { -0.5, 3 };
    static const int64_t i64[2] = { -5, 7 };
    static const int32_t i32[2] = { -5, 7 };
    static const int16_t i16[2] = { -5, 7 };
    static const int8_t i8[2] = { -5, 7 };
    static const uint8_t u8[2] = { 251, 7 };
    const struct {
        enum cclip_dtype dtype;
        const void *data;
        float expected[2];
    } cases[] = { { CCLIP_F64, f64, { -0.5f, 3 } }, { CCLIP_I64, i64, { -5, 7 } }, { CCLIP_I32, i32, { -5, 7 } },
                  { CCLIP_I16, i16, { -5, 7 } },    { CCLIP_I8, i8, { -5, 7 } },   { CCLIP_U8, u8, { 251, 7 } } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_tensor tensor = { .data = cases[i].data, .dtype = cases[i].dtype, .rank = 1, .shape = { 2 } };
        float out[2];
        cclip_tensor_set_contiguous(&tensor);
        cclip_tensor_to_f32(out, &tensor);
        assert_true(out[0] == cases[i].expected[0] && out[1] == cases[i].expected[1]);
    }
}

/* Q8_0: an f16 scale, then 32 signed bytes. */
static void test_q8_0(void **state)
{
    (void)state;
    unsigned char blocks[2 * 34];
    assert_int_equal(cclip_dtype_info(CCLIP_Q8_0)->block_bytes, 34);
    for (int block = 0; block < 2; block++) {
        const uint16_t scale = cclip_f32_to_f16(block ? 0.25f : 2.0f);
        memcpy(blocks + 34 * block, &scale, 2);
        for (int i = 0; i < 32; i++)
            blocks[34 * block + 2 + i] = (unsigned char)(i - 16);
    }
    struct cclip_tensor tensor = { .data = blocks, .dtype = CCLIP_Q8_0, .rank = 1, .shape = { 64 } };
    float out[64];
    cclip_tensor_set_contiguous(&tensor);
    cclip_tensor_to_f32(out, &tensor);
    for (int i = 0; i < 64; i++)
        assert_true(out[i] == (i < 32 ? 2.0f : 0.25f) * (float)(i % 32 - 16));
}

/* Q4_0: an f16 scale, then 16 bytes; the low halves are values 0..15, the high halves 16..31, less 8. */
static void test_q4_0(void **state)
{
    (void)state;
    unsigned char block[18];
    const uint16_t scale = cclip_f32_to_f16(-0.5f);
    assert_int_equal(cclip_dtype_info(CCLIP_Q4_0)->block_bytes, 18);
    memcpy(block, &scale, 2);
    for (int i = 0; i < 16; i++)
        block[2 + i] = (unsigned char)(i | (15 - i) << 4);
    struct cclip_tensor tensor = { .data = block, .dtype = CCLIP_Q4_0, .rank = 1, .shape = { 32 } };
    float out[32];
    cclip_tensor_set_contiguous(&tensor);
    cclip_tensor_to_f32(out, &tensor);
    for (int i = 0; i < 16; i++) {
        assert_true(out[i] == -0.5f * (float)(i - 8));
        assert_true(out[16 + i] == -0.5f * (float)(15 - i - 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),       cmocka_unit_test(test_shape_text), cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_rounding_to_half), cmocka_unit_test(test_bf16),  cmocka_unit_test(test_strides),
        cmocka_unit_test(test_plain_types), cmocka_unit_test(test_q8_0),       cmocka_unit_test(test_q4_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
