#include "cpu/product_bf16.h"

#include <stdint.h>

#include "base/cpu_features.h"
#include "cpu/device_state.h"

enum {
    SIDE = CCLIP_BF16_SIDE,
    STEP = CCLIP_BF16_STEP,
    TILE = CCLIP_BF16_TILE,
    CHUNK = CCLIP_PRODUCT_DEPTH, /* of depth: a panel of the left side stays in the first-level cache */
    BLOCK_ROWS = 4,              /* panels; with these columns, the block's sums and a chunk of its weight */
    BLOCK_COLUMNS = 16           /* stay in the second-level cache */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* The device's kernels; the first call asks the operating system for AMX where that is needed. */
static const struct cclip_bf16_kernels *kernels_of(struct cclip_device *device)
{
    struct cclip_bf16_kernels *kernels = &cclip_cpu_state(device)->kernels.bf16;
    if (kernels->enter && !cclip_cpu_amx_permitted())
        cclip_bf16_kernels_init(kernels, CCLIP_CPU_AVX512_BF16);
    return kernels;
}

/* ---- the right side --------------------------------------------------------------------------- */

struct pack_job {
    const struct cclip_bf16_kernels *kernels;
    uint16_t *out;
    const float *weight;
    size_t columns, depth, column_stride, depth_stride;
    size_t panels, slice; /* of the depth, whole steps */
};

/* One piece is a slice of one panel. */
static cclip_status pack_body(void *context, size_t begin, size_t end, int worker)
{
    const struct pack_job *job = context;
    const size_t steps = divide_up(job->depth, STEP);
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        const size_t panel = i % job->panels, column = panel * SIDE, k = i / job->panels * job->slice;
        job->kernels->pack(job->out + (panel * steps + k / STEP) * TILE,
                           job->weight + column * job->column_stride + k * job->depth_stride,
                           smaller(SIDE, job->columns - column), smaller(job->slice, job->depth - k),
                           job->column_stride, job->depth_stride);
    }
    return CCLIP_OK;
}

/* Panels in the shared scratch, where they stay until the next call; NULL after a failure. */
static const uint16_t *pack_shared(struct cclip_device *device, const float *weight, size_t columns,
                                   size_t depth, size_t column_stride, size_t depth_stride)
{
    enum { SLICE = 8 * STEP };
    const size_t panels = divide_up(columns, SIDE), steps = divide_up(depth, STEP);
    uint16_t *out = (void *)cclip_cpu_reserve_shared(device, panels * steps * (TILE / 2));
    struct pack_job job = { kernels_of(device), out, weight, columns, depth, column_stride, depth_stride,
                            panels, SLICE };
    if (out)
        cclip_cpu_parallel(device, panels * divide_up(depth, SLICE), 2, pack_body, &job);
    return device->failure.status ? NULL : out;
}

/* ---- the whole product ------------------------------------------------------------------------ */

struct product_job {
    const struct cclip_bf16_kernels *kernels;
    cclip_product_epilogue_fn *finish;
    const struct cclip_product_input *input;
    const uint16_t *panels;
    struct cclip_epilogue epilogue;
    struct cclip_cpu_scratch *scratch;
    float *out;
    size_t out_stride, rows, columns, depth;
    size_t row_panels, column_panels; /* in all */
    size_t block_rows, block_columns; /* panels in a block */
    size_t row_blocks;                /* blocks along the rows */
    size_t chunk;                     /* of depth, whole steps */
};

struct block {
    size_t row_begin, row_end;       /* panels */
    size_t column_begin, column_end; /* panels */
    float *sums;                     /* scratch: tiles; one, if the depth is one chunk */
    float *copied;                   /* rows of the left side */
    uint16_t *a;                     /* a panel of it */
};

static void finish_tile(const struct product_job *job, const float *sums, size_t row, size_t rows,
                        size_t column)
{
    struct cclip_epilogue e = job->epilogue;
    if (e.bias)
        e.bias += column;
    if (e.scale)
        e.scale += column;
    if (e.residual)
        e.residual += row * job->out_stride + column;
    job->finish(job->out + row * job->out_stride + column, job->out_stride, sums, SIDE, rows,
                smaller(SIDE, job->columns - column), &e);
}

/* The lines a tile will write, fetched for writing while it computes. */
static void approach_tile(const struct product_job *job, size_t row, size_t rows, size_t column)
{
    const size_t end = smaller(column + SIDE, job->columns);
    for (size_t r = row; r < row + rows; r++)
        for (size_t c = column; c < end; c += 16)
            __builtin_prefetch(job->out + r * job->out_stride + c, 1, 3);
}

/* Rows of the left side, elements [begin, begin + count), as a panel. */
static void round_panel(const struct product_job *job, const struct block *block, size_t row, size_t rows,
                        size_t begin, size_t count)
{
    const struct cclip_product_input *input = job->input;
    if (input->by_columns) {
        job->kernels->round_columns(block->a, input->in + begin * input->pitch + row, input->pitch, rows,
                                    count);
    } else if (input->conv) {
        input->copy(input, block->copied, row, rows, begin, count);
        job->kernels->round_rows(block->a, block->copied, CCLIP_PRODUCT_STRIDE, rows, count);
    } else {
        job->kernels->round_rows(block->a, input->in + row * input->stride + begin, input->stride, rows,
                                 count);
    }
}

