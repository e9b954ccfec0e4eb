#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

void cclip_tensor_set_contiguous(struct cclip_tensor *tensor)
{
    size_t stride = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        tensor->stride[i] = stride;
        stride *= tensor->shape[i];
    }
}

int cclip_tensor_is_contiguous(const struct cclip_tensor *tensor)
{
    size_t stride = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->shape[i] != 1 && tensor->stride[i] != stride)
            return 0;
        stride *= tensor->shape[i];
    }
    return 1;
}

cclip_status cclip_tensor_count(size_t *out, const size_t *shape, int rank)
{
    uint64_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] && count > CCLIP_LIMIT_TENSOR_ELEMENTS / shape[i])
            return cclip_fail(CCLIP_ERROR_LIMIT, "a tensor of more than %llu elements",
                              (unsigned long long)CCLIP_LIMIT_TENSOR_ELEMENTS);
        count *= shape[i];
    }
    *out = (size_t)count;
    return CCLIP_OK;
}

char *cclip_shape_text(char *text, size_t size, const size_t *shape, int rank)
{
    size_t length = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%zu", i ? ", " : "", shape[i]);
    if (length < size)
        snprintf(text + length, size - length, "]");
    return text;
}

/* One value at `p` (of any alignment: a file may put a tensor anywhere). */
#define CONVERT(name, type, expression)                                                            \
    static float name(const unsigned char *p)                                                      \
    {                                                                                              \
        type v;                                                                                    \
        memcpy(&v, p, sizeof v);                                                                   \
        return expression;                                                                         \
    }
CONVERT(from_f32, float, v)
CONVERT(from_f16, uint16_t, cclip_f16_to_f32(v))
CONVERT(from_bf16, uint16_t, cclip_bf16_to_f32(v))
CONVERT(from_f64, double, (float)v)
CONVERT(from_i64, int64_t, (float)v)
CONVERT(from_i32, int32_t, (float)v)
CONVERT(from_i16, int16_t, (float)v)
CONVERT(from_i8, int8_t, (float)v)
CONVERT(from_u8, uint8_t, (float)v)
CONVERT(from_bool, uint8_t, v ? 1.0f : 0.0f)

typedef float convert_function(const unsigned char *p);
static convert_function *const converters[CCLIP_DTYPES] = {
    [CCLIP_F32] = from_f32, [CCLIP_F16] = from_f16, [CCLIP_BF16] = from_bf16, [CCLIP_F64] = from_f64,
    [CCLIP_I64] = from_i64, [CCLIP_I32] = from_i32, [CCLIP_I16] = from_i16,   [CCLIP_I8] = from_i8,
    [CCLIP_U8] = from_u8,   [CCLIP_BOOL] = from_bool,
};

/* Dequantises one block of 32: value = d * (q - zero) or d * q + m. The low nibbles are elements
 * 0..15, the high nibbles 16..31; the fifth bits of q5 are a little-endian 32-bit mask. */
static void dequantize_block(float *out, const unsigned char *p, enum cclip_dtype dtype)
{
    const int has_minimum = dtype == CCLIP_Q4_1 || dtype == CCLIP_Q5_1;
    const int five_bits = dtype == CCLIP_Q5_0 || dtype == CCLIP_Q5_1;
    const float d = from_f16(p), m = has_minimum ? from_f16(p + 2) : 0.0f;
    p += has_minimum ? 4 : 2;
    if (dtype == CCLIP_Q8_0) {
        for (int i = 0; i < 32; i++)
            out[i] = d * (float)(int8_t)p[i];
        return;
    }
    uint32_t fifth = 0;
    if (five_bits) {
        fifth = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        p += 4;
    }
    const int zero = has_minimum ? 0 : five_bits ? 16 : 8;
    for (int i = 0; i < 32; i++) {
        const int nibble = i < 16 ? p[i] & 15 : p[i - 16] >> 4;
        const int q = nibble | (five_bits ? (int)(fifth >> i & 1) << 4 : 0);
        out[i] = d * (float)(q - zero) + m;
    }
}

static void strided_to_f32(float *out, const struct cclip_tensor *tensor, size_t count)
{
    const size_t size = cclip_dtype_info(tensor->dtype)->block_bytes;
    convert_function *const convert = converters[tensor->dtype];
    const unsigned char *base = tensor->data;
    size_t index[CCLIP_LIMIT_TENSOR_RANK] = { 0 };
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = convert(base + offset * size);
        for (int d = tensor->rank - 1; d >= 0; d--) { /* an odometer over the shape */
            offset += tensor->stride[d];
            if (++index[d] < tensor->shape[d])
                break;
            offset -= tensor->stride[d] * tensor->shape[d];
            index[d] = 0;
        }
    }
}

void cclip_tensor_to_f32(float *out, const struct cclip_tensor *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    const struct cclip_dtype_info *info = cclip_dtype_info(tensor->dtype);
    const unsigned char *p = tensor->data;
    if (info->block_length > 1) {
        for (size_t i = 0; i < count; i += info->block_length, p += info->block_bytes)
            dequantize_block(out + i, p, tensor->dtype);
    } else if (!cclip_tensor_is_contiguous(tensor)) {
        strided_to_f32(out, tensor, count);
    } else if (tensor->dtype == CCLIP_F32) {
        memcpy(out, p, count * sizeof *out);
    } else {
        convert_function *const convert = converters[tensor->dtype];
        for (size_t i = 0; i < count; i++)
            out[i] = convert(p + i * info->block_bytes);
    }
}
