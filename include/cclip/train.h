/** @file
 * Training and fine-tuning: from pictures and captions to a model that loads anywhere. */
#ifndef CCLIP_TRAIN_H
#define CCLIP_TRAIN_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the data lies on disk. */
typedef enum cclip_dataset_type {
    CCLIP_DATASET_AUTO = 0,      /**< a folder; tar shards by name or brace pattern; else a table */
    CCLIP_DATASET_FOLDER = 1,    /**< pictures, each with its caption beside it: dog.jpg, dog.txt */
    CCLIP_DATASET_CSV = 2,       /**< CSV or TSV with named columns */
    CCLIP_DATASET_WEBDATASET = 3 /**< tar shards: "pairs-{000..127}.tar" */
} cclip_dataset_type;

/** The learning rate over the run, after the warm-up. */
typedef enum cclip_lr_scheduler {
    CCLIP_LR_COSINE = 0,        /**< half a cosine down to 0 */
    CCLIP_LR_CONST = 1,         /**< stays */
    CCLIP_LR_CONST_COOLDOWN = 2 /**< stays, then goes down in the last `epochs_cooldown` */
} cclip_lr_scheduler;

/** Which weights decay. */
typedef enum cclip_weight_decay_rule {
    CCLIP_RULE_OPENAI = 0,   /**< but for fewer than 2 dimensions, and norms, biases, logit_scale by name */
    CCLIP_RULE_OPEN_CLIP = 1 /**< but for fewer than 2 dimensions, and position tables */
} cclip_weight_decay_rule;

/** Whether a run is one of several processes ("ranks") that train one model. */
typedef enum cclip_dist_backend {
    CCLIP_DIST_AUTO = 0, /**< MPI, where its launcher started more than one process */
    CCLIP_DIST_MPI = 1,  /**< MPI */
    CCLIP_DIST_NONE = 2  /**< a run of its own, whatever started it */
} cclip_dist_backend;

/** What is known after a step. */
typedef struct cclip_train_report {
    uint64_t step;           /**< from 0, over all epochs */
    uint64_t total;          /**< steps of the whole run */
    uint64_t epoch;          /**< from 0 */
    uint64_t steps_an_epoch; /**< of one epoch */
    size_t samples;          /**< pairs in this step */
    double loss;             /**< before the step */
    double logit_scale;      /**< after it; what cosines are multiplied by */
    double lr;               /**< learning rate of the step */
    double gradient_norm;    /**< L2, of all that learns, before clipping */
    double seconds;          /**< that the step took, waiting for data included */
} cclip_train_report;

/**
 * A run. Names and defaults are open_clip's where it has the option. Texts are the caller's and must stay
 * during the call.
 */
