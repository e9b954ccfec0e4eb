/* The results of a suite: a table to read, and CLIP_benchmark's CSV. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/output.h"
#include "cli/suite.h"

static const cclip_evaluation *at(const struct cclip_suite_results *r, size_t model, size_t set)
{
    return r->evaluations[model * r->sets + set];
}

/* Of the models that measured the set, the first; NULL: none did. */
static const cclip_evaluation *first_of(const struct cclip_suite_results *r, size_t set)
{
    const cclip_evaluation *found = NULL;
    for (size_t m = 0; m < r->models && !found; m++)
        found = at(r, m, set);
    return found;
}

static void add_share(struct cclip_table *table, double value, double low, double high)
{
    if (isnan(value)) {
        cclip_table_cell(table, "-");
        cclip_table_cell(table, " ");
        return;
    }
    cclip_table_cell(table, "%.2f %%", 100 * value);
    cclip_table_cell(table, "[%.2f, %.2f]", 100 * low, 100 * high);
}

static void add_difference(struct cclip_table *table, double value, double low, double high)
{
    if (isnan(value)) {
        cclip_table_cell(table, "-");
        cclip_table_cell(table, " ");
        return;
    }
    cclip_table_cell(table, "%+.2f", 100 * value);
    cclip_table_cell(table, "[%+.2f, %+.2f]", 100 * low, 100 * high);
}

static void add_head(struct cclip_table *table, const struct cclip_suite_results *r)
{
    static const char *const heads[] = { "set", "kind", "pictures", "figure" };
    char clean[256];
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        cclip_table_cell(table, "%s", heads[i]);
    for (size_t m = 0; m < r->models; m++) {
        const char *name = r->model_names[m] ? r->model_names[m] : "-";
        cclip_table_cell(table, "%s", cclip_printable(clean, sizeof clean, name));
        cclip_table_cell(table, "%.3g %%", 100 * r->bootstrap->confidence);
    }
    for (size_t m = 1; m < r->models; m++) {
        if (r->models > 2)
            cclip_table_cell(table, "%zu less 1", m + 1);
        else
            cclip_table_cell(table, "less the first");
        cclip_table_cell(table, "%.3g %%", 100 * r->bootstrap->confidence);
    }
}

/* differences [model][3][figures]: of each model against the first one. */
static cclip_status compare(double *differences, const struct cclip_suite_results *r, size_t set,
                            size_t figures)
{
    cclip_status status = CCLIP_OK;
    for (size_t m = 1; m < r->models && !status; m++) {
        double *d = differences + m * 3 * figures;
        const cclip_evaluation *a = at(r, 0, set), *b = at(r, m, set);
        for (size_t i = 0; i < 3 * figures; i++)
            d[i] = (double)NAN;
        if (a && b)
            status = cclip_evaluation_compare(d, d + figures, d + 2 * figures, a, b, r->bootstrap);
        if (status == CCLIP_ERROR_MISMATCH)
            status = CCLIP_OK; /* a picture that only one of them could read */
    }
    return status;
}

static void add_row(struct cclip_table *table, const struct cclip_suite_results *r, size_t set,
                    size_t figure, const double *differences, size_t figures)
{
    for (size_t m = 0; m < r->models; m++) {
        const cclip_evaluation *e = at(r, m, set);
        add_share(table, e ? cclip_evaluation_value(e, figure) : (double)NAN,
                  e ? cclip_evaluation_low(e, figure) : 0, e ? cclip_evaluation_high(e, figure) : 0);
    }
    for (size_t m = 1; m < r->models; m++) {
        const double *d = differences + m * 3 * figures + figure;
        add_difference(table, d[0], d[figures], d[2 * figures]);
    }
}

static cclip_status add_set(struct cclip_table *table, const struct cclip_suite_results *r,
                            size_t set)
{
    const cclip_evaluation *shown = first_of(r, set);
    cclip_suite_set about = { .version = CCLIP_SUITE_SET_VERSION };
    char clean[256];
    cclip_status status = cclip_suite_get(r->suite, set, &about);
    if (status || !shown)
        return status;
    const size_t figures = cclip_evaluation_count(shown);
    double *differences = cclip_allocate(r->models * 3 * figures, sizeof *differences);
    if (!differences)
        return CCLIP_ERROR_MEMORY;
    status = compare(differences, r, set, figures);
    for (size_t i = 0; i < figures && !status; i++) {
        const char *const texts[] = { i ? "" : about.name, i || !about.kind ? "" : about.kind };
        for (size_t t = 0; t < 2; t++)
            cclip_table_cell(table, "%s", cclip_printable(clean, sizeof clean, texts[t]));
        if (i)
            cclip_table_cell(table, " ");
        else
            cclip_table_cell(table, "%zu", cclip_evaluation_samples(shown));
        cclip_table_cell(table, "%s", cclip_evaluation_name(shown, i));
        add_row(table, r, set, i, differences, figures);
    }
    cclip_release(differences);
    return status;
}

