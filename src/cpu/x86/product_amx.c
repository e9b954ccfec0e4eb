/* The bf16 tile with AMX: four tiles of 16 x 16 sums, two of each operand. An instruction multiplies 16 rows
 * by 16 columns over one step of the depth: even and odd elements of the depth in a chain each, whose sum is
 * then added. */
#include <immintrin.h>

#include "cpu/product_bf16.h"

enum { SIDE = CCLIP_BF16_SIDE, STEP = CCLIP_BF16_STEP, TILE = CCLIP_BF16_TILE };

/* Bytes from one row to the next: of the sums, of the left side, of the right one. */
enum { C_ROW = SIDE * sizeof(float), A_ROW = STEP * sizeof(uint16_t), B_ROW = 2 * SIDE * sizeof(uint16_t) };

/* Constant: what a compiler believes the instruction to read is its first word alone. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
} tiles = { .palette = 1,
            .bytes = { 64, 64, 64, 64, 64, 64, 64, 64 },
            .rows = { 16, 16, 16, 16, 16, 16, 16, 16 } };

void cclip_bf16_enter_amx(void)
{
    _tile_loadconfig(&tiles);
}

void cclip_bf16_leave_amx(void)
{
    _tile_release();
}

static void lower_half(float *c, const uint16_t *a, const uint16_t *b, size_t steps, int accumulate)
{
    _tile_zero(0);
    _tile_zero(1);
    if (accumulate) {
        _tile_loadd(0, c, C_ROW);
        _tile_loadd(1, c + 16, C_ROW);
    }
    for (size_t s = 0; s < steps; s++, a += TILE, b += TILE) {
        _tile_loadd(4, a, A_ROW);
        _tile_loadd(6, b, B_ROW);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + SIDE, B_ROW);
        _tile_dpbf16ps(1, 4, 7);
    }
    _tile_stored(0, c, C_ROW);
    _tile_stored(1, c + 16, C_ROW);
}

void cclip_bf16_tile_amx(float *c, const uint16_t *a, const uint16_t *b, size_t steps, size_t rows,
                         int accumulate)
{
    if (rows <= 16) {
        lower_half(c, a, b, steps, accumulate);
        return;
    }
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    if (accumulate) {
        _tile_loadd(0, c, C_ROW);
        _tile_loadd(1, c + 16, C_ROW);
        _tile_loadd(2, c + 16 * SIDE, C_ROW);
        _tile_loadd(3, c + 16 * SIDE + 16, C_ROW);
    }
    for (size_t s = 0; s < steps; s++, a += TILE, b += TILE) {
        _tile_loadd(4, a, A_ROW);
        _tile_loadd(6, b, B_ROW);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + SIDE, B_ROW);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + 16 * STEP, A_ROW);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, C_ROW);
    _tile_stored(1, c + 16, C_ROW);
    _tile_stored(2, c + 16 * SIDE, C_ROW);
    _tile_stored(3, c + 16 * SIDE + 16, C_ROW);
}
