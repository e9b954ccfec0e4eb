#include "evaluate/ranking_fairness.h"

#include <math.h>

void cclip_ranking_skew(double *skew, const size_t *ranked, size_t count, const double *desired,
                        size_t groups)
{
    for (size_t g = 0; g < groups; g++) {
        size_t shown = 0;
        for (size_t i = 0; i < count; i++)
            shown += ranked[i] == g;
        skew[g] = shown ? log((double)shown / (double)count / desired[g]) : -(double)INFINITY;
    }
}

double cclip_ranking_ndkl(const size_t *ranked, size_t count, const double *desired, size_t groups,
                          size_t *shown)
{
    double sum = 0, weights = 0;
    for (size_t g = 0; g < groups; g++)
        shown[g] = 0;
    for (size_t i = 0; i < count; i++) {
        const double weight = 1 / log2((double)(i + 2)), results = (double)(i + 1);
        double divergence = 0;
        shown[ranked[i]]++;
        for (size_t g = 0; g < groups; g++)
            if (shown[g]) /* 0 ln 0 is 0 */
                divergence += (double)shown[g] / results * log((double)shown[g] / results / desired[g]);
        sum += weight * divergence;
        weights += weight;
    }
    return count ? sum / weights : 0;
}
