/* cclip evaluate: a model on a labelled set, or models on a suite of them. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/suite.h"

struct settings {
    struct cclip_common common;
    int task;
    const char *dataset, *split, *templates, *classnames, *image_column, *caption_column,
        *separator;
    const char *probe, *output, *suite, *csv;
    struct cclip_texts models;
    struct cclip_integers recall_k;
    int64_t batch, resamples, seed;
    double confidence;
};
enum { SUITE_RESAMPLES = 1000 };

static const struct cclip_choice tasks[] = {
    { "auto", CCLIP_TASK_AUTO, 0 },
    { "zeroshot_classification", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION, 0 },
    { "zeroshot_retrieval", CCLIP_TASK_ZERO_SHOT_RETRIEVAL, 0 },
    { "classification", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION, 1 },
    { "retrieval", CCLIP_TASK_ZERO_SHOT_RETRIEVAL, 1 },
    { NULL, 0, 0 }
};

static cclip_status print_result(const struct settings *s, const cclip_evaluation *evaluation)
{
    const char *json = cclip_evaluation_json(evaluation);
    cclip_status status = CCLIP_OK;
    if (s->output) {
        struct cclip_buffer text;
        cclip_buffer_open(&text, (size_t)1 << 24);
        status = cclip_buffer_text(&text, json);
        if (!status)
            status = cclip_buffer_byte(&text, '\n');
        if (!status)
            status = cclip_file_write(s->output, text.data, text.length);
        cclip_buffer_close(&text);
    }
    if (status || s->common.json)
        return status ? status : cclip_print("%s\n", json);
    struct cclip_table table;
    cclip_table_open(&table, "<>");
    cclip_table_cell(&table, "samples");
    cclip_table_cell(&table, "%zu", cclip_evaluation_samples(evaluation));
    for (size_t i = 0; i < cclip_evaluation_count(evaluation); i++) {
        cclip_table_cell(&table, "%s", cclip_evaluation_name(evaluation, i));
        const double value = cclip_evaluation_value(evaluation, i);
        if (isnan(value)) /* top-5 of fewer than five classes */
            cclip_table_cell(&table, "-");
        else if (s->resamples > 0)
            cclip_table_cell(&table, "%.2f %% [%.2f, %.2f]", 100 * value,
                             100 * cclip_evaluation_low(evaluation, i),
                             100 * cclip_evaluation_high(evaluation, i));
        else
            cclip_table_cell(&table, "%.2f %%", 100 * value);
    }
    status = cclip_table_print(&table);
    cclip_table_close(&table);
    return status;
}

static int choose_options(cclip_evaluate_options *out, const struct cclip_verb *verb,
                          const struct settings *s)
{
    cclip_evaluate_options_init(out);
    out->task = (cclip_task)s->task;
    out->templates = s->templates;
    out->classnames = s->classnames;
    out->probe = s->probe;
    out->batch = (size_t)s->batch;
    if (s->split)
        out->split = s->split;
    if (s->image_column)
        out->image_column = s->image_column;
    if (s->caption_column)
        out->caption_column = s->caption_column;
    if (s->recall_k.count) {
        out->recall_k = s->recall_k.items;
        out->recall_k_count = s->recall_k.count;
    }
    return cclip_choose_separator(&out->separator, verb, s->separator);
}

static int evaluate(const struct settings *s, const struct cclip_opened *opened, const char *data,
                    cclip_evaluate_options *options)
{
    cclip_evaluation *evaluation = NULL;
    struct cclip_progress progress;
    cclip_progress_open(&progress, "samples", 0);
    options->skip = cclip_say_skipped;
    options->progress = cclip_progress_step;
    options->user = &progress;
    cclip_status status = cclip_evaluate(&evaluation, opened->session, data, options);
    cclip_progress_close(&progress);
    if (!status)
        status = print_result(s, evaluation);
    if (status) {
        cclip_evaluation_close(&evaluation);
        return cclip_report_failure();
    }
    const size_t skipped = cclip_evaluation_skipped(evaluation);
    const size_t total = cclip_evaluation_samples(evaluation) + skipped;
    cclip_evaluation_close(&evaluation);
    return cclip_exit_status(skipped, total, "samples");
}