cclip_status cclip_suite_print(const struct cclip_suite_results *r)
{
    struct cclip_table table;
    const size_t columns = 4 + 2 * r->models + 2 * (r->models - 1);
    char *alignment = cclip_allocate(columns + 1, 1);
    cclip_status status = alignment ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status) {
        for (size_t i = 0; i < columns; i++)
            alignment[i] = i == 2 || (i >= 4 && i % 2 == 0) ? '>' : '<';
        alignment[columns] = '\0';
        cclip_table_open(&table, alignment);
        add_head(&table, r);
        for (size_t s = 0; s < r->sets && !status; s++)
            status = add_set(&table, r, s);
        if (!status)
            status = cclip_table_print(&table);
        cclip_table_close(&table);
    }
    if (!status)
        status = cclip_print("\nintervals: bootstrap over the pictures, percentile method, %zu "
                             "resamples, seed %llu\n",
                             r->bootstrap->resamples, (unsigned long long)r->bootstrap->seed);
    cclip_release(alignment);
    return status;
}

/* CSV. */

static cclip_status put_field(struct cclip_buffer *out, const char *text)
{
    cclip_status status = out->length && out->data[out->length - 1] != '\n'
                              ? cclip_buffer_byte(out, ',')
                              : CCLIP_OK;
    if (status || !strpbrk(text, ",\"\r\n"))
        return status ? status : cclip_buffer_text(out, text);
    status = cclip_buffer_byte(out, '"');
    for (; *text && !status; text++) {
        if (*text == '"')
            status = cclip_buffer_byte(out, '"');
        if (!status)
            status = cclip_buffer_byte(out, *text);
    }
    return status ? status : cclip_buffer_byte(out, '"');
}

static cclip_status put_number(struct cclip_buffer *out, double value)
{
    char text[32] = "";
    for (int digits = 15; digits <= 17 && !isnan(value); digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return put_field(out, text);
}

/* Every name of a figure that occurs, once. */
static cclip_status collect_names(struct cclip_names *out, const struct cclip_suite_results *r)
{
    cclip_status status = CCLIP_OK;
    for (size_t e = 0; e < r->models * r->sets; e++) {
        for (size_t i = 0; r->evaluations[e] && i < cclip_evaluation_count(r->evaluations[e]); i++) {
            const char *name = cclip_evaluation_name(r->evaluations[e], i);
            size_t known = 0;
            while (known < out->count && strcmp(out->names[known], name))
                known++;
            if (known == out->count && !status)
                status = cclip_names_add(out, name, strlen(name));
        }
    }
    return status;
}

static cclip_status put_head(struct cclip_buffer *out, const struct cclip_names *names)
{
    static const char *const heads[] = { "dataset",  "model",          "pretrained", "task",
                                         "language", "model_fullname", "kind",       "samples" };
    static const char *const endings[] = { "", "_low", "_high" };
    char name[96];
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof heads / sizeof *heads && !status; i++)
        status = put_field(out, heads[i]);
    for (size_t i = 0; i < names->count; i++)
        for (size_t e = 0; e < sizeof endings / sizeof *endings && !status; e++) {
            snprintf(name, sizeof name, "%.80s%s", names->names[i], endings[e]);
            status = put_field(out, name);
        }
    return status ? status : cclip_buffer_byte(out, '\n');
}

static cclip_status put_figures(struct cclip_buffer *out, const struct cclip_names *names,
                                const cclip_evaluation *e)
{
    cclip_status status = CCLIP_OK;
    for (size_t n = 0; n < names->count && !status; n++) {
        size_t i = 0;
        while (i < cclip_evaluation_count(e) && strcmp(cclip_evaluation_name(e, i), names->names[n]))
            i++;
        const int there = i < cclip_evaluation_count(e);
        status = put_number(out, there ? cclip_evaluation_value(e, i) : (double)NAN);
        if (!status)
            status = put_number(out, there ? cclip_evaluation_low(e, i) : (double)NAN);
        if (!status)
            status = put_number(out, there ? cclip_evaluation_high(e, i) : (double)NAN);
    }
    return status;
}

static cclip_status put_row(struct cclip_buffer *out, const struct cclip_suite_results *r,
                            size_t model, size_t set, const struct cclip_names *names)
{
    const cclip_evaluation *e = at(r, model, set);
    cclip_suite_set about = { .version = CCLIP_SUITE_SET_VERSION };
    char full[8192], samples[32];
    cclip_status status = cclip_suite_get(r->suite, set, &about);
    if (status || !e)
        return status;
    snprintf(full, sizeof full, "%s %s", r->architectures[model], r->paths[model]);
    snprintf(samples, sizeof samples, "%zu", cclip_evaluation_samples(e));
    const char *const texts[] = { about.name, r->architectures[model], r->paths[model],
                                  cclip_evaluation_task(e), "en", full,
                                  about.kind ? about.kind : "", samples };
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !status; i++)
        status = put_field(out, texts[i]);
    if (!status)
        status = put_figures(out, names, e);
    return status ? status : cclip_buffer_byte(out, '\n');
}

cclip_status cclip_suite_write_csv(const struct cclip_suite_results *r, const char *path)
{
    struct cclip_buffer out;
    struct cclip_names names = { 0 };
    cclip_buffer_open(&out, (size_t)1 << 30);
    cclip_status status = collect_names(&names, r);
    if (!status)
        status = put_head(&out, &names);
    for (size_t m = 0; m < r->models; m++)
        for (size_t s = 0; s < r->sets && !status; s++)
            status = put_row(&out, r, m, s, &names);
    if (!status)
        status = cclip_file_write(path, out.data, out.length);
    cclip_names_close(&names);
    cclip_buffer_close(&out);
    return status;
}
