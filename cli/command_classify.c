/* cclip classify: which of the given labels fits a picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cclip/report.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/gallery.h"
#include "cli/mosaic.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    struct cclip_texts labels, templates;
    const char *labels_from, *templates_from, *gallery, *sheet, *calibration, *probe;
    int64_t top;
    int independent;
};

enum { TOP_SHOWN = 5, TOP_ON_SHEET = 5, BAR_WIDTH = 24 };

struct choice {
    size_t label;
    float score;
};

struct work {
    const struct settings *s;
    struct cclip_opened opened;
    cclip_preprocessing preprocessing;
    struct cclip_gallery gallery; /* without --gallery: paths and labels only */
    cclip_templates *templates;
    cclip_probe *probe;       /* of --probe: brings the labels */
    cclip_probe_info trained; /* what is known of it */
    cclip_classifier *classifier;
    cclip_contact_sheet *sheet;
    float *scores;          /* of one batch, [pictures][labels] */
    struct choice *choices; /* of one picture, best first */
    const char **names;     /* of the best labels, for the sheet */
    size_t right, judged;
    struct cclip_mosaic mosaic; /* of a gallery, on a terminal */
    struct cclip_table table;   /* of a gallery: all pictures, or after a mosaic the wrong ones */
};

static cclip_status collect_labels(struct work *work)
{
    const struct settings *s = work->s;
    struct cclip_inputs given;
    cclip_inputs_open(&given);
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < s->labels.count && !status; i++)
        status = cclip_inputs_split(&given, s->labels.items[i]);
    if (!status && s->labels_from)
        status = cclip_inputs_lines(&given, s->labels_from, 0);
    if (!status && !given.count)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: the list of labels is empty",
                            s->labels_from ? cclip_inputs_name(s->labels_from) : "--labels");
    for (size_t i = 0; i < given.count && !status; i++) /* as given, also when one comes twice */
        status = cclip_inputs_add(&work->gallery.labels, cclip_inputs_at(&given, i),
                                  cclip_inputs_length(&given, i));
    cclip_inputs_close(&given);
    return status;
}

/* The labels are the probe's classes. */
static cclip_status open_probe(struct work *work)
{
    cclip_status status = cclip_probe_read(&work->probe, work->s->probe);
    work->trained.version = CCLIP_PROBE_INFO_VERSION;
    if (!status)
        status = cclip_probe_get_info(work->probe, &work->trained);
    for (size_t i = 0; !status && i < work->trained.classes; i++) {
        const char *name = cclip_probe_class(work->probe, i);
        status = cclip_inputs_add(&work->gallery.labels, name, strlen(name));
    }
    return status;
}

static cclip_status open_templates(struct work *work)
{
    const struct settings *s = work->s;
    if (s->templates_from)
        return cclip_templates_open(&work->templates, s->templates_from);
    if (s->templates.count)
        return cclip_templates_from(&work->templates, s->templates.items, s->templates.count);
    return CCLIP_OK;
}

static cclip_status set_calibration(struct work *work)
{
    cclip_calibration calibration;
    const cclip_status status = cclip_calibration_read(&calibration, work->s->calibration);
    return status ? status : cclip_classifier_set_calibration(work->classifier, &calibration);
}

static cclip_status open_classifier(struct work *work)
{
    const size_t count = work->gallery.labels.count;
    const char **labels = cclip_inputs_pointers(&work->gallery.labels, 0, count);
    cclip_status status = labels ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && work->probe) {
        status = cclip_classifier_open_probe(&work->classifier, work->opened.session, work->probe);
        status = status ? cclip_fail_in(status, "%s", work->s->probe) : CCLIP_OK;
    } else if (!status && work->s->independent)
        status = cclip_classifier_open_independent(&work->classifier, work->opened.session, labels,
                                                   count, work->templates);
    else if (!status)
        status = cclip_classifier_open(&work->classifier, work->opened.session, labels, count,
                                       work->templates);
    if (!status && work->s->calibration)
        status = set_calibration(work);
    work->choices = cclip_allocate(count, sizeof(*work->choices));
    work->names = cclip_allocate(count, sizeof(*work->names));
    if (!status && (!work->choices || !work->names))
        status = CCLIP_ERROR_MEMORY;
    cclip_release(labels);
    return status;
}

