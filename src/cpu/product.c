#include "cpu/product.h"

#include <stdint.h>
#include <string.h>

#include "base/cpu_features.h"
#include "base/memory.h"
#include "cpu/device_state.h"
#include "cpu/product_bf16.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* ---- plain C ---------------------------------------------------------------------------- */

enum { C_TILE_ROWS = 4, C_TILE_COLUMNS = 16 };

/* The compiler's portable vectors: arithmetic on four floats by one name, on any machine. Left to
 * itself gcc keeps the sums in memory, at a fifth of the speed. */
typedef float four __attribute__((vector_size(16)));

static inline four load(const float *p)
{
    four x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* Element (r, k) of the left side is at a[r * a_stride + k * step]. */
static inline void tile_c(float *c, size_t c_stride, const float *a, size_t a_stride, size_t step,
                          const float *b, size_t depth, size_t rows, int accumulate)
{
    for (size_t r = 0; r < rows; r++, a += a_stride, c += c_stride) {
        const float *weight = b;
        four s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 };
        if (accumulate)
            s0 = load(c), s1 = load(c + 4), s2 = load(c + 8), s3 = load(c + 12);
        for (size_t k = 0; k < depth; k++, weight += C_TILE_COLUMNS) {
            const float x = a[k * step];
            s0 += x * load(weight);
            s1 += x * load(weight + 4);
            s2 += x * load(weight + 8);
            s3 += x * load(weight + 12);
        }
        memcpy(c, &s0, sizeof s0);
        memcpy(c + 4, &s1, sizeof s1);
        memcpy(c + 8, &s2, sizeof s2);
        memcpy(c + 12, &s3, sizeof s3);
    }
}

static void product_tile_c(float *c, size_t c_stride, const float *a, size_t a_stride,
                           const float *b, size_t depth, size_t rows, int accumulate,
                           const void *const *ahead)
{
    (void)ahead;
    tile_c(c, c_stride, a, a_stride, 1, b, depth, rows, accumulate);
}

static void product_tile_transposed_c(float *c, size_t c_stride, const float *a, size_t a_stride,
                                   const float *b, size_t depth, size_t rows, int accumulate,
                                   const void *const *ahead)
{
    (void)ahead;
    tile_c(c, c_stride, a, 1, a_stride, b, depth, rows, accumulate);
}

static void product_outer_c(float *c, size_t c_stride, const struct cclip_product_outer *outer,
                            size_t rows, int accumulate)
{
    const float *a = outer->a;
    for (size_t r = 0; r < rows && !accumulate; r++)
        memset(c + r * c_stride, 0, C_TILE_COLUMNS * sizeof *c);
    for (size_t line = 0; line < outer->lines; line++)
        for (size_t k = 0; k < outer->length; k++, a += outer->a_step) {
            const float *b = outer->b + line * outer->b_line + k * outer->b_step;
            for (size_t r = 0; r < rows; r++)
                for (size_t j = 0; j < C_TILE_COLUMNS; j++)
                    c[r * c_stride + j] += a[r] * b[j];
        }
}

/* Panels of 16 columns, for the kernels that have that width. */
void cclip_product_pack_c16(float *out, const float *weight, size_t columns, size_t depth,
                            size_t column_stride, size_t depth_stride)
{
    enum { WIDTH = C_TILE_COLUMNS };
    for (size_t first = 0; first < columns; first += WIDTH) {
        const size_t used = columns - first < WIDTH ? columns - first : WIDTH;
        const float *in = weight + first * column_stride;
        for (size_t k = 0; k < depth; k++, out += WIDTH) {
            for (size_t j = 0; j < used; j++)
                out[j] = in[j * column_stride + k * depth_stride];
            for (size_t j = used; j < WIDTH; j++)
                out[j] = 0;
        }
    }
}

