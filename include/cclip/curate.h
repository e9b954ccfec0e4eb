/** @file
 * Making a corpus of pictures and captions fit to learn from: captions cleaned, pairs that do not belong together
 * and duplicates taken out, each with its reason. docs/curation.md says how it is decided. */
#ifndef CCLIP_CURATE_H
#define CCLIP_CURATE_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/model.h>
#include <cclip/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Why a sample goes; of several reasons the first in this order. */
typedef enum cclip_curate_reason {
    CCLIP_CURATE_KEPT = 0,
    CCLIP_CURATE_BROKEN = 1,         /**< no picture, or one that cannot be decoded; no caption */
    CCLIP_CURATE_CAPTION = 2,        /**< a rule for captions refused it */
    CCLIP_CURATE_MISMATCH = 3,       /**< picture and caption do not belong together */
    CCLIP_CURATE_EVALUATION = 4,     /**< too near to a picture of another corpus (`against`) */
    CCLIP_CURATE_SAME_FILE = 5,      /**< the same bytes as another one */
    CCLIP_CURATE_SAME_PIXELS = 6,    /**< another file with the same pixels */
    CCLIP_CURATE_NEAR_DUPLICATE = 7, /**< much the same picture */
    CCLIP_CURATE_REASONS = 8         /**< how many there are */
} cclip_curate_reason;

/** "mismatch", "near_duplicate" ...; NULL for a number that is none. */
CCLIP_API const char *cclip_curate_reason_name(cclip_curate_reason reason);

/** How pairs are judged by the model. */
typedef enum cclip_keep_rule {
    CCLIP_KEEP_ALL = 0,       /**< not at all */
    CCLIP_KEEP_MATCHING = 1,  /**< each pair beside random mismatches of the corpus; no number to choose */
    CCLIP_KEEP_MIN_SCORE = 2, /**< the cosine is at least `pair_limit` */
    CCLIP_KEEP_FRACTION = 3   /**< the share `pair_limit` with the highest cosines */
} cclip_keep_rule;

/** How pictures of much the same look are found. */
typedef enum cclip_near_rule {
    CCLIP_NEAR_NONE = 0,   /**< not at all */
    CCLIP_NEAR_COSINE = 1, /**< the cosine of their embeddings is at least `near_limit` */
    CCLIP_NEAR_HASH = 2    /**< their difference hashes differ in at most `near_limit` of 128 bits; no model */
} cclip_near_rule;

/** What is done to a corpus. */
typedef struct cclip_curate_options {
    uint32_t version; /**< CCLIP_CURATE_OPTIONS_VERSION */

    /* the corpus, as cclip_train_options */
    const char *train_data;          /**< "a::b" are two sources */
    cclip_dataset_type dataset_type; /**< how all sources lie */
    const char *csv_img_key;         /**< column with the picture's path */
    const char *csv_caption_key;     /**< column with the caption */
    char csv_separator;              /**< 0: by the first line */
    int pictures_alone;              /**< captions are not looked for */

    /* captions */
    int clean_captions;     /**< the rules are applied */
    size_t min_chars;       /**< fewer characters are too short; of CJK scripts one counts as two */
    size_t max_chars;       /**< more are too long */
    size_t caption_repeats; /**< most pictures with the same caption; 0: any number */
    const char *const *without_rules; /**< names of rules that are not applied */
    size_t without_rule_count;        /**< how many */

    /* pairs */
    cclip_keep_rule pairs; /**< needs a session */
    double pair_limit;     /**< of CCLIP_KEEP_MIN_SCORE and CCLIP_KEEP_FRACTION */
    size_t references;     /**< pairs that others are compared with; drawn from the corpus */

    /* duplicates */
    int exact_duplicates;  /**< files with the same bytes, and pictures with the same pixels */
    cclip_near_rule near;  /**< CCLIP_NEAR_COSINE needs a session */
    double near_limit;     /**< a cosine, or bits; negative: 0.98, or 6 bits */
    const char *const *against; /**< corpora whose pictures must not be in this one: evaluation sets */
    size_t against_count;       /**< how many */

    int64_t seed;  /**< which pairs are references */
    int threads;   /**< without a session; 0: the CPUs this process may use */
    const cclip_preprocessing *preprocessing; /**< NULL: the model's own */
    cclip_skip_callback *skip; /**< each sample that is broken, and each damaged shard (index SIZE_MAX) */
    int (*progress)(void *user, size_t done, size_t total); /**< nonzero cancels */
    void *user; /**< handed to both callbacks */

    /* members of a shard, as cclip_train_options */
    const char *image_key;     /**< extensions of the picture, "jpg;png"; NULL: any of a picture */
    const char *text_key;      /**< extension of the caption; NULL: txt, else the .json's caption */
    const char *json_text_key; /**< the caption is what the .json has under this key; NULL: `text_key` */
} cclip_curate_options;

/** Goes into `version` of cclip_curate_options. */
#define CCLIP_CURATE_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_CURATE_OPTIONS_INIT                                                                  \
    { CCLIP_CURATE_OPTIONS_VERSION, NULL, CCLIP_DATASET_AUTO, "filepath", "title", 0, 0, 0, 2, 1000, \
      0, NULL, 0, CCLIP_KEEP_ALL, 0, 2048, 0, CCLIP_NEAR_NONE, -1, NULL, 0, 0, 0, NULL, NULL, NULL, \
      NULL, NULL, NULL, NULL }
