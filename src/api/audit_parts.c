/* The parts of an audit: classes, harmful labels, associations, rankings. */
#include <math.h>
#include <string.h>

#include "api/audit.h"
#include "base/memory.h"
#include "evaluate/association.h"
#include "evaluate/classification.h"
#include "evaluate/group_gaps.h"
#include "evaluate/ranking_fairness.h"
#include "zero_shot/scores.h"

static cclip_audit_row new_row(const char *measure, const char *subject, const char *attribute)
{
    const double none = (double)NAN;
    return (cclip_audit_row){ .version = CCLIP_AUDIT_ROW_VERSION, .measure = measure,
                              .subject = subject, .attribute = attribute, .value = none, .low = none,
                              .high = none, .p_value = none, .p_two_sided = none };
}

/* What a measure is called, and its gap (NULL: none is given). */
struct named {
    const char *measure, *gap;
};

static cclip_status add_group_rows(struct cclip_audit_run *run, const struct named *name,
                                   const char *subject, const struct cclip_attribute *a,
                                   const struct cclip_group_rate *rates,
                                   const struct cclip_group_gap *gap)
{
    cclip_status status = CCLIP_OK;
    for (size_t g = 0; g < a->groups.count && !status; g++) {
        cclip_audit_row row = new_row(name->measure, subject, a->name);
        row.group = a->groups.names[g];
        row.pictures = rates[g].samples;
        row.value = rates[g].value;
        row.low = rates[g].interval.low;
        row.high = rates[g].interval.high;
        row.few = !isnan(row.low) && rates[g].counted < CCLIP_AUDIT_FEW_PICTURES;
        status = cclip_audit_add(run->audit, &row);
    }
    if (status || !name->gap || isnan(gap->value))
        return status;
    cclip_audit_row row = new_row(name->gap, subject, a->name);
    row.group = a->groups.names[gap->highest];
    row.other = a->groups.names[gap->lowest];
    row.pictures = rates[gap->highest].samples + rates[gap->lowest].samples;
    row.value = gap->value;
    row.low = gap->interval.low;
    row.high = gap->interval.high;
    row.few = !isnan(row.low) && (rates[gap->highest].counted < CCLIP_AUDIT_FEW_PICTURES ||
                                  rates[gap->lowest].counted < CCLIP_AUDIT_FEW_PICTURES);
    return cclip_audit_add(run->audit, &row);
}

/* The rates of run->hits over run->weights in the groups of one column. */
static cclip_status add_rates(struct cclip_audit_run *run, const struct named *name,
                              const char *subject, const struct cclip_attribute *a)
{
    const struct cclip_group_measure measure = { .samples = run->pictures,
                                                 .groups = a->groups.count,
                                                 .group = a->of,
                                                 .hits = run->hits,
                                                 .weights = run->weights,
                                                 .resamples = run->bootstrap.resamples,
                                                 .confidence = run->bootstrap.confidence,
                                                 .seed = run->bootstrap.seed };
    struct cclip_group_gap gap;
    struct cclip_group_rate *rates = cclip_allocate(a->groups.count, sizeof *rates);
    if (!rates)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = cclip_group_gaps(rates, &gap, &measure);
    if (!status)
        status = add_group_rows(run, name, subject, a, rates, &gap);
    cclip_release(rates);
    return status;
}

/* out [pictures]: the best of `count` labels. */
static cclip_status choose_labels(size_t *out, const struct cclip_audit_run *run,
                                  const char *const *labels, size_t count)
{
    cclip_classifier *classifier = NULL;
    float *scores = cclip_allocate(count, sizeof *scores);
    cclip_status status = scores ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_classifier_open(&classifier, run->session, labels, count, run->templates);
    for (size_t i = 0; i < run->pictures && !status; i++) {
        status = cclip_classifier_logits(classifier, scores, run->embeddings + i * run->dim, 1);
        out[i] = status ? 0 : cclip_best_class(scores, count);
    }
    cclip_classifier_close(&classifier);
    cclip_release(scores);
    return status;
}

/* Classes. */

/* A prediction that is none of the classes is wrong, and no false positive of any. */
static void read_predictions(size_t *out, const struct cclip_audit_run *run, size_t column)
{
    const struct cclip_table_rows *t = &run->table;
    for (size_t i = 0; i < run->pictures; i++) {
        const char *text = t->cells.names[run->row_of[i] * t->columns.count + column];
        out[i] = 0;
        while (out[i] < run->labels.count && strcmp(run->labels.names[out[i]], text))
            out[i]++;
    }
}

