#include "report/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/markup.h"

/* The drawing's own units: the plot, and room for numbers to its left and below. */
enum { WIDTH = 600, HEIGHT = 240, LEFT = 62, RIGHT = 590, TOP = 10, BOTTOM = 212, COLUMNS = 264 };
enum { TICKS = 5, TICKS_MAXIMUM = 40 };

struct range {
    double low, high;
};

cclip_status cclip_chart_number(struct cclip_buffer *out, double value)
{
    char text[40];
    if (!isfinite(value))
        return cclip_buffer_text(out, "\u2013");
    snprintf(text, sizeof text, "%.4g", value);
    for (char *at = text; *at; at++)
        if (*at == ',')
            *at = '.';
    return cclip_buffer_text(out, text);
}

/* On the axis: a logarithm or the value itself; NAN where there is nothing to draw, or no sense in it. */
static double on_axis(const struct cclip_chart *chart, double value)
{
    if (!(fabs(value) < 1e30) || (chart->logarithmic && value <= 0))
        return NAN;
    return chart->logarithmic ? log10(value) : value;
}

static struct range range_of(const struct cclip_chart *chart)
{
    struct range range = { INFINITY, -INFINITY };
    for (size_t c = 0; c < chart->curves; c++) {
        for (size_t i = 0; i < chart->count; i++) {
            const double value = on_axis(chart, chart->y[c][i]);
            if (value < range.low)
                range.low = value;
            if (value > range.high)
                range.high = value;
        }
    }
    if (range.low > range.high)
        return (struct range){ 0, 1 };
    const double span = range.high - range.low;
    const double margin = span > 0 ? span / 20 : fabs(range.high) > 0 ? fabs(range.high) / 10 : 1;
    return (struct range){ range.low - margin, range.high + margin };
}

/* Tenths of a unit: whole numbers have no decimal comma. */
static cclip_status add_place(struct cclip_buffer *out, double at)
{
    const long tenths = lround(at * 10);
    return cclip_buffer_format(out, "%ld.%ld", tenths / 10, tenths % 10);
}

static double place(struct range range, double value, double from, double to)
{
    const double share = (value - range.low) / (range.high - range.low);
    return from + share * (to - from);
}

/* 1, 2 or 5 times a power of ten, so that about TICKS of them fill the range. */
static double tick_step(struct range range)
{
    const double rough = (range.high - range.low) / TICKS;
    const double power = pow(10, floor(log10(rough)));
    return power * (rough > 5 * power ? 10 : rough > 2 * power ? 5 : rough > power ? 2 : 1);
}

static cclip_status add_tick(struct cclip_buffer *out, double x, double y, int vertical, double value)
{
    cclip_status status = CCLIP_OK;
    if (vertical)
        status = cclip_buffer_format(out, "<path class=\"grid\" d=\"M%d %ldH%d\"/>", LEFT, lround(y),
                                     RIGHT);
    if (!status)
        status = cclip_buffer_format(out, "<text x=\"%ld\" y=\"%ld\"%s>", lround(x),
                                     lround(y) + (vertical ? 4 : 0),
                                     vertical ? " text-anchor=\"end\"" : " text-anchor=\"middle\"");
    if (!status)
        status = cclip_chart_number(out, value);
    return status ? status : cclip_buffer_text(out, "</text>\n");
}

/* 1, 2 and 5 of each decade; where there are many decades, only 1. */
static cclip_status add_decades(struct cclip_buffer *out, struct range range)
{
    static const double heads[] = { 1, 2, 5 };
    const int some = range.high - range.low < 3 ? 1 : 3;
    const int first = (int)floor(range.low), last = (int)ceil(range.high);
    cclip_status status = CCLIP_OK;
    for (int decade = first; decade <= last; decade++) {
        for (int h = 0; h < 3 && !status; h += some) {
            const double value = decade + log10(heads[h]);
            if (value >= range.low && value <= range.high)
                status = add_tick(out, LEFT - 6, place(range, value, BOTTOM, TOP), 1,
                                  heads[h] * pow(10, decade));
        }
    }
    return status;
}

