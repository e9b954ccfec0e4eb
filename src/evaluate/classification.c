#include "evaluate/classification.h"

#include <math.h>

size_t cclip_best_class(const float *scores, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

/* Written so that NaN, for which every comparison is false, counts against the true class. */
size_t cclip_class_rank(const float *scores, size_t classes, size_t truth)
{
    const float own = scores[truth];
    size_t rank = 0;
    for (size_t i = 0; i < truth; i++)
        rank += !(scores[i] < own);
    for (size_t i = truth + 1; i < classes; i++)
        rank += !(scores[i] <= own);
    return isnan(own) ? classes : rank;
}
