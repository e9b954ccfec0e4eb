/* A classifier from inside: shared by those who make one, of texts or of a trained probe. */
#ifndef CCLIP_API_CLASSIFIER_H
#define CCLIP_API_CLASSIFIER_H

#include <cclip/probe.h>
#include <cclip/zero_shot.h>

#include "base/file.h"
#include "zero_shot/opposition.h"

struct cclip_classifier {
    struct cclip_names labels;
    float *weights; /* [labels][dim] */
    float *biases;  /* [labels], or NULL: a trained probe has them */
    size_t dim;
    float scale, bias;
    int wants_raw; /* features that are not normalised */
    struct cclip_opposition opposition; /* count 0: not opened for independent answers */
    cclip_calibration calibration;
};

/* cclip_classifier_open_probe with the labels `first` first, in their order, each of which must be a class of
 * the probe; `source` names where they are from. NULL: the probe's own order. */
cclip_status cclip_classifier_open_probe_for(cclip_classifier **out, cclip_session *session,
                                             const cclip_probe *probe,
                                             const struct cclip_names *first, const char *source);

#endif
