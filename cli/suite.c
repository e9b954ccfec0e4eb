#include "cli/suite.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/output.h"

struct work {
    const struct cclip_suite_request *request;
    cclip_suite *suite;
    struct cclip_suite_results results;
    struct cclip_buffer lines; /* JSON, for --output */
    size_t failed, skipped;    /* sets, times models; samples */
};

static size_t model_count(const struct cclip_suite_request *request)
{
    return request->models->count ? request->models->count : 1;
}

static struct cclip_common common_of(const struct cclip_suite_request *request, size_t model)
{
    struct cclip_common common = *request->common;
    common.model = request->models->count ? request->models->items[model] : NULL;
    return common;
}

static cclip_evaluate_options options_of(const struct cclip_suite_request *request,
                                         const cclip_suite_set *set)
{
    cclip_evaluate_options options = request->options;
    options.name = set->name;
    options.kind = set->kind;
    options.task = set->task ? set->task : options.task;
    options.templates = set->templates ? set->templates : options.templates;
    options.classnames = set->classnames ? set->classnames : options.classnames;
    options.split = set->split ? set->split : options.split;
    options.image_column = set->image_column ? set->image_column : options.image_column;
    options.caption_column = set->caption_column ? set->caption_column : options.caption_column;
    return options;
}

static cclip_status keep_result(struct work *w, const cclip_evaluation *evaluation)
{
    const char *json = cclip_evaluation_json(evaluation);
    cclip_status status = cclip_buffer_text(&w->lines, json);
    if (!status)
        status = cclip_buffer_byte(&w->lines, '\n');
    return status || !w->request->common->json ? status : cclip_print("%s\n", json);
}

/* Failures that the next set would meet again, or that end the work. */
static int ends_all(cclip_status status)
{
    return status == CCLIP_ERROR_MEMORY || status == CCLIP_ERROR_CANCELLED;
}

static cclip_status run_set(struct work *w, const struct cclip_opened *opened,
                            const cclip_preprocessing *preprocessing, size_t model, size_t index)
{
    cclip_suite_set set = { .version = CCLIP_SUITE_SET_VERSION };
    struct cclip_progress progress;
    cclip_evaluation **place = &w->results.evaluations[model * w->results.sets + index];
    cclip_status status = cclip_suite_get(w->suite, index, &set);
    cclip_evaluate_options options = options_of(w->request, &set);
    options.preprocessing = preprocessing;
    options.skip = cclip_say_skipped;
    options.progress = cclip_progress_step;
    options.user = &progress;
    cclip_progress_open(&progress, set.name, 0);
    if (!status)
        status = cclip_evaluate(place, opened->session, set.path, &options);
    cclip_progress_close(&progress);
    if (!status) {
        w->skipped += cclip_evaluation_skipped(*place);
        return keep_result(w, *place);
    }
    if (ends_all(status))
        return status;
    w->failed++;
    cclip_message("%s: not measured: %s", set.name, cclip_error_message());
    return CCLIP_OK;
}

static char *copy(const char *text)
{
    return cclip_copy_text(text, strlen(text));
}

static cclip_status note_model(struct cclip_suite_results *r, size_t model,
                               const cclip_model_info *info)
{
    r->model_names[model] = copy(cclip_path_name(info->path));
    r->architectures[model] = copy(info->architecture);
    r->paths[model] = copy(info->path);
    return r->model_names[model] && r->architectures[model] && r->paths[model]
               ? CCLIP_OK
               : CCLIP_ERROR_MEMORY;
}

/* The exit status so far; a set that fails is none of it. */
static int run_model(struct work *w, size_t model)
{
    const struct cclip_common common = common_of(w->request, model);
    struct cclip_opened opened;
    cclip_preprocessing preprocessing;
    int code = cclip_opened_session(&opened, w->request->verb, &common);
    if (!code)
        code = cclip_choose_preprocessing(&preprocessing, w->request->verb, &common, &opened.info,
                                          0);
    cclip_status status = code ? CCLIP_OK : note_model(&w->results, model, &opened.info);
    for (size_t i = 0; i < w->results.sets && !code && !status; i++)
        status = run_set(w, &opened, &preprocessing, model, i);
    cclip_opened_close(&opened);
    return status ? cclip_report_failure() : code;
}