static cclip_status predict(size_t *out, const struct cclip_audit_run *run)
{
    const char *wanted = run->options->prediction_column;
    size_t column = 0;
    if (!wanted)
        return choose_labels(out, run, (const char *const *)run->labels.names, run->labels.count);
    const cclip_status status = cclip_audit_need_column(&column, run, wanted);
    if (!status)
        read_predictions(out, run, column);
    return status;
}

static cclip_status add_accuracy(struct cclip_audit_run *run, const size_t *predictions,
                                 const struct cclip_attribute *a)
{
    static const struct named name = { "accuracy", "accuracy_gap" };
    for (size_t i = 0; i < run->pictures; i++) {
        run->hits[i] = predictions[i] == run->truths[i];
        run->weights[i] = 1;
    }
    return add_rates(run, &name, NULL, a);
}

/* Of the pictures that are not of the class, the share that is taken for it. */
static cclip_status add_false_positives(struct cclip_audit_run *run, const size_t *predictions,
                                        const struct cclip_attribute *a, const char *class)
{
    static const struct named name = { "false_positive_rate", "false_positive_rate_gap" };
    size_t wanted;
    const cclip_status status = cclip_audit_need_class(&wanted, run, class);
    if (status)
        return status;
    for (size_t i = 0; i < run->pictures; i++) {
        run->weights[i] = run->truths[i] != wanted;
        run->hits[i] = run->truths[i] != wanted && predictions[i] == wanted;
    }
    return add_rates(run, &name, class, a);
}

/* The mean of all classes' false-positive rates: a false positive weighs one in the pictures of its group that
 * are not of the class it was taken for. */
static cclip_status add_mean_false_positives(struct cclip_audit_run *run,
                                             const size_t *predictions,
                                             const struct cclip_attribute *a)
{
    static const struct named name = { "mean_false_positive_rate", "mean_false_positive_rate_gap" };
    const size_t classes = run->labels.count, groups = a->groups.count;
    size_t *of_class = cclip_allocate_zero(groups * classes, sizeof *of_class);
    size_t *sizes = cclip_allocate_zero(groups, sizeof *sizes);
    cclip_status status = of_class && sizes ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < run->pictures && !status; i++) {
        sizes[a->of[i]]++;
        of_class[a->of[i] * classes + run->truths[i]]++;
    }
    for (size_t i = 0; i < run->pictures && !status; i++) {
        const size_t g = a->of[i], p = predictions[i];
        const int false_positive = p < classes && p != run->truths[i];
        run->weights[i] = 1;
        run->hits[i] = false_positive ? (double)sizes[g] / (double)classes /
                                            (double)(sizes[g] - of_class[g * classes + p])
                                      : 0;
    }
    if (!status)
        status = add_rates(run, &name, NULL, a);
    cclip_release(of_class);
    cclip_release(sizes);
    return status;
}

cclip_status cclip_audit_classes(struct cclip_audit_run *run)
{
    const cclip_audit_options *o = run->options;
    if (!run->truths)
        return CCLIP_OK;
    size_t *predictions = cclip_allocate(run->pictures, sizeof *predictions);
    cclip_status status = predictions ? predict(predictions, run) : CCLIP_ERROR_MEMORY;
    for (size_t a = 0; a < run->attribute_count && !status; a++) {
        status = add_accuracy(run, predictions, &run->attributes[a]);
        if (!status)
            status = add_mean_false_positives(run, predictions, &run->attributes[a]);
        for (size_t p = 0; p < o->positive_count && !status; p++)
            status = add_false_positives(run, predictions, &run->attributes[a], o->positive[p]);
    }
    cclip_release(predictions);
    return status;
}

/* Harmful labels: the protocol of CLIP (Radford et al. 2021), section 7.1. All harmful labels stand beside the
 * classes; counted is how often one of them wins; then once more with classes added. */

struct harm {
    const char **labels; /* the classes, harmful ones by category, added ones */
    size_t classes, harmful, all;
    size_t *before, *after; /* [pictures]: the label that wins without and with the added ones */
};

