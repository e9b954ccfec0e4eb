/* Classifiers: labels, their weights and, for independent answers, the prompts that oppose them. */
#include <cclip/zero_shot.h>

#include <stdio.h>
#include <string.h>

#include "api/classifier.h"
#include "api/session.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "hub/share.h"
#include "zero_shot/calibration.h"
#include "zero_shot/scores.h"
#include "zero_shot/templates.h"
#include "zero_shot/weights.h"

/* Opposing prompts are put into the labels' own templates, so that what a template adds to every
 * sentence cancels out; a few templates do for a background. */
enum { OPPOSING_TEMPLATES = 4, PAIRS_OF_A_FIT = 1 << 24 };

cclip_status cclip_templates_open(cclip_templates **out, const char *name_or_path)
{
    char path[CCLIP_LIMIT_PATH], name[256];
    *out = NULL;
    if (!strchr(name_or_path, '/') && strlen(name_or_path) < 200) {
        snprintf(name, sizeof name, "templates/%s.txt", name_or_path);
        if (!cclip_share_find(path, sizeof path, name))
            return cclip_template_list_read(out, path);
    }
    const cclip_status status = cclip_template_list_read(out, name_or_path);
    if (status == CCLIP_ERROR_NOT_FOUND && !strpbrk(name_or_path, "/."))
        return cclip_fail(status, "templates \"%s\": neither a file nor one of the sets that ship "
                                  "with cclip", name_or_path);
    return status;
}

cclip_status cclip_templates_from(cclip_templates **out, const char *const *templates, size_t count)
{
    return cclip_template_list_copy(out, templates, count);
}

void cclip_templates_close(cclip_templates **templates)
{
    cclip_template_list_close(templates);
}

size_t cclip_templates_count(const cclip_templates *templates)
{
    return templates->list.count;
}

const char *cclip_templates_at(const cclip_templates *templates, size_t index)
{
    return index < templates->list.count ? templates->list.names[index] : NULL;
}

/* Sentences that are too long are cut, as the reference cuts them, but not without a word. */
static cclip_status embed_sentences(void *context, float *out, const char *const *texts,
                                    const size_t *lengths, size_t count)
{
    const cclip_status status = cclip_embed_texts(context, out, texts, lengths, count, 0, 1);
    if (status != CCLIP_ERROR_LIMIT)
        return status;
    cclip_log(CCLIP_LOG_WARNING, "%s: it is cut", cclip_error_message());
    return cclip_embed_texts(context, out, texts, lengths, count, 1, 1);
}

static struct cclip_text_embedder embedder_of(cclip_session *session)
{
    return (struct cclip_text_embedder){ embed_sentences, session,
                                         session->model->config.embedding_dim };
}

static cclip_status keep_labels(struct cclip_classifier *classifier, const char *const *labels,
                                size_t count)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = cclip_names_add(&classifier->labels, labels[i], strlen(labels[i]));
    classifier->weights = status ? NULL
                                 : cclip_allocate(count * classifier->dim, sizeof(float));
    return status || classifier->weights ? status : CCLIP_ERROR_MEMORY;
}

cclip_status cclip_classifier_open(cclip_classifier **out, cclip_session *session,
                                   const char *const *labels, size_t count,
                                   const cclip_templates *templates)
{
    *out = NULL;
    if (!count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "an empty list of labels");
    struct cclip_classifier *classifier = cclip_allocate_zero(1, sizeof *classifier);
    if (!classifier)
        return CCLIP_ERROR_MEMORY;
    const struct cclip_text_embedder embedder = embedder_of(session);
    classifier->dim = embedder.dim;
    classifier->scale = session->model->logit_scale;
    classifier->bias = session->model->logit_bias;
    cclip_calibration_init(&classifier->calibration);
    cclip_status status = keep_labels(classifier, labels, count);
    if (!status)
        status = cclip_class_weights(classifier->weights, &embedder, labels, count, templates);
    if (status)
        cclip_classifier_close(&classifier);
    *out = classifier;
    return status;
}

void cclip_classifier_close(cclip_classifier **out)
{
    struct cclip_classifier *classifier = *out;
    if (!classifier)
        return;
    cclip_opposition_close(&classifier->opposition);
    cclip_names_close(&classifier->labels);
    cclip_release(classifier->weights);
    cclip_release(classifier->biases);
    cclip_release(classifier);
    *out = NULL;
}

/* At most OPPOSING_TEMPLATES of `templates`, evenly spread. NULL stays NULL. */
static cclip_status few_templates(cclip_templates **out, const cclip_templates *templates)
{
    const char *chosen[OPPOSING_TEMPLATES];
    *out = NULL;
    if (!templates)
        return CCLIP_OK;
    const size_t all = templates->list.count;
    const size_t count = all < OPPOSING_TEMPLATES ? all : OPPOSING_TEMPLATES;
    for (size_t i = 0; i < count; i++)
        chosen[i] = templates->list.names[i * all / count];
    return cclip_template_list_copy(out, chosen, count);
}

