/* How strongly a linear probe is regularised: chosen on samples that are not learned from, as in the CLIP paper
 * (Radford et al. 2021, appendix A.3): a coarse grid, 1e-6 to 1e6 in steps of two decades, then the neighbours of
 * the best at half the distance, again and again until there are 8 steps a decade. */
#ifndef CCLIP_TRAIN_PROBE_SWEEP_H
#define CCLIP_TRAIN_PROBE_SWEEP_H

#include "train/linear_probe.h"

/* 7 values of the grid and two for each halving. */
enum { CCLIP_PROBE_TRIALS = 7 + 2 * 4 };

/* One value of C that was tried. */
struct cclip_probe_trial {
    double c;
    struct cclip_probe_quality quality; /* on the validation samples */
    struct cclip_probe_fitted fitted;   /* on the training samples */
};

struct cclip_probe_sweep {
    size_t iterations; /* of each fit at most */
    double tolerance;
    cclip_status (*iterated)(void *user, size_t iteration); /* as in struct cclip_probe_fit, or NULL */
    cclip_status (*tried)(void *user, size_t trial, const struct cclip_probe_trial *result); /* or NULL */
    void *user;
};

/* `probe` [classes, dim] becomes the best one and *best says what it is: that of the highest accuracy, of equals
 * that of the lowest cross entropy, of those the one with the smallest C. Each fit begins where the nearest
 * that is known ended. */
cclip_status cclip_probe_choose_c(struct cclip_probe_trial *best, struct cclip_linear_probe *probe,
                                  struct cclip_device *device,
                                  const struct cclip_probe_data *training,
                                  const struct cclip_probe_data *validation,
                                  const struct cclip_probe_sweep *sweep);

/* held [count] becomes 1 for the samples that are held out and 0 for the others: of each class the share
 * `share`, rounded, but at least one where there are two, and never all. By the seed alone. */
cclip_status cclip_stratified_split(unsigned char *held, const int32_t *labels, size_t count,
                                    size_t classes, double share, uint64_t seed);

#endif
