#include "data/pair_order.h"

#include <math.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/random.h"

enum { PASSES_MOST = 1 << 16 };

/* Places of each source: by weight, or scaled so that all together are `epoch_pairs`. */
static cclip_status share_places(struct cclip_pair_plan *plan, const double *weights,
                                 size_t epoch_pairs)
{
    const struct cclip_pair_index *index = plan->index;
    double all = 0, before = 0;
    for (size_t p = 0; p < index->part_count; p++)
        all += weights[p] * (double)index->parts[p].count;
    const double scale = epoch_pairs ? (double)epoch_pairs / all : 1;
    if (!(all * scale < (double)CCLIP_LIMIT_SAMPLES))
        return cclip_fail(CCLIP_ERROR_LIMIT, "%.0f pairs an epoch are over the limit of %zu",
                          all * scale, CCLIP_LIMIT_SAMPLES);
    for (size_t p = 0; p < index->part_count; p++) {
        const double after = before + scale * weights[p] * (double)index->parts[p].count;
        plan->taken[p] = (size_t)(floor(after + 0.5) - floor(before + 0.5));
        plan->places += plan->taken[p];
        before = after;
        if (!plan->taken[p])
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "source %zu: an epoch takes none of its %zu pairs: its "
                                                    "weight %g is too small",
                              p + 1, index->parts[p].count, weights[p]);
        const size_t passes = (plan->taken[p] + index->parts[p].count - 1) / index->parts[p].count;
        plan->passes = passes > plan->passes ? passes : plan->passes;
        if (passes > PASSES_MOST)
            return cclip_fail(CCLIP_ERROR_LIMIT, "source %zu: an epoch goes %zu times through its %zu pairs; "
                                                 "%d times at most",
                              p + 1, passes, index->parts[p].count, PASSES_MOST);
    }
    return CCLIP_OK;
}

static void cut_blocks(struct cclip_pair_plan *plan)
{
    const struct cclip_pair_index *index = plan->index;
    for (size_t i = 0; i < plan->blocks; i++)
        plan->block_first[i] = plan->window ? index->shards[i].first : index->parts[i].first;
    plan->block_first[plan->blocks] = index->count;
}

cclip_status cclip_pair_plan_open(struct cclip_pair_plan *out, const struct cclip_pair_index *index,
                                  const double *weights, size_t epoch_pairs, size_t window,
                                  uint64_t seed)
{
    *out = (struct cclip_pair_plan){ .index = index, .seed = seed, .window = window };
    out->blocks = window ? index->shard_count : index->part_count;
    out->block_first = cclip_allocate(out->blocks + 1, sizeof *out->block_first);
    out->taken = cclip_allocate_zero(index->part_count, sizeof *out->taken);
    cclip_status status = out->block_first && out->taken ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = share_places(out, weights, epoch_pairs);
    if (!status)
        cut_blocks(out);
    if (status)
        cclip_pair_plan_close(out);
    return status;
}

void cclip_pair_plan_close(struct cclip_pair_plan *plan)
{
    cclip_release(plan->block_first);
    cclip_release(plan->taken);
    *plan = (struct cclip_pair_plan){ 0 };
}

cclip_status cclip_pair_order_open(struct cclip_pair_order *out, const struct cclip_pair_plan *plan)
{
    *out = (struct cclip_pair_order){ .plan = plan, .units = plan->passes * plan->blocks };
    out->block = cclip_allocate(out->units, sizeof *out->block);
    out->where = cclip_allocate(out->units, sizeof *out->where);
    out->start = cclip_allocate(out->units + 1, sizeof *out->start);
    if (out->block && out->where && out->start) {
        cclip_pair_order_set(out, 0);
        return CCLIP_OK;
    }
    cclip_pair_order_close(out);
    return CCLIP_ERROR_MEMORY;
}

void cclip_pair_order_close(struct cclip_pair_order *order)
{
    cclip_release(order->block);
    cclip_release(order->where);
    cclip_release(order->start);
    *order = (struct cclip_pair_order){ 0 };
}

static size_t block_size(const struct cclip_pair_plan *plan, size_t block)
{
    return plan->block_first[block + 1] - plan->block_first[block];
}

static size_t part_of(const struct cclip_pair_plan *plan, size_t block)
{
    return plan->window ? plan->index->shards[block].source : block;
}

/* Puts the blocks of one pass in an order; without a window it does not matter. */
static void shuffle(struct cclip_pair_order *order, size_t pass)
{
    const size_t blocks = order->plan->blocks;
    size_t *block = order->block + pass * blocks;
    struct cclip_random random;
    cclip_random_seed(&random, order->plan->seed, cclip_random_stream(CCLIP_PAIR_BLOCKS, order->epoch, pass));
    for (size_t i = 0; i < blocks; i++)
        block[i] = i;
    for (size_t i = blocks; order->plan->window && i > 1; i--) {
        const size_t other = (size_t)cclip_random_below(&random, i), kept = block[i - 1];
        block[i - 1] = block[other];
        block[other] = kept;
    }
    for (size_t i = 0; i < blocks; i++)
        order->where[pass * blocks + block[i]] = pass * blocks + i;
}

