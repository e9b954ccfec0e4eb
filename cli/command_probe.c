/* cclip probe: a classifier trained on the features of a model that stays as it is. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    const char *train, *validation, *test, *train_split, *validation_split, *test_split;
    const char *classnames, *image_column, *caption_column, *separator, *templates;
    const char *features_out, *output;
    double c, validation_share, test_share;
    int64_t seed, batch, iterations;
    int no_normalize, zero_shot;
};

/* One run: what it reads, what it makes. */
struct work {
    const struct settings *s;
    struct cclip_opened opened;
    cclip_feature_options features;
    cclip_feature_set *train, *validation, *test;
    cclip_probe *probe;
    cclip_probe_info info;
    cclip_accuracy trained, zero_shot; /* on the test samples */
    size_t skipped, read;
    size_t iterations; /* of the fit at hand, for the progress line */
    struct cclip_progress progress;
};

static int on_progress(void *user, size_t done, size_t total)
{
    struct work *work = user;
    work->progress.total = total;
    cclip_progress_update(&work->progress, done);
    return cclip_interrupted();
}

/* An iteration, or with `trial` a value of C that was tried. */
static int on_fit(void *user, const cclip_probe_trial_info *trial)
{
    struct work *work = user;
    cclip_progress_update(&work->progress, ++work->iterations);
    if (trial && !trial->converged)
        cclip_message("C %g: not converged after %zu iterations (--max-iter)", trial->c, trial->iterations);
    if (trial && !trial->is_final && work->s->common.verbose)
        cclip_message("C %g: %.2f %% of the validation samples, cross entropy %.4f, %zu iterations", trial->c,
                      100 * trial->accuracy, trial->cross_entropy, trial->iterations);
    return cclip_interrupted();
}

static int is_feature_file(const char *path)
{
    const size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, ".npy");
}

/* A data set through the image tower, or features that were written before. */
static cclip_status read_set(cclip_feature_set **out, struct work *work, const char *data,
                             const char *split)
{
    if (is_feature_file(data))
        return cclip_feature_set_open(out, data);
    work->features.split = split;
    cclip_progress_open(&work->progress, "samples", 0);
    const cclip_status status =
        cclip_feature_set_read(out, work->opened.session, data, &work->features);
    cclip_progress_close(&work->progress);
    if (!status) {
        work->skipped += cclip_feature_set_skipped(*out);
        work->read += cclip_feature_set_count(*out) + cclip_feature_set_skipped(*out);
    }
    return status;
}

static cclip_status read_sets(struct work *work)
{
    const struct settings *s = work->s;
    cclip_feature_set *all = NULL;
    cclip_status status = read_set(&work->train, work, s->train, s->train_split);
    if (!status && s->features_out)
        status = cclip_feature_set_write(work->train, s->features_out);
    if (!status && s->test_share > 0) {
        all = work->train;
        work->train = NULL;
        status = cclip_feature_set_split(&work->train, &work->test, all, s->test_share,
                                         (uint64_t)s->seed);
    }
    if (!status && s->validation)
        status = read_set(&work->validation, work, s->validation, s->validation_split);
    if (!status && s->test)
        status = read_set(&work->test, work, s->test, s->test_split);
    cclip_feature_set_close(&all);
    return status;
}

static cclip_status train(struct work *work)
{
    const struct settings *s = work->s;
    cclip_probe_options options = CCLIP_PROBE_OPTIONS_INIT;
    options.c = s->c;
    options.validation_share = s->validation_share;
    options.seed = (uint64_t)s->seed;
    options.max_iterations = (size_t)s->iterations;
    options.progress = on_fit;
    options.user = work;
    work->info.version = CCLIP_PROBE_INFO_VERSION;
    cclip_progress_open(&work->progress, "iterations", 0);
    cclip_status status = cclip_probe_train(&work->probe, work->opened.session, work->train,
                                            work->validation, &options);
    cclip_progress_close(&work->progress);
    if (!status)
        status = cclip_probe_get_info(work->probe, &work->info);
    return status;
}

/* The same test samples, their classes as texts. */
static cclip_status measure_zero_shot(struct work *work)
{
    struct cclip_inputs names;
    cclip_templates *templates = NULL;
    cclip_classifier *classifier = NULL;
    cclip_inputs_open(&names);
    cclip_status status = work->s->templates ? cclip_templates_open(&templates, work->s->templates)
                                             : CCLIP_OK;
    for (size_t i = 0; i < work->info.classes && !status; i++) {
        const char *name = cclip_probe_class(work->probe, i);
        status = cclip_inputs_add(&names, name, strlen(name));
    }
    const char **labels = status ? NULL : cclip_inputs_pointers(&names, 0, names.count);
    if (!status)
        status = labels ? cclip_classifier_open(&classifier, work->opened.session, labels, names.count,
                                                templates)
                        : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_classifier_measure(&work->zero_shot, classifier, work->test);
    cclip_release(labels);
    cclip_classifier_close(&classifier);
    cclip_templates_close(&templates);
    cclip_inputs_close(&names);
    return status;
}

