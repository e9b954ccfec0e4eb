/* Zero-shot classification in figures: how often the right class is the best one or among the best
 * five, and how often it is found a class (CLIP_benchmark's acc1, acc5, mean_per_class_recall). */
#ifndef CCLIP_EVALUATE_CLASSIFICATION_H
#define CCLIP_EVALUATE_CLASSIFICATION_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

struct cclip_class_tally {
    size_t classes;
    size_t *seen, *right; /* samples of each class, and those of them that were predicted right */
    size_t samples, top1, top5;
};

cclip_status cclip_class_tally_open(struct cclip_class_tally *out, size_t classes);
void cclip_class_tally_close(struct cclip_class_tally *tally);

/* One sample: its scores for all classes, larger is better; its class, below `classes`. Returns the predicted
 * class. Of equal scores the class with the lower number is the better one; a score that is not a
 * number never makes a prediction right. */
int32_t cclip_class_tally_add(struct cclip_class_tally *tally, const float *scores, int32_t truth);

/* Shares of all samples. Top 5 of fewer than five classes says nothing: NaN. */
double cclip_class_tally_acc1(const struct cclip_class_tally *tally);
double cclip_class_tally_acc5(const struct cclip_class_tally *tally);
/* The mean of the classes' own shares; classes that no sample has are left out. */
double cclip_class_tally_mean_recall(const struct cclip_class_tally *tally);

#endif
