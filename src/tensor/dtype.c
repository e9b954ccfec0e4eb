#include "tensor/tensor.h"

#include <string.h>

const struct cclip_dtype_info *cclip_dtype_info(enum cclip_dtype dtype)
{
    static const struct cclip_dtype_info infos[CCLIP_DTYPES] = {
        [CCLIP_F32] = { "f32", 1, 4 },    [CCLIP_F16] = { "f16", 1, 2 },
        [CCLIP_BF16] = { "bf16", 1, 2 },  [CCLIP_F64] = { "f64", 1, 8 },
        [CCLIP_I64] = { "i64", 1, 8 },    [CCLIP_I32] = { "i32", 1, 4 },
        [CCLIP_I16] = { "i16", 1, 2 },    [CCLIP_I8] = { "i8", 1, 1 },
        [CCLIP_U8] = { "u8", 1, 1 },      [CCLIP_BOOL] = { "bool", 1, 1 },
        [CCLIP_Q4_0] = { "q4_0", 32, 18 },[CCLIP_Q4_1] = { "q4_1", 32, 20 },
        [CCLIP_Q5_0] = { "q5_0", 32, 22 },[CCLIP_Q5_1] = { "q5_1", 32, 24 },
        [CCLIP_Q8_0] = { "q8_0", 32, 34 },
    };
    return &infos[dtype];
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float cclip_f16_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = (half >> 10) & 31, fraction = half & 0x3ff;
    if (exponent == 31)
        return float_of(sign | 0x7f800000u | fraction << 13);
    if (exponent)
        return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    const float tiny = (float)fraction * 0x1p-24f; /* subnormal or zero: exact */
    return sign ? -tiny : tiny;
}

uint16_t cclip_f32_to_f16(float value)
{
    const uint32_t bits = bits_of(value);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff)); /* a quiet NaN */
    if (magnitude >= 0x477ff000u)
        return (uint16_t)(sign | 0x7c00); /* rounds to 65536 or more: infinity */
    if (magnitude < 0x38800000u) {
        /* Subnormal: adding 0.5 aligns the last bit with 2^-24 and rounds to nearest even. */
        const float aligned = float_of(magnitude) + 0.5f;
        return (uint16_t)(sign | (bits_of(aligned) - bits_of(0.5f)));
    }
    const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

float cclip_bf16_to_f32(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

uint16_t cclip_f32_to_bf16(float value)
{
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}
