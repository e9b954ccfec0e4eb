/* Which pairs of a corpus do not belong together, by what a model makes of them.
 *
 * A pair's margin is its share of the contrastive loss with random others of the corpus in place of a batch:
 *
 *     margin = l cos(v, t) - 1/2 log mean_j exp(l cos(v, t_j)) - 1/2 log mean_j exp(l cos(v_j, t))
 *
 * v: the picture, t: its caption, v_j and t_j: reference pairs with another caption, l: the model's logit
 * scale. It estimates the pointwise mutual information of picture and caption (van den Oord et al., "Representation
 * learning with contrastive predictive coding", 2018): a caption that fits everything, or a picture that everything
 * fits, gains nothing by it.
 *
 * A caption that belongs to another picture is a random draw: its margin is distributed like those of mismatches that
 * are made by pairing the references among each other. So no number has to be chosen. With F0 the distribution of
 * the made ones, F that of the corpus, and p the share of mismatched pairs, F = p F0 + (1 - p) F1. Below the median
 * of F0 good pairs are rare, which gives p = F(median) / F0(median) (Storey, "A direct approach to false discovery
 * rates", 2002); then dropping what lies below t makes
 *
 *     p (1 - F0(t)) + (1 - p) F1(t) = p + F(t) - 2 p F0(t)
 *
 * wrong decisions a pair, and t is where that is smallest. */
#ifndef CCLIP_CURATE_MISMATCH_H
#define CCLIP_CURATE_MISMATCH_H

#include <stdint.h>
#include "tensor/backend.h"

struct cclip_mismatch_references {
    const float *images, *texts; /* [count][dim], normalised */
    const uint64_t *captions;    /* [count]: equal for equal captions */
    size_t count, dim;
    float logit_scale;
};

struct cclip_pair_score {
    float cosine, margin; /* margin NaN: no reference has another caption */
};

/* Scores of pairs, rows of `images` and `texts` [count][dim]. */
cclip_status cclip_mismatch_scores(struct cclip_pair_score *out, struct cclip_device *device,
                                   const struct cclip_mismatch_references *references,
                                   const float *images, const float *texts, const uint64_t *captions,
                                   size_t count);

/* Margins of mismatches made of the references, sorted; some thousands. Released by the caller. */
cclip_status cclip_mismatch_made(float **out, size_t *count, struct cclip_device *device,
                                 const struct cclip_mismatch_references *references);

struct cclip_mismatch_rule {
    double threshold; /* pairs with a smaller margin go */
    double share;     /* estimated: of mismatched pairs */
    double caught;    /* estimated: of these, how many go */
    double lost;      /* estimated: of the others, how many go */
};
/* From sorted margins of made mismatches and of the corpus; both counts at least 1. */
void cclip_mismatch_choose(struct cclip_mismatch_rule *out, const float *made, size_t made_count,
                           const float *margins, size_t count);

/* The share of `made` (sorted) that has at least this margin. */
double cclip_mismatch_chance(const float *made, size_t count, float margin);

#endif