static void epilogue_c(float *out, size_t out_stride, const float *in, size_t in_stride,
                       size_t rows, size_t columns, const struct cclip_epilogue *epilogue)
{
    const struct cclip_epilogue e = *epilogue;
    enum { BLOCK = 256 };
    float y[BLOCK];
    for (size_t r = 0; r < rows; r++)
        for (size_t first = 0; first < columns; first += BLOCK) {
            const size_t n = columns - first < BLOCK ? columns - first : BLOCK;
            float *o = out + r * out_stride + first;
            memcpy(y, in + r * in_stride + first, n * sizeof *y);
            for (size_t j = 0; e.bias && j < n; j++)
                y[j] += e.bias[first + j];
            if (e.activation != CCLIP_ACTIVATION_NONE)
                cclip_activation_c(y, y, n, e.activation);
            for (size_t j = 0; e.scale && j < n; j++)
                y[j] *= e.scale[first + j];
            for (size_t j = 0; e.residual && j < n; j++)
                y[j] += e.residual[r * out_stride + first + j];
            for (size_t j = 0; e.relu_last && j < n; j++)
                y[j] = y[j] < 0.0f ? 0.0f : y[j];
            memcpy(o, y, n * sizeof *y);
        }
}

void cclip_product_kernels_init(struct cclip_product_kernels *kernels, unsigned cpu_features)
{
    *kernels = (struct cclip_product_kernels){ "c", C_TILE_ROWS, C_TILE_COLUMNS, product_tile_c,
                                               product_tile_transposed_c, product_outer_c,
                                               cclip_product_pack_c16, epilogue_c };
    (void)cpu_features;
#if defined(__x86_64__)
    if (!(cpu_features & CCLIP_CPU_AVX2))
        return;
    *kernels = (struct cclip_product_kernels){ "avx2", 6, 16, cclip_product_tile_avx2,
                                               cclip_product_tile_transposed_avx2,
                                               cclip_product_outer_avx2,
                                               cclip_product_pack_avx2,
                                               cclip_product_epilogue_avx2 };
    if (!(cpu_features & CCLIP_CPU_AVX512))
        return;
    *kernels = (struct cclip_product_kernels){ "avx512", 14, 32, cclip_product_tile_avx512,
                                               cclip_product_tile_transposed_avx512,
                                               cclip_product_outer_avx512,
                                               cclip_product_pack_avx512,
                                               cclip_product_epilogue_avx512 };
#elif defined(__aarch64__)
    if (cpu_features & CCLIP_CPU_NEON)
        *kernels = (struct cclip_product_kernels){ "neon", 6, 16, cclip_product_tile_neon,
                                                   cclip_product_tile_transposed_neon,
                                                   cclip_product_outer_neon,
                                                   cclip_product_pack_c16, epilogue_c };
#endif
}

/* ---- prepared weights --------------------------------------------------------------------- */

cclip_status cclip_cpu_matrix_prepare(struct cclip_device *device, struct cclip_matrix *out,
                                      const float *weight, size_t columns, size_t depth,
                                      size_t column_stride, size_t depth_stride)
{
    enum { HEAD = 64 };
    const struct cclip_product_kernels *kernels = &cclip_cpu_state(device)->kernels.product;
    memset(out, 0, sizeof *out);
    if (!columns || !depth || columns > CCLIP_LIMIT_TENSOR_ELEMENTS ||
        depth > CCLIP_LIMIT_TENSOR_ELEMENTS / columns)
        return cclip_fail(CCLIP_ERROR_LIMIT, "weight matrix %zu x %zu: no such size is possible",
                          columns, depth);
    const size_t floats = divide_up(columns, kernels->tile_columns) * kernels->tile_columns * depth;
    unsigned char *memory = cclip_allocate_aligned(HEAD + floats * sizeof(float));
    if (!memory)
        return CCLIP_ERROR_MEMORY;
    struct cclip_cpu_matrix *matrix = (void *)memory;
    *matrix = (struct cclip_cpu_matrix){ kernels->name, kernels->tile_columns, CCLIP_F32,
                                         (void *)(memory + HEAD) };
    kernels->pack(matrix->panels, weight, columns, depth, column_stride, depth_stride);
    *out = (struct cclip_matrix){ .columns = columns,
                                  .depth = depth,
                                  .bytes = HEAD + floats * sizeof(float),
                                  .prepared = matrix };
    return CCLIP_OK;
}

