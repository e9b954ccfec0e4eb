/* Near duplicates by difference hashes, where there is no model. What a group is: search/near_duplicates.h. */
#ifndef CCLIP_CURATE_HASH_DUPLICATES_H
#define CCLIP_CURATE_HASH_DUPLICATES_H

#include "curate/picture_digest.h"

/* A picture with fewer set bits is all but plain: nothing can be said of it. */
enum { CCLIP_HASH_BITS_LEAST = 8 };

struct cclip_hash_neighbour {
    size_t row;   /* itself where it is kept */
    int distance; /* bits */
};

/* out[r] for each number r of `order` [count]: the earlier one that it joins, within `bits`. */
cclip_status cclip_hash_duplicates(struct cclip_hash_neighbour *out, const struct cclip_digest *hashes,
                                   const size_t *order, size_t count, int bits);
/* The nearest of `others` within `bits`; row SIZE_MAX: there is none. */
struct cclip_hash_neighbour cclip_hash_nearest(const struct cclip_digest *hash,
                                               const struct cclip_digest *others, size_t count, int bits);

#endif
