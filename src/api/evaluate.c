/* The functions of evaluate.h: a data set, batch by batch, to figures. */
#include <cclip/evaluate.h>
#include <cclip/zero_shot.h>

#include <math.h>
#include <string.h>

#include "api/bootstrap_options.h"
#include "api/classifier.h"
#include "api/sample_batches.h"
#include "api/session.h"
#include "base/limits.h"
#include "base/memory.h"
#include "evaluate/bootstrap.h"
#include "evaluate/classification.h"
#include "evaluate/figures.h"
#include "evaluate/outcomes.h"
#include "evaluate/retrieval.h"
#include "train/probe_file.h"

struct cclip_evaluation {
    struct cclip_figures figures;
    struct cclip_outcome_figure *kinds; /* [figures]: how each is computed of the outcomes */
    size_t kinds_capacity;
    struct cclip_outcomes outcomes;
    const char *task;
    size_t samples, skipped;
    int32_t *predictions, *labels; /* [samples], or NULL for retrieval */
    size_t predictions_capacity, labels_capacity;
    struct cclip_buffer json;
};

/* One evaluation on its way. */
struct run {
    struct cclip_evaluation *evaluation;
    const char *path;
    const cclip_evaluate_options *options;
    cclip_session *session;
    struct cclip_data_set set;
    struct cclip_sample_batches batches;
    cclip_probe *probe; /* or NULL */
};

void cclip_evaluate_options_init(cclip_evaluate_options *options)
{
    *options = (cclip_evaluate_options)CCLIP_EVALUATE_OPTIONS_INIT;
}

void cclip_evaluation_close(cclip_evaluation **out)
{
    struct cclip_evaluation *evaluation = *out;
    if (!evaluation)
        return;
    cclip_figures_close(&evaluation->figures);
    cclip_release(evaluation->kinds);
    cclip_outcomes_close(&evaluation->outcomes);
    cclip_release(evaluation->predictions);
    cclip_release(evaluation->labels);
    cclip_buffer_close(&evaluation->json);
    cclip_release(evaluation);
    *out = NULL;
}

static cclip_status report_progress(const struct run *run)
{
    const cclip_evaluate_options *options = run->options;
    if (!options->progress ||
        !options->progress(options->user, run->batches.read, run->set.source->total))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_CANCELLED, "%s: stopped after %zu samples", run->path,
                      run->batches.read);
}

/* The next batch with samples in it; count 0 after the last one. */
static cclip_status next_batch(struct run *run)
{
    cclip_status status = report_progress(run);
    if (!status)
        status = cclip_sample_batches_next(&run->batches);
    if (!status)
        run->evaluation->samples += run->batches.count;
    return status;
}

static cclip_status check_count(const struct run *run)
{
    if (run->evaluation->samples)
        return report_progress(run);
    return run->batches.read
               ? cclip_fail(CCLIP_ERROR_FORMAT, "%s: none of %zu samples could be used", run->path,
                            run->batches.read)
               : cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no samples", run->path);
}

/* A figure with what it is made of. */
static cclip_status add_figure(struct cclip_evaluation *e, const char *name,
                               enum cclip_outcome_figure_kind kind, size_t k)
{
    const struct cclip_outcome_figure figure = { kind, k };
    cclip_status status = cclip_grow(&e->kinds, &e->kinds_capacity, e->figures.count + 1,
                                     sizeof *e->kinds, CCLIP_LIMIT_SAMPLES, "figures");
    if (!status)
        status = cclip_figures_add(&e->figures, name, k,
                                   cclip_outcomes_value(&e->outcomes, &figure, NULL));
    if (!status)
        e->kinds[e->figures.count - 1] = figure;
    return status;
}

/* Classification. */

static cclip_status open_classifier(cclip_classifier **out, const struct run *run)
{
    if (run->probe)
        return cclip_classifier_open_probe_for(out, run->session, run->probe, &run->set.classes,
                                               run->path);
    const char *source =
        run->options->templates ? run->options->templates : run->set.templates;
    const struct cclip_names *classes = &run->set.classes;
    cclip_templates *templates = NULL;
    cclip_status status = source ? cclip_templates_open(&templates, source) : CCLIP_OK;
    *out = NULL;
    if (!status)
        status = cclip_classifier_open(out, run->session, (const char *const *)classes->names,
                                       classes->count, templates);
    cclip_templates_close(&templates);
    return status;
}

/* Ranks and labels of the samples so far. */
struct judged {
    size_t *ranks, capacity;
    float *scores; /* [classes]: of the picture at hand */
};