static cclip_status embed_opposition(struct cclip_classifier *classifier, cclip_session *session,
                                     const cclip_templates *templates)
{
    const struct cclip_text_embedder embedder = embedder_of(session);
    struct cclip_names prompts = { 0 };
    cclip_templates *few = NULL;
    char path[CCLIP_LIMIT_PATH];
    float *embeddings = NULL;
    cclip_status status = cclip_share_find(path, sizeof path, "templates/opposing.txt");
    if (!status)
        status = cclip_word_list_read(&prompts, path);
    if (!status)
        status = few_templates(&few, templates);
    if (!status && !(embeddings = cclip_allocate(prompts.count * embedder.dim, sizeof *embeddings)))
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_class_weights(embeddings, &embedder,
                                     (const char *const *)prompts.names, prompts.count, few);
    if (!status)
        status = cclip_opposition_open(&classifier->opposition, embeddings, prompts.count,
                                       embedder.dim, classifier->weights, classifier->labels.count);
    cclip_release(embeddings);
    cclip_templates_close(&few);
    cclip_names_close(&prompts);
    return status;
}

/* calibration.json in the checkpoint's folder, or beside the checkpoint's file. */
static cclip_status own_calibration(cclip_calibration *out, const char *model)
{
    static const char name[] = "calibration.json";
    const size_t folder = cclip_is_folder(model) ? strlen(model)
                                                 : (size_t)(cclip_path_name(model) - model);
    char path[CCLIP_LIMIT_PATH];
    const int length = snprintf(path, sizeof path, "%.*s%s%s", (int)folder, model,
                                folder && model[folder - 1] != '/' ? "/" : "", name);
    if (length < 0 || (size_t)length >= sizeof path || !cclip_is_file(path))
        return CCLIP_OK;
    return cclip_calibration_load(out, path);
}

cclip_status cclip_classifier_open_independent(cclip_classifier **out, cclip_session *session,
                                               const char *const *labels, size_t count,
                                               const cclip_templates *templates)
{
    cclip_status status = cclip_classifier_open(out, session, labels, count, templates);
    if (!status)
        status = embed_opposition(*out, session, templates);
    if (!status)
        status = own_calibration(&(*out)->calibration, session->model->path);
    if (status)
        cclip_classifier_close(out);
    return status;
}

size_t cclip_classifier_count(const cclip_classifier *classifier)
{
    return classifier->labels.count;
}

const char *cclip_classifier_label(const cclip_classifier *classifier, size_t index)
{
    return index < classifier->labels.count ? classifier->labels.names[index] : NULL;
}

const float *cclip_classifier_weights(const cclip_classifier *classifier)
{
    return classifier->weights;
}

cclip_status cclip_classifier_logits(const cclip_classifier *classifier, float *logits,
                                     const float *embeddings, size_t pictures)
{
    cclip_label_logits(logits, embeddings, pictures, classifier->weights, classifier->labels.count,
                       classifier->dim, classifier->scale, classifier->bias);
    for (size_t i = 0; classifier->biases && i < pictures * classifier->labels.count; i++)
        logits[i] += classifier->biases[i % classifier->labels.count];
    return CCLIP_OK;
}

cclip_status cclip_classifier_scores(const cclip_classifier *classifier, float *scores,
                                     const float *embeddings, size_t pictures)
{
    const cclip_status status = cclip_classifier_logits(classifier, scores, embeddings, pictures);
    cclip_softmax_rows(scores, pictures, classifier->labels.count);
    return status;
}

static cclip_status need_opposition(const cclip_classifier *classifier)
{
    if (classifier->opposition.count)
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_ARGUMENT, "this classifier has no opposing prompts: open it with "
                                            "cclip_classifier_open_independent");
}

cclip_status cclip_classifier_evidence(const cclip_classifier *classifier, float *evidence,
                                       const float *embeddings, size_t pictures)
{
    cclip_status status = need_opposition(classifier);
    if (status)
        return status;
    double *scratch = cclip_allocate(classifier->opposition.count, sizeof *scratch);
    if (!scratch)
        return CCLIP_ERROR_MEMORY;
    for (size_t p = 0; p < pictures; p++)
        cclip_opposition_evidence(&classifier->opposition, evidence + p * classifier->labels.count,
                                  scratch, embeddings + p * classifier->dim, classifier->scale,
                                  classifier->bias);
    cclip_release(scratch);
    return CCLIP_OK;
}