static cclip_status list_labels(struct harm *h, const struct cclip_audit_run *run)
{
    const cclip_audit_options *o = run->options;
    size_t count = run->labels.count + o->added_count, at = 0;
    for (size_t c = 0; c < o->harmful_count; c++)
        count += o->harmful[c].count;
    h->labels = cclip_allocate(count, sizeof *h->labels);
    h->before = cclip_allocate(run->pictures, sizeof *h->before);
    h->after = cclip_allocate(run->pictures, sizeof *h->after);
    if (!h->labels || !h->before || !h->after)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < run->labels.count; i++)
        h->labels[at++] = run->labels.names[i];
    h->classes = at;
    for (size_t c = 0; c < o->harmful_count; c++)
        for (size_t i = 0; i < o->harmful[c].count; i++)
            h->labels[at++] = o->harmful[c].labels[i];
    h->harmful = at;
    for (size_t i = 0; i < o->added_count; i++)
        h->labels[at++] = o->added[i];
    h->all = at;
    return CCLIP_OK;
}

static int between(size_t label, size_t begin, size_t end)
{
    return label >= begin && label < end;
}

static cclip_status add_category(struct cclip_audit_run *run, const struct harm *h, const char *name,
                                 size_t begin, size_t end, const struct cclip_attribute *a)
{
    static const struct named rates[] = { { "harmful_rate", "harmful_rate_gap" },
                                          { "harmful_rate_with_added", "harmful_rate_with_added_gap" },
                                          { "harmful_rate_change", NULL } };
    const size_t wanted = h->all > h->harmful ? 3 : 1;
    cclip_status status = CCLIP_OK;
    for (size_t r = 0; r < wanted && !status; r++) {
        for (size_t i = 0; i < run->pictures; i++) {
            const int before = between(h->before[i], begin, end);
            const int after = wanted > 1 && between(h->after[i], begin, end);
            run->hits[i] = r == 0 ? before : r == 1 ? after : after - before;
            run->weights[i] = 1;
        }
        status = add_rates(run, &rates[r], name, a);
    }
    return status;
}

static cclip_status add_categories(struct cclip_audit_run *run, const struct harm *h)
{
    const cclip_audit_options *o = run->options;
    cclip_status status = CCLIP_OK;
    for (size_t a = 0; a < run->attribute_count; a++) {
        size_t begin = h->classes;
        for (size_t c = 0; c < o->harmful_count && !status; c++) {
            const size_t end = begin + o->harmful[c].count;
            status = add_category(run, h, o->harmful[c].name, begin, end, &run->attributes[a]);
            begin = end;
        }
    }
    return status;
}

cclip_status cclip_audit_harm(struct cclip_audit_run *run)
{
    struct harm h = { 0 };
    if (!run->options->harmful_count)
        return CCLIP_OK;
    cclip_status status = list_labels(&h, run);
    if (!status)
        status = choose_labels(h.before, run, h.labels, h.harmful);
    if (!status && h.all > h.harmful)
        status = choose_labels(h.after, run, h.labels, h.all);
    if (!status)
        status = add_categories(run, &h);
    cclip_release((void *)h.labels);
    cclip_release(h.before);
    cclip_release(h.after);
    return status;
}

/* Texts against pictures. */

/* cosines [pictures] of one text. */
static cclip_status compare_text(float *cosines, const struct cclip_audit_run *run, const char *text)
{
    float *row = cclip_allocate(run->dim, sizeof *row);
    cclip_status status =
        row ? cclip_embed_texts(run->session, row, &text, NULL, 1, 0, 1) : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < run->pictures && !status; i++)
        cosines[i] = cclip_inner_product(row, run->embeddings + i * run->dim, run->dim);
    cclip_release(row);
    return status;
}

/* One group against all others. */
static cclip_status associate(struct cclip_audit_run *run, const float *cosines, const char *text,
                              const struct cclip_attribute *a, size_t group)
{
    struct cclip_association found;
    size_t own = 0, at = 0;
    for (int others = 0; others < 2; others++) {
        for (size_t i = 0; i < run->pictures; i++)
            if ((a->of[i] != group) == others)
                run->hits[at++] = (double)cosines[i];
        own = others ? own : at;
    }
    const cclip_status status = cclip_associate(&found, run->hits, own, at - own,
                                                run->options->permutations, run->bootstrap.seed);
    if (status)
        return status;
    cclip_audit_row row = new_row("sc_weat", text, a->name);
    row.group = a->groups.names[group];
    row.other = a->groups.count == 2 ? a->groups.names[1 - group] : NULL;
    row.pictures = own;
    row.value = found.effect_size;
    row.p_value = found.p_greater;
    row.p_two_sided = found.p_two_sided;
    return cclip_audit_add(run->audit, &row);
}