typedef struct cclip_train_options {
    uint32_t version; /**< CCLIP_TRAIN_OPTIONS_VERSION */

    /* the model */
    const char *model; /**< as cclip_model_open, to go on from; or, for a new one, a configuration in
                            open_clip_config.json's form (NAME.json) or an architecture's name alone (ViT-B-32) */
    const char *pretrained; /**< weights for the architecture that `model` names: a file or folder, or a tag in the
                                 cache. NULL: `model` says all */
    const char *vocabulary;      /**< as cclip_model_options */
    cclip_tokenizer_style style; /**< as cclip_model_options */
    int no_ftfy;                 /**< as cclip_model_options */
    const char *background;      /**< colour under transparent pictures; NULL: the model's own */
    int siglip;                  /**< the sigmoid loss, with a logit bias */
    const char *distill_model; /**< a model to learn from, as `model`, of any size; it needs its own vocabulary. NULL:
                                    none */
    const char *distill_pretrained; /**< its weights, as `pretrained` */

    const char *image_mean; /**< what pixels are normalised by, "0.5" or "0.48,0.46,0.41"; NULL: as the model
                                 says */
    const char *image_std;  /**< likewise */
    double force_patch_dropout; /**< share of a Vision Transformer's patches that a step leaves out; below 0: as the
                                     configuration says */

    /* the data */
    const char *train_data; /**< "a::b" are two sources */
    const char *train_data_upsampling_factors; /**< "1::2": how often an epoch takes each source */
    cclip_dataset_type dataset_type; /**< how all sources lie */
    const char *csv_img_key;     /**< column with the picture's path */
    const char *csv_caption_key; /**< column with the caption */
    char csv_separator;          /**< 0: by the first line */
    int64_t train_num_samples;   /**< pairs an epoch; 0: all there are */
    const char *const *augmentation; /**< "scale=0.4,1", "flip=0.5" ...: see docs/training.md; NULL: a
                                          random crop of 0.9 to 1 of the area */
    size_t augmentation_count; /**< how many */
    int group_captions; /**< pairs of a batch with the same caption match each other */
    const char *group_key; /**< pairs of a batch with the same value in this column of a table, or under this
                                key of a shard's .json, match each other; those without one go by their captions.
                                NULL: none */
    const char *image_key; /**< extensions of the picture in a shard, "jpg;png"; NULL: any of a picture */
    const char *text_key;  /**< extension of the caption in a shard; NULL: txt, and where that is absent the
                                .json's "caption" or "captions" */
    const char *json_text_key; /**< the caption is what a shard's .json has under this key; NULL: `text_key` */
    int64_t workers;    /**< threads that decode ahead */

    /* what judges the run */
    const char *val_data; /**< pairs that are held out, as `train_data`; NULL: none */
    int64_t val_frequency; /**< judged by them after so many epochs; 0: never. And at the end */
    const char *const *zeroshot_sets; /**< labelled sets, as cclip_evaluate takes them */
    size_t zeroshot_count; /**< how many */
    int64_t zeroshot_frequency; /**< judged by them after so many epochs; 0: never. And at the end */
    int64_t eval_every_n_steps; /**< judged by all of these in between, too; 0: not */

    /* the optimiser */
    int64_t batch_size; /**< pairs that go through the model at a time */
    int64_t accum_freq; /**< so many batches are one step, with the gradient of all their pairs together */
    int grad_checkpointing; /**< less memory: blocks keep their input alone, and run once more on the way back */
    int64_t epochs;     /**< of the whole run */
    double lr;          /**< highest learning rate */
    double beta1;       /**< of AdamW; 0: 0.9 */
    double beta2;       /**< 0: 0.98, for a ResNet 0.999 */
    double eps;         /**< 0: 1e-6, for a ResNet 1e-8 */
    double wd;          /**< weight decay */
    int64_t warmup;     /**< steps in which the learning rate grows to `lr` */
    cclip_lr_scheduler lr_scheduler; /**< after them */
    int64_t epochs_cooldown;  /**< with CCLIP_LR_CONST_COOLDOWN */
    double lr_cooldown_end;   /**< learning rate at the end of it */
    double lr_cooldown_power; /**< 1: a straight line */
    double grad_clip_norm;    /**< gradients are shortened to it; 0: not */
    cclip_weight_decay_rule decay_rule; /**< which weights decay */
    double image_lr_mult; /**< times `lr` for the image tower */
    double text_lr_mult;  /**< times `lr` for the text tower */
    double image_layer_decay; /**< learning rate of a group of layers to that behind it; 1: all alike */
    double text_layer_decay;  /**< likewise */
    double ema; /**< decay of a moving average of the weights, which becomes the model; 0: none */

    /* what does not learn */
    int lock_image; /**< the image tower, but for ... */
    int64_t lock_image_unlocked_groups; /**< its last groups */
    int lock_image_freeze_bn_stats; /**< batch norms use their running statistics, and leave them */
    int lock_text; /**< the text tower, but for ... */
    int64_t lock_text_unlocked_layers; /**< its last groups */
    double wise_ft; /**< the model that is written is this share of what was learned and the rest of
                         what it began with (Wortsman et al., 2022); 1: all learned */

    /* the run */
    int64_t seed;      /**< of new weights, order and augmentation */
    const char *logs;  /**< folder of all runs */
    const char *name;  /**< of this run: files go to LOGS/NAME; NULL: made of time and options */
    const char *resume; /**< a checkpoint's folder, or "latest" of LOGS/NAME; NULL: a new run */
    int64_t log_every_n_steps;    /**< a line in out.log and metrics.jsonl */
    int64_t save_every_n_steps;   /**< a checkpoint; 0: not by steps */
    double save_every_seconds;    /**< a checkpoint; 0: not by time */
    int64_t save_frequency;       /**< a checkpoint after so many epochs; 0: only at the end */
    int delete_previous_checkpoint; /**< only the newest is kept, but for one that `resume` names */
    int threads;               /**< that compute; 0: the CPUs this process may use */
    cclip_precision precision; /**< f32; bf16: operands of matrix products are rounded, all else is float32 */
    const char *device;        /**< NULL or "cpu" */

    /* several processes (docs/distributed.md) */
    cclip_dist_backend dist_backend; /**< how they find each other */
    int use_bn_sync;      /**< batch norms go by the pairs of all ranks */
    int local_loss;       /**< accepted: a rank always works out the logits of its own rows alone */
    int gather_with_grad; /**< accepted: gradients always are those of the whole batch's loss */
    double dist_timeout;  /**< seconds after which a rank that does not answer ends the run */
    double bucket_cap_mb; /**< gradients go on their way in pieces of so many MB */

    /* what the caller hears; all may be NULL */
    /** After every step. Not zero: a checkpoint is saved, and the call ends with CCLIP_ERROR_CANCELLED. */
    int (*progress)(void *user, const cclip_train_report *figures);
    void (*line)(void *user, const char *line); /**< each line of out.log, without its end */
    cclip_skip_callback *skip; /**< each sample that is found broken, once; another one takes its place */
    void *user; /**< handed to all of them */
    /** Asked again and again while the run is judged. Not zero: it is judged no further, and ends as by `progress`. */
    int (*stop)(void *user);
} cclip_train_options;

