/* A curation as a page: counts, and samples of each reason to look at. */
#include <math.h>
#include <stdio.h>

#include "api/curate.h"
#include "base/limits.h"
#include "report/figures_page.h"
#include "report/thumbnail.h"

enum { SHOWN = 24 }; /* samples of a reason */

static const struct {
    const char *heading, *note;
} shown[CCLIP_CURATE_REASONS] = {
    [CCLIP_CURATE_KEPT] = { "Kept", "Of what is left, spread over the corpus." },
    [CCLIP_CURATE_BROKEN] = { "Broken", "No picture, one that cannot be decoded, or no caption." },
    [CCLIP_CURATE_CAPTION] = { "Captions refused", "By the rule that is named." },
    [CCLIP_CURATE_MISMATCH] = { "Pairs that do not belong together",
                                "The score is the cosine of picture and caption; the chance, the share of random "
                                "mismatches of the corpus that fit at least as well." },
    [CCLIP_CURATE_EVALUATION] = { "Pictures of an evaluation set", "With the picture that each is too near to." },
    [CCLIP_CURATE_SAME_FILE] = { "The same file", "With the one that stays." },
    [CCLIP_CURATE_SAME_PIXELS] = { "The same pixels", "In another file; with the one that stays." },
    [CCLIP_CURATE_NEAR_DUPLICATE] = { "Much the same picture", "With the one that stays." },
};

static cclip_status add_counts(struct cclip_figures_page *page, const struct cclip_curation *c)
{
    const char *const heads[] = { "what became of it", "samples", "share" };
    const double all = (double)c->corpus.index.count;
    cclip_status status = cclip_figures_page_section(page, "Counts", "Each sample has one reason, the first of these.",
                                                     heads, 3);
    for (int i = 0; i < CCLIP_CURATE_REASONS && !status; i++) {
        char count[32], share[32];
        const char *const cells[] = { cclip_curate_reason_name((cclip_curate_reason)i), count, share };
        const double part = (double)c->tally[i] / all;
        const struct cclip_drawn_interval drawn = { 0, 1, part, 0, part };
        if (!c->tally[i])
            continue;
        snprintf(count, sizeof count, "%zu", c->tally[i]);
        snprintf(share, sizeof share, "%.2f %%", 100 * part);
        status = cclip_figures_page_row(page, cells, 3, &drawn);
    }
    return status;
}

static cclip_status add_rules(struct cclip_figures_page *page, const struct cclip_curation *c)
{
    const char *const heads[] = { "rule", "what it does", "captions" };
    cclip_status status = c->options.clean_captions
                              ? cclip_figures_page_section(page, "Rules for captions",
                                                           "Several may change a caption; one refuses it.",
                                                           heads, 3)
                              : CCLIP_OK;
    for (size_t rule = 0; rule < CCLIP_CAPTION_RULES && c->options.clean_captions && !status; rule++) {
        char count[32];
        const char *const cells[] = { cclip_caption_rule_name(rule), cclip_caption_rule_text(rule), count };
        snprintf(count, sizeof count, "%zu", c->changed[rule] + c->refused[rule]);
        status = cclip_figures_page_row(page, cells, 3, NULL);
    }
    return status;
}

/* The picture is read once more; one that cannot be is left out of its card. */
static cclip_status add_card(struct cclip_figures_page *page, const struct cclip_curation *c, size_t number,
                             struct cclip_sample *sample, struct cclip_buffer *scratch)
{
    const struct cclip_thumbnail_size size = { 192, 144, 0 };
    cclip_curation_row row = { .version = CCLIP_CURATION_ROW_VERSION };
    struct cclip_picture picture = { 0 };
    char why[512] = "", score[128] = "";
    cclip_status status = cclip_curation_get(c, number, &row);
    if (!status)
        status = cclip_pair_index_read(&c->corpus.index, number, sample, scratch);
    if (status)
        return status;
    status = sample->problem.status ? sample->problem.status : cclip_sample_picture(&picture, sample);
    if (!status)
        status = cclip_thumbnail_make(&picture, &size);
    const int there = !status;
    if (status == CCLIP_ERROR_MEMORY)
        return status;
    if (row.rule || row.message)
        snprintf(why, sizeof why, "%s", row.rule ? row.rule : row.message);
    else if (row.of)
        snprintf(why, sizeof why, "%.3f: %s", row.similarity, row.of);
    if (!isnan(row.score))
        snprintf(score, sizeof score, isnan(row.chance) ? "score %.3f" : "score %.3f, chance %.3g", row.score,
                 row.chance);
    const char *const lines[] = { row.was ? row.was : "", score, why, row.name };
    status = cclip_figures_page_card(page, there ? &picture : NULL, row.caption ? row.caption : "", lines, 4);
    if (there)
        cclip_picture_close(&picture);
    return status;
}

/* Evenly over all samples of the reason. */
static cclip_status add_samples(struct cclip_figures_page *page, const struct cclip_curation *c, int reason)
{
    const size_t all = c->tally[reason], step = all > SHOWN ? all / SHOWN : 1;
    struct cclip_sample sample;
    struct cclip_buffer scratch;
    size_t met = 0;
    if (!all)
        return CCLIP_OK;
    cclip_sample_open(&sample);
    cclip_buffer_open(&scratch, CCLIP_PAIR_BYTES);
    cclip_status status = cclip_figures_page_cards(page, shown[reason].heading, shown[reason].note);
    for (size_t i = 0; i < c->corpus.index.count && !status; i++) {
        if (c->corpus.records[i].reason != reason)
            continue;
        if (met % step == 0 && met / step < SHOWN)
            status = add_card(page, c, i, &sample, &scratch);
        met++;
    }
    cclip_buffer_close(&scratch);
    cclip_sample_close(&sample);
    return status;
}

cclip_status cclip_curation_write_report(const cclip_curation *curation, const char *path)
{
    struct cclip_figures_page page;
    char summary[512];
    int length = snprintf(summary, sizeof summary, "%zu of %zu samples are kept.", curation->tally[CCLIP_CURATE_KEPT],
                          curation->corpus.index.count);
    if (!isnan(curation->rule.share))
        snprintf(summary + length, sizeof summary - (size_t)length,
                 " Estimated: %.1f %% of the pairs do not belong together; %.0f %% of these went, and %.1f %% of the "
                 "others.", 100 * curation->rule.share, 100 * curation->rule.caught, 100 * curation->rule.lost);
    cclip_status status = cclip_figures_page_begin(&page, "Curation of a corpus", summary);
    if (!status)
        status = add_counts(&page, curation);
    if (!status)
        status = add_rules(&page, curation);
    for (int reason = 1; reason <= CCLIP_CURATE_REASONS && !status; reason++)
        status = add_samples(&page, curation, reason % CCLIP_CURATE_REASONS); /* what is kept comes last */
    if (!status)
        status = cclip_figures_page_save(&page, path);
    cclip_figures_page_end(&page);
    return status;
}
