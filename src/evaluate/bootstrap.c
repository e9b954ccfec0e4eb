#include "evaluate/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

/* Samples by stratum: those of stratum s are order[starts[s]] up to order[starts[s + 1]]. */
struct strata {
    size_t *order, *starts, count;
};

static void strata_close(struct strata *strata)
{
    cclip_release(strata->order);
    cclip_release(strata->starts);
}

/* Counting sort, which keeps the order within a stratum. */
static cclip_status strata_open(struct strata *out, const struct cclip_bootstrap *b)
{
    *out = (struct strata){ .count = b->samples ? 1 : 0 };
    for (size_t i = 0; b->strata && i < b->samples; i++)
        out->count = b->strata[i] < out->count ? out->count : b->strata[i] + 1;
    out->order = cclip_allocate(b->samples, sizeof *out->order);
    out->starts = cclip_allocate_zero(out->count + 2, sizeof *out->starts);
    if (!out->order || !out->starts) {
        strata_close(out);
        return CCLIP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < b->samples; i++)
        out->starts[(b->strata ? b->strata[i] : 0) + 2]++;
    for (size_t s = 0; s < out->count; s++)
        out->starts[s + 2] += out->starts[s + 1];
    for (size_t i = 0; i < b->samples; i++)
        out->order[out->starts[(b->strata ? b->strata[i] : 0) + 1]++] = i;
    return CCLIP_OK;
}

static void draw(uint32_t *counts, const struct strata *strata, struct cclip_random *random)
{
    for (size_t s = 0; s < strata->count; s++) {
        const size_t begin = strata->starts[s], size = strata->starts[s + 1] - begin;
        for (size_t i = 0; i < size; i++)
            counts[strata->order[begin + cclip_random_below(random, size)]]++;
    }
}

cclip_status cclip_bootstrap_run_unsorted(double *out, const struct cclip_bootstrap *b)
{
    struct strata strata;
    uint32_t *counts = cclip_allocate(b->samples, sizeof *counts);
    double *values = cclip_allocate(b->figures, sizeof *values);
    cclip_status status = counts && values ? strata_open(&strata, b) : CCLIP_ERROR_MEMORY;
    for (size_t r = 0; r < b->resamples && !status; r++) {
        struct cclip_random random;
        cclip_random_seed(&random, b->seed, r);
        memset(counts, 0, b->samples * sizeof *counts);
        draw(counts, &strata, &random);
        b->measure(b->context, values, counts);
        for (size_t f = 0; f < b->figures; f++)
            out[f * b->resamples + r] = values[f];
    }
    if (!status)
        strata_close(&strata);
    cclip_release(counts);
    cclip_release(values);
    return status;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return !!isnan(x) - !!isnan(y);
    return (x > y) - (x < y);
}

cclip_status cclip_bootstrap_run(double *out, const struct cclip_bootstrap *b)
{
    const cclip_status status = cclip_bootstrap_run_unsorted(out, b);
    for (size_t f = 0; f < b->figures && !status; f++)
        if (b->resamples)
            qsort(out + f * b->resamples, b->resamples, sizeof *out, compare);
    return status;
}

double cclip_percentile(const double *sorted, size_t count, double share)
{
    while (count && isnan(sorted[count - 1]))
        count--;
    if (!count)
        return (double)NAN;
    const double place = share * (double)(count - 1);
    const size_t below = (size_t)place;
    if (below + 1 >= count || sorted[below] == sorted[below + 1]) /* also of infinities */
        return sorted[below < count ? below : count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct cclip_interval cclip_percentile_interval(const double *sorted, size_t count,
                                                double confidence)
{
    const double outside = (1 - confidence) / 2;
    return (struct cclip_interval){ cclip_percentile(sorted, count, outside),
                                    cclip_percentile(sorted, count, 1 - outside) };
}