/* One row panel of a block and one chunk of depth. */
static void run_panel(const struct product_job *job, const struct block *block, size_t panel, size_t begin,
                      size_t count)
{
    const size_t tiles = block->column_end - block->column_begin, row = panel * SIDE;
    const size_t rows = smaller(SIDE, job->rows - row), all_steps = divide_up(job->depth, STEP);
    const int last = begin + count == job->depth, only = count == job->depth;
    float *sums = block->sums + (only ? 0 : (panel - block->row_begin) * tiles * TILE);
    round_panel(job, block, row, rows, begin, count);
    for (size_t i = 0; i < tiles; i++) {
        const size_t column = block->column_begin + i;
        if (last)
            approach_tile(job, row, rows, column * SIDE);
        job->kernels->tile(sums, block->a, job->panels + (column * all_steps + begin / STEP) * TILE,
                           divide_up(count, STEP), rows, begin != 0);
        if (last)
            finish_tile(job, sums, row, rows, column * SIDE);
        sums += only ? 0 : TILE;
    }
}

static cclip_status product_body(void *context, size_t begin, size_t end, int worker)
{
    const struct product_job *job = context;
    if (job->kernels->enter)
        job->kernels->enter();
    for (size_t i = begin; i < end; i++) {
        const size_t row = i % job->row_blocks * job->block_rows;
        const size_t column = i / job->row_blocks * job->block_columns;
        struct block block = {
            .row_begin = row,
            .row_end = smaller(row + job->block_rows, job->row_panels),
            .column_begin = column,
            .column_end = smaller(column + job->block_columns, job->column_panels),
            .sums = job->scratch[worker].memory,
        };
        block.copied = block.sums + BLOCK_ROWS * BLOCK_COLUMNS * TILE;
        block.a = (void *)(block.copied + SIDE * CCLIP_PRODUCT_STRIDE);
        for (size_t k = 0; k < job->depth; k += job->chunk)
            for (size_t panel = block.row_begin; panel < block.row_end; panel++)
                run_panel(job, &block, panel, k, smaller(job->chunk, job->depth - k));
    }
    if (job->kernels->leave)
        job->kernels->leave();
    return CCLIP_OK;
}

/* As in product.c. Next to a tile, rounding a row panel and fetching a panel of the weight cost more. */
static void choose_blocks(struct product_job *job, size_t threads)
{
    enum { COMPUTE = 2, ROUND = 3, FETCH = 3 };
    job->row_panels = divide_up(job->rows, SIDE);
    job->column_panels = divide_up(job->columns, SIDE);
    size_t best = SIZE_MAX;
    for (size_t r = smaller(job->row_panels, BLOCK_ROWS); r; r /= 2)
        for (size_t c = smaller(job->column_panels, BLOCK_COLUMNS); c; c--) {
            const size_t blocks = divide_up(job->row_panels, r) * divide_up(job->column_panels, c);
            const size_t cost = divide_up(blocks, threads) * (r * c * COMPUTE + r * ROUND + c * FETCH);
            if (cost < best) {
                best = cost;
                job->block_rows = r;
                job->block_columns = c;
            }
        }
    job->row_blocks = divide_up(job->row_panels, job->block_rows);
    job->chunk = divide_up(divide_up(job->depth, divide_up(job->depth, CHUNK)), STEP) * STEP;
}

/* The product with panels [columns, depth]; `rows` is not 0. */
static void run_packed(struct cclip_device *device, float *out, size_t out_stride,
                       const struct cclip_product_input *input, size_t rows, const uint16_t *panels,
                       size_t columns, size_t depth, const struct cclip_epilogue *epilogue)
{
    enum { SCRATCH = BLOCK_ROWS * BLOCK_COLUMNS * TILE + SIDE * CCLIP_PRODUCT_STRIDE + SIDE * CHUNK / 2 };
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    struct product_job job = {
        .kernels = kernels_of(device), .finish = state->kernels.product.epilogue,
        .input = input, .panels = panels, .scratch = state->scratch,
        .out = out, .out_stride = out_stride,
        .rows = rows, .columns = columns, .depth = depth,
    };
    if (epilogue)
        job.epilogue = *epilogue;
    choose_blocks(&job, (size_t)state->workers);
    if (cclip_cpu_reserve(device, SCRATCH))
        return;
    cclip_cpu_parallel(device, job.row_blocks * divide_up(job.column_panels, job.block_columns), 1,
                       product_body, &job);
}

void cclip_bf16_product_run(struct cclip_device *device, float *out, size_t out_stride,
                            const struct cclip_product_input *input, size_t rows,
                            const struct cclip_matrix *matrix, const struct cclip_epilogue *epilogue)
{
    const uint16_t *panels = pack_shared(device, matrix->values, matrix->columns, matrix->depth,
                                         matrix->column_stride, matrix->depth_stride);
    if (panels)
        run_packed(device, out, out_stride, input, rows, panels, matrix->columns, matrix->depth, epilogue);
}

void cclip_bf16_add_product(struct cclip_device *device, float *out, size_t out_stride, const float *a,
                            size_t a_stride, size_t a_width, const float *b, size_t b_stride, size_t b_width,
                            size_t rows)
{
    enum { SLICE = 4096 }; /* bounds the packed slice, and the length of one chain of additions */
    const struct cclip_epilogue add = { .residual = out };
    for (size_t first = 0, n; first < rows && a_width && b_width && !device->failure.status; first += n) {
        n = smaller(SLICE, rows - first);
        const struct cclip_product_input input = { .by_columns = 1, .in = a + first * a_stride,
                                                   .pitch = a_stride };
        const uint16_t *panels = pack_shared(device, b + first * b_stride, b_width, n, 1, b_stride);
        if (panels)
            run_packed(device, out, out_stride, &input, a_width, panels, b_width, n, &add);
    }
}
