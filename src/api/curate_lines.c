/* A curation as JSON lines: what went and why. */
#include <math.h>
#include <string.h>

#include "api/curate.h"
#include "formats/json.h"

enum { LINE_MOST = 1 << 26 };

/* One object, made piece by piece; the first failure is kept. */
struct line {
    struct cclip_buffer text;
    cclip_status status;
};

static void put_key(struct line *l, const char *key)
{
    if (!l->status)
        l->status = cclip_buffer_text(&l->text, l->text.length ? ", " : "{");
    if (!l->status)
        l->status = cclip_json_quote(&l->text, key, strlen(key));
    if (!l->status)
        l->status = cclip_buffer_text(&l->text, ": ");
}

static void put_text(struct line *l, const char *key, const char *text)
{
    if (!text)
        return;
    put_key(l, key);
    if (!l->status)
        l->status = cclip_json_quote(&l->text, text, strlen(text));
}

static void put_number(struct line *l, const char *key, double value)
{
    if (isnan(value))
        return;
    put_key(l, key);
    if (!l->status)
        l->status = cclip_buffer_format(&l->text, "%.6g", value);
}

static void put_count(struct line *l, const char *key, size_t count)
{
    put_key(l, key);
    if (!l->status)
        l->status = cclip_buffer_format(&l->text, "%zu", count);
}

static void put_rules(struct line *l, unsigned changed)
{
    const char *lead = "[";
    put_key(l, "changed");
    for (int rule = 0; rule < CCLIP_CAPTION_RULES && !l->status; rule++) {
        if (!(changed >> rule & 1))
            continue;
        const char *name = cclip_caption_rule_info((enum cclip_caption_rule)rule)->name;
        l->status = cclip_buffer_format(&l->text, "%s\"%s\"", lead, name);
        lead = ", ";
    }
    if (!l->status)
        l->status = cclip_buffer_byte(&l->text, ']');
}

static cclip_status end_line(struct line *l, struct cclip_writer *out)
{
    if (!l->status)
        l->status = cclip_buffer_text(&l->text, "}\n");
    if (!l->status)
        l->status = cclip_writer_write(out, l->text.data, l->text.length);
    cclip_buffer_clear(&l->text);
    return l->status;
}

static cclip_status write_sample(struct line *l, struct cclip_writer *out,
                                 const struct cclip_curation *curation, size_t sample)
{
    cclip_curation_row row = { .version = CCLIP_CURATION_ROW_VERSION };
    const unsigned changed = curation->corpus.records[sample].changed;
    const cclip_status status = cclip_curation_get(curation, sample, &row);
    if (status)
        return status;
    put_text(l, "key", row.name);
    put_text(l, "reason", cclip_curate_reason_name(row.reason));
    put_text(l, "rule", row.rule);
    put_text(l, "message", row.message);
    put_number(l, "score", row.score);
    put_number(l, "chance", row.chance);
    put_text(l, "of", row.of);
    put_number(l, "similarity", row.similarity);
    put_text(l, "caption", row.caption);
    put_text(l, "was", row.was);
    if (changed)
        put_rules(l, changed);
    return end_line(l, out);
}

static cclip_status write_summary(struct line *l, struct cclip_writer *out,
                                  const struct cclip_curation *curation)
{
    cclip_status status = CCLIP_OK;
    l->status = cclip_buffer_text(&l->text, "{\"summary\": ");
    struct line inner = { .status = l->status };
    cclip_buffer_open(&inner.text, LINE_MOST);
    put_count(&inner, "samples", curation->corpus.index.count);
    for (int i = 0; i < CCLIP_CURATE_REASONS; i++)
        put_count(&inner, cclip_curate_reason_name((cclip_curate_reason)i), curation->tally[i]);
    put_count(&inner, "damaged_shards", curation->damaged);
    for (int rule = 0; rule < CCLIP_CAPTION_RULES && curation->options.clean_captions; rule++) {
        char key[64];
        const int changes = rule < CCLIP_CAPTION_CHANGES;
        snprintf(key, sizeof key, "%s_%s", cclip_caption_rule_info((enum cclip_caption_rule)rule)->name,
                 changes ? "changed" : "refused");
        put_count(&inner, key, changes ? curation->changed[rule] : curation->refused[rule]);
    }
    put_number(&inner, "lowest_score", curation->lowest);
    put_number(&inner, "estimated_mismatched", curation->rule.share);
    put_number(&inner, "estimated_caught", curation->rule.caught);
    put_number(&inner, "estimated_lost", curation->rule.lost);
    status = inner.status;
    if (!status)
        status = cclip_buffer_append(&l->text, inner.text.data, inner.text.length);
    if (!status)
        status = cclip_buffer_byte(&l->text, '}');
    cclip_buffer_close(&inner.text);
    return status ? status : end_line(l, out);
}

cclip_status cclip_curation_lines(const struct cclip_curation *curation, struct cclip_writer *out, int all)
{
    struct line l = { .status = CCLIP_OK };
    cclip_status status = CCLIP_OK;
    cclip_buffer_open(&l.text, LINE_MOST);
    for (size_t i = 0; i < curation->corpus.index.count && !status; i++) {
        const struct cclip_curate_record *record = &curation->corpus.records[i];
        if (all || record->reason != CCLIP_CURATE_KEPT || record->changed)
            status = write_sample(&l, out, curation, i);
    }
    if (!status)
        status = write_summary(&l, out, curation);
    cclip_buffer_close(&l.text);
    return status;
}
