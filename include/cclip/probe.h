/** @file
 * Linear probes: classifiers trained on the features of a model that stays as it is.
 *
 *     cclip_feature_set *train;  cclip_probe *probe;
 *     cclip_feature_set_read(&train, session, "photos", NULL);   // photos/cat/1.jpg, photos/dog/1.jpg ...
 *     cclip_probe_train(&probe, session, train, NULL, NULL);     // chooses its regularisation itself
 *     cclip_probe_write(probe, "probe.safetensors");
 *
 * A probe that was read becomes a classifier (cclip_classifier_open_probe), used as a zero-shot one is. */
#ifndef CCLIP_PROBE_H
#define CCLIP_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/model.h>
#include <cclip/zero_shot.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Features of labelled pictures with their classes. Immutable after open. */
typedef struct cclip_feature_set cclip_feature_set;

/** How labelled pictures are read and what becomes of them. */
typedef struct cclip_feature_options {
    uint32_t version; /**< CCLIP_FEATURE_OPTIONS_VERSION */
    const char *split;      /**< sub-folder of a WebDataset folder; default "train" */
    const char *classnames; /**< file with one class name a line; NULL: the set's own */
    const char *image_column;   /**< of a CSV; default "filepath" */
    const char *caption_column; /**< of a CSV, the class; default "title", else "label" or "class" */
    char separator;         /**< of a CSV; 0: by the first line */
    size_t batch;           /**< pictures at once; default 64 */
    int no_normalize;       /**< 1: embeddings as they are; default 0: each of L2 norm 1 */
    const cclip_preprocessing *preprocessing; /**< NULL: the model's own */
    cclip_skip_callback *skip; /**< NULL: unreadable samples are counted silently */
    int (*progress)(void *user, size_t done, size_t total); /**< total 0: unknown; nonzero cancels */
    void *user; /**< handed to both callbacks */
} cclip_feature_options;

/** Goes into `version` of cclip_feature_options. */
#define CCLIP_FEATURE_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_FEATURE_OPTIONS_INIT                                                                 \
    { CCLIP_FEATURE_OPTIONS_VERSION, "train", NULL, "filepath", "title", 0, 64, 0, NULL, NULL,     \
      NULL, NULL }
/** Sets the values of CCLIP_FEATURE_OPTIONS_INIT. */
CCLIP_API void cclip_feature_options_init(cclip_feature_options *options);

/**
 * The features of a labelled set: data as cclip_evaluate takes it, with classes. Features are the image
 * tower's embeddings, after its projection: what cclip_embed_pixels gives. `options` may be NULL.
 */
CCLIP_API cclip_status cclip_feature_set_read(cclip_feature_set **out, cclip_session *session,
                                              const char *data,
                                              const cclip_feature_options *options);

/**
 * Features of one's own: `features` [count][dim] and `labels` [count], each below `classes`, with the names
 * of the classes; all is copied. `normalized` says whether each row has L2 norm 1; nothing is changed.
 */
CCLIP_API cclip_status cclip_feature_set_from(cclip_feature_set **out, const float *features,
                                              const int32_t *labels, size_t count, size_t dim,
                                              const char *const *names, size_t classes,
                                              int normalized);

/**
 * Reads what cclip_feature_set_write wrote: `path` is that of the features, which ends in ".npy".
 */
CCLIP_API cclip_status cclip_feature_set_open(cclip_feature_set **out, const char *path);

/**
 * Writes three files: `path`, which must end in ".npy": float32 [count, dim]; beside it, with ".labels.npy"
 * instead, int64 [count]; and with ".json" the class names, what the features are, and which model's.
 */
CCLIP_API cclip_status cclip_feature_set_write(const cclip_feature_set *set, const char *path);

/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_feature_set_close(cclip_feature_set **set);

/** How many samples there are. */
CCLIP_API size_t cclip_feature_set_count(const cclip_feature_set *set);
/** Values in a row of features. */
CCLIP_API size_t cclip_feature_set_dim(const cclip_feature_set *set);
/** How many classes there are; some may have no sample. */
CCLIP_API size_t cclip_feature_set_classes(const cclip_feature_set *set);
/** A class name, owned by the set; NULL beyond the last. */
CCLIP_API const char *cclip_feature_set_class(const cclip_feature_set *set, size_t index);
/** [count][dim], owned by the set. */
CCLIP_API const float *cclip_feature_set_features(const cclip_feature_set *set);
/** [count], owned by the set. */
CCLIP_API const int32_t *cclip_feature_set_labels(const cclip_feature_set *set);
/** Does each row have L2 norm 1? */
CCLIP_API int cclip_feature_set_normalized(const cclip_feature_set *set);
/** How many samples could not be read and are not in the set. */
CCLIP_API size_t cclip_feature_set_skipped(const cclip_feature_set *set);

/**
 * Two sets of one: `held` gets of each class the share `share` in (0, 1), rounded, but at least one sample
 * where there are two, and never all; `rest` the others, both in the order of `set`. Which ones follows from
 * `seed` alone.
 */
CCLIP_API cclip_status cclip_feature_set_split(cclip_feature_set **rest, cclip_feature_set **held,
                                               const cclip_feature_set *set, double share,
                                               uint64_t seed);

/** A trained classifier. Immutable. */
typedef struct cclip_probe cclip_probe;

/** A value of C that was tried, or, at the end, the one that was chosen and fitted to all samples. */
typedef struct cclip_probe_trial_info {
    uint32_t version;     /**< CCLIP_PROBE_TRIAL_INFO_VERSION, set by the library */
    int is_final;         /**< 1: the last fit, on all samples */
    double c;             /**< strength of regularisation: smaller is stronger */
    double accuracy;      /**< on the validation samples; NaN for the final one */
    double cross_entropy; /**< mean on the validation samples; NaN for the final one */
    size_t iterations;    /**< of L-BFGS */
    int converged;        /**< 0: it ran out of iterations */
} cclip_probe_trial_info;
/** Version of cclip_probe_trial_info. */
#define CCLIP_PROBE_TRIAL_INFO_VERSION 1