/** Sets the values of CCLIP_CURATE_OPTIONS_INIT. */
CCLIP_API void cclip_curate_options_init(cclip_curate_options *options);

/** What was decided about a corpus; the corpus is still where it was. */
typedef struct cclip_curation cclip_curation;

/**
 * Looks through a corpus and decides. `session` NULL: without a model, where none is needed. In memory: some hundred
 * bytes and the texts of each sample, its embedding where near duplicates are looked for by it, and the references.
 */
CCLIP_API cclip_status cclip_curate(cclip_curation **out, cclip_session *session,
                                    const cclip_curate_options *options);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_curation_close(cclip_curation **curation);

/** What became of a sample. Texts are owned by the curation. */
typedef struct cclip_curation_row {
    uint32_t version;           /**< set by the caller to CCLIP_CURATION_ROW_VERSION */
    const char *name;           /**< "shard.tar: 000012.jpg", or a path */
    cclip_curate_reason reason; /**< or that it is kept */
    const char *rule;    /**< of CCLIP_CURATE_CAPTION: the name of the rule; else NULL */
    const char *message; /**< of CCLIP_CURATE_BROKEN: what is wrong; else NULL */
    const char *caption; /**< as it is after cleaning; NULL: it has none */
    const char *was;     /**< as it was, where cleaning changed it; else NULL */
    double score;        /**< cosine of picture and caption; NaN: not computed */
    double chance;       /**< share of random mismatches that fit at least as well; NaN: not computed */
    const char *of;      /**< the picture that it is a duplicate of; else NULL */
    double similarity;   /**< of the two: a cosine, or 1 - differing bits / 128; else NaN */
} cclip_curation_row;
/** Goes into `version` of cclip_curation_row. */
#define CCLIP_CURATION_ROW_VERSION 1

/** How many samples the corpus has. */
CCLIP_API size_t cclip_curation_count(const cclip_curation *curation);
/** A sample, in the corpus' order. */
CCLIP_API cclip_status cclip_curation_get(const cclip_curation *curation, size_t index,
                                          cclip_curation_row *out);
/** How many samples went for a reason, or were kept; these sum up to cclip_curation_count. */
CCLIP_API size_t cclip_curation_tally(const cclip_curation *curation, cclip_curate_reason reason);
/** The rules for captions, by number from 0: a name, NULL beyond the last. */
CCLIP_API const char *cclip_caption_rule_name(size_t rule);
/** What a rule does, in one sentence; NULL beyond the last. */
CCLIP_API const char *cclip_caption_rule_text(size_t rule);
/** How many captions a rule changed. */
CCLIP_API size_t cclip_curation_changed(const cclip_curation *curation, size_t rule);
/** How many captions a rule refused. */
CCLIP_API size_t cclip_curation_refused(const cclip_curation *curation, size_t rule);

/** What CCLIP_KEEP_MATCHING found; shares in [0, 1], estimates. NaN where it was not asked for. */
typedef struct cclip_curation_estimate {
    uint32_t version;  /**< set by the caller to CCLIP_CURATION_ESTIMATE_VERSION */
    double mismatched; /**< share of the pairs that do not belong together */
    double caught;     /**< of those, the share that went */
    double lost;       /**< of the others, the share that went too */
    double score;      /**< the lowest cosine that was kept, by whichever rule */
    size_t damaged;    /**< shards that end early or are damaged: what lies behind that is in no count */
} cclip_curation_estimate;
/** Goes into `version` of cclip_curation_estimate. */
#define CCLIP_CURATION_ESTIMATE_VERSION 1
/** Fills `out`, whose `version` the caller has set. */
CCLIP_API cclip_status cclip_curation_get_estimate(const cclip_curation *curation,
                                                   cclip_curation_estimate *out);

/** A model that estimates more than this share as `mismatched` is not believed as a judge. */
#define CCLIP_CURATION_MISMATCHED_MOST 0.9
/** Nor is one that estimates more than this share as `lost`. */
#define CCLIP_CURATION_LOST_MOST 0.1

/**
 * Writes the samples that are kept in the layout they came in, with cleaned captions: one table as the file `path`,
 * all else as a new folder of that name (shards and tables keep their names, a folder its tree). The report goes
 * along: report.jsonl in the folder, PATH.report.jsonl beside a table. Both appear when they are complete.
 * CCLIP_KEEP_MATCHING by a model that can hardly tell pairs from mismatches (of the estimates `mismatched` above
 * CCLIP_CURATION_MISMATCHED_MOST, or `lost` above CCLIP_CURATION_LOST_MOST) fails with CCLIP_ERROR_MISMATCH, and
 * writes nothing.
 */
CCLIP_API cclip_status cclip_curation_write(const cclip_curation *curation, const char *path);
/**
 * Writes the report alone: JSON lines, one for each sample that goes or whose caption changed (with `all` for every
 * sample), and a last one with the summary.
 */
CCLIP_API cclip_status cclip_curation_write_lines(const cclip_curation *curation, const char *path,
                                                  int all);
/** Writes an HTML page with the counts and samples of each reason; it needs no other file. */
CCLIP_API cclip_status cclip_curation_write_report(const cclip_curation *curation, const char *path);

#ifdef __cplusplus
}
#endif
#endif
