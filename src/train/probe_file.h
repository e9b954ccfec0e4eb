/* A trained linear probe with all that is known of it, and its file: safetensors with the tensors "weight"
 * [classes, dim] and "bias" [classes], named and shaped as a torch.nn.Linear has them. In the metadata stands
 * under "cclip_probe" a JSON object:
 *
 *     "version"    1
 *     what the features are (train/feature_origin.h)
 *     "c", "objective", "iterations", "converged", "samples", "train_accuracy", "validation_samples",
 *     "validation_accuracy"; all may be absent */
#ifndef CCLIP_TRAIN_PROBE_FILE_H
#define CCLIP_TRAIN_PROBE_FILE_H

#include <cclip/probe.h>
#include "checkpoint/checkpoint.h"
#include "train/feature_origin.h"
#include "train/linear_probe.h"

struct cclip_probe {
    struct cclip_linear_probe linear;
    struct cclip_names classes;
    struct cclip_feature_origin origin;
    double c, objective, train_accuracy, validation_accuracy; /* NaN: not known */
    size_t iterations, samples, validation_samples;
    int converged;
};

/* Zero weights for classes of these names, which are copied. */
cclip_status cclip_saved_probe_open(struct cclip_probe **out, const struct cclip_names *classes,
                                    size_t dim);
void cclip_saved_probe_close(struct cclip_probe **probe);

cclip_status cclip_saved_probe_write(const struct cclip_probe *probe, const char *path);
cclip_status cclip_saved_probe_read(struct cclip_probe **out, const char *path);
/* From a file that is open already. */
cclip_status cclip_saved_probe_from(struct cclip_probe **out, const struct cclip_checkpoint *file);

#endif