static const char *label_at(const struct work *work, size_t label)
{
    return cclip_inputs_at(&work->gallery.labels, label);
}

static int better(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->label > y->label ? 1 : -1;
}

/* Softmax over the candidates of one gallery picture, whose logits are in `choices`. */
static void softmax(struct choice *choices, size_t count)
{
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, (double)choices[i].score);
    for (size_t i = 0; i < count; i++)
        sum += exp((double)choices[i].score - largest);
    for (size_t i = 0; i < count; i++)
        choices[i].score = (float)(exp((double)choices[i].score - largest) / sum);
}

/* Fills `choices`, best first; returns how many there are. */
static size_t choose(struct work *work, const struct cclip_gallery_item *item, const float *scores)
{
    const size_t count = item ? item->count : work->gallery.labels.count;
    for (size_t i = 0; i < count; i++) {
        const size_t label = item ? work->gallery.choices[item->first + i] : i;
        work->choices[i] = (struct choice){ label, scores[label] };
    }
    if (item && !work->s->independent)
        softmax(work->choices, count);
    qsort(work->choices, count, sizeof(*work->choices), better);
    return count;
}

static cclip_status print_json(const struct work *work, const char *path,
                               const struct cclip_gallery_item *item, size_t count)
{
    struct cclip_emitter e;
    cclip_emitter_open(&e);
    cclip_emit_begin(&e, NULL, '{');
    cclip_emit_string(&e, "path", path);
    cclip_emit_begin(&e, "labels", '[');
    for (size_t i = 0; i < count; i++) {
        cclip_emit_begin(&e, NULL, '{');
        cclip_emit_string(&e, "label", label_at(work, work->choices[i].label));
        cclip_emit_number(&e, "score", (double)work->choices[i].score);
        cclip_emit_end(&e, '}');
    }
    cclip_emit_end(&e, ']');
    if (item && item->truth != CCLIP_NO_TRUTH)
        cclip_emit_string(&e, "truth", label_at(work, item->truth));
    cclip_emit_end(&e, '}');
    const cclip_status status = cclip_emit_line(&e);
    cclip_emitter_close(&e);
    return status;
}

static void add_choice(struct cclip_table *table, const struct work *work,
                       const struct choice *choice)
{
    char clean[256], bar[4 * BAR_WIDTH + 4];
    cclip_bar(bar, sizeof(bar), (double)choice->score, BAR_WIDTH);
    cclip_table_cell(table, "%s",
                     cclip_printable(clean, sizeof(clean), label_at(work, choice->label)));
    cclip_table_cell(table, "%.1f %%", 100 * (double)choice->score);
    cclip_table_cell(table, "%s", bar);
}

static cclip_status print_labels(struct work *work, const char *path, size_t count)
{
    struct cclip_table table;
    char clean[512];
    cclip_table_open(&table, "<<><");
    cclip_status status = cclip_print("%s\n", cclip_printable(clean, sizeof(clean), path));
    for (size_t i = 0; i < count; i++) {
        cclip_table_cell(&table, "%s", "");
        add_choice(&table, work, &work->choices[i]);
    }
    if (!status)
        status = cclip_table_print(&table);
    cclip_table_close(&table);
    return status;
}

/* A gallery is one table at the end, a row a picture. On a terminal that shows pictures these come
 * first, and the table has only what was wrong. */