static cclip_status judge_batch(struct run *run, struct judged *judged,
                                const cclip_classifier *classifier)
{
    struct cclip_evaluation *e = run->evaluation;
    const struct cclip_sample_batches *b = &run->batches;
    const size_t classes = classifier->labels.count, first = e->samples - b->count;
    cclip_status status = cclip_grow(&e->predictions, &e->predictions_capacity, e->samples,
                                     sizeof *e->predictions, CCLIP_LIMIT_SAMPLES, "samples");
    if (!status)
        status = cclip_grow(&e->labels, &e->labels_capacity, e->samples, sizeof *e->labels,
                            CCLIP_LIMIT_SAMPLES, "samples");
    if (!status)
        status = cclip_grow(&judged->ranks, &judged->capacity, e->samples, sizeof *judged->ranks,
                            CCLIP_LIMIT_SAMPLES, "samples");
    for (size_t i = 0; i < b->count && !status; i++) {
        const int32_t label = b->samples[i].label;
        status = cclip_classifier_logits(classifier, judged->scores, b->rows + i * b->dim, 1);
        if (status)
            break;
        e->labels[first + i] = label;
        e->predictions[first + i] = (int32_t)cclip_best_class(judged->scores, classes);
        judged->ranks[first + i] = cclip_class_rank(judged->scores, classes, (size_t)label);
    }
    return status;
}

static cclip_status add_class_figures(struct run *run)
{
    static const struct {
        const char *name, *of_probe;
        enum cclip_outcome_figure_kind kind;
        size_t k;
    } figures[] = { { "acc1", "lp_acc1", CCLIP_FIGURE_TOP_K, 1 },
                    { "acc5", "lp_acc5", CCLIP_FIGURE_TOP_K, 5 },
                    { "mean_per_class_recall", "lp_mean_per_class_recall", CCLIP_FIGURE_CLASS_MEAN,
                      0 } };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof figures / sizeof *figures && !status; i++)
        status = add_figure(run->evaluation, run->probe ? figures[i].of_probe : figures[i].name,
                            figures[i].kind, figures[i].k);
    return status;
}

static cclip_status classify(struct run *run)
{
    struct cclip_evaluation *e = run->evaluation;
    struct judged judged = { 0 };
    cclip_classifier *classifier = NULL;
    cclip_status status = report_progress(run);
    if (!status)
        status = open_classifier(&classifier, run);
    const size_t classes = status ? 0 : classifier->labels.count; /* a probe may know more than the set */
    if (!status && !(judged.scores = cclip_allocate(classes, sizeof *judged.scores)))
        status = CCLIP_ERROR_MEMORY;
    while (!status && !(status = next_batch(run)) && run->batches.count)
        status = judge_batch(run, &judged, classifier);
    if (!status)
        status = check_count(run);
    if (!status)
        status = cclip_outcomes_of_classes(&e->outcomes, &judged.ranks, e->labels, e->samples,
                                           classes);
    if (!status)
        status = add_class_figures(run);
    cclip_release(judged.ranks);
    cclip_release(judged.scores);
    cclip_classifier_close(&classifier);
    return status;
}

/* Retrieval: all embeddings are kept until the end. */

struct found {
    float *images, *texts;
    size_t *image_of_text;
    size_t image_count, text_count;
    size_t images_capacity, texts_capacity, index_capacity;
};

static void found_close(struct found *found)
{
    cclip_release(found->images);
    cclip_release(found->texts);
    cclip_release(found->image_of_text);
}

static cclip_status make_room(struct found *found, size_t images, size_t texts, size_t dim)
{
    cclip_status status =
        cclip_grow(&found->images, &found->images_capacity, found->image_count + images,
                   dim * sizeof *found->images, CCLIP_LIMIT_SAMPLES, "samples");
    if (!status)
        status = cclip_grow(&found->texts, &found->texts_capacity, found->text_count + texts,
                            dim * sizeof *found->texts, CCLIP_LIMIT_SAMPLES, "captions");
    if (!status)
        status = cclip_grow(&found->image_of_text, &found->index_capacity,
                            found->text_count + texts, sizeof *found->image_of_text,
                            CCLIP_LIMIT_SAMPLES, "captions");
    return status;
}

static size_t count_texts(const struct cclip_sample_batches *b)
{
    size_t texts = 0;
    for (size_t i = 0; i < b->count; i++)
        texts += b->samples[i].text_count;
    return texts;
}

