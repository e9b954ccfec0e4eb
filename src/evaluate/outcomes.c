#include "evaluate/outcomes.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

void cclip_outcomes_close(struct cclip_outcomes *outcomes)
{
    cclip_release(outcomes->ranks);
    cclip_release(outcomes->order);
    cclip_release(outcomes->starts);
    cclip_release(outcomes->image_ranks);
    cclip_release(outcomes->image_of_text);
    *outcomes = (struct cclip_outcomes){ 0 };
}

/* Counting sort: starts[c + 1] first stands where class c begins, and ends where it ends. */
cclip_status cclip_outcomes_of_classes(struct cclip_outcomes *out, size_t **ranks,
                                       const int32_t *labels, size_t pictures, size_t classes)
{
    *out = (struct cclip_outcomes){ .pictures = pictures, .classes = classes, .ranks = *ranks };
    *ranks = NULL;
    out->order = cclip_allocate(pictures, sizeof *out->order);
    out->starts = cclip_allocate_zero(classes + 2, sizeof *out->starts);
    if (!out->order || !out->starts) {
        cclip_outcomes_close(out);
        return CCLIP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < pictures; i++)
        out->starts[labels[i] + 2]++;
    for (size_t c = 0; c < classes; c++)
        out->starts[c + 2] += out->starts[c + 1];
    for (size_t i = 0; i < pictures; i++)
        out->order[out->starts[labels[i] + 1]++] = i;
    return CCLIP_OK;
}

static double times(const uint32_t *counts, size_t picture)
{
    return counts ? (double)counts[picture] : 1.0;
}

static double top_k(const struct cclip_outcomes *o, size_t k, const uint32_t *counts)
{
    double all = 0, hits = 0;
    for (size_t i = 0; i < o->pictures; i++) {
        all += times(counts, i);
        hits += o->ranks[i] < k ? times(counts, i) : 0;
    }
    return hits / all;
}

/* Each picture weighs one in the size of its class. In a resample, where classes come larger or smaller, it keeps
 * that weight: leaving out the classes that were not drawn would take most of the spread away from sets
 * with a picture or two a class. */
static double class_mean(const struct cclip_outcomes *o, const uint32_t *counts)
{
    double sum = 0, weights = 0;
    for (size_t c = 0; c < o->classes; c++) {
        const size_t size = o->starts[c + 1] - o->starts[c];
        double seen = 0, right = 0;
        for (size_t i = o->starts[c]; i < o->starts[c + 1]; i++) {
            seen += times(counts, o->order[i]);
            right += o->ranks[o->order[i]] ? 0 : times(counts, o->order[i]);
        }
        sum += size ? right / (double)size : 0;
        weights += size ? seen / (double)size : 0;
    }
    return sum / weights;
}

static double image_recall(const struct cclip_outcomes *o, size_t k, const uint32_t *counts)
{
    double all = 0, hits = 0;
    for (size_t t = 0; t < o->texts; t++) {
        all += times(counts, o->image_of_text[t]);
        hits += o->image_ranks[t] < k ? times(counts, o->image_of_text[t]) : 0;
    }
    return hits / all;
}

double cclip_outcomes_value(const struct cclip_outcomes *o,
                            const struct cclip_outcome_figure *figure, const uint32_t *counts)
{
    switch (figure->kind) {
    case CCLIP_FIGURE_TOP_K:
        return o->classes < figure->k ? (double)NAN : top_k(o, figure->k, counts);
    case CCLIP_FIGURE_CLASS_MEAN:
        return class_mean(o, counts);
    case CCLIP_FIGURE_IMAGE_RECALL:
        return image_recall(o, figure->k, counts);
    case CCLIP_FIGURE_TEXT_RECALL:
        return top_k(o, figure->k, counts);
    }
    return (double)NAN;
}

int cclip_outcomes_match(const struct cclip_outcomes *a, const struct cclip_outcomes *b)
{
    if (a->pictures != b->pictures || a->classes != b->classes || a->texts != b->texts)
        return 0;
    if (a->texts)
        return !memcmp(a->image_of_text, b->image_of_text, a->texts * sizeof *a->image_of_text);
    return !memcmp(a->order, b->order, a->pictures * sizeof *a->order) &&
           !memcmp(a->starts, b->starts, (a->classes + 1) * sizeof *a->starts);
}
