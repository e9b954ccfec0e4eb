/* The outcome of an evaluation: figures by CLIP_benchmark's names, and its line of JSON. */
#ifndef CCLIP_EVALUATE_FIGURES_H
#define CCLIP_EVALUATE_FIGURES_H

#include <stddef.h>
#include "base/buffer.h"
#include "base/status.h"

struct cclip_figures {
    struct cclip_figure {
        char name[64];
        double value;
        double low, high; /* an interval around it; no numbers where none was computed */
    } *list;
    size_t count, capacity; /* zero-initialise to open */
};
void cclip_figures_close(struct cclip_figures *figures);
/* `name` may hold one %zu, for `k`. */
cclip_status cclip_figures_add(struct cclip_figures *figures, const char *name, size_t k,
                               double value);

struct cclip_figures_about {
    const char *dataset, *model, *pretrained, *task, *language;
    const char *kind;      /* of pictures, or NULL */
    size_t samples;        /* what follows is written only with resamples above 0 */
    size_t resamples;
    double confidence;
};
/* {"dataset": ..., "model": ..., "pretrained": ..., "task": ..., "metrics": {...}, "language": ...}, and with
 * intervals also "kind", "samples", "intervals": {name: [low, high]}, "confidence", "resamples". Numbers as many
 * digits as give back the same number; NaN is null. */
cclip_status cclip_figures_write(struct cclip_buffer *out, const struct cclip_figures *figures,
                                 const struct cclip_figures_about *about);

#endif
