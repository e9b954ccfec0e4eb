/* What became of each picture of an evaluation: all that its figures are made of, so that they can be
 * computed again of other drawings of the same pictures, for intervals and for comparisons of two
 * models. */
#ifndef CCLIP_EVALUATE_OUTCOMES_H
#define CCLIP_EVALUATE_OUTCOMES_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum cclip_outcome_figure_kind {
    CCLIP_FIGURE_TOP_K,        /* pictures whose class is among the k best */
    CCLIP_FIGURE_CLASS_MEAN,   /* mean over the classes of the share found first */
    CCLIP_FIGURE_IMAGE_RECALL, /* captions whose picture is among the k best */
    CCLIP_FIGURE_TEXT_RECALL   /* pictures with one of their captions among the k best */
};
struct cclip_outcome_figure {
    enum cclip_outcome_figure_kind kind;
    size_t k;
};

struct cclip_outcomes {
    size_t pictures, classes, texts; /* classes 0: retrieval; texts 0: classification */
    size_t *ranks;   /* [pictures]: how many classes, or texts, come before the right one */
    size_t *order;   /* [pictures], classification: pictures by class ... */
    size_t *starts;  /* [classes + 1]: ... those of class c stand from starts[c] to starts[c + 1] */
    size_t *image_ranks, *image_of_text; /* [texts], retrieval */
};
void cclip_outcomes_close(struct cclip_outcomes *outcomes);

/* The ranks are taken over, not the labels. */
cclip_status cclip_outcomes_of_classes(struct cclip_outcomes *out, size_t **ranks,
                                       const int32_t *labels, size_t pictures, size_t classes);

/* counts [pictures]: how often each was drawn, a picture with all its captions; NULL: once. A share of
 * nothing, and top k of fewer than k classes, is NaN. */
double cclip_outcomes_value(const struct cclip_outcomes *outcomes,
                            const struct cclip_outcome_figure *figure, const uint32_t *counts);

/* Are both of the same pictures, as far as counts and classes (or captions) show? */
int cclip_outcomes_match(const struct cclip_outcomes *a, const struct cclip_outcomes *b);

#endif
