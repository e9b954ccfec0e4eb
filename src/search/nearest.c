#include "search/nearest.h"

#include <math.h>

#include "search/similarity_block.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static cclip_status search_some(struct cclip_neighbour *out, struct cclip_similarity_block *block,
                                const struct cclip_row_choice *queries, const float *rows,
                                size_t row_count)
{
    cclip_status status = cclip_similarity_block_queries(block, queries);
    for (size_t at = 0; at < row_count && !status; at += CCLIP_BLOCK_ROWS) {
        const struct cclip_row_choice choice = { .all = rows,
                                                 .first = at,
                                                 .count = smaller(CCLIP_BLOCK_ROWS, row_count - at) };
        status = cclip_similarity_block_scores(block, queries->count, &choice);
        for (size_t i = 0; i < queries->count && !status; i++)
            for (size_t j = 0; j < choice.count; j++)
                if (block->scores[i * choice.count + j] > out[i].cosine)
                    out[i] = (struct cclip_neighbour){ at + j, block->scores[i * choice.count + j] };
    }
    return status;
}

cclip_status cclip_nearest(struct cclip_neighbour *out, struct cclip_device *device,
                           const float *queries, size_t query_count, const float *rows,
                           size_t row_count, size_t dim)
{
    struct cclip_similarity_block block;
    cclip_status status = cclip_similarity_block_open(&block, device, dim);
    for (size_t i = 0; i < query_count; i++)
        out[i] = (struct cclip_neighbour){ SIZE_MAX, -INFINITY };
    for (size_t at = 0; at < query_count && !status; at += CCLIP_BLOCK_QUERIES) {
        const struct cclip_row_choice choice = { .all = queries,
                                                 .first = at,
                                                 .count = smaller(CCLIP_BLOCK_QUERIES,
                                                                  query_count - at) };
        status = search_some(out + at, &block, &choice, rows, row_count);
    }
    cclip_similarity_block_close(&block);
    return status;
}
