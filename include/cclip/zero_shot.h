/** @file
 * Classification by text: labels become sentences, sentences become class weights. */
#ifndef CCLIP_ZERO_SHOT_H
#define CCLIP_ZERO_SHOT_H

#include <stddef.h>
#include <stdint.h>
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
/** Opens a set by its name or a file by its path. A line without a place for the label is an error
 * that names it. */
CCLIP_API cclip_status cclip_templates_open(cclip_templates **out, const char *name_or_path);
/** The same from memory; the templates are copied. */
CCLIP_API cclip_status cclip_templates_from(cclip_templates **out, const char *const *templates,
                                            size_t count);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_templates_close(cclip_templates **templates);
/** How many templates there are, at least 1. */
CCLIP_API size_t cclip_templates_count(const cclip_templates *templates);
/** A template as it stands, owned by the list; NULL beyond the last. */
CCLIP_API const char *cclip_templates_at(const cclip_templates *templates, size_t index);

/**
 * Weights of `count` labels: for each the mean of the normalised embeddings of all its sentences,
 * normalised again (CLIP, section 3.1.4). `templates` NULL: the label alone.
 */
CCLIP_API cclip_status cclip_classifier_open(cclip_classifier **out, cclip_session *session,
                                             const char *const *labels, size_t count,
                                             const cclip_templates *templates);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_classifier_close(cclip_classifier **classifier);
/** How many labels there are, at least 1. */
CCLIP_API size_t cclip_classifier_count(const cclip_classifier *classifier);
/** A label, owned by the classifier; NULL beyond the last. */
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
 * How the probability of a label alone is made of two measures of a picture, its logit for the label
 * and its `evidence` for the prompts that oppose it (log of the mean of their exponentiated logits):
 *
 *     P(yes) = sigmoid(slope * logit - opposing * evidence + bias + log(prior / (1 - prior)))
 */
typedef struct cclip_calibration {
    uint32_t version; /**< CCLIP_CALIBRATION_VERSION */
    double slope;     /**< of the label's logit */
    double opposing;  /**< of the opposing prompts' evidence */
    double bias;      /**< at even odds */
    double prior;     /**< how often a label is expected to fit, in (0, 1): 0.5 means even odds */
} cclip_calibration;

/** Goes into `version` of cclip_calibration. */
#define CCLIP_CALIBRATION_VERSION 1
/** What is used where nothing was fitted to the model: see docs/zero_shot.md for what it is worth. */
#define CCLIP_CALIBRATION_INIT { CCLIP_CALIBRATION_VERSION, 0.3, 0.3, 0.0, 0.5 }
/** Sets the values of CCLIP_CALIBRATION_INIT. */
CCLIP_API void cclip_calibration_init(cclip_calibration *calibration);

/** Reads the JSON file that cclip_calibration_write makes. */
CCLIP_API cclip_status cclip_calibration_read(cclip_calibration *out, const char *path);
/** Writes a small JSON file; it appears when it is complete. */
CCLIP_API cclip_status cclip_calibration_write(const cclip_calibration *calibration,
                                               const char *path);

/**
 * cclip_classifier_open, and ready for cclip_classifier_independent: also embeds the opposing prompts
 * that ship with cclip. The calibration is that of the file calibration.json beside the checkpoint
 * where there is one (the shipped model has it), else CCLIP_CALIBRATION_INIT.
 */
CCLIP_API cclip_status cclip_classifier_open_independent(cclip_classifier **out,
                                                         cclip_session *session,
                                                         const char *const *labels, size_t count,
                                                         const cclip_templates *templates);

/** Replaces the calibration; not while another thread uses the classifier. */
CCLIP_API cclip_status cclip_classifier_set_calibration(cclip_classifier *classifier,
                                                        const cclip_calibration *calibration);
/** The calibration in use. */
CCLIP_API void cclip_classifier_get_calibration(const cclip_classifier *classifier,
                                                cclip_calibration *out);

/**
 * A yes or no for each label alone, [pictures][count], each in [0, 1] and not summing to 1: the
 * label's sentences against opposing prompts, calibrated. A label's probability does not depend on
 * which other labels there are. The classifier is one of cclip_classifier_open_independent.
 */
CCLIP_API cclip_status cclip_classifier_independent(const cclip_classifier *classifier,
                                                    float *probabilities, const float *embeddings,
                                                    size_t pictures);

/**
 * What cclip_classifier_independent judges a label's logit against, [pictures][count]: the log of the
 * mean exponentiated logit of the prompts that oppose the label. For calibrations of one's own.
 */
CCLIP_API cclip_status cclip_classifier_evidence(const cclip_classifier *classifier,
                                                 float *evidence, const float *embeddings,
                                                 size_t pictures);

/**
 * Fits a calibration to `pictures` normalised embeddings whose right label is `truth[picture]`, an
 * index, or -1 where none of the labels fits: every label that is not the right one counts as a no.
 * Its prior is the share of right pairs. The classifier itself is not changed. Of very large sets
 * (over 16 million pairs) every n-th picture is used.
 */
CCLIP_API cclip_status cclip_classifier_fit(cclip_calibration *out,
                                            const cclip_classifier *classifier,
                                            const float *embeddings, const int32_t *truth,
                                            size_t pictures);

/** How well probabilities agree with what is true; all are better when smaller. */
typedef struct cclip_calibration_quality {
    uint32_t version; /**< set by the caller to CCLIP_CALIBRATION_QUALITY_VERSION */
    /** Over all pairs of a picture and a label, 15 equal bins of probability: the mean distance
     * between a bin's mean probability and its share of right pairs, weighted by its size. */
    double expected_calibration_error;
    /** The same over each picture's most probable label alone. */
    double best_calibration_error;
    double log_loss; /**< mean over all pairs, natural logarithm */
    double brier;    /**< mean squared difference over all pairs */
} cclip_calibration_quality;
/** Goes into `version` of cclip_calibration_quality. */
#define CCLIP_CALIBRATION_QUALITY_VERSION 1

/** Measures probabilities [pictures][count] of labels alone against `truth` as in cclip_classifier_fit. */
CCLIP_API cclip_status cclip_calibration_measure(cclip_calibration_quality *out,
                                                 const float *probabilities, const int32_t *truth,
                                                 size_t pictures, size_t count);

/** One call: the picture file `path` among `count` labels; `scores` [count] as softmax. */
CCLIP_API cclip_status cclip_classify_file(cclip_session *session, float *scores, const char *path,
                                           const char *const *labels, size_t count);

#ifdef __cplusplus
}
#endif
#endif