/* A model that does not open is named before the first set, not after hours. */
static int check_models(const struct cclip_suite_request *request)
{
    int code = CCLIP_EXIT_DONE;
    for (size_t i = 0; i < model_count(request) && !code; i++) {
        const struct cclip_common common = common_of(request, i);
        struct cclip_opened opened;
        code = cclip_opened_model(&opened, &common, NULL);
        cclip_opened_close(&opened);
    }
    return code;
}

static cclip_status open_results(struct work *w)
{
    struct cclip_suite_results *r = &w->results;
    cclip_status status = cclip_suite_open(&w->suite, w->request->suite);
    if (status)
        return status;
    r->suite = w->suite;
    r->sets = cclip_suite_count(w->suite);
    r->models = model_count(w->request);
    r->bootstrap = w->request->options.bootstrap;
    r->model_names = cclip_allocate_zero(r->models, sizeof *r->model_names);
    r->architectures = cclip_allocate_zero(r->models, sizeof *r->architectures);
    r->paths = cclip_allocate_zero(r->models, sizeof *r->paths);
    r->evaluations = cclip_allocate_zero(r->models * r->sets, sizeof *r->evaluations);
    return r->model_names && r->architectures && r->paths && r->evaluations ? CCLIP_OK
                                                                            : CCLIP_ERROR_MEMORY;
}

static void close_results(struct work *w)
{
    struct cclip_suite_results *r = &w->results;
    for (size_t i = 0; i < r->models * r->sets && r->evaluations; i++)
        cclip_evaluation_close(&r->evaluations[i]);
    for (size_t i = 0; i < r->models; i++) {
        cclip_release(r->model_names ? r->model_names[i] : NULL);
        cclip_release(r->architectures ? r->architectures[i] : NULL);
        cclip_release(r->paths ? r->paths[i] : NULL);
    }
    cclip_release(r->model_names);
    cclip_release(r->architectures);
    cclip_release(r->paths);
    cclip_release(r->evaluations);
    cclip_suite_close(&w->suite);
}

/* What was measured is printed and written, also after an interrupt. */
static int finish(struct work *w)
{
    const struct cclip_suite_request *q = w->request;
    const size_t all = w->results.sets * w->results.models;
    cclip_status status = CCLIP_OK;
    if (!w->lines.length)
        return CCLIP_EXIT_FAILED; /* each failure was named */
    if (!q->common->json)
        status = cclip_suite_print(&w->results);
    if (!status && q->output)
        status = cclip_file_write(q->output, w->lines.data, w->lines.length);
    if (!status && q->csv)
        status = cclip_suite_write_csv(&w->results, q->csv);
    if (status)
        return cclip_report_failure();
    if (w->skipped)
        cclip_message("%zu samples skipped", w->skipped);
    if (w->failed)
        cclip_message("%zu of %zu evaluations failed", w->failed, all);
    return w->skipped || w->failed ? CCLIP_EXIT_SKIPPED : CCLIP_EXIT_DONE;
}

int cclip_suite_run(const struct cclip_suite_request *request)
{
    struct work w = { .request = request };
    cclip_buffer_open(&w.lines, (size_t)1 << 30);
    int code = check_models(request);
    if (!code && open_results(&w))
        code = cclip_report_failure();
    for (size_t i = 0; i < w.results.models && !code; i++)
        code = run_model(&w, i);
    if (!code || w.lines.length) {
        const int end = finish(&w);
        code = code ? code : end;
    }
    close_results(&w);
    cclip_buffer_close(&w.lines);
    return code;
}
