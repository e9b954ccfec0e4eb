/* A model that another one learns from: what it makes of a batch's pictures and captions, for the
 * distillation loss.
 *
 * It sees each picture with the same crop and changes as the student, at its own size, and reads the captions
 * with its own tokenizer; its embeddings may have any length. It learns nothing. */
#ifndef CCLIP_TRAIN_INSTRUCTOR_H
#define CCLIP_TRAIN_INSTRUCTOR_H

#include "data/pair_batches.h"
#include "models/model.h"
#include "train/losses.h"

struct cclip_instructor {
    struct cclip_model *model;
    struct cclip_device *device; /* the caller's */
    struct cclip_text_encoder *encoder;
    struct cclip_arena arena; /* of one pass */
    struct cclip_buffer ids;
    size_t *offsets;          /* [capacity + 1], of one pass */
    float *rows[2];           /* [capacity, dim] */
    size_t capacity;
    struct cclip_teacher made; /* of the last batch */
};

/* A model without a vocabulary is refused. */
cclip_status cclip_instructor_open(struct cclip_instructor **out, const struct cclip_model_request *request,
                                   struct cclip_device *device);
void cclip_instructor_close(struct cclip_instructor **instructor);

/* Whether it takes pictures as a model with this preprocessing does. */
int cclip_instructor_shares(const struct cclip_instructor *instructor,
                            const cclip_preprocessing *preprocessing);

/* `*out` is valid until the next call. */
cclip_status cclip_instructor_see(struct cclip_instructor *instructor, const struct cclip_teacher **out,
                                  const struct cclip_pair_batch *pairs);

#endif
