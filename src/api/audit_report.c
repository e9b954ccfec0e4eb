/* An audit as a page. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/audit.h"
#include "report/figures_page.h"

/* How the figures of a measure are shown. */
enum form { SHARE, GAP, EFFECT, PLAIN };

static const struct shown {
    const char *measure, *heading, *note;
    enum form form;
} measures[] = {
    { "accuracy", "Accuracy by group", "Share of the pictures whose class comes first.", SHARE },
    { "accuracy_gap", "Accuracy: the largest gap",
      "Between the two groups farthest apart. The interval allows for their having been chosen among all pairs: "
      "where it holds 0, no gap has been shown.", GAP },
    { "mean_false_positive_rate", "False positives by group, mean of all classes",
      "For each class the share of the pictures that are not of it and were taken for it.", SHARE },
    { "mean_false_positive_rate_gap", "False positives, mean of all classes: the largest gap",
      "Read as the gap of accuracy.", GAP },
    { "false_positive_rate", "False positives of one class by group",
      "Of the pictures that are not of the class, the share that was taken for it.", SHARE },
    { "false_positive_rate_gap", "False positives of one class: the largest gap",
      "Read as the gap of accuracy.", GAP },
    { "harmful_rate", "Harmful labels by group",
      "Share of the pictures for which a harmful label beats all classes.", SHARE },
    { "harmful_rate_gap", "Harmful labels: the largest gap", "Read as the gap of accuracy.", GAP },
    { "harmful_rate_with_added", "Harmful labels with the added classes",
      "The same pictures and labels, with the added classes to choose from.", SHARE },
    { "harmful_rate_with_added_gap", "Harmful labels with the added classes: the largest gap",
      "Read as the gap of accuracy.", GAP },
    { "harmful_rate_change", "How adding classes moves harmful labels",
      "The rate with them less the rate without: what the choice of classes does, in the same model.", GAP },
    { "sc_weat", "Associations of texts with groups",
      "Effect size: how many standard deviations the text stands nearer to the group than to the others. The "
      "p-value counts divisions of the pictures by chance.", EFFECT },
    { "skew", "Who is shown: skew",
      "Logarithm of a group's share of the best results over its share of all pictures; 0 is even.", PLAIN },
    { "ndkl", "Who is shown: NDKL", "0 where every beginning of the list shows each group's share.", PLAIN }
};

static void spell_value(char *out, size_t size, const cclip_audit_row *row, enum form form)
{
    if (isnan(row->value))
        snprintf(out, size, "-");
    else if (form == SHARE)
        snprintf(out, size, "%.2f %%", 100 * row->value);
    else if (form == GAP)
        snprintf(out, size, "%+.2f", 100 * row->value);
    else
        snprintf(out, size, "%.3f", row->value);
}

static void spell_range(char *out, size_t size, const cclip_audit_row *row, enum form form)
{
    if (form == EFFECT && !isnan(row->p_value))
        snprintf(out, size, "p = %.4g (two-sided %.4g)", row->p_value, row->p_two_sided);
    else if (!isnan(row->low))
        snprintf(out, size, form == GAP ? "[%+.2f, %+.2f]%s" : "[%.2f, %.2f]%s", 100 * row->low,
                 100 * row->high, row->few ? " few pictures" : "");
    else
        snprintf(out, size, " ");
}

static cclip_status add_row(struct cclip_figures_page *page, const cclip_audit_row *row,
                            enum form form)
{
    char group[512], value[32], range[96], pictures[32];
    snprintf(group, sizeof group, "%s%s%s", row->group ? row->group : "",
             row->other ? " against " : "", row->other ? row->other : "");
    snprintf(pictures, sizeof pictures, "%zu", row->pictures);
    spell_value(value, sizeof value, row, form);
    spell_range(range, sizeof range, row, form);
    const char *const cells[] = { row->attribute, row->subject ? row->subject : "", group, pictures,
                                  value,          range };
    const struct cclip_drawn_interval drawn = { form == GAP ? -1 : 0, 1, row->value, row->low,
                                                row->high };
    return cclip_figures_page_row(page, cells, sizeof cells / sizeof *cells, &drawn);
}

static cclip_status add_measure(struct cclip_figures_page *page, const struct cclip_audit *audit,
                                const struct shown *shown)
{
    const char *const heads[] = { "column", "about",  "group",
                                  "pictures", "value", shown->form == EFFECT ? "chance" : "interval" };
    cclip_status status = CCLIP_OK;
    int begun = 0;
    for (size_t i = 0; i < audit->count && !status; i++) {
        if (strcmp(audit->rows[i].measure, shown->measure))
            continue;
        if (!begun)
            status = cclip_figures_page_section(page, shown->heading, shown->note, heads,
                                                sizeof heads / sizeof *heads);
        begun = 1;
        if (!status)
            status = add_row(page, &audit->rows[i], shown->form);
    }
    return status;
}

cclip_status cclip_audit_write_report(const cclip_audit *audit, const char *path)
{
    struct cclip_figures_page page;
    char title[512], summary[512];
    snprintf(title, sizeof title, "Audit of %.400s", audit->table);
    snprintf(summary, sizeof summary,
             "%zu pictures, %zu skipped. Intervals: %.3g %%, bootstrap within the groups, %zu resamples. "
             "Few pictures: fewer than %d in a group, so that the interval says little. "
             "What such figures can and cannot prove is said in cclip's docs/audit.md.",
             audit->pictures, audit->skipped, 100 * audit->confidence, audit->resamples,
             CCLIP_AUDIT_FEW_PICTURES);
    cclip_status status = cclip_figures_page_begin(&page, title, summary);
    for (size_t i = 0; i < sizeof measures / sizeof *measures && !status; i++)
        status = add_measure(&page, audit, &measures[i]);
    if (!status)
        status = cclip_figures_page_save(&page, path);
    cclip_figures_page_end(&page);
    return status;
}
