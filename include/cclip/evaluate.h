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

/**
 * How far figures may be off because these pictures were taken and not others, by the bootstrap: the
 * pictures are drawn again `resamples` times, each time as many as there are, and an interval is the
 * middle `confidence` of the figures of what was drawn (the percentile method). The same seed gives
 * the same interval. It says nothing of pictures of another kind, nor of wrong labels.
 */
typedef struct cclip_bootstrap_options {
    uint32_t version;  /**< CCLIP_BOOTSTRAP_OPTIONS_VERSION */
    size_t resamples;  /**< default 1000; at most 1000000 */
    double confidence; /**< inside (0, 1); default 0.95 */
    uint64_t seed;     /**< default 0 */
} cclip_bootstrap_options;

/** Goes into `version` of cclip_bootstrap_options. */
#define CCLIP_BOOTSTRAP_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_BOOTSTRAP_OPTIONS_INIT { CCLIP_BOOTSTRAP_OPTIONS_VERSION, 1000, 0.95, 0 }
/** Sets the values of CCLIP_BOOTSTRAP_OPTIONS_INIT. */
CCLIP_API void cclip_bootstrap_options_init(cclip_bootstrap_options *options);

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
    const char *name; /**< what the result calls the set; NULL: `data` as it was given */
    const char *kind; /**< what its pictures are ("emoji"), for the result; NULL: not said */
    const cclip_bootstrap_options *bootstrap; /**< NULL: no intervals */
} cclip_evaluate_options;

/** Goes into `version` of cclip_evaluate_options. */
#define CCLIP_EVALUATE_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_EVALUATE_OPTIONS_INIT                                                                \
    { CCLIP_EVALUATE_OPTIONS_VERSION, CCLIP_TASK_AUTO, "test", NULL, NULL, "filepath", "title", 0, \
      64, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL }
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
/** The interval around a metric, where one was asked for; else neither is a number. */
CCLIP_API double cclip_evaluation_low(const cclip_evaluation *evaluation, size_t index);
/** The upper end of the interval. */
CCLIP_API double cclip_evaluation_high(const cclip_evaluation *evaluation, size_t index);
/** How many samples were measured. */
CCLIP_API size_t cclip_evaluation_samples(const cclip_evaluation *evaluation);
/** How many could not be read and are in no figure. */
CCLIP_API size_t cclip_evaluation_skipped(const cclip_evaluation *evaluation);
/** Classification: the predicted class of every sample in order, and its true class. */
CCLIP_API const int32_t *cclip_evaluation_predictions(const cclip_evaluation *evaluation);
/** The true class of every sample in order; NULL for retrieval. */
CCLIP_API const int32_t *cclip_evaluation_labels(const cclip_evaluation *evaluation);
/** What was measured: CLIP_benchmark's name of the task. */
CCLIP_API const char *cclip_evaluation_task(const cclip_evaluation *evaluation);
/** One line of JSON with CLIP_benchmark's keys; owned by the evaluation. */
CCLIP_API const char *cclip_evaluation_json(const cclip_evaluation *evaluation);

/**
 * Two models on the same samples: `b`'s metrics less `a`'s, and their intervals, each array
 * [cclip_evaluation_count]. Both are drawn alike (a paired bootstrap), which tells small differences
 * better than two intervals beside each other. CCLIP_ERROR_MISMATCH where the two did not measure the
 * same figures of the same samples. `options` NULL: the defaults.
 */
CCLIP_API cclip_status cclip_evaluation_compare(double *difference, double *low, double *high,
                                                const cclip_evaluation *a, const cclip_evaluation *b,
                                                const cclip_bootstrap_options *options);

/** Data sets to be measured together, from a file. Immutable after open. */
typedef struct cclip_suite cclip_suite;

/** One of its sets; texts are owned by the suite, NULL where the file says nothing. */
typedef struct cclip_suite_set {
    uint32_t version;       /**< set by the caller to CCLIP_SUITE_SET_VERSION */
    const char *name;       /**< never NULL: the last part of the path where none is given */
    const char *kind;       /**< what its pictures are */
    const char *path;       /**< never NULL: `data` of cclip_evaluate */
    cclip_task task;        /**< what is measured */
    const char *templates;  /**< a set's name or a file, as cclip_templates_open takes them */
    const char *classnames; /**< a file of class names */
    const char *split;      /**< of a WebDataset folder */
    const char *image_column;   /**< of a table */
    const char *caption_column; /**< of a table */
} cclip_suite_set;
/** Goes into `version` of cclip_suite_set. */
#define CCLIP_SUITE_SET_VERSION 1

/**
 * Reads a table, CSV or TSV, whose first line names its columns and whose others are a data set each: `path`,
 * and as wanted `name`, `kind`, `task`, `templates`, `classnames`, `split`, `image_column`,
 * `caption_column`. Another column is an error, as are two sets of one name. Relative paths are seen
 * from the current folder, and where nothing is there from the file's own.
 */
CCLIP_API cclip_status cclip_suite_open(cclip_suite **out, const char *path);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_suite_close(cclip_suite **suite);
/** How many sets there are, at least 1. */
CCLIP_API size_t cclip_suite_count(const cclip_suite *suite);
/** A set. */
CCLIP_API cclip_status cclip_suite_get(const cclip_suite *suite, size_t index, cclip_suite_set *out);

