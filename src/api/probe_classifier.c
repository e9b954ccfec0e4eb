/* Probes at work: as classifiers, and how good classifiers are on sets of features. */
#include <string.h>

#include "api/classifier.h"
#include "api/feature_set.h"
#include "api/session.h"
#include "base/memory.h"
#include "evaluate/classification.h"
#include "evaluate/outcomes.h"
#include "train/probe_file.h"

static cclip_status check_model(const cclip_probe *probe, cclip_session *session)
{
    struct cclip_feature_origin origin;
    const size_t dim = session->model->config.embedding_dim;
    if (probe->linear.dim != dim)
        return cclip_fail(CCLIP_ERROR_MISMATCH, "a probe for features of %zu values, but the model's have "
                                                "%zu", probe->linear.dim, dim);
    const cclip_status status = cclip_feature_origin_of(&origin, session, probe->origin.normalized);
    return status ? status
                  : cclip_feature_origin_compare(&probe->origin, "the probe", &origin, "the one at hand");
}

/* Adds class `k` of the probe. */
static cclip_status add_class(struct cclip_classifier *classifier, const struct cclip_probe *probe,
                              size_t k)
{
    const struct cclip_linear_probe *linear = &probe->linear;
    const size_t place = classifier->labels.count;
    memcpy(classifier->weights + place * linear->dim, linear->weight + k * linear->dim,
           linear->dim * sizeof *linear->weight);
    classifier->biases[place] = linear->bias[k];
    return cclip_names_add(&classifier->labels, probe->classes.names[k],
                           strlen(probe->classes.names[k]));
}

static cclip_status add_classes(struct cclip_classifier *classifier, const struct cclip_probe *probe,
                                const struct cclip_names *first, const char *source)
{
    int32_t *places = cclip_names_find_all(&probe->classes, first);
    unsigned char *taken = cclip_allocate_zero(probe->classes.count, 1);
    cclip_status status = places && taken ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < first->count && !status; i++) {
        if (places[i] < 0 || taken[places[i]])
            status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: class \"%s\" is %s", source, first->names[i],
                                places[i] < 0 ? "none of the probe's" : "there twice");
        else
            status = add_class(classifier, probe, (size_t)places[i]);
        if (!status)
            taken[places[i]] = 1;
    }
    for (size_t k = 0; k < probe->classes.count && !status; k++)
        if (!taken[k])
            status = add_class(classifier, probe, k);
    cclip_release(places);
    cclip_release(taken);
    return status;
}

cclip_status cclip_classifier_open_probe_for(cclip_classifier **out, cclip_session *session,
                                             const cclip_probe *probe,
                                             const struct cclip_names *first, const char *source)
{
    static const struct cclip_names none;
    const struct cclip_linear_probe *linear = &probe->linear;
    *out = NULL;
    cclip_status status = check_model(probe, session);
    struct cclip_classifier *classifier = status ? NULL : cclip_allocate_zero(1, sizeof *classifier);
    if (!classifier)
        return status ? status : CCLIP_ERROR_MEMORY;
    classifier->dim = linear->dim;
    classifier->scale = 1;
    classifier->wants_raw = !probe->origin.normalized;
    cclip_calibration_init(&classifier->calibration);
    classifier->weights = cclip_allocate(linear->classes, linear->dim * sizeof *linear->weight);
    classifier->biases = cclip_allocate(linear->classes, sizeof *linear->bias);
    if (!classifier->weights || !classifier->biases)
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = add_classes(classifier, probe, first ? first : &none, source);
    if (status)
        cclip_classifier_close(&classifier);
    *out = classifier;
    return status;
}

cclip_status cclip_classifier_open_probe(cclip_classifier **out, cclip_session *session,
                                         const cclip_probe *probe)
{
    return cclip_classifier_open_probe_for(out, session, probe, NULL, NULL);
}

static cclip_status check_set(const cclip_classifier *classifier, const cclip_feature_set *set)
{
    if (set->dim != classifier->dim)
        return cclip_fail(CCLIP_ERROR_MISMATCH, "features of %zu values for a classifier of %zu", set->dim,
                          classifier->dim);
    if (set->origin.normalized == classifier->wants_raw)
        return cclip_fail(CCLIP_ERROR_MISMATCH, "features that are %snormalised for a classifier of ones "
                                                "that %s", set->origin.normalized ? "" : "not ",
                          classifier->wants_raw ? "are not" : "are");
    return CCLIP_OK;
}

/* ranks and labels [set->count], by the classifier's classes */
static cclip_status judge_set(size_t *ranks, int32_t *labels, const cclip_classifier *classifier,
                              const cclip_feature_set *set, const int32_t *places, float *scores)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < set->count && !status; i++) {
        labels[i] = places[set->labels[i]];
        if (labels[i] < 0)
            return cclip_fail(CCLIP_ERROR_MISMATCH, "class \"%s\" is none of the classifier's",
                              set->classes.names[set->labels[i]]);
        status = cclip_classifier_logits(classifier, scores, set->features + i * set->dim, 1);
        if (!status)
            ranks[i] = cclip_class_rank(scores, classifier->labels.count, (size_t)labels[i]);
    }
    return status;
}

static void fill_accuracy(cclip_accuracy *out, const struct cclip_outcomes *outcomes)
{
    static const struct cclip_outcome_figure acc1 = { CCLIP_FIGURE_TOP_K, 1 },
                                             acc5 = { CCLIP_FIGURE_TOP_K, 5 },
                                             mean = { CCLIP_FIGURE_CLASS_MEAN, 0 };
    out->samples = outcomes->pictures;
    out->acc1 = cclip_outcomes_value(outcomes, &acc1, NULL);
    out->acc5 = cclip_outcomes_value(outcomes, &acc5, NULL);
    out->mean_per_class_recall = cclip_outcomes_value(outcomes, &mean, NULL);
}

cclip_status cclip_classifier_measure(cclip_accuracy *out, const cclip_classifier *classifier,
                                      const cclip_feature_set *set)
{
    const size_t classes = classifier->labels.count;
    struct cclip_outcomes outcomes = { 0 };
    if (out->version != CCLIP_ACCURACY_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "accuracy: version %u is not known",
                          (unsigned)out->version);
    cclip_status status = check_set(classifier, set);
    if (status)
        return status;
    int32_t *places = cclip_names_find_all(&classifier->labels, &set->classes);
    int32_t *labels = cclip_allocate(set->count, sizeof *labels);
    size_t *ranks = cclip_allocate(set->count, sizeof *ranks);
    float *scores = cclip_allocate(classes, sizeof *scores);
    status = places && labels && ranks && scores ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = judge_set(ranks, labels, classifier, set, places, scores);
    if (!status)
        status = cclip_outcomes_of_classes(&outcomes, &ranks, labels, set->count, classes);
    if (!status)
        fill_accuracy(out, &outcomes);
    cclip_release(places);
    cclip_release(labels);
    cclip_release(ranks);
    cclip_release(scores);
    cclip_outcomes_close(&outcomes);
    return status;
}
