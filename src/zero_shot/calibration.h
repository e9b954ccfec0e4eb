/* From a label's logit and its opposing evidence to a probability: what is fitted, how it is kept in
 * a file, and how good it is. */
#ifndef CCLIP_ZERO_SHOT_CALIBRATION_H
#define CCLIP_ZERO_SHOT_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/zero_shot.h>
#include "base/status.h"

/* Finite numbers, a prior inside (0, 1), a known version. `name` is used in messages. */
cclip_status cclip_calibration_check(const cclip_calibration *calibration, const char *name);

/* P(yes) = sigmoid(slope * logit - opposing * evidence + bias + log(prior / (1 - prior))) */
double cclip_calibrated(const cclip_calibration *calibration, double logit, double evidence);

/* Maximum likelihood over pairs of a picture and a label (Platt's method with a second predictor),
 * by Newton's method, with a weak pull of the slopes to zero that keeps separable data finite.
 * logits, evidence and yes (0 or 1) are [pairs]; weight too, or NULL. Needs a yes and a no. The
 * prior is the share of yes. */
cclip_status cclip_calibration_fit_pairs(cclip_calibration *out, const float *logits,
                                         const float *evidence, const unsigned char *yes,
                                         const float *weight, size_t pairs);

/* JSON. Unknown keys are left alone; a missing or unusable one is an error that names it. */
cclip_status cclip_calibration_parse(cclip_calibration *out, const char *text, size_t length,
                                     const char *name);
cclip_status cclip_calibration_load(cclip_calibration *out, const char *path);
cclip_status cclip_calibration_save(const cclip_calibration *calibration, const char *path);

/* truth[p] is the right label of picture p, or -1 for none of them. */
cclip_status cclip_calibration_quality_of(cclip_calibration_quality *out,
                                          const float *probabilities, const int32_t *truth,
                                          size_t pictures, size_t labels);

#endif
