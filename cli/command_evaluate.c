/* cclip evaluate: a model on a labelled set. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    int task;
    const char *dataset, *split, *templates, *classnames, *image_column, *caption_column,
        *separator;
    const char *probe, *output;
    struct cclip_integers recall_k;
    int64_t batch;
};

static const struct cclip_choice tasks[] = {
    { "auto", CCLIP_TASK_AUTO, 0 },
    { "zeroshot_classification", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION, 0 },
    { "zeroshot_retrieval", CCLIP_TASK_ZERO_SHOT_RETRIEVAL, 0 },
    { "classification", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION, 1 },
    { "retrieval", CCLIP_TASK_ZERO_SHOT_RETRIEVAL, 1 },
    { NULL, 0, 0 }
};

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    (void)user;
    (void)index;
    (void)status;
    cclip_message("skipped: %s", message);
    return cclip_interrupted();
}

static int on_progress(void *user, size_t done, size_t total)
{
    struct cclip_progress *progress = user;
    progress->total = total;
    cclip_progress_update(progress, done);
    return cclip_interrupted();
}

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
    options->skip = on_skip;
    options->progress = on_progress;
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

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    struct cclip_opened opened;
    cclip_evaluate_options options;
    cclip_preprocessing preprocessing;
    const char *data = arguments->count ? arguments->items[0] : s->dataset;
    if (s->probe && (s->templates || s->task == CCLIP_TASK_ZERO_SHOT_RETRIEVAL))
        return cclip_usage_error(verb, "--probe has classes of its own, and needs neither captions nor "
                                       "templates");
    if (!data)
        return cclip_usage_error(verb, "no data set; usage: cclip evaluate [options] DATA");
    int code = choose_options(&options, verb, s);
    if (code)
        return code;
    if (s->output && cclip_output_check(s->output, "{", "JSON object"))
        return cclip_report_failure();
    code = cclip_opened_session(&opened, verb, &s->common);
    if (!code)
        code = cclip_choose_preprocessing(&preprocessing, verb, &s->common, &opened.info, 0);
    if (!code) {
        options.preprocessing = &preprocessing;
        code = evaluate(s, &opened, data, &options);
    }
    cclip_opened_close(&opened);
    return code;
}

static const struct settings defaults = { .batch = 64 };

#define FIELD(field) offsetof(struct settings, field)
static const struct cclip_option options[] = {
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
    { "output", 'o', CCLIP_OPTION_TEXT, "FILE", "write the JSON result to FILE too", FIELD(output),
      0, 0, 0, NULL },
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
    "Samples that cannot be read are named, counted and left out.",
    "cclip evaluate cifar10 --model ViT-B-32.pt --json\n"
    "cclip evaluate captions.csv --task zeroshot_retrieval --recall-k 1,5",
    "CLIP_benchmark's: `dataset`, `model`, `pretrained`, `task`, `metrics` {`acc1`, `acc5`, "
    "`mean_per_class_recall`, with --probe each with `lp_` before it, or `image_retrieval_recall@K`, "
    "`text_retrieval_recall@K`}, "
    "`language`",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    0,
    1,
    sizeof(struct settings),
    &defaults,
    run
};
