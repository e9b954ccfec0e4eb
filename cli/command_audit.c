/* cclip audit: how a model treats groups of pictures. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/output.h"

struct settings {
    struct cclip_common common;
    const char *image_column, *label_column, *predictions, *labels_list, *labels_from, *templates,
        *report;
    struct cclip_texts groups, positive, harmful, added, texts, queries;
    int64_t top, permutations, resamples, seed;
    double confidence;
};

/* Lists of the command line, in the form that the library takes. */
struct lists {
    struct cclip_inputs labels, harmful; /* harmful: all labels of all kinds */
    const char **label_pointers, **harmful_pointers;
    char **names;
    cclip_harm_category *kinds;
    size_t kind_count;
};

/* "crime=thief,criminal": the part in front names the kind; without it they are "harmful". */
static cclip_status add_kind(struct lists *l, const char *text)
{
    const char *equals = strchr(text, '=');
    const size_t first = l->harmful.count, kind = l->kind_count;
    cclip_status status = cclip_inputs_split(&l->harmful, equals ? equals + 1 : text);
    if (!status && l->harmful.count == first)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "--harmful: \"%s\": labels expected", text);
    if (status)
        return status;
    l->names[kind] = equals ? cclip_copy_text(text, (size_t)(equals - text))
                            : cclip_copy_text("harmful", 7);
    l->kinds[kind].count = l->harmful.count - first;
    l->kind_count++;
    return l->names[kind] ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static cclip_status lists_open(struct lists *l, const struct settings *s)
{
    cclip_status status = CCLIP_OK;
    l->names = cclip_allocate_zero(s->harmful.count, sizeof *l->names);
    l->kinds = cclip_allocate_zero(s->harmful.count, sizeof *l->kinds);
    if (!l->names || !l->kinds)
        return CCLIP_ERROR_MEMORY;
    if (s->labels_list)
        status = cclip_inputs_split(&l->labels, s->labels_list);
    else if (s->labels_from)
        status = cclip_inputs_lines(&l->labels, s->labels_from, 0);
    for (size_t i = 0; i < s->harmful.count && !status; i++)
        status = add_kind(l, s->harmful.items[i]);
    if (status)
        return status;
    l->label_pointers = cclip_inputs_pointers(&l->labels, 0, l->labels.count);
    l->harmful_pointers = cclip_inputs_pointers(&l->harmful, 0, l->harmful.count);
    if (!l->label_pointers || !l->harmful_pointers)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0, at = 0; i < l->kind_count; at += l->kinds[i++].count) {
        l->kinds[i].name = l->names[i];
        l->kinds[i].labels = l->harmful_pointers + at;
    }
    return CCLIP_OK;
}

static void lists_close(struct lists *l)
{
    for (size_t i = 0; i < l->kind_count; i++)
        cclip_release(l->names[i]);
    cclip_release(l->names);
    cclip_release(l->kinds);
    cclip_release(l->label_pointers);
    cclip_release(l->harmful_pointers);
    cclip_inputs_close(&l->labels);
    cclip_inputs_close(&l->harmful);
}

static cclip_audit_options options_of(const struct settings *s, const struct lists *l,
                                      const cclip_bootstrap_options *bootstrap)
{
    cclip_audit_options o = CCLIP_AUDIT_OPTIONS_INIT;
    if (s->image_column)
        o.image_column = s->image_column;
    o.label_column = s->label_column;
    o.prediction_column = s->predictions;
    o.groups = s->groups.count ? s->groups.items : NULL;
    o.group_count = s->groups.count;
    o.labels = l->label_pointers;
    o.label_count = l->labels.count;
    o.positive = s->positive.items;
    o.positive_count = s->positive.count;
    o.harmful = l->kinds;
    o.harmful_count = l->kind_count;
    o.added = s->added.items;
    o.added_count = s->added.count;
    o.texts = s->texts.items;
    o.text_count = s->texts.count;
    o.queries = s->queries.items;
    o.query_count = s->queries.count;
    o.top = (size_t)s->top;
    o.templates = s->templates;
    o.permutations = (size_t)s->permutations;
    o.bootstrap = bootstrap;
    return o;
}