cclip_status cclip_classifier_independent(const cclip_classifier *classifier, float *probabilities,
                                          const float *embeddings, size_t pictures)
{
    const size_t labels = classifier->labels.count;
    cclip_status status = need_opposition(classifier);
    if (status)
        return status;
    float *evidence = cclip_allocate(labels, sizeof *evidence);
    if (!evidence)
        return CCLIP_ERROR_MEMORY;
    for (size_t p = 0; p < pictures && !status; p++) {
        const float *embedding = embeddings + p * classifier->dim;
        float *row = probabilities + p * labels;
        status = cclip_classifier_evidence(classifier, evidence, embedding, 1);
        if (!status)
            status = cclip_classifier_logits(classifier, row, embedding, 1);
        for (size_t l = 0; l < labels && !status; l++)
            row[l] = (float)cclip_calibrated(&classifier->calibration, (double)row[l],
                                             (double)evidence[l]);
    }
    cclip_release(evidence);
    return status;
}

/* Room for the predictors of every pair of a fit. */
struct pairs {
    float *logits, *evidence;
    unsigned char *yes;
};

static void pairs_close(struct pairs *pairs)
{
    cclip_release(pairs->logits);
    cclip_release(pairs->evidence);
    cclip_release(pairs->yes);
}

static cclip_status pairs_open(struct pairs *pairs, size_t count)
{
    pairs->logits = cclip_allocate(count, sizeof *pairs->logits);
    pairs->evidence = cclip_allocate(count, sizeof *pairs->evidence);
    pairs->yes = cclip_allocate_zero(count, sizeof *pairs->yes);
    return pairs->logits && pairs->evidence && pairs->yes ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static cclip_status check_truth(const int32_t *truth, size_t pictures, size_t labels)
{
    for (size_t p = 0; p < pictures; p++)
        if (truth[p] < -1 || (truth[p] >= 0 && (size_t)truth[p] >= labels))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "picture %zu: label %d of %zu", p, (int)truth[p],
                              labels);
    return CCLIP_OK;
}

cclip_status cclip_classifier_fit(cclip_calibration *out, const cclip_classifier *classifier,
                                  const float *embeddings, const int32_t *truth, size_t pictures)
{
    const size_t labels = classifier->labels.count;
    const size_t every = 1 + pictures / (1 + PAIRS_OF_A_FIT / labels);
    const size_t used = (pictures + every - 1) / every;
    struct pairs pairs = { NULL, NULL, NULL };
    cclip_status status = need_opposition(classifier);
    if (!status)
        status = check_truth(truth, pictures, labels);
    if (!status)
        status = pairs_open(&pairs, used * labels);
    for (size_t i = 0; i < used && !status; i++) {
        const size_t picture = i * every;
        const float *embedding = embeddings + picture * classifier->dim;
        status = cclip_classifier_logits(classifier, pairs.logits + i * labels, embedding, 1);
        if (!status)
            status = cclip_classifier_evidence(classifier, pairs.evidence + i * labels, embedding, 1);
        if (truth[picture] >= 0)
            pairs.yes[i * labels + (size_t)truth[picture]] = 1;
    }
    if (!status)
        status = cclip_calibration_fit_pairs(out, pairs.logits, pairs.evidence, pairs.yes, NULL,
                                             used * labels);
    pairs_close(&pairs);
    return status;
}

void cclip_calibration_init(cclip_calibration *calibration)
{
    *calibration = (cclip_calibration)CCLIP_CALIBRATION_INIT;
}

cclip_status cclip_calibration_read(cclip_calibration *out, const char *path)
{
    return cclip_calibration_load(out, path);
}

cclip_status cclip_calibration_write(const cclip_calibration *calibration, const char *path)
{
    return cclip_calibration_save(calibration, path);
}

cclip_status cclip_classifier_set_calibration(cclip_classifier *classifier,
                                              const cclip_calibration *calibration)
{
    const cclip_status status = cclip_calibration_check(calibration, "calibration");
    if (!status)
        classifier->calibration = *calibration;
    return status;
}

void cclip_classifier_get_calibration(const cclip_classifier *classifier, cclip_calibration *out)
{
    *out = classifier->calibration;
}

cclip_status cclip_calibration_measure(cclip_calibration_quality *out, const float *probabilities,
                                       const int32_t *truth, size_t pictures, size_t count)
{
    if (out->version != CCLIP_CALIBRATION_QUALITY_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "calibration quality: version %u is not known",
                          (unsigned)out->version);
    const cclip_status status = check_truth(truth, pictures, count);
    return status ? status
                  : cclip_calibration_quality_of(out, probabilities, truth, pictures, count);
}

cclip_status cclip_classify_file(cclip_session *session, float *scores, const char *path,
                                 const char *const *labels, size_t count)
{
    cclip_classifier *classifier = NULL;
    float *embedding = cclip_allocate(session->model->config.embedding_dim, sizeof *embedding);
    cclip_status status = embedding ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_classifier_open(&classifier, session, labels, count, NULL);
    if (!status)
        status = cclip_embed_files(session, embedding, &path, 1, NULL, 1, NULL, NULL);
    if (!status)
        status = cclip_classifier_scores(classifier, scores, embedding, 1);
    cclip_classifier_close(&classifier);
    cclip_release(embedding);
    return status;
}