static cclip_status add_gallery_row(struct work *work, size_t index,
                                    const struct cclip_gallery_item *item)
{
    const int known = item->truth != CCLIP_NO_TRUTH, right = item->truth == work->choices[0].label;
    char clean[256];
    const char *title = cclip_inputs_at(&work->gallery.titles, index);
    const cclip_status status = cclip_mosaic_add(
        &work->mosaic, cclip_inputs_at(&work->gallery.paths, index),
        label_at(work, work->choices[0].label), (double)work->choices[0].score, known ? right : -1);
    if (status || (work->mosaic.terminal && (right || !known)))
        return status;
    cclip_table_cell(&work->table, "%s", known ? cclip_mark(right) : "");
    cclip_table_cell(&work->table, "%s", cclip_printable(clean, sizeof(clean), title));
    add_choice(&work->table, work, &work->choices[0]);
    if (known && !right)
        cclip_table_cell(&work->table, "right: %s",
                         cclip_printable(clean, sizeof(clean), label_at(work, item->truth)));
    else
        cclip_table_cell(&work->table, "%s", "");
    return work->table.status;
}

static cclip_status add_to_sheet(struct work *work, size_t index,
                                 const struct cclip_gallery_item *item, size_t count)
{
    float scores[TOP_ON_SHEET];
    count = count < TOP_ON_SHEET ? count : TOP_ON_SHEET;
    for (size_t i = 0; i < count; i++) {
        work->names[i] = label_at(work, work->choices[i].label);
        scores[i] = work->choices[i].score;
    }
    return cclip_contact_sheet_add(
        work->sheet, cclip_inputs_at(&work->gallery.paths, index),
        item ? cclip_inputs_at(&work->gallery.titles, index) : NULL, work->names, scores, count,
        item && item->truth != CCLIP_NO_TRUTH ? label_at(work, item->truth) : NULL);
}

static cclip_status one_picture(struct work *work, size_t index, const float *scores)
{
    const struct settings *s = work->s;
    const struct cclip_gallery_item *item = s->gallery ? &work->gallery.items[index] : NULL;
    const char *path = cclip_inputs_at(&work->gallery.paths, index);
    const size_t all = choose(work, item, scores);
    size_t shown = s->top ? (size_t)s->top : s->common.json ? all : TOP_SHOWN;
    shown = shown < all ? shown : all;
    if (item && item->truth != CCLIP_NO_TRUTH) {
        work->judged++;
        work->right += item->truth == work->choices[0].label;
    }
    cclip_status status = work->sheet ? add_to_sheet(work, index, item, all) : CCLIP_OK;
    if (status)
        return status;
    if (s->common.json)
        return print_json(work, path, item, shown);
    if (!item)
        return print_labels(work, path, shown);
    return add_gallery_row(work, index, item);
}

static cclip_status score_batch(struct work *work, const struct cclip_pictures *pictures)
{
    const struct settings *s = work->s;
    if (s->independent)
        return cclip_classifier_independent(work->classifier, work->scores, pictures->rows,
                                            pictures->count);
    return s->gallery ? cclip_classifier_logits(work->classifier, work->scores, pictures->rows,
                                                pictures->count)
                      : cclip_classifier_scores(work->classifier, work->scores, pictures->rows,
                                                pictures->count);
}

static cclip_status all_pictures(struct work *work, struct cclip_pictures *pictures)
{
    const size_t labels = work->gallery.labels.count;
    cclip_status status;
    while (!(status = cclip_pictures_next(pictures)) && pictures->count) {
        cclip_release(work->scores);
        work->scores = cclip_allocate(pictures->count * labels, sizeof(*work->scores));
        status = work->scores ? score_batch(work, pictures) : CCLIP_ERROR_MEMORY;
        for (size_t i = 0; i < pictures->count && !status; i++)
            if (!pictures->skip[i])
                status = one_picture(work, pictures->first + i, work->scores + i * labels);
        if (status)
            break;
    }
    return status;
}

static cclip_status finish(struct work *work)
{
    const struct settings *s = work->s;
    cclip_status status = CCLIP_OK;
    if (s->gallery && !s->common.json) {
        status = cclip_mosaic_finish(&work->mosaic);
        if (!status && work->mosaic.terminal && work->table.count)
            status = cclip_print("Not right:\n");
        if (!status)
            status = cclip_table_print(&work->table);
        if (!status && work->judged)
            status = cclip_print("\n%zu of %zu right (%.0f %%)\n", work->right, work->judged,
                                 100.0 * (double)work->right / (double)work->judged);
    }
    if (!status && work->sheet)
        status = cclip_contact_sheet_write(work->sheet, s->sheet);
    return status;
}

