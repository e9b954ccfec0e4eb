/* One picture's scores for all classes, larger is better: which class is predicted, and at which place the
 * right one stands. Of equal scores the class with the lower number is the better one; a score that is
 * not a number never makes a prediction right. */
#ifndef CCLIP_EVALUATE_CLASSIFICATION_H
#define CCLIP_EVALUATE_CLASSIFICATION_H

#include <stddef.h>

/* The predicted class; `classes` is at least 1. */
size_t cclip_best_class(const float *scores, size_t classes);

/* How many classes come before class `truth`. */
size_t cclip_class_rank(const float *scores, size_t classes, size_t truth);

#endif