static int run_set(const struct cclip_verb *verb, const struct settings *s, const char *data,
                   cclip_evaluate_options *options)
{
    struct cclip_opened opened;
    cclip_preprocessing preprocessing;
    struct cclip_common common = s->common;
    if (s->models.count > 1)
        return cclip_usage_error(verb, "several models are compared on a --suite only");
    common.model = s->models.count ? s->models.items[0] : NULL;
    int code = cclip_opened_session(&opened, verb, &common);
    if (!code)
        code = cclip_choose_preprocessing(&preprocessing, verb, &common, &opened.info, 0);
    if (!code) {
        options->preprocessing = &preprocessing;
        code = evaluate(s, &opened, data, options);
    }
    cclip_opened_close(&opened);
    return code;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    const char *data = arguments->count ? arguments->items[0] : s->dataset;
    cclip_bootstrap_options bootstrap = CCLIP_BOOTSTRAP_OPTIONS_INIT;
    struct cclip_suite_request request = { .verb = verb,
                                           .common = &s->common,
                                           .models = &s->models,
                                           .suite = s->suite,
                                           .output = s->output,
                                           .csv = s->csv };
    if (s->probe && (s->templates || s->task == CCLIP_TASK_ZERO_SHOT_RETRIEVAL))
        return cclip_usage_error(verb, "--probe has classes of its own, and needs neither captions nor "
                                       "templates");
    if (s->probe && s->suite)
        return cclip_usage_error(verb, "--probe knows the classes of one set, not of a --suite");
    const int code = choose_options(&request.options, verb, s);
    if (code)
        return code;
    if (!data == !s->suite)
        return cclip_usage_error(verb, data ? "DATA and --suite exclude each other"
                                            : "no data set; usage: cclip evaluate [options] DATA");
    if (s->csv && !s->suite)
        return cclip_usage_error(verb, "--csv is for the results of a --suite");
    if (s->output && cclip_output_check(s->output, "{", "JSON object"))
        return cclip_report_failure();
    if (s->csv && cclip_output_check(s->csv, "dataset,", "table of results"))
        return cclip_report_failure();
    bootstrap.resamples = s->resamples > 0 ? (size_t)s->resamples : SUITE_RESAMPLES;
    bootstrap.seed = (uint64_t)s->seed;
    bootstrap.confidence = s->confidence;
    if (s->suite || s->resamples > 0)
        request.options.bootstrap = &bootstrap;
    return s->suite ? cclip_suite_run(&request) : run_set(verb, s, data, &request.options);
}

static const struct settings defaults = { .batch = 64, .confidence = 0.95 };

