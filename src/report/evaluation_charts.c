#include "report/evaluation_charts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "formats/json.h"
#include "report/chart.h"
#include "report/markup.h"

enum { KEYS_MAXIMUM = 1024, ROWS_MAXIMUM = 1 << 20 };

/* What becomes a chart: keys that end so, with the one beside them. What stands in front of the ending is the title. */
static const struct {
    const char *ending, *beside, *title, *names[2];
} charts[] = {
    { "clip_val_loss", NULL, "Loss, held-out pairs", { NULL, NULL } },
    { "image_to_text_R@1", "text_to_image_R@1", "R@1, held-out pairs", { "image to text", "text to image" } },
    { "-zeroshot-val-top1", "-zeroshot-val-top5", "", { "top 1", "top 5" } },
    { "-text_retrieval_recall@1", "-image_retrieval_recall@1", "", { "image to text", "text to image" } },
};

void cclip_evaluations_close(struct cclip_evaluations *e)
{
    for (size_t i = 0; i < e->key_count; i++) {
        cclip_release(e->keys[i]);
        cclip_release(e->values[i]);
    }
    cclip_release(e->keys);
    cclip_release(e->values);
    cclip_release(e->steps);
    *e = (struct cclip_evaluations){ 0 };
}

static size_t find_key(const struct cclip_evaluations *e, const char *key)
{
    size_t i = 0;
    while (i < e->key_count && strcmp(e->keys[i], key))
        i++;
    return i;
}

static cclip_status add_key(struct cclip_evaluations *e, const char *key)
{
    cclip_status status = cclip_grow(&e->keys, &e->key_capacity, e->key_count + 1, sizeof *e->keys, KEYS_MAXIMUM,
                                     "figures");
    if (!status)
        status = cclip_grow(&e->values, &e->values_capacity, e->key_count + 1, sizeof *e->values, KEYS_MAXIMUM,
                            "figures");
    if (status)
        return status;
    char *copy = cclip_copy_text(key, strlen(key));
    double *values = cclip_allocate(e->lines, sizeof *values);
    if (!copy || !values) {
        cclip_release(copy);
        cclip_release(values);
        return CCLIP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < e->lines; i++)
        values[i] = NAN;
    e->keys[e->key_count] = copy;
    e->values[e->key_count++] = values;
    return CCLIP_OK;
}

static cclip_status add_line(struct cclip_evaluations *e, const cclip_json *root)
{
    const double largest = 1e15, step = cclip_json_number(cclip_json_get(root, "step"), -1);
    struct cclip_json_iterator it;
    cclip_status status = CCLIP_OK;
    if (!(step >= 0 && step < largest) || (e->count && step <= e->steps[e->count - 1]))
        return CCLIP_OK;
    e->steps[e->count] = step;
    for (int more = cclip_json_first(&it, root); more && !status; more = cclip_json_next(&it)) {
        const size_t key = find_key(e, it.key);
        if (!strcmp(it.key, "step") || !cclip_json_is_number(it.value))
            continue;
        if (key == e->key_count)
            status = add_key(e, it.key);
        if (!status)
            e->values[key][e->count] = cclip_json_number(it.value, NAN);
    }
    e->count += !status;
    return status;
}

cclip_status cclip_evaluations_read(struct cclip_evaluations *out, const char *text, size_t length)
{
    *out = (struct cclip_evaluations){ .lines = 1 };
    for (size_t i = 0; i < length; i++)
        out->lines += text[i] == '\n';
    if (out->lines > ROWS_MAXIMUM)
        return cclip_fail(CCLIP_ERROR_LIMIT, "results: more than %d lines", ROWS_MAXIMUM);
    out->steps = cclip_allocate(out->lines, sizeof *out->steps);
    cclip_status status = out->steps ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t at = 0; at < length && !status;) {
        const char *end = memchr(text + at, '\n', length - at);
        const size_t line = end ? (size_t)(end - text) - at : length - at;
        cclip_json *root = NULL;
        status = cclip_json_parse(&root, text + at, line, "results");
        status = status ? (status == CCLIP_ERROR_MEMORY ? status : CCLIP_OK) : add_line(out, root);
        cclip_json_close(&root);
        at += line + 1;
    }
    return status;
}

/* Draws one or two figures over the steps that have the first: a line need not have all. */
static cclip_status draw(struct cclip_buffer *out, const struct cclip_evaluations *e, const char *title,
                         const char *const names[2], size_t first, size_t second)
{
    double *kept = cclip_allocate(3 * e->count, sizeof *kept), *x = kept;
    if (!kept)
        return CCLIP_ERROR_MEMORY;
    struct cclip_chart chart = { .title = title, .few = 1, .x = x, .curves = second < e->key_count ? 2 : 1,
                                 .names = { names[0], names[1] }, .y = { kept + e->count, kept + 2 * e->count } };
    for (size_t i = 0; i < e->count; i++) {
        if (!isfinite(e->values[first][i]))
            continue;
        x[chart.count] = e->steps[i];
        kept[e->count + chart.count] = e->values[first][i];
        kept[2 * e->count + chart.count] = chart.curves > 1 ? e->values[second][i] : NAN;
        chart.count++;
    }
    const cclip_status status = cclip_chart_add(out, &chart);
    cclip_release(kept);
    return status;
}

/* The figure as chart number `i`, if it is one's. */
static cclip_status draw_key(struct cclip_buffer *out, const struct cclip_evaluations *e, size_t key, size_t i)
{
    const size_t length = strlen(e->keys[key]), ending = strlen(charts[i].ending);
    char title[256], beside[256] = "";
    if (length < ending || strcmp(e->keys[key] + length - ending, charts[i].ending))
        return CCLIP_OK;
    const int front = (int)(length - ending < 200 ? length - ending : 200);
    snprintf(title, sizeof title, "%.*s%s", front, e->keys[key], charts[i].title);
    if (charts[i].beside)
        snprintf(beside, sizeof beside, "%.*s%s", front, e->keys[key], charts[i].beside);
    return draw(out, e, title, charts[i].names, key, find_key(e, beside));
}

cclip_status cclip_evaluations_charts(struct cclip_buffer *out, const struct cclip_evaluations *e)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof charts / sizeof charts[0]; i++)
        for (size_t key = 0; key < e->key_count && !status; key++)
            status = draw_key(out, e, key, i);
    return status;
}

cclip_status cclip_evaluations_table(struct cclip_buffer *out, const struct cclip_evaluations *e)
{
    cclip_status status = e->key_count ? cclip_buffer_text(out, "<table>\n") : CCLIP_OK;
    for (size_t i = 0; i < e->key_count && !status; i++) {
        double last = NAN;
        for (size_t k = 0; k < e->count; k++)
            last = isfinite(e->values[i][k]) ? e->values[i][k] : last;
        status = cclip_buffer_text(out, "<tr><th scope=\"row\">");
        if (!status)
            status = cclip_markup_text(out, e->keys[i]);
        if (!status)
            status = cclip_buffer_text(out, "</th><td>");
        if (!status)
            status = cclip_chart_number(out, last);
        if (!status)
            status = cclip_buffer_text(out, "</td></tr>\n");
    }
    return status || !e->key_count ? status : cclip_buffer_text(out, "</table>\n");
}