static cclip_status measure(struct work *work)
{
    cclip_classifier *classifier = NULL;
    work->trained.version = work->zero_shot.version = CCLIP_ACCURACY_VERSION;
    if (!work->test)
        return CCLIP_OK;
    cclip_status status =
        cclip_classifier_open_probe(&classifier, work->opened.session, work->probe);
    if (!status)
        status = cclip_classifier_measure(&work->trained, classifier, work->test);
    cclip_classifier_close(&classifier);
    if (!status && work->s->zero_shot)
        status = measure_zero_shot(work);
    return status;
}

static void emit_accuracy(struct cclip_emitter *e, const char *key, const cclip_accuracy *accuracy)
{
    cclip_emit_begin(e, key, '{');
    cclip_emit_number(e, "acc1", accuracy->acc1);
    cclip_emit_number(e, "acc5", accuracy->acc5);
    cclip_emit_number(e, "mean_per_class_recall", accuracy->mean_per_class_recall);
    cclip_emit_end(e, '}');
}

static cclip_status print_json(const struct work *work)
{
    const cclip_probe_info *info = &work->info;
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "output", work->s->output);
    cclip_emit_integer(&e, "classes", (int64_t)info->classes);
    cclip_emit_integer(&e, "samples", (int64_t)info->samples);
    cclip_emit_integer(&e, "validation_samples", (int64_t)info->validation_samples);
    cclip_emit_number(&e, "validation_acc1", info->validation_accuracy);
    cclip_emit_number(&e, "c", info->c);
    cclip_emit_number(&e, "objective", info->objective);
    cclip_emit_integer(&e, "iterations", (int64_t)info->iterations);
    cclip_emit_bool(&e, "converged", info->converged);
    cclip_emit_number(&e, "train_acc1", info->train_accuracy);
    if (work->test) {
        cclip_emit_integer(&e, "test_samples", (int64_t)work->trained.samples);
        emit_accuracy(&e, "test", &work->trained);
    }
    if (work->test && work->s->zero_shot)
        emit_accuracy(&e, "zero_shot", &work->zero_shot);
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static void add_share(struct cclip_table *table, double share)
{
    if (isnan(share)) /* top-5 of fewer than five classes */
        cclip_table_cell(table, "-");
    else
        cclip_table_cell(table, "%.2f %%", 100 * share);
}

/* A column for the probe and, where it was asked for, one for zero-shot. */
static cclip_status print_test(const struct work *work)
{
    const struct {
        const char *name;
        double trained, zero_shot;
    } rows[] = { { "acc1", work->trained.acc1, work->zero_shot.acc1 },
                 { "acc5", work->trained.acc5, work->zero_shot.acc5 },
                 { "mean_per_class_recall", work->trained.mean_per_class_recall,
                   work->zero_shot.mean_per_class_recall } };
    const int both = work->s->zero_shot;
    struct cclip_table table;
    cclip_table_open(&table, both ? "<>>" : "<>");
    cclip_table_cell(&table, "%zu test samples", work->trained.samples);
    cclip_table_cell(&table, "probe");
    if (both)
        cclip_table_cell(&table, "zero-shot");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cclip_table_cell(&table, "%s", rows[i].name);
        add_share(&table, rows[i].trained);
        if (both)
            add_share(&table, rows[i].zero_shot);
    }
    const cclip_status status = cclip_table_print(&table);
    cclip_table_close(&table);
    return status;
}

static cclip_status print_result(const struct work *work)
{
    const cclip_probe_info *info = &work->info;
    if (work->s->common.json)
        return print_json(work);
    cclip_status status = cclip_print("%zu samples of %zu classes, C %g", info->samples, info->classes, info->c);
    if (!status && info->validation_samples)
        status = cclip_print(" (%.2f %% of %zu validation samples)", 100 * info->validation_accuracy,
                             info->validation_samples);
    if (!status)
        status = cclip_print("; %.2f %% of the samples it learned from\n", 100 * info->train_accuracy);
    return status || !work->test ? status : print_test(work);
}