/* The captions of a batch, long ones cut as the reference does. */
static cclip_status embed_captions(struct run *run, struct found *found, size_t count)
{
    const struct cclip_sample_batches *b = &run->batches;
    const char **texts = cclip_allocate(count, sizeof *texts);
    size_t *lengths = cclip_allocate(count, sizeof *lengths), at = 0;
    cclip_status status = texts && lengths ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < b->count && !status; i++) {
        for (size_t k = 0; k < b->samples[i].text_count; k++, at++) {
            texts[at] = cclip_sample_text(&b->samples[i], k, &lengths[at]);
            found->image_of_text[found->text_count + at] = found->image_count + i;
        }
    }
    if (!status)
        status = cclip_embed_texts(run->session, found->texts + found->text_count * b->dim, texts,
                                   lengths, count, 1, 1);
    cclip_release((void *)texts);
    cclip_release(lengths);
    return status;
}

static cclip_status keep_batch(struct run *run, struct found *found)
{
    const struct cclip_sample_batches *b = &run->batches;
    const size_t texts = count_texts(b);
    cclip_status status = make_room(found, b->count, texts, b->dim);
    if (!status)
        status = embed_captions(run, found, texts);
    if (status)
        return status;
    memcpy(found->images + found->image_count * b->dim, b->rows,
           b->count * b->dim * sizeof *found->images);
    found->image_count += b->count;
    found->text_count += texts;
    return CCLIP_OK;
}

static cclip_status add_recalls(struct run *run)
{
    static const size_t usual[] = { 1, 5, 10 };
    const cclip_evaluate_options *options = run->options;
    const size_t *k = options->recall_k ? options->recall_k : usual;
    const size_t count =
        options->recall_k ? options->recall_k_count : sizeof usual / sizeof *usual;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = add_figure(run->evaluation, "image_retrieval_recall@%zu",
                            CCLIP_FIGURE_IMAGE_RECALL, k[i]);
        if (!status)
            status = add_figure(run->evaluation, "text_retrieval_recall@%zu",
                                CCLIP_FIGURE_TEXT_RECALL, k[i]);
    }
    return status;
}

/* The embeddings become ranks, and which text belongs to which image is handed over to the outcomes. */
static cclip_status measure_retrieval(struct run *run, struct found *found)
{
    const struct cclip_retrieval retrieval = { .images = found->images,
                                               .texts = found->texts,
                                               .image_count = found->image_count,
                                               .text_count = found->text_count,
                                               .dim = run->batches.dim,
                                               .image_of_text = found->image_of_text };
    struct cclip_outcomes *o = &run->evaluation->outcomes;
    *o = (struct cclip_outcomes){ .pictures = found->image_count, .texts = found->text_count };
    o->image_ranks = cclip_allocate(found->text_count, sizeof *o->image_ranks);
    o->ranks = cclip_allocate(found->image_count, sizeof *o->ranks);
    cclip_status status = o->image_ranks && o->ranks ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_retrieval_ranks(o->image_ranks, o->ranks, &retrieval, run->session->pool);
    o->image_of_text = found->image_of_text;
    found->image_of_text = NULL;
    return status ? status : add_recalls(run);
}

static cclip_status retrieve(struct run *run)
{
    struct found found = { 0 };
    cclip_status status = CCLIP_OK;
    while (!status && !(status = next_batch(run)) && run->batches.count)
        status = keep_batch(run, &found);
    if (!status)
        status = check_count(run);
    if (!status)
        status = measure_retrieval(run, &found);
    found_close(&found);
    return status;
}

/* By the task of the data set. */
static const struct {
    const char *name;
    cclip_status (*measure)(struct run *run);
} tasks[] = { [CCLIP_DATA_CLASSES] = { "zeroshot_classification", classify },
              [CCLIP_DATA_CAPTIONS] = { "zeroshot_retrieval", retrieve } };

static cclip_status check_options(const cclip_evaluate_options *o)
{
    if (o->version != CCLIP_EVALUATE_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "evaluate options: version %u is not known",
                          (unsigned)o->version);
    if (o->task < CCLIP_TASK_AUTO || o->task > CCLIP_TASK_ZERO_SHOT_RETRIEVAL)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "evaluate: task %d is not known", (int)o->task);
    if (!o->batch)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "evaluate: a batch of 0 pictures");
    for (size_t i = 0; o->recall_k && i < o->recall_k_count; i++)
        if (!o->recall_k[i])
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "evaluate: recall at 0: at least 1 expected");
    return o->bootstrap ? cclip_check_bootstrap(o->bootstrap) : CCLIP_OK;
}