void cclip_cpu_matrix_release(struct cclip_device *device, struct cclip_matrix *matrix)
{
    (void)device;
    cclip_release_aligned(matrix->prepared);
    memset(matrix, 0, sizeof *matrix);
}

struct pack_job {
    const struct cclip_product_kernels *kernels;
    float *out;
    const float *weight;
    size_t columns, depth, column_stride, depth_stride;
    size_t slices, slice; /* of the depth */
};

/* One piece is a slice of one panel. */
static cclip_status pack_body(void *context, size_t begin, size_t end, int worker)
{
    const struct pack_job *job = context;
    const size_t width = job->kernels->tile_columns;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const size_t column = i % (divide_up(job->columns, width)) * width;
        const size_t k = i / divide_up(job->columns, width) * job->slice;
        job->kernels->pack(job->out + column * job->depth + k * width,
                           job->weight + column * job->column_stride + k * job->depth_stride,
                           smaller(width, job->columns - column), smaller(job->slice, job->depth - k),
                           job->column_stride, job->depth_stride);
    }
    return CCLIP_OK;
}

const float *cclip_product_pack_shared(struct cclip_device *device, const float *weight,
                                       size_t columns, size_t depth, size_t column_stride,
                                       size_t depth_stride)
{
    enum { SLICE = 256 };
    const struct cclip_product_kernels *kernels = &cclip_cpu_state(device)->kernels.product;
    const size_t panels = divide_up(columns, kernels->tile_columns);
    float *out = cclip_cpu_reserve_shared(device, panels * kernels->tile_columns * depth);
    if (!out)
        return NULL;
    struct pack_job job = { kernels, out, weight, columns, depth, column_stride, depth_stride,
                            divide_up(depth, SLICE), SLICE };
    cclip_cpu_parallel(device, panels * job.slices, 2, pack_body, &job);
    return out;
}

/* ---- the whole product -------------------------------------------------------------------- */

/* Of an output block, at most: its partial sums and a chunk of its weight fit the second-level
 * cache. */
enum { BLOCK_ROWS = 112, BLOCK_COLUMNS = 256 };

/* The output is cut into blocks of row panels x column panels, one a piece of the pool's loop. A
 * row panel has at most tile_rows rows; all have the same number but for one row, since a last
 * panel of one or two rows would run at the speed of loading the weight. */
struct product_job {
    const struct cclip_product_kernels *kernels;
    const struct cclip_product_input *input;
    const float *panels;
    struct cclip_epilogue epilogue;
    int plain; /* no epilogue */
    struct cclip_cpu_scratch *scratch;
    float *out;
    size_t out_stride, rows, columns, depth;
    size_t row_panels, column_panels; /* in all */
    size_t block_rows, block_columns; /* panels in a block */
    size_t row_blocks;                /* blocks along the rows */
    size_t chunk;                     /* of depth */
};

struct block {
    size_t row_begin, row_end;       /* panels */
    size_t column_begin, column_end; /* panels */
    float *a, *c;                    /* scratch: packed input, partial sums */
    size_t c_stride;
};

static size_t first_row(const struct product_job *job, size_t panel)
{
    return panel * job->rows / job->row_panels;
}

/* Finishes one tile while its sums are in the first-level cache; the stores then overlap with the
 * arithmetic of the next tile. */
static void finish_tile(const struct product_job *job, const float *c, size_t c_stride, size_t row,
                        size_t rows, size_t panel)
{
    const size_t width = job->kernels->tile_columns, column = panel * width;
    struct cclip_epilogue e = job->epilogue;
    if (e.bias)
        e.bias += column;
    if (e.scale)
        e.scale += column;
    if (e.residual)
        e.residual += row * job->out_stride + column;
    job->kernels->epilogue(job->out + row * job->out_stride + column, job->out_stride, c, c_stride,
                           rows, smaller(width, job->columns - column), &e);
}

/* Lines that are needed soon, for a tile to fetch while it computes: one after the other, since a burst of them would
 * keep the tile's own loads waiting. */
struct ahead {
    const void *lines[CCLIP_PRODUCT_DEPTH / CCLIP_PRODUCT_AHEAD];
    size_t count, most;
};