/* What is there under that name may only be an older probe. */
static cclip_status check_output(const char *path)
{
    cclip_probe *old = NULL;
    if (cclip_is_file(path) && cclip_probe_read(&old, path))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: is there already, and is no linear probe", path);
    cclip_probe_close(&old);
    return cclip_output_check(path, "", "linear probe");
}

static cclip_status work_through(struct work *work)
{
    cclip_status status = read_sets(work);
    if (!status)
        status = train(work);
    if (!status)
        status = measure(work);
    if (!status)
        status = cclip_probe_write(work->probe, work->s->output);
    return status ? status : print_result(work);
}

static int check(const struct cclip_verb *verb, const struct settings *s)
{
    if (!s->train)
        return cclip_usage_error(verb, "no data to learn from: give --train-data DATA");
    if (!s->output)
        return cclip_usage_error(verb, "no place for the result: give -o FILE");
    if (s->test && s->test_share > 0)
        return cclip_usage_error(verb, "--test-data and --test-share exclude each other");
    if (s->zero_shot && !s->test && !(s->test_share > 0))
        return cclip_usage_error(verb, "--zero-shot needs test samples: --test-data or --test-share");
    if (s->zero_shot && s->no_normalize)
        return cclip_usage_error(verb, "--zero-shot needs normalised features: leave --no-normalize out");
    if (s->templates && !s->zero_shot)
        return cclip_usage_error(verb, "--templates-from needs --zero-shot");
    if (s->features_out && !is_feature_file(s->features_out))
        return cclip_usage_error(verb, "--features-out: \"%s\" does not end in .npy", s->features_out);
    return CCLIP_EXIT_DONE;
}

static int choose_features(struct work *work, const struct cclip_verb *verb)
{
    const struct settings *s = work->s;
    cclip_feature_options *o = &work->features;
    cclip_feature_options_init(o);
    o->classnames = s->classnames;
    if (s->image_column)
        o->image_column = s->image_column;
    if (s->caption_column)
        o->caption_column = s->caption_column;
    o->batch = (size_t)s->batch;
    o->no_normalize = s->no_normalize;
    o->skip = cclip_say_skipped;
    o->progress = on_progress;
    o->user = work;
    return cclip_choose_separator(&o->separator, verb, s->separator);
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    cclip_preprocessing preprocessing;
    struct work work;
    (void)arguments;
    memset(&work, 0, sizeof(work));
    work.s = s;
    int code = check(verb, s);
    if (!code)
        code = choose_features(&work, verb);
    if (!code && (check_output(s->output) || (s->features_out && cclip_output_check(s->features_out, "\x93NUMPY",
                                                                                     ".npy file"))))
        code = cclip_report_failure();
    if (!code)
        code = cclip_opened_session(&work.opened, verb, &s->common);
    if (!code)
        code = cclip_choose_preprocessing(&preprocessing, verb, &s->common, &work.opened.info, 0);
    if (!code) {
        work.features.preprocessing = &preprocessing;
        code = work_through(&work) ? cclip_report_failure()
                                   : cclip_exit_status(work.skipped, work.read, "samples");
    }
    cclip_probe_close(&work.probe);
    cclip_feature_set_close(&work.train);
    cclip_feature_set_close(&work.validation);
    cclip_feature_set_close(&work.test);
    cclip_opened_close(&work.opened);
    return code;
}

static const struct settings defaults = { .train_split = "train", .validation_split = "val",
                                          .test_split = "test", .validation_share = 0.2, .batch = 64,
                                          .iterations = 1000 };

