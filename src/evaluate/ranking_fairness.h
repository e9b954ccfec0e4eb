/* Which groups a list of results shows, against the share each should have (Geyik, Ambler and Kenthapadi,
 * "Fairness-aware ranking in search and recommendation systems", KDD 2019, section 3). With p(g) the desired
 * share of group g and P(g, k) its share of the first k results:
 *
 *     skew of g at k = ln( P(g, k) / p(g) )
 *     NDKL           = 1/Z  sum over i = 1 .. k of  1 / log2(i + 1)  KL( P(., i) || p )
 *     KL( P || p )   = sum over g of P(g) ln( P(g) / p(g) ),   Z = sum over i of 1 / log2(i + 1)
 *
 * A skew above 0 is a group that is shown more than its share, -infinity one that is not shown. NDKL is 0
 * where every beginning of the list has the desired shares, and larger the earlier and farther it departs. */
#ifndef CCLIP_EVALUATE_RANKING_FAIRNESS_H
#define CCLIP_EVALUATE_RANKING_FAIRNESS_H

#include <stddef.h>

/* `ranked` [count]: the group of each result, best first. `desired` [groups] sums to 1, all above 0.
 * skew [groups]. */
void cclip_ranking_skew(double *skew, const size_t *ranked, size_t count, const double *desired,
                        size_t groups);
/* `shown` [groups] is scratch. */
double cclip_ranking_ndkl(const size_t *ranked, size_t count, const double *desired, size_t groups,
                          size_t *shown);

#endif
