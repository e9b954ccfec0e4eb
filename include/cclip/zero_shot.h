/* Classification by text: labels become sentences, sentences become class weights. */
#ifndef CCLIP_ZERO_SHOT_H
#define CCLIP_ZERO_SHOT_H

#include <stddef.h>
#include <cclip/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Class weights of a list of labels. Immutable after open. */
typedef struct cclip_classifier cclip_classifier;

/**
 * Sentences with "{}" or "{c}" where the label goes. A name ("photo", "icon", "art") is one of the
 * sets that ship with cclip, a path is a file with one template a line.
 */
typedef struct cclip_templates cclip_templates;
CCLIP_API cclip_status cclip_templates_open(cclip_templates **out, const char *name_or_path);
CCLIP_API cclip_status cclip_templates_from(cclip_templates **out, const char *const *templates,
                                            size_t count);
CCLIP_API void cclip_templates_close(cclip_templates **templates);
CCLIP_API size_t cclip_templates_count(const cclip_templates *templates);
CCLIP_API const char *cclip_templates_at(const cclip_templates *templates, size_t index);

/**
 * Weights of `count` labels: for each the mean of the normalised embeddings of all its sentences,
 * normalised again (CLIP, section 3.1.4). `templates` NULL: the label alone.
 */
CCLIP_API cclip_status cclip_classifier_open(cclip_classifier **out, cclip_session *session,
                                             const char *const *labels, size_t count,
                                             const cclip_templates *templates);
CCLIP_API void cclip_classifier_close(cclip_classifier **classifier);
CCLIP_API size_t cclip_classifier_count(const cclip_classifier *classifier);
CCLIP_API const char *cclip_classifier_label(const cclip_classifier *classifier, size_t index);
/** [count][embedding_dim], owned by the classifier. */
CCLIP_API const float *cclip_classifier_weights(const cclip_classifier *classifier);

/**
 * Scores of `pictures` normalised embeddings, [pictures][count]: softmax over the labels of
 * logit_scale * cosine (+ bias); of a model trained with the sigmoid loss also softmax, so that the
 * scores of one picture always sum to 1.
 */
CCLIP_API cclip_status cclip_classifier_scores(const cclip_classifier *classifier, float *scores,
                                               const float *embeddings, size_t pictures);

/** logit_scale * cosine + logit_bias, [pictures][count]. */
CCLIP_API cclip_status cclip_classifier_logits(const cclip_classifier *classifier, float *logits,
                                               const float *embeddings, size_t pictures);

/**
 * A yes or no for each label alone, [pictures][count], each in [0, 1] and not summing to 1: the
 * label's sentence against opposing prompts, calibrated as docs/zero_shot.md describes.
 */
CCLIP_API cclip_status cclip_classifier_independent(const cclip_classifier *classifier,
                                                    float *probabilities, const float *embeddings,
                                                    size_t pictures);

/** One call: the picture file `path` among `count` labels; `scores` [count] as softmax. */
CCLIP_API cclip_status cclip_classify_file(cclip_session *session, float *scores, const char *path,
                                           const char *const *labels, size_t count);

#ifdef __cplusplus
}
#endif
#endif