/** Labels of one harmful kind ("crime": thief, criminal ...), counted together. */
typedef struct cclip_harm_category {
    const char *name;          /**< the kind */
    const char *const *labels; /**< its labels */
    size_t count;              /**< of labels */
} cclip_harm_category;

/** What is audited; a part is left out where its list is empty. docs/audit.md says what each figure is. */
typedef struct cclip_audit_options {
    uint32_t version; /**< CCLIP_AUDIT_OPTIONS_VERSION */
    const char *image_column;      /**< default "filepath" */
    const char *label_column;      /**< the right class; NULL: "label" or "class", where there is one */
    const char *prediction_column; /**< classes that somebody predicted already; NULL: the model predicts */
    char separator;                /**< of the table; 0: by the first line */
    const char *const *groups;     /**< columns whose values are groups; NULL: all columns left */
    size_t group_count;            /**< how many columns */
    const char *const *labels;     /**< classes to choose from; NULL: those that occur */
    size_t label_count;            /**< how many classes */
    const char *const *positive;   /**< classes whose false-positive rates are given one by one */
    size_t positive_count;         /**< how many classes */
    const cclip_harm_category *harmful; /**< labels that nobody should get, put beside `labels` */
    size_t harmful_count;          /**< how many kinds */
    const char *const *added;      /**< classes that are put in to see how harmful labels move */
    size_t added_count;            /**< how many classes */
    const char *const *texts;      /**< association tests: each with every group against the others */
    size_t text_count;             /**< how many texts */
    const char *const *queries;    /**< retrieval: skew and NDKL of the `top` best pictures */
    size_t query_count;            /**< how many queries */
    size_t top;                    /**< default 20; all pictures where there are fewer */
    const char *templates;         /**< of labels; as cclip_templates_open; NULL: the label alone */
    size_t permutations;           /**< of association tests; default 10000 */
    const cclip_bootstrap_options *bootstrap;   /**< NULL: the defaults */
    const cclip_preprocessing *preprocessing;   /**< NULL: the model's own */
    cclip_skip_callback *skip; /**< NULL: unreadable pictures are counted silently */
    int (*progress)(void *user, size_t done, size_t total); /**< nonzero cancels */
    void *user; /**< handed to both callbacks */
} cclip_audit_options;

/** Goes into `version` of cclip_audit_options. */
#define CCLIP_AUDIT_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_AUDIT_OPTIONS_INIT                                                                   \
    { CCLIP_AUDIT_OPTIONS_VERSION, "filepath", NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0,  \
      NULL, 0, NULL, 0, NULL, 0, 20, NULL, 10000, NULL, NULL, NULL, NULL, NULL }
/** Sets the values of CCLIP_AUDIT_OPTIONS_INIT. */
CCLIP_API void cclip_audit_options_init(cclip_audit_options *options);

/** One figure of an audit. Texts are owned by the audit; what does not apply is NULL or not a number. */
typedef struct cclip_audit_row {
    uint32_t version;      /**< set by the caller to CCLIP_AUDIT_ROW_VERSION */
    const char *measure;   /**< "accuracy", "accuracy_gap", "harmful_rate", "sc_weat", "ndkl" ... */
    const char *subject;   /**< the class, harmful kind, text or query it is about */
    const char *attribute; /**< the column */
    const char *group;     /**< a value of it; of a gap the group with the higher rate */
    const char *other;     /**< of a gap the group with the lower rate */
    size_t pictures;       /**< how many the figure is of */
    double value;          /**< the figure */
    double low;            /**< the lower end of its interval */
    double high;           /**< the upper end */
    double p_value;        /**< of an association, one-sided */
    double p_two_sided;    /**< of an association, two-sided */
    int few;               /**< 1: it has an interval, of a group with fewer than CCLIP_AUDIT_FEW_PICTURES pictures
                            * that count for it, so that the interval says little */
} cclip_audit_row;
/** With fewer pictures in a group the bootstrap's intervals are too narrow: none at all where all or none of the
 * pictures are cases. */
#define CCLIP_AUDIT_FEW_PICTURES 30
/** Goes into `version` of cclip_audit_row. */
#define CCLIP_AUDIT_ROW_VERSION 1

/** The outcome of an audit: a list of figures. */
typedef struct cclip_audit cclip_audit;

/**
 * Audits the model of `session` on the pictures of `table`, a CSV or TSV file with their paths, and as
 * wanted with a column of labels and columns of groups. `session` may be NULL where only predictions of
 * the table are audited: the pictures are not opened then. `options` may be NULL.
 */
CCLIP_API cclip_status cclip_audit_open(cclip_audit **out, cclip_session *session, const char *table,
                                        const cclip_audit_options *options);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_audit_close(cclip_audit **audit);
/** How many figures there are. */
CCLIP_API size_t cclip_audit_count(const cclip_audit *audit);
/** A figure; those of a measure stand together. */
CCLIP_API cclip_status cclip_audit_get(const cclip_audit *audit, size_t index, cclip_audit_row *out);
/** How many pictures were audited. */
CCLIP_API size_t cclip_audit_pictures(const cclip_audit *audit);
/** How many could not be read and are in no figure. */
CCLIP_API size_t cclip_audit_skipped(const cclip_audit *audit);
/** Writes the figures as an HTML page that needs no other file; it appears when it is complete. */
CCLIP_API cclip_status cclip_audit_write_report(const cclip_audit *audit, const char *path);

#ifdef __cplusplus
}
#endif
#endif