#define FIELD(field) offsetof(struct settings, field)
static const struct cclip_option options[] = {
    { "train-data", 0, CCLIP_OPTION_TEXT, "DATA", "labelled pictures to learn from, or X.npy of --features-out",
      FIELD(train), 0, 0, 0, NULL },
    { "val-data", 0, CCLIP_OPTION_TEXT, "DATA",
      "those that choose C (default: a share of the training data, --val-share)", FIELD(validation), 0, 0, 0,
      NULL },
    { "test-data", 0, CCLIP_OPTION_TEXT, "DATA", "those that the result is measured on", FIELD(test), 0, 0, 0,
      NULL },
    { "output", 'o', CCLIP_OPTION_TEXT, "FILE", "where the probe goes: a safetensors file", FIELD(output), 0, 0,
      0, NULL },
    { "c", 0, CCLIP_OPTION_NUMBER, "C",
      "strength of regularisation, smaller is stronger (default: chosen on the validation samples)", FIELD(c),
      0, 1e-12, 1e12, NULL },
    { "val-share", 0, CCLIP_OPTION_NUMBER, "S", "share of each class that chooses C (default 0.2)",
      FIELD(validation_share), 0, 0.001, 0.999, NULL },
    { "test-share", 0, CCLIP_OPTION_NUMBER, "S", "hold out this share of each class as test samples",
      FIELD(test_share), 0, 0.001, 0.999, NULL },
    { "seed", 0, CCLIP_OPTION_INTEGER, "N", "of both shares (default 0)", FIELD(seed), 0, 0, 0x1p53, NULL },
    { "max-iter", 0, CCLIP_OPTION_INTEGER, "N", "of L-BFGS in each fit (default 1000)", FIELD(iterations), 0, 1,
      1 << 30, NULL },
    { "no-normalize", 0, CCLIP_OPTION_FLAG, NULL, "features as they are (default: each of length 1)",
      FIELD(no_normalize), 0, 0, 0, NULL },
    { "features-out", 0, CCLIP_OPTION_TEXT, "X.npy",
      "keep the training features: X.npy, X.labels.npy and X.json", FIELD(features_out), 0, 0, 0, NULL },
    { "zero-shot", 0, CCLIP_OPTION_FLAG, NULL, "measure zero-shot classification on the test samples too",
      FIELD(zero_shot), 0, 0, 0, NULL },
    { "templates-from", 0, CCLIP_OPTION_TEXT, "FILE",
      "for --zero-shot: templates, a file, or photo, icon, art (default: the class name alone)",
      FIELD(templates), 0, 0, 0, NULL },
    { "train-split", 0, CCLIP_OPTION_TEXT, "NAME", "sub-folder of a WebDataset folder (default train)",
      FIELD(train_split), 0, 0, 0, NULL },
    { "val-split", 0, CCLIP_OPTION_TEXT, "NAME", "the same of --val-data (default val)", FIELD(validation_split),
      0, 0, 0, NULL },
    { "test-split", 0, CCLIP_OPTION_TEXT, "NAME", "the same of --test-data (default test)", FIELD(test_split), 0,
      0, 0, NULL },
    { "classnames", 0, CCLIP_OPTION_TEXT, "FILE", "class names, one a line (default: the set's own)",
      FIELD(classnames), 0, 0, 0, NULL },
    { "csv-img-key", 0, CCLIP_OPTION_TEXT, "NAME", "column of a CSV with the path (default filepath)",
      FIELD(image_column), 0, 0, 0, NULL },
    { "csv-caption-key", 0, CCLIP_OPTION_TEXT, "NAME",
      "column of a CSV with the class (default title, else label or class)", FIELD(caption_column), 0, 0, 0,
      NULL },
    { "csv-separator", 0, CCLIP_OPTION_TEXT, "C",
      "of a CSV: a character, tab, comma or semicolon (default: by the first line)", FIELD(separator), 0, 0, 0,
      NULL },
    { "batch", 0, CCLIP_OPTION_INTEGER, "N", "pictures at a time (default 64)", FIELD(batch), 0, 1, 65536, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef FIELD

const struct cclip_verb cclip_command_probe = {
    "probe",
    "a classifier trained on a model's features: a linear probe",
    NULL,
    "Trains multinomial logistic regression on the embeddings of labelled pictures; the model stays as it is. "
    "DATA is what `cclip evaluate` reads, with classes: a folder of class folders, a WebDataset folder, tar files "
    "with --classnames, a CSV or TSV file. The result classifies with `cclip classify --probe FILE` and is measured "
    "with `cclip evaluate --probe FILE`.\n\n"
    "C, the strength of regularisation, is chosen by accuracy on validation samples: of 1e-6, 1e-4 ... 1e6, then "
    "around the best at half the distance, to 8 steps a decade; the result is then trained on all samples. The same "
    "data and seed give the same file, whatever --threads. Samples that cannot be read are named, counted and left "
    "out.",
    "cclip probe --train-data photos -o pets.safetensors\n"
    "cclip classify holiday.jpg --probe pets.safetensors\n"
    "cclip probe --train-data photos --test-share 0.5 --zero-shot --templates-from photo -o pets.safetensors",
    "`output`, `classes`, `samples`, `validation_samples`, `validation_acc1`, `c`, `objective`, `iterations`, "
    "`converged`, `train_acc1`; with test samples `test_samples` and `test` {`acc1`, `acc5`, "
    "`mean_per_class_recall`}, with --zero-shot also `zero_shot` {the same}",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    0,
    0,
    sizeof(struct settings),
    &defaults,
    run
};