#define FIELD(field) offsetof(struct settings, field)
static const struct cclip_option options[] = {
    { "model", 0, CCLIP_OPTION_TEXTS, "MODEL",
      "checkpoint file, folder or name in the cache (default: $CCLIP_MODEL, else the one that "
      "ships with cclip); with --suite several, to compare them",
      FIELD(models), 0, 0, 0, NULL },
    { "suite", 0, CCLIP_OPTION_TEXT, "FILE",
      "measure the sets of a table: a line each, with the columns path, name, kind, task, "
      "templates ...",
      FIELD(suite), 0, 0, 0, NULL },
    { "task", 0, CCLIP_OPTION_CHOICE, "TASK", "what to measure (default auto)", FIELD(task), 0, 0,
      0, tasks },
    { "dataset", 0, CCLIP_OPTION_TEXT, "DATA", "the data set, instead of the argument",
      FIELD(dataset), 0, 0, 0, NULL },
    { "split", 0, CCLIP_OPTION_TEXT, "NAME", "sub-folder of a WebDataset folder (default test)",
      FIELD(split), 0, 0, 0, NULL },
    { "templates-from", 0, CCLIP_OPTION_TEXT, "FILE",
      "templates: a file, or photo, icon, art (default: the set's own, else the label alone)",
      FIELD(templates), 0, 0, 0, NULL },
    { "classnames", 0, CCLIP_OPTION_TEXT, "FILE",
      "class names, one a line (default: the set's own)", FIELD(classnames), 0, 0, 0, NULL },
    { "probe", 0, CCLIP_OPTION_TEXT, "FILE",
      "a linear probe of `cclip probe` classifies, instead of texts", FIELD(probe), 0, 0, 0, NULL },
    { "recall-k", 0, CCLIP_OPTION_INTEGERS, "K[,K]",
      "retrieval: recall at these ranks (default 1,5,10)", FIELD(recall_k), 0, 1, 1 << 20, NULL },
    { "csv-img-key", 0, CCLIP_OPTION_TEXT, "NAME",
      "column of a CSV with the path (default filepath)", FIELD(image_column), 0, 0, 0, NULL },
    { "csv-caption-key", 0, CCLIP_OPTION_TEXT, "NAME",
      "column of a CSV with the caption (default title)", FIELD(caption_column), 0, 0, 0, NULL },
    { "csv-separator", 0, CCLIP_OPTION_TEXT, "C",
      "of a CSV: a character, tab, comma or semicolon (default: by the first line)",
      FIELD(separator), 0, 0, 0, NULL },
    { "batch", 0, CCLIP_OPTION_INTEGER, "N", "pictures at a time (default 64)", FIELD(batch), 0, 1,
      65536, NULL },
    { "resamples", 0, CCLIP_OPTION_INTEGER, "N",
      "bootstrap intervals from N resamples (default: 1000 with --suite, else none)",
      FIELD(resamples), 0, 1, 1000000, NULL },
    { "confidence", 0, CCLIP_OPTION_NUMBER, "P", "of the intervals (default 0.95)",
      FIELD(confidence), 0, 0.01, 0.9999, NULL },
    { "seed", 0, CCLIP_OPTION_INTEGER, "N", "of the resamples (default 0)", FIELD(seed), 0, 0,
      1e15, NULL },
    { "output", 'o', CCLIP_OPTION_TEXT, "FILE", "write the JSON result to FILE too", FIELD(output),
      0, 0, 0, NULL },
    { "csv", 0, CCLIP_OPTION_TEXT, "FILE",
      "with --suite: write the results to FILE as CLIP_benchmark's CSV", FIELD(csv), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef FIELD

const struct cclip_verb cclip_command_evaluate = {
    "evaluate",
    "a model on a labelled set: zero-shot accuracy, retrieval recall",
    "[DATA]",
    "DATA is a folder in CLIP_benchmark's WebDataset layout, a tar file or brace range of tar "
    "files with "
    "--classnames, a folder of class folders, or a CSV or TSV file of paths and captions. Prints "
    "top-1, "
    "top-5 and mean per-class recall, or recall at K in both directions; with --json one object "
    "with "
    "CLIP_benchmark's keys.\n\n"
    "With --suite FILE many sets are measured and printed as one table, with bootstrap intervals; several "
    "--model are put beside each other, with the intervals of their differences. A set that fails is "
    "named, and the rest goes on.\n\n"
    "Samples that cannot be read are named, counted and left out.",
    "cclip evaluate cifar10 --model ViT-B-32.pt --json\n"
    "cclip evaluate --suite suite.tsv --model mine --model ViT-B-32.pt --csv results.csv\n"
    "cclip evaluate captions.csv --task zeroshot_retrieval --recall-k 1,5",
    "CLIP_benchmark's: `dataset`, `model`, `pretrained`, `task`, `metrics` {`acc1`, `acc5`, "
    "`mean_per_class_recall`, with --probe each with `lp_` before it, or `image_retrieval_recall@K`, "
    "`text_retrieval_recall@K`}, "
    "`language`; with --suite or --resamples also `kind` (where the suite says one), `samples`, "
    "`intervals` {by metric: [low, high]}, `confidence`, `resamples`",
    options,
    CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    0,
    1,
    sizeof(struct settings),
    &defaults,
    run
};