/* The probe, where one is asked for; it needs a set with classes. */
static cclip_status open_probe(struct run *run)
{
    const cclip_evaluate_options *o = run->options;
    if (!o->probe)
        return CCLIP_OK;
    if (o->task == CCLIP_TASK_ZERO_SHOT_RETRIEVAL || o->templates)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "evaluate: a probe has classes of its own, and neither "
                                                "captions nor templates");
    return cclip_probe_read(&run->probe, o->probe);
}

static cclip_status open_data(struct run *run)
{
    static const enum cclip_data_task wanted[] = {
        [CCLIP_TASK_AUTO] = CCLIP_DATA_AUTO,
        [CCLIP_TASK_ZERO_SHOT_CLASSIFICATION] = CCLIP_DATA_CLASSES,
        [CCLIP_TASK_ZERO_SHOT_RETRIEVAL] = CCLIP_DATA_CAPTIONS
    };
    const cclip_evaluate_options *o = run->options;
    const struct cclip_data_request request = { .path = run->path,
                                                .task = run->probe ? CCLIP_DATA_CLASSES
                                                                   : wanted[o->task],
                                                .split = o->split,
                                                .classnames = o->classnames,
                                                .image_column = o->image_column,
                                                .caption_column = o->caption_column,
                                                .separator = o->separator };
    cclip_status status = cclip_data_set_open(&run->set, &request);
    if (status)
        return status;
    run->batches = (struct cclip_sample_batches){
        .session = run->session,
        .set = &run->set,
        .preprocessing =
            o->preprocessing ? o->preprocessing : &run->session->model->config.preprocessing,
        .skip = o->skip,
        .user = o->user,
        .size = o->batch,
        .no_normalize = run->probe && !run->probe->origin.normalized
    };
    return cclip_sample_batches_open(&run->batches);
}

/* Intervals. */

struct measured {
    const struct cclip_outcomes *outcomes, *other; /* other: NULL, or what is taken off */
    const struct cclip_outcome_figure *kinds;
    size_t count;
};

static void measure_resample(const void *context, double *values, const uint32_t *counts)
{
    const struct measured *m = context;
    for (size_t i = 0; i < m->count; i++) {
        values[i] = cclip_outcomes_value(m->outcomes, &m->kinds[i], counts);
        if (m->other)
            values[i] -= cclip_outcomes_value(m->other, &m->kinds[i], counts);
    }
}

/* low and high, each [count]. */
static cclip_status find_intervals(double *low, double *high, const struct measured *m,
                                   const cclip_bootstrap_options *options)
{
    const struct cclip_bootstrap bootstrap = { .resamples = options->resamples,
                                               .seed = options->seed,
                                               .samples = m->outcomes->pictures,
                                               .figures = m->count,
                                               .measure = measure_resample,
                                               .context = m };
    double *values = cclip_allocate(m->count * options->resamples, sizeof *values);
    cclip_status status = values ? cclip_bootstrap_run(values, &bootstrap) : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < m->count && !status; i++) {
        const struct cclip_interval interval = cclip_percentile_interval(
            values + i * options->resamples, options->resamples, options->confidence);
        low[i] = interval.low;
        high[i] = interval.high;
    }
    cclip_release(values);
    return status;
}

static cclip_status keep_intervals(struct run *run)
{
    struct cclip_evaluation *e = run->evaluation;
    const struct measured m = { &e->outcomes, NULL, e->kinds, e->figures.count };
    if (!run->options->bootstrap)
        return CCLIP_OK;
    double *ends = cclip_allocate(2 * m.count, sizeof *ends);
    if (!ends)
        return CCLIP_ERROR_MEMORY;
    const cclip_status status =
        find_intervals(ends, ends + m.count, &m, run->options->bootstrap);
    for (size_t i = 0; i < m.count && !status; i++) {
        e->figures.list[i].low = ends[i];
        e->figures.list[i].high = ends[m.count + i];
    }
    cclip_release(ends);
    return status;
}

