/* A tensor's description: type, shape, strides and where its bytes are. It owns nothing. */
#ifndef CCLIP_TENSOR_TENSOR_H
#define CCLIP_TENSOR_TENSOR_H

#include <stddef.h>
#include <stdint.h>
#include "base/limits.h"
#include "base/status.h"

enum cclip_dtype {
    CCLIP_F32,
    CCLIP_F16,
    CCLIP_BF16,
    CCLIP_F64,
    CCLIP_I64,
    CCLIP_I32,
    CCLIP_I16,
    CCLIP_I8,
    CCLIP_U8,
    CCLIP_BOOL,
    CCLIP_Q4_0, /* GGUF block formats: 32 values a block along the last dimension */
    CCLIP_Q4_1,
    CCLIP_Q5_0,
    CCLIP_Q5_1,
    CCLIP_Q8_0,
    CCLIP_DTYPES
};

/* Name ("f32"), block length in elements and block size in bytes; plain types have blocks of 1. */
struct cclip_dtype_info {
    const char *name;
    size_t block_length, block_bytes;
};
const struct cclip_dtype_info *cclip_dtype_info(enum cclip_dtype dtype);

struct cclip_tensor {
    const void *data;
    enum cclip_dtype dtype;
    int rank;
    size_t shape[CCLIP_LIMIT_TENSOR_RANK];
    size_t stride[CCLIP_LIMIT_TENSOR_RANK]; /* in elements; C order unless the file says otherwise */
};

/* Fills strides for C order. */
void cclip_tensor_set_contiguous(struct cclip_tensor *tensor);
int cclip_tensor_is_contiguous(const struct cclip_tensor *tensor);

/* Number of elements; fails beyond CCLIP_LIMIT_TENSOR_ELEMENTS instead of overflowing. */
cclip_status cclip_tensor_count(size_t *out, const size_t *shape, int rank);

/* "[768, 512]" into `text`; returns `text`. */
char *cclip_shape_text(char *text, size_t size, const size_t *shape, int rank);

/* Converts every element to float32 in C order; rounds nothing (f16, bf16 and the block formats
 * are exact in float32; f64 and integers are converted). `out` has the tensor's element count. */
void cclip_tensor_to_f32(float *out, const struct cclip_tensor *tensor);

/* One value; the usual IEEE meaning, rounding to nearest even. */
float cclip_f16_to_f32(uint16_t bits);
uint16_t cclip_f32_to_f16(float value);
float cclip_bf16_to_f32(uint16_t bits);
uint16_t cclip_f32_to_bf16(float value);

#endif
