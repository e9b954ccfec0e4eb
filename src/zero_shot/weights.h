/* Class weights: labels become sentences, sentences embeddings, embeddings one direction a label. */
#ifndef CCLIP_ZERO_SHOT_WEIGHTS_H
#define CCLIP_ZERO_SHOT_WEIGHTS_H

#include <stddef.h>
#include "base/status.h"
#include "zero_shot/templates.h"

/* How texts become embeddings: `out` [count][dim], each row normalised. The texts stay the caller's. */
typedef cclip_status cclip_text_embed_function(void *context, float *out, const char *const *texts,
                                               const size_t *lengths, size_t count);
struct cclip_text_embedder {
    cclip_text_embed_function *embed;
    void *context;
    size_t dim;
};

/* out [count][dim]: for each label the mean of the normalised embeddings of all its sentences,
 * normalised again (CLIP, section 3.1.4). `templates` NULL: the label alone. Sentences are embedded
 * some hundreds at a time, so memory does not grow with labels times templates. */
cclip_status cclip_class_weights(float *out, const struct cclip_text_embedder *embedder,
                                 const char *const *labels, size_t count,
                                 const struct cclip_templates *templates);

#endif
