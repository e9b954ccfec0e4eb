/* Curves over the steps of a run as an SVG drawing inside a page. Its colours are the page's style's. */
#ifndef CCLIP_REPORT_CHART_H
#define CCLIP_REPORT_CHART_H

#include <stddef.h>
#include "base/buffer.h"

enum { CCLIP_CHART_CURVES = 2 };

struct cclip_chart {
    const char *title;
    int logarithmic;       /* by decades: for values above 0, others are left out */
    int few;               /* points that are few: the first of a curve is a dot */
    const double *x;       /* [count], growing */
    size_t count;
    size_t curves;
    const char *names[CCLIP_CHART_CURVES];
    const double *y[CCLIP_CHART_CURVES]; /* [count]; what is not finite is a gap */
};

/* A <figure>. More points than the drawing has columns for are averaged, column by column. */
cclip_status cclip_chart_add(struct cclip_buffer *out, const struct cclip_chart *chart);

/* A number to four digits, with a point in every locale. */
cclip_status cclip_chart_number(struct cclip_buffer *out, double value);

#endif