/** Goes into `version` of cclip_train_options. */
#define CCLIP_TRAIN_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_TRAIN_OPTIONS_INIT                                                                   \
    { /* model */ CCLIP_TRAIN_OPTIONS_VERSION, NULL, NULL, NULL, CCLIP_TOKENIZER_AUTO, 0, NULL, 0, \
      NULL, NULL, NULL, NULL, -1,                                                                  \
      /* data */ NULL, NULL, CCLIP_DATASET_AUTO, "filepath", "title", 0, 0, NULL, 0, 0, NULL,      \
      NULL, NULL, NULL, 4,                                                                         \
      /* judges */ NULL, 1, NULL, 0, 2, 0,                                                         \
      /* optimiser */ 64, 1, 0, 32, 5e-4, 0, 0, 0, 0.2, 10000, CCLIP_LR_COSINE, 0, 0, 1, 0,        \
      CCLIP_RULE_OPENAI, 1, 1, 1, 1, 0,                                                            \
      /* what does not learn */ 0, 0, 0, 0, 0, 1,                                                  \
      /* run */ 0, "./logs", NULL, NULL, 100, 0, 0, 1, 0, 0, CCLIP_PRECISION_F32, NULL,            \
      /* several processes */ CCLIP_DIST_AUTO, 0, 0, 0, 1800, 25,                                   \
      /* callbacks */ NULL, NULL, NULL, NULL, NULL }
/** Sets the values of CCLIP_TRAIN_OPTIONS_INIT. */
CCLIP_API void cclip_train_options_init(cclip_train_options *options);
/**
 * The same for a small set of pairs and a model that knows much already: the image tower locked, a small
 * learning rate, few epochs, gradients shortened to 1.
 */
#define CCLIP_TRAIN_OPTIONS_INIT_FINE_TUNE                                                         \
    { /* model */ CCLIP_TRAIN_OPTIONS_VERSION, NULL, NULL, NULL, CCLIP_TOKENIZER_AUTO, 0, NULL, 0, \
      NULL, NULL, NULL, NULL, -1,                                                                  \
      /* data */ NULL, NULL, CCLIP_DATASET_AUTO, "filepath", "title", 0, 0, NULL, 0, 0, NULL,      \
      NULL, NULL, NULL, 4,                                                                         \
      /* judges */ NULL, 1, NULL, 0, 2, 0,                                                         \
      /* optimiser */ 64, 1, 0, 10, 1e-5, 0, 0, 0, 0.2, 10, CCLIP_LR_COSINE, 0, 0, 1, 1,           \
      CCLIP_RULE_OPENAI, 1, 1, 1, 1, 0,                                                            \
      /* what does not learn */ 1, 0, 1, 0, 0, 1,                                                  \
      /* run */ 0, "./logs", NULL, NULL, 10, 0, 0, 1, 0, 0, CCLIP_PRECISION_F32, NULL,             \
      /* several processes */ CCLIP_DIST_AUTO, 0, 0, 0, 1800, 25,                                   \
      /* callbacks */ NULL, NULL, NULL, NULL, NULL }
/** Sets the values of CCLIP_TRAIN_OPTIONS_INIT_FINE_TUNE. */
CCLIP_API void cclip_train_options_init_fine_tune(cclip_train_options *options);

/** The outcome of a run. */
typedef struct cclip_train_result {
    uint32_t version;    /**< set by the caller to CCLIP_TRAIN_RESULT_VERSION */
    uint64_t first_step; /**< where it began: not 0 after --resume */
    uint64_t steps;      /**< done in all */
    size_t pairs;        /**< in the data, broken ones included */
    size_t broken;       /**< of those that were looked at: named in LOGS/NAME/skipped.jsonl */
    size_t used;         /**< that stood in a step of this call, each counted once */
    size_t trained;      /**< weights that learned */
    double loss;         /**< of the last step */
    char folder[1024];   /**< LOGS/NAME */
    int rank;            /**< which of the run's processes this one is, from 0; rank 0 alone writes files */
    int ranks;           /**< how many there are */
    size_t damaged_shards; /**< tar files that end early: what lies behind the damage is in no count */
} cclip_train_result;
/** Goes into `version` of cclip_train_result. */
#define CCLIP_TRAIN_RESULT_VERSION 1

/**
 * Trains, and writes LOGS/NAME: params.txt, out.log, metrics.jsonl, skipped.jsonl, tensorboard/, report.html,
 * checkpoints/ and, at the end, model/, an open_clip folder that cclip_model_open takes. Interrupted at any moment
 * and called again with `resume` "latest" it ends with the same weights to the bit. `result` may be NULL; it is
 * filled as far as the run came, also after a failure.
 */
CCLIP_API cclip_status cclip_train(cclip_train_result *result, const cclip_train_options *options);

#ifdef __cplusplus
}
#endif
#endif
