#include "report/training_report.h"

#include <cclip/version.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "formats/json.h"
#include "report/chart.h"
#include "report/evaluation_charts.h"
#include "report/markup.h"

enum { PAGE_MAXIMUM = 16 << 20, ROWS_MAXIMUM = 1 << 24, RELOAD_SECONDS = 10 };

enum column { STEP, LOSS, SCALE, RATE, SPEED, GRADIENT, GRADIENT_IMAGE, GRADIENT_TEXT, UPDATE_IMAGE,
              UPDATE_TEXT, COLUMNS };
static const struct {
    const char *key, *title;
} columns[COLUMNS] = {
    [STEP] = { "step", "step" },
    [LOSS] = { "loss", "loss" },
    [SCALE] = { "logit_scale", "logit scale" },
    [RATE] = { "lr", "learning rate" },
    [SPEED] = { "samples_per_second", "samples a second" },
    [GRADIENT] = { "gradient_norm", "gradient norm, all" },
    [GRADIENT_IMAGE] = { "gradient_norm_image", "gradient norm, image tower" },
    [GRADIENT_TEXT] = { "gradient_norm_text", "gradient norm, text tower" },
    [UPDATE_IMAGE] = { "update_image", "update, image tower" },
    [UPDATE_TEXT] = { "update_text", "update, text tower" },
};

/* One chart a row; two columns in one chart show which is larger. */
static const struct {
    const char *title;
    int logarithmic;
    enum column first, second; /* second STEP: there is none */
} charts[] = {
    { "Loss", 0, LOSS, STEP },
    { "Logit scale", 0, SCALE, STEP },
    { "Update over weights", 1, UPDATE_IMAGE, UPDATE_TEXT },
    { "Gradient norm", 1, GRADIENT_IMAGE, GRADIENT_TEXT },
    { "Learning rate", 0, RATE, STEP },
    { "Samples a second", 0, SPEED, STEP },
};

static const char style[] =
    ":root{color-scheme:light dark;--page:#f4f4f1;--card:#fff;--line:#e3e2dc;--text:#1c1c1a;"
    "--quiet:#6c6a63;--image:#2563b8;--other:#c8502e}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#151617;--card:#1f2123;--line:#303336;"
    "--text:#ececea;--quiet:#9b9c98;--image:#7fb0f5;--other:#f0805c}}\n"
    "body{margin:0 auto;padding:2rem clamp(.75rem,3vw,2.5rem);max-width:84rem;background:var(--page);"
    "color:var(--text);font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}\n"
    "h1{margin:0;font-size:clamp(1.4rem,4vw,2rem)}\n"
    "p{color:var(--quiet)}\n"
    "main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:1rem}\n"
    "figure,table{margin:0;padding:.8rem;background:var(--card);border:1px solid var(--line);"
    "border-radius:.9rem}\n"
    "figcaption{font-weight:600}\n"
    ".key{margin-left:.8em;font-weight:400}.k0{color:var(--image)}.k1{color:var(--other)}\n"
    "svg{display:block;width:100%;height:auto}\n"
    "text{fill:var(--quiet);font-size:12px}\n"
    ".grid{stroke:var(--line)}\n"
    ".curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".c0{stroke:var(--image)}.c1{stroke:var(--other)}\n"
    "h2{margin:1.6rem 0 0;font-size:1.2rem}\n"
    ".pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:.7rem}\n"
    ".pair{display:flex;gap:.8rem;align-items:center;padding:.6rem;background:var(--card);"
    "border:1px solid var(--line);border-radius:.9rem}\n"
    ".pair img{flex:none;object-fit:contain;border-radius:.4rem}.pair p{margin:.2rem 0}"
    ".own{color:var(--text)}.wrong{color:var(--other)}\n"
    "table{margin-top:1rem;font-variant-numeric:tabular-nums}"
    "th{padding-right:2em;text-align:left;font-weight:400;color:var(--quiet)}td{text-align:right}\n";

struct series {
    double *values[COLUMNS]; /* [count] each */
    size_t count;
};

static void close_series(struct series *series)
{
    for (int c = 0; c < COLUMNS; c++)
        cclip_release(series->values[c]);
}

static cclip_status read_line(struct series *series, const char *line, size_t length)
{
    const double largest = 1e15; /* a step */
    const double before = series->count ? series->values[STEP][series->count - 1] : -1;
    cclip_json *root = NULL;
    const cclip_status status = cclip_json_parse(&root, line, length, "metrics");
    if (!status) {
        const double step = cclip_json_number(cclip_json_get(root, "step"), -1);
        for (int c = 0; c < COLUMNS && step > before && step < largest; c++)
            series->values[c][series->count] =
                cclip_json_number(cclip_json_get(root, columns[c].key), NAN);
        series->count += step > before && step < largest;
    }
    cclip_json_close(&root);
    return status == CCLIP_ERROR_MEMORY ? status : CCLIP_OK;
}

static cclip_status read_series(struct series *series, const char *text, size_t length)
{
    size_t lines = 1;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    if (lines > ROWS_MAXIMUM)
        return cclip_fail(CCLIP_ERROR_LIMIT, "metrics: more than %d lines", ROWS_MAXIMUM);
    for (int c = 0; c < COLUMNS; c++)
        if (!(series->values[c] = cclip_allocate(lines, sizeof *series->values[c])))
            return CCLIP_ERROR_MEMORY;
    cclip_status status = CCLIP_OK;
    for (size_t at = 0; at < length && !status;) {
        const char *end = memchr(text + at, '\n', length - at);
        const size_t line = end ? (size_t)(end - text) - at : length - at;
        status = read_line(series, text + at, line);
        at += line + 1;
    }
    return status;
}