static cclip_status prepare(struct work *work, const struct cclip_texts *arguments)
{
    const struct settings *s = work->s;
    cclip_status status = CCLIP_OK;
    if (s->gallery)
        status = cclip_gallery_read(&work->gallery, s->gallery);
    else if (s->probe)
        status = open_probe(work);
    else
        status = collect_labels(work);
    for (size_t i = 0; i < arguments->count && !status; i++)
        status = cclip_inputs_add(&work->gallery.paths, arguments->items[i],
                                  strlen(arguments->items[i]));
    if (!status)
        status = open_templates(work);
    if (!status && s->sheet)
        status = cclip_output_check(s->sheet, "<!DOCTYPE html>", "web page");
    if (!status && s->sheet)
        status = cclip_contact_sheet_open(&work->sheet, s->gallery ? "A gallery, seen by cclip"
                                                                   : "Labels by cclip");
    cclip_mosaic_open(&work->mosaic, s->gallery && !s->common.json);
    return status;
}

static int classify(struct work *work)
{
    struct cclip_pictures pictures;
    memset(&pictures, 0, sizeof(pictures));
    cclip_status status = open_classifier(work);
    if (!status)
        status = cclip_pictures_open(&pictures, &work->opened, &work->gallery.paths,
                                     &work->preprocessing, !work->probe || work->trained.normalized);
    if (!status)
        status = all_pictures(work, &pictures);
    cclip_progress_close(&pictures.progress);
    if (!status && pictures.skipped < work->gallery.paths.count)
        status = finish(work);
    int code = status ? cclip_report_failure() : CCLIP_EXIT_DONE;
    if (!status)
        code = pictures.interrupted
                   ? cclip_report_interrupt(pictures.first, work->gallery.paths.count, NULL)
                   : cclip_exit_status(pictures.skipped, work->gallery.paths.count, "pictures");
    cclip_pictures_close(&pictures);
    return code;
}

/* What can be said of the options' values before anything is read. */
static int check_values(const struct cclip_verb *verb, const struct settings *s)
{
    cclip_templates *templates = NULL;
    size_t labels = 0;
    for (size_t i = 0; i < s->labels.count; i++)
        labels += strspn(s->labels.items[i], ", \t") < strlen(s->labels.items[i]);
    if (s->labels.count && !labels && !s->labels_from)
        return cclip_usage_error(verb, "--labels: no label in \"%s\"", s->labels.items[0]);
    if (s->templates.count &&
        cclip_templates_from(&templates, s->templates.items, s->templates.count))
        return cclip_usage_error(verb, "--template: %s", cclip_error_message());
    cclip_templates_close(&templates);
    return CCLIP_EXIT_DONE;
}

static int check(const struct cclip_verb *verb, const struct settings *s,
                 const struct cclip_texts *arguments)
{
    if (s->gallery && (arguments->count || s->labels.count || s->labels_from))
        return cclip_usage_error(verb, "--gallery brings its own pictures and labels");
    if (!s->gallery && !arguments->count)
        return cclip_usage_error(verb, "no picture; usage: cclip classify [options] IMAGE...");
    if (s->probe && (s->gallery || s->labels.count || s->labels_from || s->templates.count ||
                     s->templates_from || s->independent))
        return cclip_usage_error(verb, "--probe brings its own labels, which need no text: it goes with "
                                       "no option about labels");
    if (!s->gallery && !s->probe && !s->labels.count && !s->labels_from)
        return cclip_usage_error(verb, "no labels: give --labels a,b,c or --labels-from FILE");
    if (s->calibration && !s->independent)
        return cclip_usage_error(verb, "--calibration needs --independent");
    if (s->templates.count && s->templates_from)
        return cclip_usage_error(verb, "--template and --templates-from exclude each other");
    return check_values(verb, s);
}

