/* What a run writes beside its checkpoints, in LOGS/NAME: params.txt, out.log, metrics.jsonl, tensorboard/,
 * checkpoints/results.jsonl, report.html; and, as long as it runs, lock. */
#ifndef CCLIP_API_TRAIN_FILES_H
#define CCLIP_API_TRAIN_FILES_H

#include <cclip/train.h>
#include "base/folder_lock.h"
#include "formats/tensorboard_events.h"
#include "train/metrics.h"

struct cclip_train_files {
    const cclip_train_options *options;
    int quiet;  /* nothing is written, and nothing said: another rank does */
    int ranks;
    char *folder, *checkpoints, *model; /* LOGS/NAME and below it */
    struct cclip_folder_lock lock;      /* of the folder: one run at a time */
    FILE *log;
    struct cclip_metrics metrics;
    struct cclip_metrics results;    /* checkpoints/results.jsonl: what the run was judged by */
    struct cclip_events_file events; /* for TensorBoard */
    double report_at; /* by the clock: when the page may be written next */
    /* since the last line of the log */
    double data_seconds, step_seconds;
    size_t steps, samples;
    double loss_sum; /* of the lines of this epoch, as open_clip averages */
    size_t loss_count;
};

/* Finds the names; nothing is made. `architecture` goes into a name that is made up. */
cclip_status cclip_train_files_name(struct cclip_train_files *out, const cclip_train_options *options,
                                    const char *architecture);
/* If the folder is there, locks it, before anything in it is read. */
cclip_status cclip_train_files_lock(struct cclip_train_files *files);
/* Makes folder and files, and locks it. A new run may not meet one that is there; one that goes on after `steps` steps
 * writes behind it. */
cclip_status cclip_train_files_open(struct cclip_train_files *files, int goes_on, uint64_t steps);
void cclip_train_files_close(struct cclip_train_files *files);

/* One line to out.log, with time and level in front, and to the caller. */
void cclip_train_log(struct cclip_train_files *files, const char *level, const char *format, ...)
    CCLIP_PRINTF(3, 4);

/* Whether this step has a line: open_clip's rule. */
int cclip_train_line_is_due(const struct cclip_train_files *files,
                            const struct cclip_loop_figures *figures);
/* Adds the step, and writes the line to out.log and metrics.jsonl if it is due. */
cclip_status cclip_train_files_step(struct cclip_train_files *files,
                                    const struct cclip_loop_figures *figures);

/* A line of figures that the model was judged by after this step: to out.log, results.jsonl and TensorBoard. */
cclip_status cclip_train_files_results(struct cclip_train_files *files,
                                       const struct cclip_loop_figures *figures,
                                       const struct cclip_metric *results, size_t count);

/* Writes report.html, with `samples` or NULL; with `goes_on` only if it is `due` or the last time is a while ago. A
 * failure is a warning in the log: a page is not worth a run. */
void cclip_train_files_report(struct cclip_train_files *files, const char *state, int goes_on, int due,
                              uint64_t total, const char *samples);

/* Fails with the first option that is out of range. */
cclip_status cclip_train_options_check(const cclip_train_options *options);
/* "name: value" a line, sorted by name. */
cclip_status cclip_train_options_text(struct cclip_buffer *out, const cclip_train_options *options);
cclip_status cclip_train_options_write(const cclip_train_options *options, const char *path);

#endif
