/* The audits of evaluate.h: the table, its pictures and groups. What is computed of them is in audit_parts.c. */
#include "api/audit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/bootstrap_options.h"
#include "api/session.h"
#include "base/limits.h"
#include "base/memory.h"

enum { PICTURES_A_CALL = 256, GROUPS_MAXIMUM = 256 };

void cclip_audit_options_init(cclip_audit_options *options)
{
    *options = (cclip_audit_options)CCLIP_AUDIT_OPTIONS_INIT;
}

/* Figures. */

static cclip_status keep_text(struct cclip_audit *audit, const char **text)
{
    if (!*text)
        return CCLIP_OK;
    const cclip_status status = cclip_names_add(&audit->texts, *text, strlen(*text));
    if (!status)
        *text = audit->texts.names[audit->texts.count - 1];
    return status;
}

cclip_status cclip_audit_add(struct cclip_audit *audit, const cclip_audit_row *row)
{
    cclip_audit_row copy = *row;
    const char **texts[] = { &copy.subject, &copy.attribute, &copy.group, &copy.other };
    cclip_status status = cclip_grow(&audit->rows, &audit->capacity, audit->count + 1,
                                     sizeof *audit->rows, CCLIP_LIMIT_SAMPLES, "figures");
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !status; i++)
        status = keep_text(audit, texts[i]);
    if (!status)
        audit->rows[audit->count++] = copy;
    return status;
}

void cclip_audit_close(cclip_audit **out)
{
    struct cclip_audit *audit = *out;
    if (!audit)
        return;
    cclip_release(audit->rows);
    cclip_names_close(&audit->texts);
    cclip_release(audit->table);
    cclip_release(audit);
    *out = NULL;
}

/* Columns. */

static size_t column_named(const struct cclip_audit_run *run, const char *name)
{
    const struct cclip_names *columns = &run->table.columns;
    size_t c = 0;
    while (c < columns->count && (!name || strcmp(columns->names[c], name)))
        c++;
    return c;
}

static const char *cell(const struct cclip_audit_run *run, size_t picture, size_t column)
{
    return run->table.cells.names[run->row_of[picture] * run->table.columns.count + column];
}

cclip_status cclip_audit_need_column(size_t *out, const struct cclip_audit_run *run, const char *name)
{
    *out = column_named(run, name);
    return *out < run->table.columns.count
               ? CCLIP_OK
               : cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: line 1: no column \"%s\"", run->path, name);
}

cclip_status cclip_audit_need_class(size_t *out, const struct cclip_audit_run *run, const char *name)
{
    size_t c = 0;
    while (c < run->labels.count && strcmp(run->labels.names[c], name))
        c++;
    *out = c;
    return c < run->labels.count
               ? CCLIP_OK
               : cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: the positive class \"%.80s\" is none of the classes",
                            run->path, name);
}

/* The column of right classes; the number of columns where there is none. */
static cclip_status find_labels(size_t *out, const struct cclip_audit_run *run)
{
    if (run->options->label_column)
        return cclip_audit_need_column(out, run, run->options->label_column);
    *out = column_named(run, "label");
    if (*out == run->table.columns.count)
        *out = column_named(run, "class");
    return CCLIP_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each value of a column once, sorted. */
static cclip_status unique_values(struct cclip_names *out, const struct cclip_audit_run *run,
                                  size_t column)
{
    char **values = cclip_allocate(run->pictures, sizeof *values);
    cclip_status status = values ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < run->pictures && !status; i++)
        values[i] = run->table.cells.names[run->row_of[i] * run->table.columns.count + column];
    if (!status && run->pictures)
        qsort(values, run->pictures, sizeof *values, compare_names);
    for (size_t i = 0; i < run->pictures && !status; i++)
        if (!i || strcmp(values[i - 1], values[i]))
            status = cclip_names_add(out, values[i], strlen(values[i]));
    cclip_release(values);
    return status;
}

static size_t place_of(const struct cclip_names *sorted, const char *name)
{
    char *const *found =
        bsearch(&name, sorted->names, sorted->count, sizeof *sorted->names, compare_names);
    return found ? (size_t)(found - sorted->names) : sorted->count;
}

