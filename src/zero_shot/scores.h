/* From embeddings and class weights to numbers a person reads. Rows are pictures, columns labels. */
#ifndef CCLIP_ZERO_SHOT_SCORES_H
#define CCLIP_ZERO_SHOT_SCORES_H

#include <stddef.h>

/* Sum in a fixed order whatever the machine: 16 running sums, then those. */
float cclip_inner_product(const float *a, const float *b, size_t count);

/* out[p][l] = scale * <embeddings[p], weights[l]> + bias */
void cclip_label_logits(float *out, const float *embeddings, size_t pictures, const float *weights,
                        size_t labels, size_t dim, float scale, float bias);

/* Each row replaced by its softmax, in double, the largest value subtracted first. */
void cclip_softmax_rows(float *rows, size_t count, size_t width);

/* The places of the `k` largest of `count` scores, best first; of equals the earlier one first.
 * Returns how many there are: the smaller of `k` and `count`. */
size_t cclip_top_k(size_t *places, const float *scores, size_t count, size_t k);

/* 1 / (1 + exp(-x)), exact for large |x|. */
double cclip_sigmoid(double x);

#endif
