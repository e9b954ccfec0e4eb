/* The functions of evaluate.h: a data set, batch by batch, to figures. */
#include <cclip/evaluate.h>
#include <cclip/zero_shot.h>

#include <string.h>

#include "api/classifier.h"
#include "api/sample_batches.h"
#include "api/session.h"
#include "base/limits.h"
#include "base/memory.h"
#include "evaluate/classification.h"
#include "evaluate/figures.h"
#include "evaluate/retrieval.h"
#include "train/probe_file.h"

struct cclip_evaluation {
    struct cclip_figures figures;
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

static cclip_status tally_batch(struct run *run, struct cclip_class_tally *tally,
                                const cclip_classifier *classifier, float *scores)
{
    struct cclip_evaluation *e = run->evaluation;
    const struct cclip_sample_batches *b = &run->batches;
    cclip_status status = cclip_grow(&e->predictions, &e->predictions_capacity, e->samples,
                                     sizeof *e->predictions, CCLIP_LIMIT_SAMPLES, "samples");
    if (!status)
        status = cclip_grow(&e->labels, &e->labels_capacity, e->samples, sizeof *e->labels,
                            CCLIP_LIMIT_SAMPLES, "samples");
    for (size_t i = 0; i < b->count && !status; i++) {
        status = cclip_classifier_logits(classifier, scores, b->rows + i * b->dim, 1);
        if (status)
            break;
        const size_t place = tally->samples; /* which the next call moves on */
        e->labels[place] = b->samples[i].label;
        e->predictions[place] = cclip_class_tally_add(tally, scores, b->samples[i].label);
    }
    return status;
}

static cclip_status keep_class_figures(struct run *run, const struct cclip_class_tally *tally)
{
    const struct {
        const char *name, *of_probe;
        double value;
    } figures[] = { { "acc1", "lp_acc1", cclip_class_tally_acc1(tally) },
                    { "acc5", "lp_acc5", cclip_class_tally_acc5(tally) },
                    { "mean_per_class_recall", "lp_mean_per_class_recall",
                      cclip_class_tally_mean_recall(tally) } };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof figures / sizeof *figures && !status; i++)
        status = cclip_figures_add(&run->evaluation->figures,
                                   run->probe ? figures[i].of_probe : figures[i].name, 0,
                                   figures[i].value);
    return status;
}

static cclip_status classify(struct run *run)
{
    struct cclip_class_tally tally = { 0 };
    cclip_classifier *classifier = NULL;
    float *scores = NULL;
    cclip_status status = report_progress(run);
    if (!status)
        status = open_classifier(&classifier, run);
    const size_t classes = status ? 0 : classifier->labels.count; /* a probe may know more than the set */
    if (!status)
        status = cclip_class_tally_open(&tally, classes);
    if (!status && !(scores = cclip_allocate(classes, sizeof *scores)))
        status = CCLIP_ERROR_MEMORY;
    while (!status && !(status = next_batch(run)) && run->batches.count)
        status = tally_batch(run, &tally, classifier, scores);
    if (!status)
        status = check_count(run);
    if (!status)
        status = keep_class_figures(run, &tally);
    cclip_release(scores);
    cclip_class_tally_close(&tally);
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

static cclip_status add_recalls(struct run *run, const size_t *image_ranks, size_t texts,
                                const size_t *text_ranks, size_t images)
{
    static const size_t usual[] = { 1, 5, 10 };
    const cclip_evaluate_options *options = run->options;
    const size_t *k = options->recall_k ? options->recall_k : usual;
    const size_t count =
        options->recall_k ? options->recall_k_count : sizeof usual / sizeof *usual;
    struct cclip_figures *figures = &run->evaluation->figures;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = cclip_figures_add(figures, "image_retrieval_recall@%zu", k[i],
                                   cclip_recall_at(image_ranks, texts, k[i]));
        if (!status)
            status = cclip_figures_add(figures, "text_retrieval_recall@%zu", k[i],
                                       cclip_recall_at(text_ranks, images, k[i]));
    }
    return status;
}

static cclip_status measure_retrieval(struct run *run, const struct found *found)
{
    const struct cclip_retrieval retrieval = { .images = found->images,
                                               .texts = found->texts,
                                               .image_count = found->image_count,
                                               .text_count = found->text_count,
                                               .dim = run->batches.dim,
                                               .image_of_text = found->image_of_text };
    size_t *image_ranks = cclip_allocate(found->text_count, sizeof *image_ranks);
    size_t *text_ranks = cclip_allocate(found->image_count, sizeof *text_ranks);
    cclip_status status = image_ranks && text_ranks ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_retrieval_ranks(image_ranks, text_ranks, &retrieval, run->session->pool);
    if (!status)
        status = add_recalls(run, image_ranks, found->text_count, text_ranks, found->image_count);
    cclip_release(image_ranks);
    cclip_release(text_ranks);
    return status;
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
    return CCLIP_OK;
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

static cclip_status write_json(struct run *run)
{
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    cclip_status status = cclip_model_get_info(run->session->model, &info);
    const struct cclip_figures_about about = { .dataset = run->path,
                                               .model = info.architecture,
                                               .pretrained = info.path,
                                               .task = run->probe ? "linear_probe"
                                                                  : tasks[run->set.task].name,
                                               .language = "en" };
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
        status = write_json(&run);
    run.evaluation->skipped = run.batches.skipped;
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

const char *cclip_evaluation_json(const cclip_evaluation *evaluation)
{
    return evaluation->json.data;
}