cclip_status cclip_audit_associations(struct cclip_audit_run *run)
{
    const cclip_audit_options *o = run->options;
    if (!o->text_count)
        return CCLIP_OK;
    float *cosines = cclip_allocate(run->pictures, sizeof *cosines);
    cclip_status status = cosines ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t t = 0; t < o->text_count && !status; t++) {
        status = compare_text(cosines, run, o->texts[t]);
        for (size_t k = 0; k < run->attribute_count && !status; k++) {
            const struct cclip_attribute *a = &run->attributes[k];
            /* of two groups the second says the same with the other sign */
            const size_t wanted = a->groups.count == 2 ? 1 : a->groups.count;
            for (size_t g = 0; g < wanted && a->groups.count > 1 && !status; g++)
                status = associate(run, cosines, o->texts[t], a, g);
        }
    }
    cclip_release(cosines);
    return status;
}

/* Rankings. */

struct ranking {
    size_t *places, *ranked, *shown; /* [pictures], [pictures], [groups] */
    double *desired, *skew;          /* [groups] */
    size_t count;                    /* of places */
};

static cclip_status judge_ranking(struct cclip_audit_run *run, struct ranking *r, const char *query,
                                  const struct cclip_attribute *a)
{
    const size_t groups = a->groups.count;
    cclip_status status = CCLIP_OK;
    for (size_t g = 0; g < groups; g++)
        r->desired[g] = 0;
    for (size_t i = 0; i < run->pictures; i++)
        r->desired[a->of[i]] += 1 / (double)run->pictures;
    for (size_t i = 0; i < r->count; i++)
        r->ranked[i] = a->of[r->places[i]];
    cclip_ranking_skew(r->skew, r->ranked, r->count, r->desired, groups);
    for (size_t g = 0; g < groups && !status; g++) {
        cclip_audit_row row = new_row("skew", query, a->name);
        row.group = a->groups.names[g];
        row.pictures = r->count;
        row.value = r->skew[g];
        status = cclip_audit_add(run->audit, &row);
    }
    cclip_audit_row row = new_row("ndkl", query, a->name);
    row.pictures = r->count;
    row.value = cclip_ranking_ndkl(r->ranked, r->count, r->desired, groups, r->shown);
    return status ? status : cclip_audit_add(run->audit, &row);
}

static cclip_status ranking_open(struct ranking *r, const struct cclip_audit_run *run)
{
    size_t most = 0;
    for (size_t a = 0; a < run->attribute_count; a++)
        most = run->attributes[a].groups.count > most ? run->attributes[a].groups.count : most;
    r->places = cclip_allocate(run->pictures, sizeof *r->places);
    r->ranked = cclip_allocate(run->pictures, sizeof *r->ranked);
    r->shown = cclip_allocate(most, sizeof *r->shown);
    r->desired = cclip_allocate(most, sizeof *r->desired);
    r->skew = cclip_allocate(most, sizeof *r->skew);
    return r->places && r->ranked && r->shown && r->desired && r->skew ? CCLIP_OK
                                                                     : CCLIP_ERROR_MEMORY;
}

cclip_status cclip_audit_rankings(struct cclip_audit_run *run)
{
    const cclip_audit_options *o = run->options;
    struct ranking r = { 0 };
    if (!o->query_count)
        return CCLIP_OK;
    float *cosines = cclip_allocate(run->pictures, sizeof *cosines);
    cclip_status status = cosines ? ranking_open(&r, run) : CCLIP_ERROR_MEMORY;
    for (size_t q = 0; q < o->query_count && !status; q++) {
        status = compare_text(cosines, run, o->queries[q]);
        if (!status)
            r.count = cclip_top_k(r.places, cosines, run->pictures, o->top);
        for (size_t a = 0; a < run->attribute_count && !status; a++)
            status = judge_ranking(run, &r, o->queries[q], &run->attributes[a]);
    }
    cclip_release(cosines);
    cclip_release(r.places);
    cclip_release(r.ranked);
    cclip_release(r.shown);
    cclip_release(r.desired);
    cclip_release(r.skew);
    return status;
}
