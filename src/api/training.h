/* One run of cclip_train on its way: everything it opens. */
#ifndef CCLIP_API_TRAINING_H
#define CCLIP_API_TRAINING_H

#include "api/train_files.h"
#include "api/train_skipped.h"
#include "api/validation.h"
#include "base/limits.h"
#include "models/new_model.h"
#include "train/train_checkpoint.h"

struct cclip_training {
    const cclip_train_options *options;
    cclip_train_options in_force; /* the same, with the numbers that defaults stand for: known with the model */
    cclip_train_result *result;
    char path[CCLIP_LIMIT_PATH]; /* of the model, found */
    struct cclip_model_request request;
    struct cclip_communicator *ranks; /* of the run; NULL: it is one process */
    struct cclip_statistics_exchange exchange; /* between them */
    struct cclip_gradient_sum sum;
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    int device_open;
    struct cclip_model *model; /* what it begins with: its tokenizer is used to the end */
    float *values;             /* memory of a new model's tensors */
    struct cclip_learner *learner;
    struct cclip_instructor *instructor; /* the teacher of a distillation, or NULL */
    struct cclip_adamw adamw;
    struct cclip_ema ema; /* values NULL: none is kept */
    struct cclip_pair_batches *batches;
    struct cclip_validation held_out; /* val_data; without it some pairs of the training data, for the page */
    struct cclip_buffer samples;      /* the page's part with confusions */
    double samples_at;                /* by the clock: when it may be made next */
    struct cclip_train_files files;
    struct cclip_train_skipped skipped;
    struct cclip_train_loop loop;
    int64_t batches_before; /* that batch norms had seen */
    char *begun;            /* the checkpoint that it went on from, or NULL */
    char *saved;            /* the newest that it wrote, or found by itself: one that is named to it stays */
    char *outdated;         /* the one before, which goes once a step has shown that `saved` is sound */
    uint64_t data;          /* fingerprint of the training data */
    double saved_at;        /* by the clock */
    int groups_checked;     /* of the first batch */
    struct cclip_buffer warnings; /* a line each, from before there is a log */
    int stop;               /* the caller's callback asked to end */
    int judging_stopped;    /* it did so while the run was judged */
    int sets_looked;        /* broken samples of labelled sets were named */
};

/* Of all ranks together. */
static inline uint64_t cclip_training_pairs_a_step(const struct cclip_training *t)
{
    return (uint64_t)(t->options->batch_size * t->options->accum_freq * t->result->ranks);
}

/* NULL where none is kept. */
static inline struct cclip_ema *cclip_training_average(struct cclip_training *t)
{
    return t->ema.values ? &t->ema : NULL;
}

/* Model, learner, what is locked, optimiser. */
cclip_status cclip_training_open_model(struct cclip_training *t);
/* What judges the run: opened before the first step, so that nothing is missing later. */
cclip_status cclip_training_open_judges(struct cclip_training *t);
/* Which of them judge after a step. */
int cclip_training_judges_due(const struct cclip_training *t, const struct cclip_loop_figures *figures);
/* All that are due, and the pairs of the page: to the log, results.jsonl, TensorBoard. `model` is the learner's, or the
 * average's. */
cclip_status cclip_training_judge(struct cclip_training *t, struct cclip_model *model,
                                  const struct cclip_loop_figures *figures);
/* The page's pairs alone, with a checkpoint; not more often than a hundredth of the time. */
void cclip_training_show_pairs(struct cclip_training *t, struct cclip_model *model,
                               const struct cclip_loop_figures *figures);

/* What is trained, in numbers, to the log; a warning where it dwarfs the data. */
void cclip_training_describe(struct cclip_training *t);

#endif