static cclip_status add_attribute(struct cclip_audit_run *run, size_t column)
{
    struct cclip_attribute *a = &run->attributes[run->attribute_count++];
    a->name = run->table.columns.names[column];
    a->of = cclip_allocate(run->pictures, sizeof *a->of);
    cclip_status status = a->of ? unique_values(&a->groups, run, column) : CCLIP_ERROR_MEMORY;
    if (!status && a->groups.count > GROUPS_MAXIMUM)
        status = cclip_fail(CCLIP_ERROR_LIMIT,
                            "%s: column \"%s\" has %zu values, at most %d groups are compared",
                            run->path, a->name, a->groups.count, (int)GROUPS_MAXIMUM);
    for (size_t i = 0; i < run->pictures && !status; i++)
        a->of[i] = place_of(&a->groups, cell(run, i, column));
    return status;
}

static cclip_status find_attributes(struct cclip_audit_run *run, size_t label_column)
{
    const cclip_audit_options *o = run->options;
    const size_t columns = run->table.columns.count;
    const size_t most = o->groups ? o->group_count : columns;
    cclip_status status = CCLIP_OK;
    run->attributes = cclip_allocate_zero(most, sizeof *run->attributes);
    if (!run->attributes)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < most && !status; i++) {
        size_t column = i;
        if (o->groups)
            status = cclip_audit_need_column(&column, run, o->groups[i]);
        else if (i == label_column || i == column_named(run, o->image_column) ||
                 i == column_named(run, o->prediction_column))
            continue;
        if (!status)
            status = add_attribute(run, column);
    }
    return status || run->attribute_count
               ? status
               : cclip_fail(CCLIP_ERROR_FORMAT, "%s: no column of groups", run->path);
}

/* Classes are those that were given, else those that occur. */
static cclip_status find_truths(struct cclip_audit_run *run, size_t column)
{
    const cclip_audit_options *o = run->options;
    const int there = column < run->table.columns.count;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < o->label_count && !status; i++)
        status = cclip_names_add(&run->labels, o->labels[i], strlen(o->labels[i]));
    if (!status && there && !o->label_count)
        status = unique_values(&run->labels, run, column);
    if (status || !there)
        return status;
    run->truths = cclip_allocate(run->pictures, sizeof *run->truths);
    if (!run->truths)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < run->pictures && !status; i++) {
        size_t place = 0;
        while (place < run->labels.count && strcmp(run->labels.names[place], cell(run, i, column)))
            place++;
        run->truths[i] = place;
        if (place == run->labels.count)
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%.80s\" in column \"%s\" is none of the classes",
                                run->path, cell(run, i, column), run->table.columns.names[column]);
    }
    return status;
}

static cclip_status find_groups_and_classes(struct cclip_audit_run *run, size_t label_column)
{
    const cclip_status status = find_attributes(run, label_column);
    return status ? status : find_truths(run, label_column);
}

static void forget_groups_and_classes(struct cclip_audit_run *run)
{
    for (size_t i = 0; i < run->attribute_count; i++) {
        cclip_names_close(&run->attributes[i].groups);
        cclip_release(run->attributes[i].of);
    }
    cclip_release(run->attributes);
    cclip_release(run->truths);
    cclip_names_close(&run->labels);
    run->attributes = NULL;
    run->attribute_count = 0;
    run->truths = NULL;
}

/* What is asked for must be there. */
static cclip_status check_questions(const struct cclip_audit_run *run)
{
    const cclip_audit_options *o = run->options;
    size_t found;
    cclip_status status =
        o->prediction_column ? cclip_audit_need_column(&found, run, o->prediction_column) : CCLIP_OK;
    if (!status && !run->truths && o->positive_count)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: false positives need a column of labels", run->path);
    for (size_t i = 0; i < o->positive_count && !status; i++)
        status = cclip_audit_need_class(&found, run, o->positive[i]);
    if (!status && o->harmful_count && !run->labels.count)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT,
                            "%s: harmful labels need others beside them: a column of labels, or a list",
                            run->path);
    return status;
}

