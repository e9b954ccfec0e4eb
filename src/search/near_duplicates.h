/* Which rows say the same as another one: near-duplicate groups around the row that is kept.
 *
 * Rows are taken in an order of preference. Each is compared with those kept so far; where the nearest of them
 * has at least the cosine that was asked for, the row joins it, else it is kept itself. So every row that goes
 * is within the threshold of the one that stays for it: groups do not grow by chains of neighbours whose
 * ends have nothing in common. Which row stays depends on the order alone. */
#ifndef CCLIP_SEARCH_NEAR_DUPLICATES_H
#define CCLIP_SEARCH_NEAR_DUPLICATES_H

#include "search/nearest.h"

/* out[r] for each row r of `order` [count], which are numbers of rows [..][dim], normalised: the kept row that
 * it joins, or r itself (cosine 1) for one that is kept. Others of `out` are left alone. */
cclip_status cclip_near_duplicates(struct cclip_neighbour *out, struct cclip_device *device,
                                   const float *rows, size_t dim, const size_t *order, size_t count,
                                   float threshold);

#endif