static cclip_status print_json(const cclip_audit *audit)
{
    struct cclip_emitter e;
    cclip_audit_row row = { .version = CCLIP_AUDIT_ROW_VERSION };
    cclip_status status = CCLIP_OK;
    cclip_emitter_open(&e);
    for (size_t i = 0; i < cclip_audit_count(audit) && !status; i++) {
        status = cclip_audit_get(audit, i, &row);
        const struct {
            const char *key, *text;
        } texts[] = { { "measure", row.measure }, { "attribute", row.attribute },
                      { "subject", row.subject }, { "group", row.group }, { "other", row.other } };
        const struct {
            const char *key;
            double value;
            int always;
        } numbers[] = { { "value", row.value, 1 }, { "low", row.low, 0 }, { "high", row.high, 0 },
                        { "p_value", row.p_value, 0 }, { "p_two_sided", row.p_two_sided, 0 } };
        cclip_emit_begin(&e, NULL, '{');
        for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++)
            if (texts[t].text)
                cclip_emit_string(&e, texts[t].key, texts[t].text);
        cclip_emit_integer(&e, "pictures", (int64_t)row.pictures);
        for (size_t n = 0; n < sizeof(numbers) / sizeof(*numbers); n++)
            if (numbers[n].always || !isnan(numbers[n].value))
                cclip_emit_number(&e, numbers[n].key, numbers[n].value);
        if (row.few)
            cclip_emit_bool(&e, "few", 1);
        cclip_emit_end(&e, '}');
        if (!status)
            status = cclip_emit_line(&e);
    }
    cclip_emitter_close(&e);
    return status;
}

/* Shares are printed in percent and gaps in points with their sign; effect sizes, skew and NDKL as they are. */
static void add_value(struct cclip_table *table, const cclip_audit_row *row)
{
    const int gap = strstr(row->measure, "_gap") || strstr(row->measure, "_change");
    if (isnan(row->value))
        cclip_table_cell(table, "-");
    else if (!isnan(row->low))
        cclip_table_cell(table, gap ? "%+.2f" : "%.2f %%", 100 * row->value);
    else
        cclip_table_cell(table, "%.3f", row->value);
    if (!isnan(row->low))
        cclip_table_cell(table, gap ? "[%+.2f, %+.2f]%s" : "[%.2f, %.2f]%s", 100 * row->low,
                         100 * row->high, row->few ? " few" : "");
    else if (!isnan(row->p_value))
        cclip_table_cell(table, "p = %.4g", row->p_value);
    else
        cclip_table_cell(table, "%s", "");
}

static cclip_status print_table(const cclip_audit *audit, const struct settings *s)
{
    struct cclip_table table;
    cclip_audit_row row = { .version = CCLIP_AUDIT_ROW_VERSION };
    char clean[256], other[256];
    cclip_status status = CCLIP_OK;
    static const char *const heads[] = { "measure", "about", "column", "group", "pictures", "value", "" };
    cclip_table_open(&table, "<<<<>><");
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
        cclip_table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < cclip_audit_count(audit) && !status; i++) {
        status = cclip_audit_get(audit, i, &row);
        const char *const texts[] = { row.measure, row.subject, row.attribute };
        for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++)
            cclip_table_cell(&table, "%s",
                             cclip_printable(clean, sizeof(clean), texts[t] ? texts[t] : ""));
        cclip_printable(clean, sizeof(clean), row.group ? row.group : "");
        cclip_printable(other, sizeof(other), row.other ? row.other : "");
        cclip_table_cell(&table, "%s%s%s", clean, row.other ? " - " : "", other);
        cclip_table_cell(&table, "%zu", row.pictures);
        add_value(&table, &row);
    }
    if (!status)
        status = cclip_table_print(&table);
    cclip_table_close(&table);
    if (!status)
        status = cclip_print("\n%zu pictures; intervals: %.3g %%, bootstrap within the groups, %lld "
                             "resamples, seed %lld\n",
                             cclip_audit_pictures(audit), 100 * s->confidence,
                             (long long)s->resamples, (long long)s->seed);
    return status;
}

/* An interval is read as if it were sure: where it is not, that is said. */
static cclip_status warn_of_few(const cclip_audit *audit)
{
    cclip_audit_row row = { .version = CCLIP_AUDIT_ROW_VERSION };
    size_t few = 0, intervals = 0;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < cclip_audit_count(audit) && !status; i++) {
        status = cclip_audit_get(audit, i, &row);
        few += !status && row.few;
        intervals += !status && !isnan(row.low);
    }
    if (few)
        cclip_message("warning: %zu of %zu intervals say little (few): a group has fewer than %d pictures", few,
                      intervals, CCLIP_AUDIT_FEW_PICTURES);
    return status;
}

