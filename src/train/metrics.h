/* metrics.jsonl, and results.jsonl beside it: one JSON object a line about a step, for people and programs that
 * watch a run. */
#ifndef CCLIP_TRAIN_METRICS_H
#define CCLIP_TRAIN_METRICS_H

#include <stdint.h>
#include <stdio.h>
#include "base/buffer.h"
#include "train/loop.h"

struct cclip_metrics {
    char *path;
    FILE *stream;
    struct cclip_buffer line;
};

/* Continues the file `path` behind the lines of steps below `steps` (a run that is taken up again did more
 * than its checkpoint knows); 0: an empty file. */
cclip_status cclip_metrics_open(struct cclip_metrics *out, const char *path, uint64_t steps);
void cclip_metrics_close(struct cclip_metrics *metrics);

struct cclip_metric {
    const char *key;
    double value;
};
/* One line, which has reached the file when the call returns. Numbers that are not finite are null. */
cclip_status cclip_metrics_line(struct cclip_metrics *metrics, uint64_t step, uint64_t epoch,
                                const struct cclip_metric *values, size_t count);
/* What is known after a step. */
cclip_status cclip_metrics_write(struct cclip_metrics *metrics,
                                 const struct cclip_loop_figures *figures);

#endif