static cclip_status add_axis(struct cclip_buffer *out, struct range range, int vertical,
                             int logarithmic)
{
    const double step = tick_step(range), first = ceil(range.low / step);
    cclip_status status = CCLIP_OK;
    for (int i = 0; i < TICKS_MAXIMUM && !status; i++) {
        double value = (first + i) * step;
        if (value > range.high)
            break;
        if (fabs(value) < step / 1000)
            value = 0;
        const double shown = logarithmic ? pow(10, value) : value;
        status = vertical ? add_tick(out, LEFT - 6, place(range, value, BOTTOM, TOP), 1, shown)
                          : add_tick(out, place(range, value, LEFT, RIGHT), BOTTOM + 18, 0, shown);
    }
    return status;
}

/* The mean of each column that has points, as one line for each stretch without a gap. */
static cclip_status add_curve(struct cclip_buffer *out, const struct cclip_chart *chart, size_t curve,
                              struct range x, struct range y)
{
    int drawing = 0;
    cclip_status status = cclip_buffer_format(out, "<path class=\"curve c%zu\" d=\"", curve);
    for (size_t i = 0; i < chart->count && !status;) {
        const double column = floor(place(x, chart->x[i], 0, COLUMNS));
        double sum_x = 0, sum_y = 0, seen = 0;
        for (; i < chart->count && floor(place(x, chart->x[i], 0, COLUMNS)) <= column; i++) {
            const double value = on_axis(chart, chart->y[curve][i]);
            sum_x += isfinite(value) ? chart->x[i] : 0;
            sum_y += isfinite(value) ? value : 0;
            seen += isfinite(value);
        }
        if (seen > 0) {
            status = cclip_buffer_byte(out, drawing ? 'L' : 'M');
            if (!status)
                status = add_place(out, place(x, sum_x / seen, LEFT, RIGHT));
            if (!status)
                status = cclip_buffer_byte(out, ' ');
            if (!status)
                status = add_place(out, place(y, sum_y / seen, BOTTOM, TOP));
            if (!status && chart->few && !drawing)
                status = cclip_buffer_text(out, "h0");
        }
        drawing = seen > 0;
    }
    return status ? status : cclip_buffer_text(out, "\"/>\n");
}

static cclip_status add_caption(struct cclip_buffer *out, const struct cclip_chart *chart)
{
    cclip_status status = cclip_buffer_text(out, "<figure>\n<figcaption>");
    if (!status)
        status = cclip_markup_text(out, chart->title);
    for (size_t c = 0; c < chart->curves && chart->curves > 1 && !status; c++) {
        status = cclip_buffer_format(out, " <span class=\"key k%zu\">", c);
        if (!status)
            status = cclip_markup_text(out, chart->names[c]);
        if (!status)
            status = cclip_buffer_text(out, "</span>");
    }
    if (!status)
        status = cclip_buffer_format(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
                                     "aria-label=\"", WIDTH, HEIGHT);
    if (!status)
        status = cclip_markup_text(out, chart->title);
    return status ? status : cclip_buffer_text(out, "\">\n");
}

cclip_status cclip_chart_add(struct cclip_buffer *out, const struct cclip_chart *chart)
{
    const struct range y = range_of(chart);
    struct range x = { 0, 1 };
    if (chart->count > 1 && chart->x[chart->count - 1] > chart->x[0])
        x = (struct range){ chart->x[0], chart->x[chart->count - 1] };
    else if (chart->count)
        x = (struct range){ chart->x[0] - 0.5, chart->x[0] + 0.5 };
    cclip_status status = add_caption(out, chart);
    if (!status)
        status = chart->logarithmic && y.high - y.low > 0.4 /* has two ticks or more */
                     ? add_decades(out, y)
                     : add_axis(out, y, 1, chart->logarithmic);
    if (!status)
        status = add_axis(out, x, 0, 0);
    for (size_t c = 0; c < chart->curves && !status; c++)
        status = add_curve(out, chart, c, x, y);
    return status ? status : cclip_buffer_text(out, "</svg>\n</figure>\n");
}
