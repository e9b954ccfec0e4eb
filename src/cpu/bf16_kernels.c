/* bf16 in plain C, the reference, and which variant a CPU gets. */
#include <string.h>

#include "base/cpu_features.h"
#include "cpu/product_bf16.h"

enum { SIDE = CCLIP_BF16_SIDE, STEP = CCLIP_BF16_STEP, TILE = CCLIP_BF16_TILE };

static inline uint16_t round_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (!(bits & 0x7f800000)) /* zero, or a denormal, which the instructions take for zero */
        return (uint16_t)(bits >> 16 & 0x8000);
    if ((bits & 0x7fffffff) > 0x7f800000) /* not a number: kept, and quiet */
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float from_bf16(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* A pair's products are added to each other first. */
void cclip_bf16_tile_c(float *c, const uint16_t *a, const uint16_t *b, size_t steps, size_t rows,
                       int accumulate)
{
    for (size_t r = 0; r < rows; r++, c += SIDE) {
        float sums[SIDE] = { 0 };
        if (accumulate)
            memcpy(sums, c, sizeof sums);
        for (size_t pair = 0; pair < steps * STEP / 2; pair++) {
            const uint16_t *x = a + pair / (STEP / 2) * TILE + r * STEP + pair % (STEP / 2) * 2;
            const float x0 = from_bf16(x[0]), x1 = from_bf16(x[1]);
            const uint16_t *y = b + pair * 2 * SIDE;
            for (size_t j = 0; j < SIDE; j++)
                sums[j] += x0 * from_bf16(y[2 * j]) + x1 * from_bf16(y[2 * j + 1]);
        }
        memcpy(c, sums, sizeof sums);
    }
}

void cclip_bf16_pack_c(uint16_t *out, const float *weight, size_t columns, size_t depth,
                       size_t column_stride, size_t depth_stride)
{
    for (size_t first = 0; first < columns; first += SIDE)
        for (size_t k = 0; k < (depth + STEP - 1) / STEP * STEP; k += 2)
            for (size_t j = first; j < first + SIDE; j++, out += 2)
                for (size_t i = 0; i < 2; i++)
                    out[i] = j < columns && k + i < depth
                                 ? round_to_bf16(weight[j * column_stride + (k + i) * depth_stride])
                                 : 0;
}

static inline void round_panel(uint16_t *out, const float *in, size_t row_stride, size_t depth_stride,
                               size_t rows, size_t depth)
{
    for (size_t k = 0; k < (depth + STEP - 1) / STEP * STEP; k++)
        for (size_t r = 0; r < rows; r++)
            out[k / STEP * TILE + r * STEP + k % STEP] =
                k < depth ? round_to_bf16(in[r * row_stride + k * depth_stride]) : 0;
}

void cclip_bf16_round_rows_c(uint16_t *out, const float *in, size_t stride, size_t rows, size_t depth)
{
    round_panel(out, in, stride, 1, rows, depth);
}

void cclip_bf16_round_columns_c(uint16_t *out, const float *in, size_t stride, size_t rows, size_t depth)
{
    round_panel(out, in, 1, stride, rows, depth);
}

void cclip_bf16_kernels_init(struct cclip_bf16_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_bf16_kernels){ .name = "c",
                                            .tile = cclip_bf16_tile_c,
                                            .pack = cclip_bf16_pack_c,
                                            .round_rows = cclip_bf16_round_rows_c,
                                            .round_columns = cclip_bf16_round_columns_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX512_BF16))
        return;
    *kernels = (struct cclip_bf16_kernels){ .name = "avx512bf16",
                                            .tile = cclip_bf16_tile_avx512bf16,
                                            .pack = cclip_bf16_pack_avx512bf16,
                                            .round_rows = cclip_bf16_round_rows_avx512bf16,
                                            .round_columns = cclip_bf16_round_columns_avx512bf16 };
    if (!(cpu_features & CCLIP_CPU_AMX_BF16))
        return;
    kernels->name = "amx";
    kernels->tile = cclip_bf16_tile_amx;
    kernels->enter = cclip_bf16_enter_amx;
    kernels->leave = cclip_bf16_leave_amx;
#endif
}