/* Places that a source takes in one pass. */
static size_t taken_in(const struct cclip_pair_plan *plan, size_t part, size_t pass)
{
    const size_t count = plan->index->parts[part].count, before = pass * count;
    if (plan->taken[part] <= before)
        return 0;
    return plan->taken[part] - before < count ? plan->taken[part] - before : count;
}

/* A source's places are spread over its blocks in the order in which they stand, as evenly as whole
 * numbers allow: which blocks give one more is another matter in each epoch. */
static void share_pass(struct cclip_pair_order *order, size_t part, size_t pass)
{
    const struct cclip_pair_plan *plan = order->plan;
    const uint64_t count = plan->index->parts[part].count, taken = taken_in(plan, part, pass);
    uint64_t seen = 0;
    for (size_t u = pass * plan->blocks; u < (pass + 1) * plan->blocks; u++) {
        if (part_of(plan, order->block[u]) != part)
            continue;
        const uint64_t after = seen + block_size(plan, order->block[u]);
        order->start[u + 1] = (size_t)(after * taken / count - seen * taken / count);
        seen = after;
    }
}

void cclip_pair_order_set(struct cclip_pair_order *order, size_t epoch)
{
    order->epoch = epoch;
    order->start[0] = 0;
    for (size_t pass = 0; pass < order->plan->passes; pass++) {
        shuffle(order, pass);
        for (size_t part = 0; part < order->plan->index->part_count; part++)
            share_pass(order, part, pass);
    }
    for (size_t u = 0; u < order->units; u++)
        order->start[u + 1] += order->start[u];
}

/* The last unit that begins at the place or before. */
static size_t unit_of(const struct cclip_pair_order *order, size_t place)
{
    size_t low = 0, high = order->units;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (order->start[middle] <= place)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The units [first, end) that are mixed with unit u, and their order. */
struct window {
    size_t begin, end; /* places */
    struct cclip_permutation permutation;
};

static struct window window_of(const struct cclip_pair_order *order, size_t unit)
{
    const struct cclip_pair_plan *plan = order->plan;
    const size_t width = plan->window ? plan->window : order->units, number = unit / width;
    const size_t last = order->units - number * width < width ? order->units : (number + 1) * width;
    struct window out = { order->start[number * width], order->start[last], { 0 } };
    cclip_permutation_open(&out.permutation, out.end - out.begin, plan->seed,
                           cclip_random_stream(CCLIP_PAIR_WINDOW, order->epoch, number));
    return out;
}

/* Which samples of its block a unit takes: the first ones of this order. */
static struct cclip_permutation inside(const struct cclip_pair_order *order, size_t unit)
{
    struct cclip_permutation out;
    cclip_permutation_open(&out, block_size(order->plan, order->block[unit]), order->plan->seed,
                           cclip_random_stream(CCLIP_PAIR_BLOCK, order->epoch, unit));
    return out;
}

size_t cclip_pair_order_at(const struct cclip_pair_order *order, size_t place)
{
    const struct window window = window_of(order, unit_of(order, place));
    const size_t mixed =
        window.begin + (size_t)cclip_permutation_at(&window.permutation, place - window.begin);
    const size_t unit = unit_of(order, mixed);
    const struct cclip_permutation samples = inside(order, unit);
    return order->plan->block_first[order->block[unit]] +
           (size_t)cclip_permutation_at(&samples, mixed - order->start[unit]);
}

static size_t block_of(const struct cclip_pair_plan *plan, size_t sample)
{
    size_t low = 0, high = plan->blocks;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (plan->block_first[middle] <= sample)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int cclip_pair_order_has(const struct cclip_pair_order *order, size_t sample, size_t begin, size_t end)
{
    const struct cclip_pair_plan *plan = order->plan;
    const size_t block = block_of(plan, sample);
    for (size_t pass = 0; pass < plan->passes; pass++) {
        const size_t unit = order->where[pass * plan->blocks + block];
        const struct cclip_permutation samples = inside(order, unit);
        const size_t rank =
            (size_t)cclip_permutation_place(&samples, sample - plan->block_first[block]);
        if (rank >= order->start[unit + 1] - order->start[unit])
            continue;
        const struct window window = window_of(order, unit);
        const size_t place = window.begin + (size_t)cclip_permutation_place(
                                                &window.permutation,
                                                order->start[unit] - window.begin + rank);
        if (place >= begin && place < end)
            return 1;
    }
    return 0;
}
