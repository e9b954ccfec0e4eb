#include "search/near_duplicates.h"

#include <math.h>

#include "base/memory.h"
#include "search/similarity_block.h"

struct work {
    struct cclip_neighbour *out;
    struct cclip_similarity_block block;
    const float *rows;
    float threshold;
    size_t *kept, kept_count; /* rows, in the order in which they were kept */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void note(struct cclip_neighbour *best, size_t row, float cosine)
{
    if (cosine > best->cosine)
        *best = (struct cclip_neighbour){ row, cosine };
}

/* The nearest of the rows that were kept before this block. */
static cclip_status compare_with_kept(struct work *w, const struct cclip_row_choice *some)
{
    cclip_status status = cclip_similarity_block_queries(&w->block, some);
    for (size_t at = 0; at < w->kept_count && !status; at += CCLIP_BLOCK_ROWS) {
        const struct cclip_row_choice kept = { .all = w->rows,
                                               .index = w->kept,
                                               .first = at,
                                               .count = smaller(CCLIP_BLOCK_ROWS,
                                                                w->kept_count - at) };
        status = cclip_similarity_block_scores(&w->block, some->count, &kept);
        for (size_t i = 0; i < some->count && !status; i++)
            for (size_t j = 0; j < kept.count; j++)
                note(&w->out[some->index[some->first + i]], w->kept[at + j],
                     w->block.scores[i * kept.count + j]);
    }
    return status;
}

/* In order: each row against those of the block that are kept already. */
static cclip_status decide(struct work *w, const struct cclip_row_choice *some)
{
    const size_t *rows = some->index + some->first, before = w->kept_count;
    size_t places[CCLIP_BLOCK_QUERIES]; /* of those that are kept, in the block */
    const cclip_status status = cclip_similarity_block_scores(&w->block, some->count, some);
    for (size_t i = 0; i < some->count && !status; i++) {
        struct cclip_neighbour *best = &w->out[rows[i]];
        for (size_t k = before; k < w->kept_count; k++)
            note(best, w->kept[k], w->block.scores[i * some->count + places[k - before]]);
        if (best->cosine >= w->threshold)
            continue;
        *best = (struct cclip_neighbour){ rows[i], 1 };
        places[w->kept_count - before] = i;
        w->kept[w->kept_count++] = rows[i];
    }
    return status;
}

cclip_status cclip_near_duplicates(struct cclip_neighbour *out, struct cclip_device *device,
                                   const float *rows, size_t dim, const size_t *order, size_t count,
                                   float threshold)
{
    struct work w = { .out = out, .rows = rows, .threshold = threshold };
    cclip_status status = cclip_similarity_block_open(&w.block, device, dim);
    if (!status && !(w.kept = cclip_allocate(count, sizeof *w.kept)))
        status = CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count; i++)
        out[order[i]] = (struct cclip_neighbour){ SIZE_MAX, -INFINITY };
    for (size_t at = 0; at < count && !status; at += CCLIP_BLOCK_QUERIES) {
        const struct cclip_row_choice some = { .all = rows,
                                               .index = order,
                                               .first = at,
                                               .count = smaller(CCLIP_BLOCK_QUERIES, count - at) };
        status = compare_with_kept(&w, &some);
        if (!status)
            status = decide(&w, &some);
    }
    cclip_release(w.kept);
    cclip_similarity_block_close(&w.block);
    return status;
}