static cclip_status fail_nothing(const struct cclip_audit_run *run)
{
    return cclip_fail(CCLIP_ERROR_ARGUMENT,
                      "%s: nothing to audit: neither a column of labels nor harmful labels, texts or queries",
                      run->path);
}

/* Pictures. */

static int needs_pictures(const cclip_audit_options *o)
{
    return !o->prediction_column || o->harmful_count || o->text_count || o->query_count;
}

struct skipping {
    const cclip_audit_options *options;
    struct cclip_audit *audit;
    unsigned char *bad;
    size_t first;
};

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    struct skipping *s = user;
    s->bad[s->first + index] = 1;
    s->audit->skipped++;
    return s->options->skip
               ? s->options->skip(s->options->user, s->first + index, status, message)
               : 0;
}

static cclip_status embed_rows(struct cclip_audit_run *run, struct skipping *s)
{
    const cclip_audit_options *o = run->options;
    const size_t all = run->table.count;
    cclip_status status = CCLIP_OK;
    for (s->first = 0; s->first < all && !status; s->first += PICTURES_A_CALL) {
        const size_t left = all - s->first;
        if (o->progress && o->progress(o->user, s->first, all))
            return cclip_fail(CCLIP_ERROR_CANCELLED, "%s: stopped after %zu pictures", run->path,
                              s->first);
        status = cclip_embed_files(run->session, run->embeddings + s->first * run->dim,
                                   (const char *const *)run->table.paths.names + s->first,
                                   left < PICTURES_A_CALL ? left : PICTURES_A_CALL, o->preprocessing,
                                   1, on_skip, s);
    }
    return status;
}

static cclip_status take_all_rows(struct cclip_audit_run *run)
{
    run->pictures = run->table.count;
    run->row_of = cclip_allocate(run->pictures, sizeof *run->row_of);
    for (size_t i = 0; i < run->pictures && run->row_of; i++)
        run->row_of[i] = i;
    return run->row_of ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

/* Embeds all pictures and closes the gaps of those that cannot be read. */
static cclip_status read_pictures(struct cclip_audit_run *run)
{
    struct skipping s = { .options = run->options, .audit = run->audit };
    const size_t all = run->table.count;
    cclip_status status = CCLIP_OK;
    run->hits = cclip_allocate(all, sizeof *run->hits);
    run->weights = cclip_allocate(all, sizeof *run->weights);
    s.bad = cclip_allocate_zero(all, 1);
    if (!run->hits || !run->weights || !s.bad)
        status = CCLIP_ERROR_MEMORY;
    if (!status && needs_pictures(run->options)) {
        run->dim = run->session->model->config.embedding_dim;
        run->embeddings = cclip_allocate(all, run->dim * sizeof *run->embeddings);
        status = run->embeddings ? embed_rows(run, &s) : CCLIP_ERROR_MEMORY;
    }
    run->pictures = 0;
    for (size_t i = 0; i < all && !status; i++) {
        if (s.bad[i])
            continue;
        if (run->embeddings && run->pictures < i)
            memcpy(run->embeddings + run->pictures * run->dim, run->embeddings + i * run->dim,
                   run->dim * sizeof *run->embeddings);
        run->row_of[run->pictures++] = i;
    }
    cclip_release(s.bad);
    if (!status && !run->pictures)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: none of %zu pictures could be read", run->path,
                            all);
    return status;
}

/* All of it. */

static cclip_status check_options(const cclip_audit_options *o, const cclip_session *session)
{
    if (o->version != CCLIP_AUDIT_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "audit options: version %u is not known",
                          (unsigned)o->version);
    if (!o->permutations || o->permutations > CCLIP_LIMIT_RESAMPLES)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "audit: %zu permutations: 1 to %zu expected",
                          o->permutations, CCLIP_LIMIT_RESAMPLES);
    if (!session && needs_pictures(o))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "audit: a session is needed but for predictions");
    if (o->added_count && !o->harmful_count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "audit: classes are added to see harmful labels move: none is given");
    if (o->query_count && !o->top)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "audit: the best 0 pictures of a query");
    return o->bootstrap ? cclip_check_bootstrap(o->bootstrap) : CCLIP_OK;
}

