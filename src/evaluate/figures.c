#include "evaluate/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/json.h"

enum { FIGURES_MAXIMUM = 1 << 20 };

void cclip_figures_close(struct cclip_figures *figures)
{
    cclip_release(figures->list);
    *figures = (struct cclip_figures){ 0 };
}

/* Names are the few below in evaluate's own tables: a plain replacement does for a format. */
static void spell_name(char *out, size_t size, const char *name, size_t k)
{
    const char *place = strstr(name, "%zu");
    if (place)
        snprintf(out, size, "%.*s%zu%s", (int)(place - name), name, k, place + 3);
    else
        snprintf(out, size, "%s", name);
}

cclip_status cclip_figures_add(struct cclip_figures *figures, const char *name, size_t k,
                               double value)
{
    const cclip_status status = cclip_grow(&figures->list, &figures->capacity, figures->count + 1,
                                           sizeof *figures->list, FIGURES_MAXIMUM, "figures");
    if (status)
        return status;
    struct cclip_figure *figure = &figures->list[figures->count++];
    spell_name(figure->name, sizeof figure->name, name, k);
    figure->value = value;
    figure->low = figure->high = (double)NAN;
    return CCLIP_OK;
}

static cclip_status write_number(struct cclip_buffer *out, double value)
{
    char text[32];
    if (!isfinite(value))
        return cclip_buffer_text(out, "null");
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    /* As Python writes a float, which tells it from an integer. */
    return cclip_buffer_format(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static cclip_status write_text(struct cclip_buffer *out, const char *lead, const char *text)
{
    const cclip_status status = cclip_buffer_text(out, lead);
    return status ? status : cclip_json_quote(out, text, strlen(text));
}

static cclip_status write_metrics(struct cclip_buffer *out, const struct cclip_figures *figures)
{
    cclip_status status = cclip_buffer_text(out, ", \"metrics\": {");
    for (size_t i = 0; i < figures->count && !status; i++) {
        status = write_text(out, i ? ", " : "", figures->list[i].name);
        if (!status)
            status = cclip_buffer_text(out, ": ");
        if (!status)
            status = write_number(out, figures->list[i].value);
    }
    return status ? status : cclip_buffer_byte(out, '}');
}

static cclip_status write_interval(struct cclip_buffer *out, const struct cclip_figure *figure,
                                   const char *lead)
{
    cclip_status status = write_text(out, lead, figure->name);
    if (!status)
        status = cclip_buffer_text(out, ": [");
    if (!status)
        status = write_number(out, figure->low);
    if (!status)
        status = cclip_buffer_text(out, ", ");
    if (!status)
        status = write_number(out, figure->high);
    return status ? status : cclip_buffer_byte(out, ']');
}

/* What CLIP_benchmark's readers do not know comes after what they do. */
static cclip_status write_intervals(struct cclip_buffer *out, const struct cclip_figures *figures,
                                    const struct cclip_figures_about *about)
{
    cclip_status status = about->kind ? write_text(out, ", \"kind\": ", about->kind) : CCLIP_OK;
    if (!status)
        status =
            cclip_buffer_format(out, ", \"samples\": %zu, \"intervals\": {", about->samples);
    for (size_t i = 0; i < figures->count && !status; i++)
        status = write_interval(out, &figures->list[i], i ? ", " : "");
    if (!status)
        status = cclip_buffer_text(out, "}, \"confidence\": ");
    if (!status)
        status = write_number(out, about->confidence);
    return status ? status : cclip_buffer_format(out, ", \"resamples\": %zu", about->resamples);
}

cclip_status cclip_figures_write(struct cclip_buffer *out, const struct cclip_figures *figures,
                                 const struct cclip_figures_about *about)
{
    const struct {
        const char *lead, *text;
    } facts[] = { { "{\"dataset\": ", about->dataset },
                  { ", \"model\": ", about->model },
                  { ", \"pretrained\": ", about->pretrained },
                  { ", \"task\": ", about->task } };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof facts / sizeof *facts && !status; i++)
        status = write_text(out, facts[i].lead, facts[i].text);
    if (!status)
        status = write_metrics(out, figures);
    if (!status)
        status = write_text(out, ", \"language\": ", about->language);
    if (!status && about->resamples)
        status = write_intervals(out, figures, about);
    return status ? status : cclip_buffer_byte(out, '}');
}