static int audit(const struct settings *s, const struct cclip_opened *opened, const char *table,
                 cclip_audit_options *options)
{
    cclip_audit *audit = NULL;
    struct cclip_progress progress;
    options->skip = cclip_say_skipped;
    options->progress = cclip_progress_step;
    options->user = &progress;
    cclip_progress_open(&progress, "pictures", 0);
    cclip_status status = cclip_audit_open(&audit, opened->session, table, options);
    cclip_progress_close(&progress);
    if (!status)
        status = s->common.json ? print_json(audit) : print_table(audit, s);
    if (!status && s->report)
        status = cclip_audit_write_report(audit, s->report);
    if (!status)
        status = warn_of_few(audit);
    const size_t skipped = status ? 0 : cclip_audit_skipped(audit);
    const size_t total = status ? 0 : cclip_audit_pictures(audit) + skipped;
    cclip_audit_close(&audit);
    return status ? cclip_report_failure() : cclip_exit_status(skipped, total, "pictures");
}

/* Without anything to ask of pictures no model is opened. */
static int needs_model(const struct settings *s)
{
    return !s->predictions || s->harmful.count || s->texts.count || s->queries.count;
}

static int run_with(const struct cclip_verb *verb, const struct settings *s, const char *table,
                    struct lists *lists)
{
    const cclip_bootstrap_options bootstrap = { CCLIP_BOOTSTRAP_OPTIONS_VERSION,
                                                (size_t)s->resamples, s->confidence,
                                                (uint64_t)s->seed };
    struct cclip_opened opened = { 0 };
    cclip_preprocessing preprocessing;
    if (lists_open(lists, s))
        return cclip_report_failure();
    cclip_audit_options options = options_of(s, lists, &bootstrap);
    int code = CCLIP_EXIT_DONE;
    if (needs_model(s)) {
        code = cclip_opened_session(&opened, verb, &s->common);
        if (!code)
            code =
                cclip_choose_preprocessing(&preprocessing, verb, &s->common, &opened.info, 0);
        options.preprocessing = &preprocessing;
    }
    if (!code)
        code = audit(s, &opened, table, &options);
    cclip_opened_close(&opened);
    return code;
}

static int run(const struct cclip_verb *verb, const void *settings,
               const struct cclip_texts *arguments)
{
    const struct settings *s = settings;
    struct lists lists = { 0 };
    if (s->labels_list && s->labels_from)
        return cclip_usage_error(verb, "--labels and --labels-from exclude each other");
    if (s->added.count && !s->harmful.count)
        return cclip_usage_error(verb, "--add is for seeing --harmful labels move");
    if (s->report && cclip_output_check(s->report, "<!doctype html>", "web page"))
        return cclip_report_failure();
    cclip_inputs_open(&lists.labels);
    cclip_inputs_open(&lists.harmful);
    const int code = run_with(verb, s, arguments->items[0], &lists);
    lists_close(&lists);
    return code;
}

static const struct settings defaults = {
    .top = 20, .permutations = 10000, .resamples = 1000, .confidence = 0.95
};

