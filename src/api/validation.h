/* Pairs by which a model is judged while it learns: figures as open_clip's evaluate has them, and the pictures that
 * it gives to another's caption. */
#ifndef CCLIP_API_VALIDATION_H
#define CCLIP_API_VALIDATION_H

#include <cclip/model.h>
#include "data/pairs_in_order.h"
#include "train/losses.h"
#include "train/metrics.h"

enum { CCLIP_VALIDATION_FIGURES = 12 };

struct cclip_validation {
    struct cclip_pairs_in_order pairs;
    struct cclip_pair_index own; /* of held-out data; unused where the pairs are of the training data */
    size_t dim, count;
    float *images, *texts;       /* [total][dim], of the last look */
    size_t *numbers;             /* [total] of the pairs in their corpus */
    struct cclip_names captions;
    float logit_scale, logit_bias; /* the scale's logarithm */
    int looked;                  /* broken pairs were named */
};

/* All pairs of `sources`. */
cclip_status cclip_validation_open(struct cclip_validation *out, const struct cclip_pair_source *sources,
                                   size_t source_count, size_t dim, const cclip_preprocessing *preprocessing,
                                   struct cclip_thread_pool *pool);
/* Some of the training data, evenly spaced. */
cclip_status cclip_validation_open_some(struct cclip_validation *out, const struct cclip_pair_index *index,
                                        size_t most, size_t dim, const cclip_preprocessing *preprocessing,
                                        struct cclip_thread_pool *pool);
void cclip_validation_close(struct cclip_validation *validation);

/* What is asked and told while pairs are looked at; any may be NULL. */
struct cclip_validation_callbacks {
    cclip_skip_callback *skip;
    int (*stop)(void *user); /* before each batch; not zero: CCLIP_ERROR_CANCELLED */
    void *user;              /* of both */
};
/* Embeds all pairs; those that cannot be used are left out, and named the first time. */
cclip_status cclip_validation_look(struct cclip_validation *validation, cclip_session *session,
                                   const struct cclip_validation_callbacks *callbacks);

/* open_clip's figures by its names: rank and recall in both directions, where a picture's only match is its own
 * caption, and the mean of the loss over batches of `batch` pairs. */
cclip_status cclip_validation_figures(struct cclip_metric out[CCLIP_VALIDATION_FIGURES], size_t *count,
                                      const struct cclip_validation *validation, cclip_loss_fn *loss_of,
                                      size_t batch, struct cclip_device *device);

/* The part of a page with the pictures whose own caption falls furthest behind another one. */
cclip_status cclip_validation_confusions(struct cclip_buffer *out, struct cclip_validation *validation,
                                         const char *note);

#endif
