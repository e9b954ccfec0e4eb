#include "evaluate/classification.h"

#include <math.h>

#include "base/memory.h"

enum { TOP = 5 };

cclip_status cclip_class_tally_open(struct cclip_class_tally *out, size_t classes)
{
    *out = (struct cclip_class_tally){ .classes = classes };
    out->seen = cclip_allocate_zero(classes, sizeof *out->seen);
    out->right = cclip_allocate_zero(classes, sizeof *out->right);
    if (out->seen && out->right)
        return CCLIP_OK;
    cclip_class_tally_close(out);
    return CCLIP_ERROR_MEMORY;
}

void cclip_class_tally_close(struct cclip_class_tally *tally)
{
    cclip_release(tally->seen);
    cclip_release(tally->right);
    *tally = (struct cclip_class_tally){ 0 };
}

/* How many classes come before the true one. Written so that NaN, for which every comparison is
 * false, counts against it. */
static size_t rank_of(const float *scores, size_t classes, size_t truth)
{
    const float own = scores[truth];
    size_t rank = 0;
    for (size_t i = 0; i < truth; i++)
        rank += !(scores[i] < own);
    for (size_t i = truth + 1; i < classes; i++)
        rank += !(scores[i] <= own);
    return isnan(own) ? classes : rank;
}

static size_t best_of(const float *scores, size_t classes)
{
    size_t best = 0;
    for (size_t i = 1; i < classes; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

int32_t cclip_class_tally_add(struct cclip_class_tally *tally, const float *scores, int32_t truth)
{
    const size_t class = (size_t)truth, rank = rank_of(scores, tally->classes, class);
    tally->samples++;
    tally->seen[class]++;
    tally->right[class] += rank == 0;
    tally->top1 += rank == 0;
    tally->top5 += rank < TOP;
    return (int32_t)best_of(scores, tally->classes);
}

double cclip_class_tally_acc1(const struct cclip_class_tally *tally)
{
    return (double)tally->top1 / (double)tally->samples;
}

double cclip_class_tally_acc5(const struct cclip_class_tally *tally)
{
    return tally->classes < TOP ? (double)NAN : (double)tally->top5 / (double)tally->samples;
}

double cclip_class_tally_mean_recall(const struct cclip_class_tally *tally)
{
    double sum = 0;
    size_t occurring = 0;
    for (size_t i = 0; i < tally->classes; i++) {
        if (!tally->seen[i])
            continue;
        sum += (double)tally->right[i] / (double)tally->seen[i];
        occurring++;
    }
    return sum / (double)occurring;
}