static void close_work(struct work *work)
{
    cclip_contact_sheet_close(&work->sheet);
    cclip_classifier_close(&work->classifier);
    cclip_probe_close(&work->probe);
    cclip_templates_close(&work->templates);
    cclip_gallery_close(&work->gallery);
    cclip_mosaic_close(&work->mosaic);
    cclip_table_close(&work->table);
    cclip_release(work->scores);
    cclip_release(work->choices);
    cclip_release(work->names);
    cclip_opened_close(&work->opened);
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    struct work work;
    memset(&work, 0, sizeof(work));
    work.s = settings;
    cclip_gallery_open(&work.gallery);
    cclip_table_open(&work.table, "<<<><<");
    int code = check(verb, work.s, arguments);
    if (!code && prepare(&work, arguments))
        code = cclip_report_failure();
    if (!code)
        code = cclip_opened_session(&work.opened, verb, &work.s->common);
    if (!code)
        code = cclip_choose_preprocessing(&work.preprocessing, verb, &work.s->common,
                                          &work.opened.info, 0);
    if (!code)
        code = classify(&work);
    close_work(&work);
    return code;
}

static const struct settings defaults;

#define FIELD(field) offsetof(struct settings, field)
static const struct cclip_option options[] = {
    { "labels", 0, CCLIP_OPTION_TEXTS, "A,B,C", "labels, parted by commas; may be repeated",
      FIELD(labels), 0, 0, 0, NULL },
    { "labels-from", 0, CCLIP_OPTION_TEXT, "FILE", "labels, one a line (- is standard input)",
      FIELD(labels_from), 0, 0, 0, NULL },
    { "template", 0, CCLIP_OPTION_TEXTS, "T",
      "sentence around the label, which is {} or {c}; may be repeated (default: the label alone)",
      FIELD(templates), 0, 0, 0, NULL },
    { "templates-from", 0, CCLIP_OPTION_TEXT, "FILE",
      "templates, one a line; or photo, icon, art: the sets that come with cclip",
      FIELD(templates_from), 0, 0, 0, NULL },
    { "top", 0, CCLIP_OPTION_INTEGER, "K", "print the best K labels (default 5; with --json all)",
      FIELD(top), 0, 1, 1 << 30, NULL },
    { "independent", 0, CCLIP_OPTION_FLAG, NULL,
      "a calibrated yes or no for each label instead of one softmax over all", FIELD(independent),
      0, 0, 0, NULL },
    { "calibration", 0, CCLIP_OPTION_TEXT, "FILE.json",
      "for --independent: a calibration fitted to pictures like yours (default: the model's own)",
      FIELD(calibration), 0, 0, 0, NULL },
    { "probe", 0, CCLIP_OPTION_TEXT, "FILE",
      "a linear probe of `cclip probe` instead of labels: its classes, its scores", FIELD(probe), 0, 0, 0,
      NULL },
    { "gallery", 0, CCLIP_OPTION_TEXT, "FILE.jsonl",
      "pictures with candidate labels each: {\"file\", \"title\", \"labels\", \"truth\"} a line",
      FIELD(gallery), 0, 0, 0, NULL },
    { "sheet", 0, CCLIP_OPTION_TEXT, "OUT.html",
      "write a page of the pictures with their labels as bars", FIELD(sheet), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef FIELD

const struct cclip_verb cclip_command_classify = {
    "classify",
    "which of the given labels fits a picture",
    "IMAGE...",
    "Zero-shot classification: each label becomes one or more sentences, their embeddings are "
    "averaged, "
    "and the picture is compared with them. The scores of a picture are a softmax over the labels "
    "and "
    "sum to 1: they say which label fits best, not whether any fits. --independent asks of each "
    "label "
    "alone whether it fits. --probe takes a classifier that was trained on pictures (cclip probe) "
    "instead.\n\n"
    "A picture that cannot be read is named, counted and left out (exit status 3).",
    "cclip classify photo.jpg --labels cat,dog,bicycle --template \"a photo of a {}\"\n"
    "cclip classify *.png --labels-from names.txt --templates-from icon --json",
    "a line a picture: `path`, `labels` [{`label`, `score`}], best first; with --gallery also "
    "`truth` where it is known",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    0,
    SIZE_MAX,
    sizeof(struct settings),
    &defaults,
    run
};