/** How a probe is trained. */
typedef struct cclip_probe_options {
    uint32_t version;        /**< CCLIP_PROBE_OPTIONS_VERSION */
    double c;                /**< C of the objective; default 0: chosen on validation samples */
    double validation_share; /**< of each class, where there is no validation set; default 0.2 */
    uint64_t seed;           /**< of that choice; default 0 */
    size_t max_iterations;   /**< of L-BFGS in each fit; default 1000 */
    /** Called after each fit, and with NULL after each iteration; nonzero cancels. */
    int (*progress)(void *user, const cclip_probe_trial_info *trial);
    void *user; /**< handed to it */
} cclip_probe_options;

/** Goes into `version` of cclip_probe_options. */
#define CCLIP_PROBE_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_PROBE_OPTIONS_INIT { CCLIP_PROBE_OPTIONS_VERSION, 0, 0.2, 0, 1000, NULL, NULL }
/** Sets the values of CCLIP_PROBE_OPTIONS_INIT. */
CCLIP_API void cclip_probe_options_init(cclip_probe_options *options);

/**
 * Trains multinomial logistic regression: minimises
 *
 *     C * (sum of the cross entropies) + 1/2 * (sum of squares of the weights)
 *
 * over weights and biases, as scikit-learn's LogisticRegression does (biases are not regularised). Unless
 * `options` fixes C it is chosen as in the CLIP paper (appendix A.3) by accuracy on validation samples: of
 * 1e-6, 1e-4 ... 1e6, then at half the distance around the best, to 8 steps a decade. Those samples are
 * `validation`, or with NULL a stratified share of `train`. The result is then fitted to all samples, both sets.
 *
 * `session` lends its threads; NULL: all CPUs are used for the call. The result is the same whatever their
 * number. `options` may be NULL. Classes of `validation` are found by name.
 */
CCLIP_API cclip_status cclip_probe_train(cclip_probe **out, cclip_session *session,
                                         const cclip_feature_set *train,
                                         const cclip_feature_set *validation,
                                         const cclip_probe_options *options);

/** Reads a file of cclip_probe_write. */
CCLIP_API cclip_status cclip_probe_read(cclip_probe **out, const char *path);
/** Writes a safetensors file ("weight", "bias", and a description in its metadata); it appears when it is
 * complete. */
CCLIP_API cclip_status cclip_probe_write(const cclip_probe *probe, const char *path);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_probe_close(cclip_probe **probe);

/** Facts about a probe. Figures that are not known are NaN or 0. */
typedef struct cclip_probe_info {
    uint32_t version;  /**< set by the caller to CCLIP_PROBE_INFO_VERSION */
    size_t classes;    /**< rows of the weights */
    size_t dim;        /**< values in a row of features */
    int normalized;    /**< it wants features of L2 norm 1 */
    const char *model; /**< architecture of the model; owned by the probe, "" where it is not known */
    double c;          /**< strength of regularisation */
    double objective;  /**< what was minimised, at its end */
    size_t iterations; /**< of the last fit */
    int converged;     /**< 0: it ran out of iterations */
    size_t samples;    /**< of the last fit */
    double train_accuracy;      /**< share of those that it gets right */
    size_t validation_samples;  /**< that chose C; 0: it was given */
    double validation_accuracy; /**< share of those that were right at that C, before the last fit */
} cclip_probe_info;
/** Goes into `version` of cclip_probe_info. */
#define CCLIP_PROBE_INFO_VERSION 1
/** Fills `info`, whose `version` the caller has set. */
CCLIP_API cclip_status cclip_probe_get_info(const cclip_probe *probe, cclip_probe_info *info);
/** A class name, owned by the probe; NULL beyond the last. */
CCLIP_API const char *cclip_probe_class(const cclip_probe *probe, size_t index);
/** [classes][dim], owned by the probe. */
CCLIP_API const float *cclip_probe_weights(const cclip_probe *probe);
/** [classes], owned by the probe. */
CCLIP_API const float *cclip_probe_biases(const cclip_probe *probe);

/**
 * A classifier that is a probe: its labels are the probe's classes, its logits weight * features + bias, its
 * scores their softmax. What it is given must be normalised or not as the probe's info says. Fails with
 * CCLIP_ERROR_MISMATCH where the session's model is not the one that the probe was trained with: other
 * dimension, or other features of a test picture. The probe may be closed afterwards.
 */
CCLIP_API cclip_status cclip_classifier_open_probe(cclip_classifier **out, cclip_session *session,
                                                   const cclip_probe *probe);

/** How often a classifier is right; shares in [0, 1]. */
typedef struct cclip_accuracy {
    uint32_t version; /**< set by the caller to CCLIP_ACCURACY_VERSION */
    size_t samples;   /**< of the set */
    double acc1;      /**< the right class has the highest score */
    double acc5;      /**< it is among the best five; NaN with fewer than five classes */
    double mean_per_class_recall; /**< the mean of the classes' own acc1; classes without samples left out */
} cclip_accuracy;
/** Goes into `version` of cclip_accuracy. */
#define CCLIP_ACCURACY_VERSION 1

/** Measures a classifier, zero-shot or probe, on features; classes are found by name. */
CCLIP_API cclip_status cclip_classifier_measure(cclip_accuracy *out,
                                                const cclip_classifier *classifier,
                                                const cclip_feature_set *set);

#ifdef __cplusplus
}
#endif
#endif