static inline void ahead_add(struct ahead *ahead, const float *line)
{
    ahead->lines[ahead->count] = line; /* what is too much takes the place of the last */
    ahead->count += ahead->count + 1 < ahead->most;
}

/* What a tile will write. */
static void approach_tile(struct ahead *ahead, const struct product_job *job, size_t row, size_t rows, size_t panel)
{
    const size_t width = job->kernels->tile_columns, column = panel * width;
    const size_t end = smaller(column + width, job->columns);
    for (size_t r = row; r < row + rows; r++)
        for (size_t c = column; c < end; c += 16)
            ahead_add(ahead, job->out + r * job->out_stride + c);
}

/* Rows of the next panel, a few with each tile. */
static void approach_rows(struct ahead *ahead, const struct product_job *job, size_t row, size_t end, size_t begin,
                          size_t count)
{
    for (size_t r = row; r < end && r < job->rows; r++)
        for (size_t k = begin; k < begin + count; k += 16)
            ahead_add(ahead, job->input->in + r * job->input->stride + k);
}

/* The same of columns: at steps [begin, end) the line of the next panel's last element, since the line of its first
 * came with this panel. */
static void approach_columns(struct ahead *ahead, const struct product_job *job, size_t row, size_t begin, size_t end)
{
    const float *in = job->input->in + row;
    for (size_t k = begin; k < end; k++)
        ahead_add(ahead, in + k * job->input->pitch);
}

/* One row panel of a block and one chunk of depth. */
static void run_panel(const struct product_job *job, const struct block *block, size_t panel,
                      size_t begin, size_t count)
{
    const struct cclip_product_kernels *kernels = job->kernels;
    const struct cclip_product_input *input = job->input;
    const size_t width = kernels->tile_columns, tiles = block->column_end - block->column_begin;
    const size_t row = first_row(job, panel), rows = first_row(job, panel + 1) - row;
    const int first = begin == 0, last = begin + count == job->depth;
    const float *a = input->copy ? block->a : input->in + row * input->stride + begin;
    const size_t a_stride = input->by_columns ? rows
                            : input->copy     ? CCLIP_PRODUCT_STRIDE
                                              : input->stride;
    cclip_product_tile_fn *const tile = input->by_columns ? kernels->tile_transposed : kernels->tile;
    float *c = block->c + (row - first_row(job, block->row_begin)) * block->c_stride;
    if (input->copy)
        input->copy(input, block->a, row, rows, begin, count);
    for (size_t i = 0; i < tiles; i++) {
        const size_t column = block->column_begin + i;
        const float *b = job->panels + (column * job->depth + begin) * width;
        struct ahead ahead;
        ahead.count = 0;
        ahead.most = divide_up(count, CCLIP_PRODUCT_AHEAD);
        if (input->stride && panel + 1 < block->row_end)
            approach_rows(&ahead, job, row + rows + i * rows / tiles, row + rows + (i + 1) * rows / tiles,
                          begin, count);
        if (input->by_columns && panel + 1 < block->row_end)
            approach_columns(&ahead, job, first_row(job, panel + 2) - 1, begin + i * count / tiles,
                             begin + (i + 1) * count / tiles);
        /* With no epilogue the sums rest where they will stay, unless the tile is wider than that. */
        const int direct = job->plain && (column + 1) * width <= job->columns;
        float *sums = direct ? job->out + row * job->out_stride + column * width : c + i * width;
        const size_t sums_stride = direct ? job->out_stride : block->c_stride;
        if (direct ? first : last)
            approach_tile(&ahead, job, row, rows, column);
        for (size_t k = ahead.count; k < ahead.most; k++)
            ahead.lines[k] = b;
        tile(sums, sums_stride, a, a_stride, b, count, rows, !first, ahead.lines);
        if (last && !direct)
            finish_tile(job, sums, sums_stride, row, rows, column);
    }
}

