/* The products that every exact search is made of: a block of queries with a block of rows, on a device. */
#ifndef CCLIP_SEARCH_SIMILARITY_BLOCK_H
#define CCLIP_SEARCH_SIMILARITY_BLOCK_H

#include "tensor/backend.h"

/* Most rows of either side of a block: the scores of one stay in a cache while they are looked through. */
enum { CCLIP_BLOCK_QUERIES = 256, CCLIP_BLOCK_ROWS = 1024 };

struct cclip_similarity_block {
    struct cclip_device *device;
    size_t dim;
    float *queries, *rows, *products; /* device memory */
    float *gathered;                  /* [CCLIP_BLOCK_ROWS][dim] */
    float *scores;                    /* [queries][rows] of the last product */
};

/* The device must outlive it. Close in any case. */
cclip_status cclip_similarity_block_open(struct cclip_similarity_block *out, struct cclip_device *device,
                                         size_t dim);
void cclip_similarity_block_close(struct cclip_similarity_block *block);

/* Rows of `all` that the next products are made with: [first, first + count), or with `index` the rows
 * index[first] ... index[first + count - 1]. */
struct cclip_row_choice {
    const float *all;
    const size_t *index; /* or NULL */
    size_t first, count;
};
cclip_status cclip_similarity_block_queries(struct cclip_similarity_block *block,
                                            const struct cclip_row_choice *choice);
/* scores[q][r] = inner product of query q and row r, `choice->count` to a line. */
cclip_status cclip_similarity_block_scores(struct cclip_similarity_block *block, size_t queries,
                                           const struct cclip_row_choice *choice);

#endif
