/* Does a text stand nearer to the pictures of one group than to those of another? The single-category word
 * embedding association test, with pictures for attributes:
 *
 *     SC-WEAT(w, A, B) = (mean over a in A of cos(w, a) - mean over b in B of cos(w, b))
 *                        / standard deviation over x in A and B of cos(w, x)
 *
 * (Caliskan, Bryson and Narayanan, "Semantics derived automatically from language corpora contain human-like
 * biases", Science 2017, supplement: the WEFAT statistic; as SC-WEAT on CLIP in Wolfe and Caliskan, "American ==
 * White in multimodal language-and-image AI", 2022.) The standard deviation is that of a sample, divided by
 * n - 1. The p-value is that of a permutation test: the share of all divisions of the same pictures into sets
 * as large as A and B whose difference of means is at least the one seen. */
#ifndef CCLIP_EVALUATE_ASSOCIATION_H
#define CCLIP_EVALUATE_ASSOCIATION_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

struct cclip_association {
    double effect_size; /* NaN where a set is empty or all cosines are equal */
    double p_greater;   /* one-sided, as in the papers: A is nearer by chance this much or more */
    double p_two_sided; /* either is */
    size_t divisions;   /* how many were tried */
    int exact;          /* all there are; else drawn ones, and the one seen counts as one of them */
};

/* `cosines` are those of A, then those of B. All divisions are tried where there are at most `permutations`,
 * else so many are drawn. */
cclip_status cclip_associate(struct cclip_association *out, const double *cosines, size_t a_count,
                             size_t b_count, size_t permutations, uint64_t seed);

#endif
