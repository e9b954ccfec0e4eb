/* A page on which a run of training is watched: curves and last figures out of its metrics.jsonl and
 * results.jsonl, pairs that it confuses. One HTML file that needs no other, and that loads itself anew while the
 * run goes on. */
#ifndef CCLIP_REPORT_TRAINING_REPORT_H
#define CCLIP_REPORT_TRAINING_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"

struct cclip_training_report {
    const char *title; /* of the run */
    const char *state; /* "running", "done": a word for the reader */
    int goes_on;       /* the page loads itself anew */
    uint64_t total;    /* steps of the whole run; 0: not known */
    const char *results; /* the lines of results.jsonl: what the run was judged by; or NULL */
    size_t results_length;
    const char *samples; /* pairs and their confusions (report/confusions.h), or NULL */
};

/* `metrics`: the lines of metrics.jsonl. A line that is no object with a "step" above the last one's is passed
 * over (the last may be half written), so are keys that are not known; absent numbers are gaps. */
cclip_status cclip_training_report_write(struct cclip_buffer *out, const char *metrics, size_t length,
                                         const struct cclip_training_report *about);
/* From files to a file; `about->results` are read from `results_path` where that is there. */
cclip_status cclip_training_report_save(const char *path, const char *metrics_path,
                                        const char *results_path,
                                        const struct cclip_training_report *about);

#endif
