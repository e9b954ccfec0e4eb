/* Curves and last figures of what a run was judged by, out of the lines of its results.jsonl. */
#ifndef CCLIP_REPORT_EVALUATION_CHARTS_H
#define CCLIP_REPORT_EVALUATION_CHARTS_H

#include <stddef.h>
#include "base/buffer.h"

struct cclip_evaluations {
    char **keys;     /* [key_count], in the order in which they come */
    size_t key_count, key_capacity;
    double *steps;   /* [count], growing */
    double **values; /* [key_count][lines]; NaN where a line has none */
    size_t count, lines, values_capacity;
};

/* A line that is no object with a "step" above the last one's is passed over. Close it in any case. */
cclip_status cclip_evaluations_read(struct cclip_evaluations *out, const char *text, size_t length);
void cclip_evaluations_close(struct cclip_evaluations *evaluations);

/* A chart for the loss, for each kind of retrieval and for each set. */
cclip_status cclip_evaluations_charts(struct cclip_buffer *out, const struct cclip_evaluations *evaluations);
/* A table of the newest of each figure; nothing where there is none. */
cclip_status cclip_evaluations_table(struct cclip_buffer *out, const struct cclip_evaluations *evaluations);

#endif
