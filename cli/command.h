/* What the verbs share: opening a model, going through pictures in batches, exit statuses. */
#ifndef CCLIP_CLI_COMMAND_H
#define CCLIP_CLI_COMMAND_H

#include "cli/console.h"
#include "cli/inputs.h"
#include "cli/options.h"
#include "cli/progress.h"

extern const struct cclip_verb cclip_command_info, cclip_command_tokenize, cclip_command_preprocess,
    cclip_command_embed, cclip_command_classify, cclip_command_score, cclip_command_rank,
    cclip_command_convert, cclip_command_train_tokenizer, cclip_command_evaluate,
    cclip_command_audit, cclip_command_probe, cclip_command_bench, cclip_command_train,
    cclip_command_finetune, cclip_command_filter, cclip_command_dedup;

/* A model, what is known of it, and a session where one was asked for. */
struct cclip_opened {
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info;
};

/* Both return CCLIP_EXIT_DONE, or the exit status after the message was printed. `name` NULL: the
 * model of --model. Close in any case. */
int cclip_opened_model(struct cclip_opened *out, const struct cclip_common *common,
                       const char *name);
int cclip_opened_session(struct cclip_opened *out, const struct cclip_verb *verb,
                         const struct cclip_common *common);
void cclip_opened_close(struct cclip_opened *opened);

/* The model's preprocessing with --background and, unless it is 0, `size` put in. */
int cclip_choose_preprocessing(cclip_preprocessing *out, const struct cclip_verb *verb,
                               const struct cclip_common *common, const cclip_model_info *info,
                               int64_t size);

/* --csv-separator as a character: its name, or itself; 0 for NULL. Returns CCLIP_EXIT_DONE, or
 * CCLIP_EXIT_USAGE with the message printed. */
int cclip_choose_separator(char *out, const struct cclip_verb *verb, const char *text);

/* Pictures through the image tower, a batch at a time; those that cannot be read are named and
 * counted. Open, then `next` until `count` is 0: row i of the batch belongs to path first + i and
 * counts unless skip[i]. Ends early, with `interrupted` set, after Ctrl-C. */
struct cclip_pictures {
    cclip_session *session;
    const struct cclip_inputs *paths;
    const cclip_preprocessing *preprocessing;
    int normalize;
    size_t dim;
    size_t first, count; /* of the batch at hand */
    float *rows;         /* [count][dim] */
    unsigned char *skip;
    size_t skipped; /* so far */
    int interrupted;
    struct cclip_progress progress;
};
cclip_status cclip_pictures_open(struct cclip_pictures *out, const struct cclip_opened *opened,
                                 const struct cclip_inputs *paths,
                                 const cclip_preprocessing *preprocessing, int normalize);
cclip_status cclip_pictures_next(struct cclip_pictures *pictures);
void cclip_pictures_close(struct cclip_pictures *pictures);

/* Embeds texts [first, first + count) of a list, normalised if asked. A text that cannot be encoded
 * (too long, without --truncate) is named in the message. */
cclip_status cclip_embed_inputs(const struct cclip_opened *opened, float *rows,
                                const struct cclip_inputs *texts, size_t first, size_t count,
                                int truncate, int normalize);

/* Names one skipped input on stderr; the message is the library's. Where it is the only input it is
 * a plain failure. */
void cclip_report_skip(size_t inputs, const char *message);

/* The exit status of work on `total` inputs, of which `skipped` were left out; prints the count. */
int cclip_exit_status(size_t skipped, size_t total, const char *what);

/* After Ctrl-C: says how much is kept in `output` (NULL: nowhere); returns CCLIP_EXIT_FAILED. */
int cclip_report_interrupt(size_t done, size_t total, const char *output);

#endif