static cclip_status product_body(void *context, size_t begin, size_t end, int worker)
{
    const struct product_job *job = context;
    for (size_t i = begin; i < end; i++) {
        const size_t row = i % job->row_blocks * job->block_rows;
        const size_t column = i / job->row_blocks * job->block_columns;
        struct block block = {
            .row_begin = row,
            .row_end = smaller(row + job->block_rows, job->row_panels),
            .column_begin = column,
            .column_end = smaller(column + job->block_columns, job->column_panels),
            .a = job->scratch[worker].memory,
            .c_stride = job->block_columns * job->kernels->tile_columns,
        };
        block.c = block.a + job->kernels->tile_rows * CCLIP_PRODUCT_STRIDE;
        for (size_t k = 0; k < job->depth; k += job->chunk)
            for (size_t panel = block.row_begin; panel < block.row_end; panel++)
                run_panel(job, &block, panel, k, smaller(job->chunk, job->depth - k));
    }
    return CCLIP_OK;
}

/* Blocks small enough for the second-level cache, cut so that all threads end together. The cost of
 * a block of r x c tiles, in hundredths of a tile, counts packing r panels of the input and fetching
 * c panels of the weight. The choice cannot be seen in the result. */
static void choose_blocks(struct product_job *job, size_t threads)
{
    enum { TILE = 100, PACK = 18, FETCH = 15 };
    const size_t tile_rows = job->kernels->tile_rows, width = job->kernels->tile_columns;
    job->row_panels = divide_up(job->rows, tile_rows);
    job->column_panels = divide_up(job->columns, width);
    const size_t most_rows = smaller(job->row_panels, BLOCK_ROWS / tile_rows);
    const size_t most_columns = smaller(job->column_panels, BLOCK_COLUMNS / width);
    size_t best = SIZE_MAX;
    for (size_t r = most_rows; r; r /= 2)
        for (size_t c = most_columns; c; c--) {
            const size_t blocks = divide_up(job->row_panels, r) * divide_up(job->column_panels, c);
            const size_t cost = divide_up(blocks, threads) * (r * c * TILE + r * PACK + c * FETCH);
            if (cost < best) {
                best = cost;
                job->block_rows = r;
                job->block_columns = c;
            }
        }
    job->row_blocks = divide_up(job->row_panels, job->block_rows);
    job->chunk = divide_up(job->depth, divide_up(job->depth, CCLIP_PRODUCT_DEPTH));
}

const float *cclip_product_panels(struct cclip_device *device, const struct cclip_matrix *matrix)
{
    const struct cclip_cpu_state *state = cclip_cpu_state(device);
    const struct cclip_cpu_matrix *prepared = matrix->prepared;
    if (!prepared)
        return cclip_product_pack_shared(device, matrix->values, matrix->columns, matrix->depth,
                                         matrix->column_stride, matrix->depth_stride);
    if (!strcmp(prepared->form, state->kernels.product.name))
        return prepared->panels;
    cclip_device_fail(device, cclip_fail(CCLIP_ERROR_MISMATCH,
                                         "weight prepared for %s is used with %s kernels",
                                         prepared->form, state->kernels.product.name));
    return NULL;
}

/* The product with panels [columns, depth]; `rows` is not 0. */
static void run_packed(struct cclip_device *device, float *out, size_t out_stride,
                       const struct cclip_product_input *input, size_t rows, const float *panels,
                       size_t columns, size_t depth, const struct cclip_epilogue *epilogue)
{
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    struct product_job job = {
        .kernels = &state->kernels.product, .input = input, .panels = panels,
        .scratch = state->scratch, .out = out, .out_stride = out_stride,
        .rows = rows, .columns = columns, .depth = depth,
    };
    if (epilogue)
        job.epilogue = *epilogue;
    job.plain = !epilogue;
    choose_blocks(&job, (size_t)state->workers);
    /* As much as the largest block takes, so that no later product needs more. */
    if (cclip_cpu_reserve(device, job.kernels->tile_rows * CCLIP_PRODUCT_STRIDE +
                                      (size_t)BLOCK_ROWS * BLOCK_COLUMNS))
        return;
    const size_t blocks = job.row_blocks * divide_up(job.column_panels, job.block_columns);
    cclip_cpu_parallel(device, blocks, 1, product_body, &job);
}

