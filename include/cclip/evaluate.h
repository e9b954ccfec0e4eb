/** @file
 * Measuring a model on a labelled set. */
#ifndef CCLIP_EVALUATE_H
#define CCLIP_EVALUATE_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is measured on a set. */
typedef enum cclip_task {
    CCLIP_TASK_AUTO = 0, /**< as the data says */
    CCLIP_TASK_ZERO_SHOT_CLASSIFICATION = 1,
    CCLIP_TASK_ZERO_SHOT_RETRIEVAL = 2
} cclip_task;

/** How a set is read and measured. */
typedef struct cclip_evaluate_options {
    uint32_t version; /**< CCLIP_EVALUATE_OPTIONS_VERSION */
    cclip_task task;        /**< default: as the data says */
    const char *split;      /**< sub-folder of a WebDataset evaluation folder; default "test" */
    const char *templates;  /**< as cclip_templates_open; NULL: the set's own, else the label alone */
    const char *classnames; /**< file with one class name a line; NULL: the set's own */
    const char *image_column;   /**< of a CSV; default "filepath" */
    const char *caption_column; /**< of a CSV; default "title" */
    char separator;         /**< of a CSV; 0: by the first line */
    size_t batch;           /**< pictures at once; default 64 */
    const size_t *recall_k; /**< retrieval; NULL: 1, 5, 10 */
    size_t recall_k_count;  /**< how many `recall_k` has */
    const cclip_preprocessing *preprocessing; /**< NULL: the model's own */
    cclip_skip_callback *skip; /**< NULL: unreadable samples are counted silently */
    int (*progress)(void *user, size_t done, size_t total); /**< total 0: unknown; nonzero cancels */
    void *user; /**< handed to both callbacks */
    const char *probe; /**< file of a trained linear probe that classifies instead of texts; default NULL */
} cclip_evaluate_options;

/** Goes into `version` of cclip_evaluate_options. */
#define CCLIP_EVALUATE_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_EVALUATE_OPTIONS_INIT                                                                \
    { CCLIP_EVALUATE_OPTIONS_VERSION, CCLIP_TASK_AUTO, "test", NULL, NULL, "filepath", "title", 0, \
      64, NULL, 0, NULL, NULL, NULL, NULL, NULL }
/** Sets the values of CCLIP_EVALUATE_OPTIONS_INIT. */
CCLIP_API void cclip_evaluate_options_init(cclip_evaluate_options *options);

/** The outcome of one evaluation. */
typedef struct cclip_evaluation cclip_evaluation;

/**
 * Evaluates on `data`: a folder in CLIP_benchmark's WebDataset layout, a tar file or brace range
 * with --classnames, a folder of class folders, or a CSV/TSV file.
 */
CCLIP_API cclip_status cclip_evaluate(cclip_evaluation **out, cclip_session *session,
                                      const char *data, const cclip_evaluate_options *options);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_evaluation_close(cclip_evaluation **evaluation);

/** Metrics by CLIP_benchmark's names: "acc1", "image_retrieval_recall@5" ... */
CCLIP_API size_t cclip_evaluation_count(const cclip_evaluation *evaluation);
/** Name of a metric; NULL beyond the last. */
CCLIP_API const char *cclip_evaluation_name(const cclip_evaluation *evaluation, size_t index);
/** Value of a metric; shares are in [0, 1]. */
CCLIP_API double cclip_evaluation_value(const cclip_evaluation *evaluation, size_t index);
/** How many samples were measured. */
CCLIP_API size_t cclip_evaluation_samples(const cclip_evaluation *evaluation);
/** How many could not be read and are in no figure. */
CCLIP_API size_t cclip_evaluation_skipped(const cclip_evaluation *evaluation);
/** Classification: the predicted class of every sample in order, and its true class. */
CCLIP_API const int32_t *cclip_evaluation_predictions(const cclip_evaluation *evaluation);
/** The true class of every sample in order; NULL for retrieval. */
CCLIP_API const int32_t *cclip_evaluation_labels(const cclip_evaluation *evaluation);
/** One line of JSON with CLIP_benchmark's keys; owned by the evaluation. */
CCLIP_API const char *cclip_evaluation_json(const cclip_evaluation *evaluation);

#ifdef __cplusplus
}
#endif
#endif
