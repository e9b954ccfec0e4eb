/* Exact search: every query is compared with every row. Rows are normalised, so that their inner product is
 * their cosine. What is not a number is near to nothing. */
#ifndef CCLIP_SEARCH_NEAREST_H
#define CCLIP_SEARCH_NEAREST_H

#include "tensor/backend.h"

struct cclip_neighbour {
    size_t row;   /* SIZE_MAX: there is none */
    float cosine; /* -INFINITY then */
};

/* The nearest of `rows` [row_count][dim] to each of `queries` [query_count][dim]; of equals the first. */
cclip_status cclip_nearest(struct cclip_neighbour *out, struct cclip_device *device,
                           const float *queries, size_t query_count, const float *rows,
                           size_t row_count, size_t dim);

#endif
