/* How far a figure may be off because these pictures were drawn and not others: the bootstrap (Efron,
 * "Bootstrap methods: another look at the jackknife", 1979). The samples are drawn again, as many as there
 * are, each as likely as any other, and the figure is computed of what was drawn; the spread of many such
 * figures stands for the spread over other sets of the same kind. Nothing is embedded or scored again: a
 * resample is how often each sample was drawn.
 *
 * Resample r uses random stream r of the seed, so that the same seed gives the same figures, and two models on
 * the same samples meet the same resamples. */
#ifndef CCLIP_EVALUATE_BOOTSTRAP_H
#define CCLIP_EVALUATE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* Writes `values`, one for each figure; counts[i] is how often sample i was drawn. */
typedef void cclip_bootstrap_function(const void *context, double *values, const uint32_t *counts);

struct cclip_bootstrap {
    size_t resamples;
    uint64_t seed;
    size_t samples;
    const size_t *strata; /* [samples]: samples of a stratum are drawn among themselves, so that each keeps
                           * its size; numbers from 0, none left out. NULL: all are one stratum */
    size_t figures;
    cclip_bootstrap_function *measure;
    const void *context;
};

/* out [figures][resamples]: the figures of every resample, those of a figure sorted; what is no number
 * last. Also without samples. */
cclip_status cclip_bootstrap_run(double *out, const struct cclip_bootstrap *bootstrap);
/* The same in the order of the resamples. */
cclip_status cclip_bootstrap_run_unsorted(double *out, const struct cclip_bootstrap *bootstrap);

struct cclip_interval {
    double low, high;
};
/* The percentile interval: the middle `confidence` of sorted values, interpolated between neighbours as
 * numpy.percentile does. Values that are no number (at the end) are left out; NaN where none is left. */
struct cclip_interval cclip_percentile_interval(const double *sorted, size_t count,
                                                double confidence);
/* The value below which `share` of them lie, in the same way. */
double cclip_percentile(const double *sorted, size_t count, double share);

#endif