#define FIELD(field) offsetof(struct settings, field)
static const struct cclip_option options[] = {
    { "group", 0, CCLIP_OPTION_TEXTS, "COLUMN",
      "a column of groups; may be repeated (default: all columns that are nothing else)",
      FIELD(groups), 0, 0, 0, NULL },
    { "label-column", 0, CCLIP_OPTION_TEXT, "NAME",
      "column of the right classes (default: label or class, where there is one)",
      FIELD(label_column), 0, 0, 0, NULL },
    { "csv-img-key", 0, CCLIP_OPTION_TEXT, "NAME",
      "column with the pictures' paths (default filepath)", FIELD(image_column), 0, 0, 0, NULL },
    { "prediction-column", 0, CCLIP_OPTION_TEXT, "NAME",
      "column of classes that were predicted already: they are audited, not the model's",
      FIELD(predictions), 0, 0, 0, NULL },
    { "labels", 0, CCLIP_OPTION_TEXT, "A,B,...",
      "classes to choose from (default: those that occur)", FIELD(labels_list), 0, 0, 0, NULL },
    { "labels-from", 0, CCLIP_OPTION_TEXT, "FILE", "classes to choose from, one a line",
      FIELD(labels_from), 0, 0, 0, NULL },
    { "templates-from", 0, CCLIP_OPTION_TEXT, "FILE",
      "templates: a file, or photo, icon, art (default: the label alone)", FIELD(templates), 0, 0,
      0, NULL },
    { "positive", 0, CCLIP_OPTION_TEXTS, "CLASS",
      "give the false-positive rate of this class alone too; may be repeated", FIELD(positive), 0,
      0, 0, NULL },
    { "harmful", 0, CCLIP_OPTION_TEXTS, "[KIND=]A,B",
      "labels that nobody should get, counted together as KIND; may be repeated", FIELD(harmful), 0,
      0, 0, NULL },
    { "add", 0, CCLIP_OPTION_TEXTS, "CLASS",
      "count harmful labels once more with this class added; may be repeated", FIELD(added), 0, 0,
      0, NULL },
    { "associate", 0, CCLIP_OPTION_TEXTS, "TEXT",
      "association test of this text with every group; may be repeated", FIELD(texts), 0, 0, 0,
      NULL },
    { "query", 0, CCLIP_OPTION_TEXTS, "TEXT",
      "skew and NDKL of this query's best pictures; may be repeated", FIELD(queries), 0, 0, 0,
      NULL },
    { "top", 0, CCLIP_OPTION_INTEGER, "K", "how many of a query's best pictures count (default 20)",
      FIELD(top), 0, 1, 1 << 30, NULL },
    { "permutations", 0, CCLIP_OPTION_INTEGER, "N",
      "of association tests; all divisions where there are no more (default 10000)",
      FIELD(permutations), 0, 1, 1000000, NULL },
    { "resamples", 0, CCLIP_OPTION_INTEGER, "N", "of the bootstrap (default 1000)",
      FIELD(resamples), 0, 1, 1000000, NULL },
    { "confidence", 0, CCLIP_OPTION_NUMBER, "P", "of the intervals (default 0.95)",
      FIELD(confidence), 0, 0.01, 0.9999, NULL },
    { "seed", 0, CCLIP_OPTION_INTEGER, "N", "of resamples and permutations (default 0)",
      FIELD(seed), 0, 0, 1e15, NULL },
    { "report", 0, CCLIP_OPTION_TEXT, "FILE", "write a web page with all figures too",
      FIELD(report), 0, 0, 0, NULL },
    { NULL, 0, CCLIP_OPTION_FLAG, NULL, NULL, 0, 0, 0, 0, NULL }
};
#undef FIELD

const struct cclip_verb cclip_command_audit = {
    "audit",
    "how a model treats groups: gaps, harmful labels, associations, rankings",
    "TABLE",
    "TABLE is a CSV or TSV file with the pictures' paths, as wanted the right classes, and columns of groups. "
    "Prints accuracy and false-positive rates by group with the largest gap, how often harmful labels win and how "
    "that moves when classes are added, how near texts stand to groups (SC-WEAT), and who is shown for queries "
    "(skew, NDKL); with intervals, and a warning where groups are too small for them (`few`).\n\n"
    "A figure that shows a disparity is a reason to look; none that shows no disparity is a proof that there is "
    "none: docs/audit.md.",
    "cclip audit faces.csv --group gender --harmful crime=thief,criminal --add child --report audit.html\n"
    "cclip audit predicted.csv --prediction-column predicted --positive approved",
    "a line a figure: `measure` (`accuracy`, `mean_false_positive_rate`, `false_positive_rate`, `harmful_rate`, "
    "`harmful_rate_with_added`, each also with `_gap`; `harmful_rate_change`, `sc_weat`, `skew`, `ndkl`), "
    "`attribute` (the column), `subject` (class, kind, text or query), `group`, `other`, `pictures`, `value`, "
    "`low`, `high`, `p_value`, `p_two_sided`, `few` (true: a group of fewer than 30 pictures, whose interval says "
    "little); what does not apply is left out. Shares are between 0 and 1; "
    "`value` is null where there is none, and for the skew of a group that is not shown",
    options,
    CCLIP_COMMON_MODEL | CCLIP_COMMON_VOCABULARY | CCLIP_COMMON_BACKGROUND,
    1,
    1,
    sizeof(struct settings),
    &defaults,
    run
};
