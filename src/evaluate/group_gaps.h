/* A rate in each group of the pictures, and the largest gap between two groups.
 *
 * A rate is a ratio of sums over a group's pictures: hits over weights. The intervals come from a bootstrap in
 * which each group keeps its size. That of a group's rate is the percentile interval. That of the largest gap must
 * allow for its having been looked for among all pairs: the gaps of all pairs are given intervals d +- q s, with
 * s the bootstrap's standard deviation of that pair's gap and q so large that the confidence holds for all pairs
 * at once (q is a percentile of the largest |d* - d| / s over the pairs, a resample each). Two groups are one
 * pair, and nothing is added for the choice. */
#ifndef CCLIP_EVALUATE_GROUP_GAPS_H
#define CCLIP_EVALUATE_GROUP_GAPS_H

#include "evaluate/bootstrap.h"

struct cclip_group_measure {
    size_t samples, groups;
    const size_t *group;          /* [samples], each below groups */
    const double *hits, *weights; /* [samples] */
    size_t resamples;
    double confidence;
    uint64_t seed;
};

struct cclip_group_rate {
    size_t samples, counted; /* all; those with a weight */
    double value; /* NaN where the weights sum to 0 */
    struct cclip_interval interval;
};
struct cclip_group_gap {
    size_t highest, lowest; /* groups; the same where fewer than two have a rate */
    double value;           /* NaN then */
    struct cclip_interval interval;
};

/* rates [groups] */
cclip_status cclip_group_gaps(struct cclip_group_rate *rates, struct cclip_group_gap *gap,
                              const struct cclip_group_measure *measure);

#endif