/* All that can be refused is refused before the pictures are embedded, which may take hours. */
static cclip_status read_table(struct cclip_audit_run *run)
{
    const cclip_audit_options *o = run->options;
    const int pictures = needs_pictures(o);
    const struct cclip_table_request request = {
        .path = run->path,
        .image_column = pictures ? o->image_column : o->prediction_column,
        .separator = o->separator
    };
    size_t labels = 0;
    cclip_status status = cclip_table_read_rows(&run->table, &request, pictures);
    if (!status)
        status = find_labels(&labels, run);
    if (!status && o->prediction_column && labels == run->table.columns.count)
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND,
                            "%s: line 1: predictions, but no column of right labels", run->path);
    if (!status)
        status = take_all_rows(run);
    if (!status)
        status = find_groups_and_classes(run, labels);
    if (!status)
        status = check_questions(run);
    if (!status && !run->truths && !o->harmful_count && !o->text_count && !o->query_count)
        status = fail_nothing(run);
    if (!status)
        status = read_pictures(run);
    if (status || run->pictures == run->table.count)
        return status;
    forget_groups_and_classes(run); /* without those that could not be read there may be fewer */
    return find_groups_and_classes(run, labels);
}

static cclip_status run_parts(struct cclip_audit_run *run)
{
    static cclip_status (*const parts[])(struct cclip_audit_run *) = {
        cclip_audit_classes, cclip_audit_harm, cclip_audit_associations, cclip_audit_rankings
    };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++)
        status = parts[i](run);
    return status || run->audit->count ? status : fail_nothing(run);
}

static void close_run(struct cclip_audit_run *run)
{
    forget_groups_and_classes(run);
    cclip_templates_close(&run->templates);
    cclip_release(run->row_of);
    cclip_release(run->embeddings);
    cclip_release(run->hits);
    cclip_release(run->weights);
    cclip_table_rows_close(&run->table);
}

cclip_status cclip_audit_open(cclip_audit **out, cclip_session *session, const char *table,
                              const cclip_audit_options *options)
{
    static const cclip_audit_options defaults = CCLIP_AUDIT_OPTIONS_INIT;
    struct cclip_audit_run run = { .options = options ? options : &defaults,
                                   .bootstrap = CCLIP_BOOTSTRAP_OPTIONS_INIT,
                                   .session = session,
                                   .path = table };
    *out = NULL;
    cclip_status status = check_options(run.options, session);
    if (status)
        return status;
    if (run.options->bootstrap)
        run.bootstrap = *run.options->bootstrap;
    run.audit = cclip_allocate_zero(1, sizeof *run.audit);
    if (!run.audit)
        return CCLIP_ERROR_MEMORY;
    run.audit->table = cclip_copy_text(table, strlen(table));
    run.audit->confidence = run.bootstrap.confidence;
    run.audit->resamples = run.bootstrap.resamples;
    run.audit->permutations = run.options->permutations;
    status = run.audit->table ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && run.options->templates)
        status = cclip_templates_open(&run.templates, run.options->templates);
    if (!status)
        status = read_table(&run);
    if (!status)
        status = run_parts(&run);
    run.audit->pictures = run.pictures;
    close_run(&run);
    if (status)
        cclip_audit_close(&run.audit);
    *out = run.audit;
    return status;
}

size_t cclip_audit_count(const cclip_audit *audit)
{
    return audit->count;
}

cclip_status cclip_audit_get(const cclip_audit *audit, size_t index, cclip_audit_row *out)
{
    if (out->version != CCLIP_AUDIT_ROW_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "audit row: version %u is not known",
                          (unsigned)out->version);
    if (index >= audit->count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "audit: figure %zu of %zu", index, audit->count);
    *out = audit->rows[index];
    return CCLIP_OK;
}

size_t cclip_audit_pictures(const cclip_audit *audit)
{
    return audit->pictures;
}

size_t cclip_audit_skipped(const cclip_audit *audit)
{
    return audit->skipped;
}