cclip_status cclip_evaluation_compare(double *difference, double *low, double *high,
                                      const cclip_evaluation *a, const cclip_evaluation *b,
                                      const cclip_bootstrap_options *options)
{
    static const cclip_bootstrap_options defaults = CCLIP_BOOTSTRAP_OPTIONS_INIT;
    const struct measured m = { &b->outcomes, &a->outcomes, a->kinds, a->figures.count };
    const cclip_bootstrap_options *o = options ? options : &defaults;
    cclip_status status = cclip_check_bootstrap(o);
    if (status)
        return status;
    int same = a->figures.count == b->figures.count && cclip_outcomes_match(&a->outcomes, &b->outcomes);
    for (size_t i = 0; i < m.count && same; i++)
        same = !strcmp(a->figures.list[i].name, b->figures.list[i].name);
    if (!same)
        return cclip_fail(CCLIP_ERROR_MISMATCH,
                          "evaluations of different samples or figures cannot be compared");
    status = find_intervals(low, high, &m, o);
    for (size_t i = 0; i < m.count && !status; i++)
        difference[i] = b->figures.list[i].value - a->figures.list[i].value;
    return status;
}

static cclip_status write_json(struct run *run)
{
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    cclip_status status = cclip_model_get_info(run->session->model, &info);
    const cclip_evaluate_options *o = run->options;
    const struct cclip_figures_about about = { .dataset = o->name ? o->name : run->path,
                                               .model = info.architecture,
                                               .pretrained = info.path,
                                               .task = run->probe ? "linear_probe"
                                                                  : tasks[run->set.task].name,
                                               .language = "en",
                                               .kind = o->kind,
                                               .samples = run->evaluation->samples,
                                               .resamples = o->bootstrap ? o->bootstrap->resamples : 0,
                                               .confidence =
                                                   o->bootstrap ? o->bootstrap->confidence : 0 };
    if (!status)
        status = cclip_figures_write(&run->evaluation->json, &run->evaluation->figures, &about);
    return status;
}

cclip_status cclip_evaluate(cclip_evaluation **out, cclip_session *session, const char *data,
                            const cclip_evaluate_options *options)
{
    static const cclip_evaluate_options defaults = CCLIP_EVALUATE_OPTIONS_INIT;
    struct run run = { .path = data,
                       .options = options ? options : &defaults,
                       .session = session };
    *out = NULL;
    cclip_status status = check_options(run.options);
    if (status)
        return status;
    run.evaluation = cclip_allocate_zero(1, sizeof *run.evaluation);
    if (!run.evaluation)
        return CCLIP_ERROR_MEMORY;
    cclip_buffer_open(&run.evaluation->json, CCLIP_LIMIT_JSON_FILE);
    status = open_probe(&run);
    if (!status)
        status = open_data(&run);
    if (!status)
        status = tasks[run.set.task].measure(&run);
    if (!status)
        status = keep_intervals(&run);
    if (!status)
        status = write_json(&run);
    run.evaluation->skipped = run.batches.skipped;
    run.evaluation->task = run.probe ? "linear_probe" : tasks[run.set.task].name;
    cclip_sample_batches_close(&run.batches);
    cclip_data_set_close(&run.set);
    cclip_probe_close(&run.probe);
    if (status)
        cclip_evaluation_close(&run.evaluation);
    *out = run.evaluation;
    return status;
}

size_t cclip_evaluation_count(const cclip_evaluation *evaluation)
{
    return evaluation->figures.count;
}

const char *cclip_evaluation_name(const cclip_evaluation *evaluation, size_t index)
{
    return index < evaluation->figures.count ? evaluation->figures.list[index].name : NULL;
}

double cclip_evaluation_value(const cclip_evaluation *evaluation, size_t index)
{
    return index < evaluation->figures.count ? evaluation->figures.list[index].value : 0;
}

double cclip_evaluation_low(const cclip_evaluation *evaluation, size_t index)
{
    return index < evaluation->figures.count ? evaluation->figures.list[index].low : (double)NAN;
}

double cclip_evaluation_high(const cclip_evaluation *evaluation, size_t index)
{
    return index < evaluation->figures.count ? evaluation->figures.list[index].high : (double)NAN;
}

size_t cclip_evaluation_samples(const cclip_evaluation *evaluation)
{
    return evaluation->samples;
}

size_t cclip_evaluation_skipped(const cclip_evaluation *evaluation)
{
    return evaluation->skipped;
}

const int32_t *cclip_evaluation_predictions(const cclip_evaluation *evaluation)
{
    return evaluation->predictions;
}

const int32_t *cclip_evaluation_labels(const cclip_evaluation *evaluation)
{
    return evaluation->labels;
}

const char *cclip_evaluation_task(const cclip_evaluation *evaluation)
{
    return evaluation->task;
}

const char *cclip_evaluation_json(const cclip_evaluation *evaluation)
{
    return evaluation->json.data;
}