void cclip_product_run(struct cclip_device *device, float *out, size_t out_stride,
                       const struct cclip_product_input *input, size_t rows,
                       const struct cclip_matrix *matrix, const struct cclip_epilogue *epilogue)
{
    if (!rows || device->failure.status)
        return;
    if (device->compute == CCLIP_BF16 && !matrix->prepared) {
        cclip_bf16_product_run(device, out, out_stride, input, rows, matrix, epilogue);
        return;
    }
    const float *panels = cclip_product_panels(device, matrix);
    if (panels)
        run_packed(device, out, out_stride, input, rows, panels, matrix->columns, matrix->depth,
                   epilogue);
}

static void copy_rows(const struct cclip_product_input *input, float *out, size_t row, size_t rows,
                      size_t begin, size_t count)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(out + r * CCLIP_PRODUCT_STRIDE, input->in + (row + r) * input->stride + begin,
               count * sizeof *out);
}

void cclip_cpu_linear(struct cclip_device *device, float *out, size_t out_stride, const float *in,
                      size_t in_stride, size_t rows, const struct cclip_matrix *matrix,
                      const struct cclip_epilogue *epilogue)
{
    const int copied = rows > 1 && in_stride % CCLIP_PRODUCT_ALIAS == 0;
    const struct cclip_product_input input = { .copy = copied ? copy_rows : NULL, .in = in,
                                               .stride = in_stride };
    cclip_product_run(device, out, out_stride, &input, rows, matrix, epilogue);
}

/* ---- a weight's gradient ------------------------------------------------------------------------ */

/* A few floats, fewer than 16 as a rule: two moves of a fixed size that may overlap. */
static inline void copy_few(float *out, const float *in, size_t count)
{
    if (count >= 8 && count <= 16) {
        memcpy(out, in, 8 * sizeof *out);
        memcpy(out + count - 8, in + count - 8, 8 * sizeof *out);
    } else if (count >= 4 && count < 8) {
        memcpy(out, in, 4 * sizeof *out);
        memcpy(out + count - 4, in + count - 4, 4 * sizeof *out);
    } else {
        for (size_t i = 0; i < count; i++)
            out[i] = in[i];
    }
}

/* Columns of `in` as rows of the left operand, which stay columns: [count, rows]. */
static void copy_columns(const struct cclip_product_input *input, float *out, size_t row,
                         size_t rows, size_t begin, size_t count)
{
    const float *in = input->in + begin * input->pitch + row;
    for (size_t k = 0; k < count; k++, in += input->pitch, out += rows)
        copy_few(out, in, rows);
}

void cclip_product_add_panels(struct cclip_device *device, float *out, size_t out_stride,
                              const float *a, size_t a_stride, size_t a_width, const float *panels,
                              size_t b_width, size_t rows, int anew)
{
    const struct cclip_epilogue add = { .residual = out };
    const struct cclip_product_input input = { .copy = copy_columns, .by_columns = 1, .in = a,
                                               .pitch = a_stride };
    run_packed(device, out, out_stride, &input, a_width, panels, b_width, rows, anew ? NULL : &add);
}

void cclip_cpu_add_product(struct cclip_device *device, float *out, size_t out_stride,
                           const float *a, size_t a_stride, size_t a_width, const float *b,
                           size_t b_stride, size_t b_width, size_t rows, int anew)
{
    enum { SLICE = CCLIP_PRODUCT_SLICE };
    for (size_t i = 0; anew && !rows && i < a_width && !device->failure.status; i++)
        memset(out + i * out_stride, 0, b_width * sizeof *out);
    if (device->compute == CCLIP_BF16) {
        cclip_bf16_add_product(device, out, out_stride, a, a_stride, a_width, b, b_stride, b_width, rows,
                               anew);
        return;
    }
    for (size_t first = 0, n; first < rows && a_width && b_width && !device->failure.status;
         first += n) {
        n = smaller(SLICE, rows - first);
        const float *panels =
            cclip_product_pack_shared(device, b + first * b_stride, b_width, n, 1, b_stride);
        if (panels)
            cclip_product_add_panels(device, out, out_stride, a + first * a_stride, a_stride, a_width,
                                     panels, b_width, n, anew && !first);
    }
}
