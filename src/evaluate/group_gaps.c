#include "evaluate/group_gaps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* values [2 * groups]: the rates, then scratch for the sums of weights. */
static void measure_rates(const void *context, double *values, const uint32_t *counts)
{
    const struct cclip_group_measure *m = context;
    double *weights = values + m->groups;
    memset(values, 0, 2 * m->groups * sizeof *values);
    for (size_t i = 0; i < m->samples; i++) {
        const double times = counts ? (double)counts[i] : 1;
        values[m->group[i]] += times * m->hits[i];
        weights[m->group[i]] += times * m->weights[i];
    }
    for (size_t g = 0; g < m->groups; g++)
        values[g] = weights[g] > 0 ? values[g] / weights[g] : (double)NAN;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return !!isnan(x) - !!isnan(y);
    return (x > y) - (x < y);
}

static void find_gap(struct cclip_group_gap *gap, const struct cclip_group_rate *rates,
                     size_t groups)
{
    const double none = (double)NAN;
    size_t highest = groups, lowest = groups;
    for (size_t g = 0; g < groups; g++) {
        if (isnan(rates[g].value))
            continue;
        if (highest == groups || rates[g].value > rates[highest].value)
            highest = g;
        if (lowest == groups || rates[g].value <= rates[lowest].value)
            lowest = g;
    }
    *gap = (struct cclip_group_gap){ 0, 0, none, { none, none } };
    if (highest == groups || highest == lowest)
        return;
    gap->highest = highest;
    gap->lowest = lowest;
    gap->value = rates[highest].value - rates[lowest].value;
}

/* Standard deviation of a pair's gap over the resamples in which both have a rate. */
static double spread_of(const double *a, const double *b, size_t resamples)
{
    double sum = 0, squares = 0, first = (double)NAN;
    size_t count = 0;
    for (size_t r = 0; r < resamples; r++) {
        const double d = a[r] - b[r];
        if (isnan(d))
            continue;
        first = count ? first : d; /* taken off, so that equal gaps have a spread of exactly 0 */
        sum += d - first;
        squares += (d - first) * (d - first);
        count++;
    }
    if (count < 2)
        return 0;
    const double variance = (squares - sum * sum / (double)count) / (double)(count - 1);
    return variance > 0 ? sqrt(variance) : 0;
}

/* largest[r] = the largest |d* - d| / s of all pairs in resample r. */
static void find_departures(double *largest, const double *drawn,
                            const struct cclip_group_rate *rates,
                            const struct cclip_group_measure *m)
{
    memset(largest, 0, m->resamples * sizeof *largest);
    for (size_t i = 0; i < m->groups; i++) {
        for (size_t j = i + 1; j < m->groups; j++) {
            const double *a = drawn + i * m->resamples, *b = drawn + j * m->resamples;
            const double spread = spread_of(a, b, m->resamples);
            const double seen = rates[i].value - rates[j].value;
            for (size_t r = 0; r < m->resamples && spread > 0; r++) {
                const double departure = fabs(a[r] - b[r] - seen) / spread;
                if (departure > largest[r]) /* not where it is no number */
                    largest[r] = departure;
            }
        }
    }
}

static cclip_status bound_gap(struct cclip_group_gap *gap, const double *drawn,
                              const struct cclip_group_rate *rates,
                              const struct cclip_group_measure *m)
{
    if (isnan(gap->value))
        return CCLIP_OK;
    double *largest = cclip_allocate(m->resamples, sizeof *largest);
    if (!largest)
        return CCLIP_ERROR_MEMORY;
    find_departures(largest, drawn, rates, m);
    qsort(largest, m->resamples, sizeof *largest, compare);
    const double reach = cclip_percentile(largest, m->resamples, m->confidence) *
                         spread_of(drawn + gap->highest * m->resamples,
                                   drawn + gap->lowest * m->resamples, m->resamples);
    gap->interval = (struct cclip_interval){ gap->value - reach, gap->value + reach };
    cclip_release(largest);
    return CCLIP_OK;
}

cclip_status cclip_group_gaps(struct cclip_group_rate *rates, struct cclip_group_gap *gap,
                              const struct cclip_group_measure *m)
{
    const struct cclip_bootstrap bootstrap = { .resamples = m->resamples,
                                               .seed = m->seed,
                                               .samples = m->samples,
                                               .strata = m->group,
                                               .figures = 2 * m->groups,
                                               .measure = measure_rates,
                                               .context = m };
    double *seen = cclip_allocate(2 * m->groups, sizeof *seen);
    double *drawn = cclip_allocate(2 * m->groups * m->resamples, sizeof *drawn);
    cclip_status status = seen && drawn ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_bootstrap_run_unsorted(drawn, &bootstrap);
    if (!status) {
        measure_rates(m, seen, NULL);
        for (size_t g = 0; g < m->groups; g++)
            rates[g] = (struct cclip_group_rate){ .value = seen[g] };
        for (size_t i = 0; i < m->samples; i++) {
            rates[m->group[i]].samples++;
            rates[m->group[i]].counted += m->weights[i] > 0;
        }
        find_gap(gap, rates, m->groups);
        status = bound_gap(gap, drawn, rates, m);
    }
    for (size_t g = 0; g < m->groups && !status; g++) {
        qsort(drawn + g * m->resamples, m->resamples, sizeof *drawn, compare);
        rates[g].interval =
            cclip_percentile_interval(drawn + g * m->resamples, m->resamples, m->confidence);
    }
    cclip_release(seen);
    cclip_release(drawn);
    return status;
}