static cclip_status add_head(struct cclip_buffer *out, const struct cclip_training_report *about,
                             const struct series *series)
{
    cclip_status status = cclip_buffer_text(
        out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    if (!status && about->goes_on)
        status = cclip_buffer_format(out, "<meta http-equiv=\"refresh\" content=\"%d\">\n",
                                     RELOAD_SECONDS);
    if (!status)
        status = cclip_buffer_text(out, "<title>");
    if (!status)
        status = cclip_markup_text(out, about->title);
    if (!status)
        status = cclip_buffer_format(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
    if (!status)
        status = cclip_markup_text(out, about->title);
    if (!status)
        status = cclip_buffer_text(out, "</h1>\n<p>");
    if (!status)
        status = cclip_markup_text(out, about->state);
    if (!status && series->count)
        status = cclip_buffer_format(out, ": %.0f", series->values[STEP][series->count - 1] + 1);
    if (!status && series->count && about->total)
        status = cclip_buffer_format(out, " of %llu", (unsigned long long)about->total);
    if (!status)
        status = cclip_buffer_text(out, series->count ? " steps</p>\n" : ": no figures yet</p>\n");
    return status ? status : cclip_buffer_text(out, "<main>\n");
}

static cclip_status add_charts(struct cclip_buffer *out, const struct series *series)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof charts / sizeof charts[0] && !status; i++) {
        const struct cclip_chart chart = {
            .title = charts[i].title,
            .logarithmic = charts[i].logarithmic,
            .x = series->values[STEP],
            .count = series->count,
            .curves = charts[i].second == STEP ? 1 : 2,
            .names = { "image tower", "text tower" },
            .y = { series->values[charts[i].first], series->values[charts[i].second] },
        };
        status = cclip_chart_add(out, &chart);
    }
    return status;
}

static cclip_status add_row(struct cclip_buffer *out, const char *title, double value)
{
    cclip_status status = cclip_buffer_format(out, "<tr><th scope=\"row\">%s</th><td>", title);
    if (!status)
        status = cclip_chart_number(out, value);
    return status ? status : cclip_buffer_text(out, "</td></tr>\n");
}

/* The newest line, and which tower moves more. */
static cclip_status add_table(struct cclip_buffer *out, const struct series *series)
{
    const size_t last = series->count - 1;
    if (!series->count)
        return CCLIP_OK;
    const double image = series->values[UPDATE_IMAGE][last], text = series->values[UPDATE_TEXT][last];
    cclip_status status = cclip_buffer_text(out, "<table>\n");
    for (int c = 0; c < COLUMNS && !status; c++)
        status = add_row(out, columns[c].title, series->values[c][last]);
    if (!status)
        status = add_row(out, "update of the image tower, times the text tower's",
                         text > 0 ? image / text : NAN);
    return status ? status : cclip_buffer_text(out, "</table>\n");
}

static cclip_status add_evaluations(struct cclip_buffer *out, const struct cclip_evaluations *evaluations,
                                    const struct series *series, const struct cclip_training_report *about)
{
    cclip_status status = cclip_evaluations_charts(out, evaluations);
    if (!status)
        status = cclip_buffer_text(out, "</main>\n");
    if (!status && about->samples)
        status = cclip_buffer_text(out, about->samples);
    if (!status)
        status = cclip_evaluations_table(out, evaluations);
    return status ? status : add_table(out, series);
}

cclip_status cclip_training_report_write(struct cclip_buffer *out, const char *metrics, size_t length,
                                         const struct cclip_training_report *about)
{
    struct series series = { .count = 0 };
    struct cclip_evaluations evaluations;
    cclip_status status = cclip_evaluations_read(&evaluations, about->results ? about->results : "",
                                                 about->results ? about->results_length : 0);
    if (!status)
        status = read_series(&series, metrics, length);
    if (!status)
        status = add_head(out, about, &series);
    if (!status)
        status = add_charts(out, &series);
    if (!status)
        status = add_evaluations(out, &evaluations, &series, about);
    if (!status)
        status = cclip_buffer_text(out, "<p>Made by cclip " CCLIP_VERSION_STRING ".</p>\n</body>\n"
                                        "</html>\n");
    close_series(&series);
    cclip_evaluations_close(&evaluations);
    return status;
}

cclip_status cclip_training_report_save(const char *path, const char *metrics_path,
                                        const char *results_path,
                                        const struct cclip_training_report *about)
{
    struct cclip_buffer metrics, results, page;
    struct cclip_training_report whole = *about;
    cclip_buffer_open(&page, PAGE_MAXIMUM);
    cclip_buffer_open(&results, CCLIP_LIMIT_TEXT_FILE);
    cclip_status status = cclip_file_read(&metrics, metrics_path, CCLIP_LIMIT_TEXT_FILE);
    if (!status && cclip_is_file(results_path))
        status = cclip_file_read(&results, results_path, CCLIP_LIMIT_TEXT_FILE);
    whole.results = results.data;
    whole.results_length = results.length;
    if (!status)
        status = cclip_training_report_write(&page, metrics.data ? metrics.data : "", metrics.length,
                                             &whole);
    if (!status)
        status = cclip_file_write(path, page.data, page.length);
    cclip_buffer_close(&metrics);
    cclip_buffer_close(&results);
    cclip_buffer_close(&page);
    return status;
}
