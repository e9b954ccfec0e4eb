#include "cpu/product_bf16.h"

#include <stdint.h>

#include "base/cpu_features.h"
#include "cpu/device_state.h"

enum {
    SIDE = CCLIP_BF16_SIDE,
    STEP = CCLIP_BF16_STEP,
    TILE = CCLIP_BF16_TILE,
    BLOCK_ROWS = 16,      /* panels of a block, at most, and as many steps as stay in the second-level */
    BLOCK_STEPS = 1 << 9  /* cache beside a panel of the weight: 1 MiB */
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

/* A block's rows are rounded once, in their whole depth; then each panel of the weight meets all of them. */
struct product_job {
    const struct cclip_bf16_kernels *kernels;
    cclip_product_epilogue_fn *finish;
    const struct cclip_product_input *input;
    const uint16_t *panels;
    struct cclip_epilogue epilogue;
    struct cclip_cpu_scratch *scratch;
    float *out;
    size_t out_stride, rows, columns, depth;
    size_t steps;                     /* of depth */
    size_t row_panels, column_panels; /* in all */
    size_t block_rows, block_columns; /* panels in a block */
    size_t row_blocks;                /* blocks along the rows */
};

/* A worker's scratch: the sums of a tile, some rows of the left side, and a block's rows rounded. */
struct block_scratch {
    float *sums, *copied;
    uint16_t *a;
};
enum { HEAD_FLOATS = TILE + SIDE * CCLIP_PRODUCT_STRIDE };

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

/* Rows of the left side as a panel. */
static void round_panel(const struct product_job *job, const struct block_scratch *scratch, uint16_t *out,
                        size_t row, size_t rows)
{
    const struct cclip_product_input *input = job->input;
    if (input->by_columns) {
        job->kernels->round_columns(out, input->in + row, input->pitch, rows, job->depth);
        return;
    }
    if (!input->conv) {
        job->kernels->round_rows(out, input->in + row * input->stride, input->stride, rows, job->depth);
        return;
    }
    for (size_t k = 0, n; k < job->depth; k += n) {
        n = smaller(CCLIP_PRODUCT_DEPTH, job->depth - k);
        input->copy(input, scratch->copied, row, rows, k, n);
        job->kernels->round_rows(out + k / STEP * TILE, scratch->copied, CCLIP_PRODUCT_STRIDE, rows, n);
    }
}

static void run_tile(const struct product_job *job, const struct block_scratch *scratch, const uint16_t *a,
                     size_t row_panel, size_t column_panel)
{
    const size_t row = row_panel * SIDE, rows = smaller(SIDE, job->rows - row), column = column_panel * SIDE;
    if (job->steps == 1) /* else the lines of the panels are more urgent */
        approach_tile(job, row, rows, column);
    job->kernels->tile(scratch->sums, a, job->panels + column_panel * job->steps * TILE, job->steps, rows, 0);
    finish_tile(job, scratch->sums, row, rows, column);
}

/* A weight that stays in the second-level cache meets one panel of rows after the other, and the output is written
 * row by row; of a larger one each panel meets all rows of the block. */
static void run_block(const struct product_job *job, const struct block_scratch *scratch, size_t row_begin,
                      size_t row_end, size_t column_begin, size_t column_end)
{
    const size_t panel = job->steps * TILE;
    const int by_rows = (column_end - column_begin) * job->steps <= BLOCK_STEPS;
    for (size_t r = row_begin; r < row_end; r++) {
        uint16_t *a = scratch->a + (by_rows ? 0 : (r - row_begin) * panel);
        round_panel(job, scratch, a, r * SIDE, smaller(SIDE, job->rows - r * SIDE));
        for (size_t c = column_begin; by_rows && c < column_end; c++)
            run_tile(job, scratch, a, r, c);
    }
    for (size_t c = column_begin; !by_rows && c < column_end; c++)
        for (size_t r = row_begin; r < row_end; r++)
            run_tile(job, scratch, scratch->a + (r - row_begin) * panel, r, c);
}

static cclip_status product_body(void *context, size_t begin, size_t end, int worker)
{
    const struct product_job *job = context;
    float *memory = job->scratch[worker].memory;
    const struct block_scratch scratch = { memory, memory + TILE, (void *)(memory + HEAD_FLOATS) };
    if (job->kernels->enter)
        job->kernels->enter();
    for (size_t i = begin; i < end; i++) {
        const size_t row = i % job->row_blocks * job->block_rows;
        const size_t column = i / job->row_blocks * job->block_columns;
        run_block(job, &scratch, row, smaller(row + job->block_rows, job->row_panels), column,
                  smaller(column + job->block_columns, job->column_panels));
    }
    if (job->kernels->leave)
        job->kernels->leave();
    return CCLIP_OK;
}

/* As in product.c: blocks of which all threads have equally much. Next to a tile, rounding a panel of rows and
 * fetching one of the weight cost more. */
static void choose_blocks(struct product_job *job, size_t threads)
{
    enum { COMPUTE = 2, ROUND = 12, FETCH = 3, LEAST_COLUMNS = 16 };
    job->steps = divide_up(job->depth, STEP);
    job->row_panels = divide_up(job->rows, SIDE);
    job->column_panels = divide_up(job->columns, SIDE);
    const size_t fit = BLOCK_STEPS / job->steps ? BLOCK_STEPS / job->steps : 1;
    const size_t most = smaller(job->row_panels, smaller(fit, BLOCK_ROWS));
    /* Rather twice through the rows than an output that is written column by column. */
    const size_t widest = fit >= LEAST_COLUMNS ? smaller(fit, job->column_panels) : job->column_panels;
    size_t best = SIZE_MAX;
    for (size_t r = most; r; r--)
        for (size_t parts = divide_up(job->column_panels, widest); parts <= job->column_panels; parts *= 2) {
            const size_t c = divide_up(job->column_panels, parts);
            const size_t blocks = divide_up(job->row_panels, r) * divide_up(job->column_panels, c);
            const size_t cost = divide_up(blocks, threads) * (r * c * COMPUTE + r * ROUND + c * FETCH);
            if (cost < best) {
                best = cost;
                job->block_rows = r;
                job->block_columns = c;
            }
        }
    job->row_blocks = divide_up(job->row_panels, job->block_rows);
}

/* The product with panels [columns, depth]; `rows` is not 0. */
static void run_packed(struct cclip_device *device, float *out, size_t out_stride,
                       const struct cclip_product_input *input, size_t rows, const uint16_t *panels,
                       size_t columns, size_t depth, const struct cclip_epilogue *epilogue)
{
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
    if (cclip_cpu_reserve(device, HEAD_FLOATS + job.block_rows * job.steps * (TILE / 2)))
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
                            size_t rows, int anew)
{
    enum { SLICE = 4096 }; /* bounds the packed slice, and the length of one chain of additions */
    const struct cclip_epilogue add = { .residual = out };
    for (size_t first = 0, n; first < rows && a_width && b_width && !device->failure.status; first += n) {
        n = smaller(SLICE, rows - first);
        const struct cclip_product_input input = { .by_columns = 1, .in = a + first * a_stride,
                                                   .pitch = a_stride };
        const uint16_t *panels = pack_shared(device, b + first * b_stride, b_width, n, 1, b_stride);
        if (panels)
            run_packed(device, out, out_stride, &input, a_width, panels, b_width, n,
                       anew && !first ? NULL : &add);
    }
}
