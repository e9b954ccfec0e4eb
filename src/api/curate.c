/* The functions of curate.h. */
#include "api/curate.h"

#include <cclip/runtime.h>
#include <math.h>
#include <string.h>

#include "api/session.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/new_folder.h"

#define DEFAULT_COSINE 0.98
#define DEFAULT_BITS 6
#define LEAST_LETTERS 0.4

static const char *const reasons[CCLIP_CURATE_REASONS] = {
    [CCLIP_CURATE_KEPT] = "kept",
    [CCLIP_CURATE_BROKEN] = "broken",
    [CCLIP_CURATE_CAPTION] = "caption",
    [CCLIP_CURATE_MISMATCH] = "mismatch",
    [CCLIP_CURATE_EVALUATION] = "evaluation",
    [CCLIP_CURATE_SAME_FILE] = "same_file",
    [CCLIP_CURATE_SAME_PIXELS] = "same_pixels",
    [CCLIP_CURATE_NEAR_DUPLICATE] = "near_duplicate",
};

const char *cclip_curate_reason_name(cclip_curate_reason reason)
{
    return (unsigned)reason < CCLIP_CURATE_REASONS ? reasons[reason] : NULL;
}

void cclip_curate_options_init(cclip_curate_options *options)
{
    *options = (cclip_curate_options)CCLIP_CURATE_OPTIONS_INIT;
}

/* A corpus. */

const char *cclip_corpus_text(const struct cclip_corpus *corpus, size_t place)
{
    return place == CCLIP_NO_TEXT ? NULL : corpus->texts.data + place;
}

cclip_status cclip_corpus_add_text(struct cclip_corpus *corpus, size_t *place, const char *text, size_t length)
{
    const size_t begin = corpus->texts.length;
    cclip_status status = cclip_buffer_append(&corpus->texts, text, length);
    if (!status)
        status = cclip_buffer_byte(&corpus->texts, 0);
    if (!status)
        *place = begin;
    return status;
}

static cclip_status open_sources(struct cclip_corpus *out, const char *data, int pictures_alone,
                                 const cclip_curate_options *options)
{
    cclip_train_options train = CCLIP_TRAIN_OPTIONS_INIT;
    const char *const columns[2] = { options->csv_img_key, options->csv_caption_key };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < 2 && !status; i++)
        if (columns[i] && !(out->columns[i] = cclip_copy_text(columns[i], strlen(columns[i]))))
            status = CCLIP_ERROR_MEMORY;
    train.dataset_type = options->dataset_type;
    train.csv_img_key = out->columns[0];
    train.csv_caption_key = out->columns[1];
    train.image_key = options->image_key;
    train.text_key = options->text_key;
    train.json_text_key = options->json_text_key;
    train.csv_separator = options->csv_separator;
    if (!status)
        status = cclip_train_sources_open(&out->sources, &train, data, NULL);
    for (size_t i = 0; i < out->sources.count && !status; i++)
        out->sources.list[i].pictures_alone = pictures_alone;
    return status;
}

cclip_status cclip_corpus_open(struct cclip_corpus *out, const char *data, int pictures_alone,
                               const cclip_curate_options *options, int threads)
{
    *out = (struct cclip_corpus){ .images = NULL };
    cclip_buffer_open(&out->texts, CCLIP_LIMIT_TEXT_FILE * 4);
    cclip_status status = open_sources(out, data, pictures_alone, options);
    if (!status)
        status = cclip_pair_index_open(&out->index, out->sources.list, out->sources.count, threads);
    if (!status && !(out->records = cclip_allocate_zero(out->index.count, sizeof *out->records)))
        status = CCLIP_ERROR_MEMORY;
    return status;
}

void cclip_corpus_close(struct cclip_corpus *corpus)
{
    cclip_pair_index_close(&corpus->index);
    cclip_train_sources_close(&corpus->sources);
    for (size_t i = 0; i < 2; i++)
        cclip_release(corpus->columns[i]);
    cclip_release(corpus->records);
    cclip_release(corpus->images);
    cclip_buffer_close(&corpus->texts);
    *corpus = (struct cclip_corpus){ .images = NULL };
}

/* Options. */

static cclip_status check_options(const cclip_curate_options *o, const cclip_session *session)
{
    if (o->version != CCLIP_CURATE_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate options: version %u is not known", (unsigned)o->version);
    if (!o->train_data || !*o->train_data)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: no data");
    if ((unsigned)o->pairs > CCLIP_KEEP_FRACTION || (unsigned)o->near > CCLIP_NEAR_HASH ||
        (unsigned)o->dataset_type > CCLIP_DATASET_WEBDATASET)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: a rule or data type that is not known");
    if (!session && (o->pairs || o->near == CCLIP_NEAR_COSINE))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: pairs and cosines are judged by a model: no session");
    if (o->pictures_alone && (o->pairs || o->clean_captions))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: pictures alone have no captions to be judged");
    if (o->pairs == CCLIP_KEEP_FRACTION && !(o->pair_limit > 0 && o->pair_limit <= 1))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: a share of %g is not above 0 and at most 1", o->pair_limit);
    if (isnan(o->pair_limit) || isnan(o->near_limit) || o->references < 2)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: a limit that is not a number, or fewer than 2 references");
    if (o->near == CCLIP_NEAR_HASH && o->near_limit > 0 && o->near_limit - floor(o->near_limit) > 0)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: hashes differ in a whole number of bits, not in %g",
                          o->near_limit);
    if (o->min_chars > o->max_chars)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curate: captions of at least %zu and at most %zu characters",
                          o->min_chars, o->max_chars);
    return CCLIP_OK;
}

static cclip_status choose_rules(struct cclip_caption_settings *out, const cclip_curate_options *o)
{
    *out = (struct cclip_caption_settings){ .min_chars = o->min_chars, .max_chars = o->max_chars,
                                            .min_letters = LEAST_LETTERS };
    for (size_t i = 0; i < o->without_rule_count; i++) {
        const enum cclip_caption_rule rule = cclip_caption_rule_named(o->without_rules[i]);
        if (rule == CCLIP_CAPTION_RULES)
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "\"%s\" is no rule for captions", o->without_rules[i]);
        out->off |= 1u << rule;
    }
    return CCLIP_OK;
}

/* Doing it. */

struct run {
    struct cclip_curation *curation;
    struct cclip_look look;
    struct cclip_corpus *others; /* [against_count] */
    struct cclip_thread_pool *own; /* without a session */
};

static cclip_status report_damage(const struct run *run)
{
    const struct cclip_pair_index *index = &run->curation->corpus.index;
    const cclip_curate_options *o = run->look.options;
    for (size_t i = 0; i < index->shard_count; i++) {
        const struct cclip_failure *damage = index->shards[i].damage;
        run->curation->damaged += damage != NULL;
        if (damage && o->skip && o->skip(o->user, SIZE_MAX, damage->status, damage->message))
            return cclip_fail(CCLIP_ERROR_CANCELLED, "%s", damage->message);
    }
    return CCLIP_OK;
}

static cclip_status open_all(struct run *run, const cclip_curate_options *o)
{
    struct cclip_curation *curation = run->curation;
    const int threads = cclip_thread_pool_size(run->look.pool);
    cclip_status status = cclip_corpus_open(&curation->corpus, o->train_data, o->pictures_alone, o, threads);
    if (!status && o->against_count && !(run->others = cclip_allocate_zero(o->against_count, sizeof *run->others)))
        status = CCLIP_ERROR_MEMORY;
    run->look.total = curation->corpus.index.count;
    for (size_t i = 0; i < o->against_count && !status; i++) {
        cclip_curate_options plain = CCLIP_CURATE_OPTIONS_INIT;
        status = cclip_corpus_open(&run->others[i], o->against[i], 1, &plain, threads);
        run->look.total += run->others[i].index.count;
    }
    if (!status && o->pairs == CCLIP_KEEP_MATCHING)
        run->look.total += o->references < curation->corpus.index.count ? o->references
                                                                        : curation->corpus.index.count;
    return status ? status : report_damage(run);
}

/* The corpus itself; where pairs are judged by each other, the references first. */
static cclip_status look_at_corpus(struct run *run)
{
    struct cclip_curation *curation = run->curation;
    struct cclip_drawn_references drawn = { .images = NULL };
    cclip_status status = CCLIP_OK;
    if (curation->options.pairs == CCLIP_KEEP_MATCHING) {
        struct cclip_look plain = run->look;
        plain.digests = plain.hash = plain.keep_images = 0;
        status = cclip_corpus_draw(&drawn, &curation->corpus, &plain);
        run->look.done = plain.done;
        if (!status)
            status = cclip_mismatch_made(&curation->made, &curation->made_count, &run->look.session->device,
                                         &drawn.of);
        run->look.references = &drawn.of;
    }
    if (!status)
        status = cclip_corpus_look(&curation->corpus, &run->look);
    run->look.references = NULL;
    cclip_drawn_references_close(&drawn);
    return status;
}

static cclip_status decide(struct run *run)
{
    struct cclip_curation *curation = run->curation;
    const cclip_curate_options *o = run->look.options;
    struct cclip_look other_look = run->look;
    other_look.score = other_look.clean = 0;
    cclip_status status = cclip_decide_repeats(curation);
    if (!status)
        status = cclip_decide_pairs(curation);
    for (size_t i = 0; i < o->against_count && !status; i++) {
        status = cclip_corpus_look(&run->others[i], &other_look);
        if (!status)
            status = cclip_decide_against(curation, &run->others[i], run->look.session);
    }
    if (!status)
        status = cclip_decide_exact(curation);
    return status ? status : cclip_decide_near(curation, run->look.session);
}

static void count_up(struct cclip_curation *curation)
{
    curation->lowest = NAN;
    for (size_t i = 0; i < curation->corpus.index.count; i++) {
        const struct cclip_curate_record *record = &curation->corpus.records[i];
        const double cosine = (double)record->cosine;
        curation->tally[record->reason]++;
        if (record->reason == CCLIP_CURATE_CAPTION)
            curation->refused[record->rule]++;
        for (int rule = 0; rule < CCLIP_CAPTION_RULES; rule++)
            curation->changed[rule] += record->changed >> rule & 1;
        if (record->reason == CCLIP_CURATE_KEPT && !(cosine >= curation->lowest))
            curation->lowest = isnan(cosine) ? curation->lowest : cosine;
    }
}

static cclip_status prepare(struct run *run, cclip_session *session, const cclip_curate_options *o)
{
    struct cclip_curation *curation = cclip_allocate_zero(1, sizeof *curation);
    run->curation = curation;
    if (!curation)
        return CCLIP_ERROR_MEMORY;
    curation->options = *o;
    if (o->near_limit < 0)
        curation->options.near_limit = o->near == CCLIP_NEAR_HASH ? DEFAULT_BITS : DEFAULT_COSINE;
    curation->rule = (struct cclip_mismatch_rule){ NAN, NAN, NAN, NAN };
    run->look = (struct cclip_look){ .session = session,
                                     .options = o,
                                     .clean = o->clean_captions,
                                     .digests = o->exact_duplicates || o->against_count,
                                     .hash = o->near == CCLIP_NEAR_HASH,
                                     .keep_images = o->near == CCLIP_NEAR_COSINE,
                                     .score = o->pairs != CCLIP_KEEP_ALL };
    cclip_status status = choose_rules(&run->look.captions, o);
    if (!status && session)
        run->look.pool = session->pool;
    else if (!status)
        status = cclip_thread_pool_open(&run->own, o->threads > 0 ? o->threads : cclip_cpu_count());
    if (!session)
        run->look.pool = run->own;
    return status;
}

cclip_status cclip_curate(cclip_curation **out, cclip_session *session, const cclip_curate_options *options)
{
    struct run run = { .curation = NULL };
    *out = NULL;
    cclip_status status = check_options(options, session);
    if (!status)
        status = prepare(&run, session, options);
    if (!status && session && (run.look.score || run.look.keep_images))
        status = cclip_models_prepare(session->model, CCLIP_IMAGE_TOWER, &session->device);
    if (!status)
        status = open_all(&run, options);
    if (!status)
        status = look_at_corpus(&run);
    if (!status)
        status = decide(&run);
    if (!status)
        count_up(run.curation);
    for (size_t i = 0; run.others && i < options->against_count; i++)
        cclip_corpus_close(&run.others[i]);
    cclip_release(run.others);
    cclip_thread_pool_close(&run.own);
    if (status)
        cclip_curation_close(&run.curation);
    *out = run.curation;
    return status;
}

void cclip_curation_close(cclip_curation **out)
{
    struct cclip_curation *curation = *out;
    if (!curation)
        return;
    cclip_corpus_close(&curation->corpus);
    cclip_release(curation->made);
    cclip_release(curation);
    *out = NULL;
}

/* What came out. */

size_t cclip_curation_count(const cclip_curation *curation)
{
    return curation->corpus.index.count;
}

cclip_status cclip_curation_get(const cclip_curation *curation, size_t index, cclip_curation_row *out)
{
    const struct cclip_corpus *corpus = &curation->corpus;
    if (out->version != CCLIP_CURATION_ROW_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curation row: version %u is not known", (unsigned)out->version);
    if (index >= corpus->index.count)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curation: sample %zu of %zu", index, corpus->index.count);
    const struct cclip_curate_record *r = &corpus->records[index];
    const int refused = r->reason == CCLIP_CURATE_CAPTION;
    *out = (cclip_curation_row){
        .version = CCLIP_CURATION_ROW_VERSION,
        .name = cclip_corpus_text(corpus, r->name),
        .reason = (cclip_curate_reason)r->reason,
        .rule = refused ? cclip_caption_rule_info((enum cclip_caption_rule)r->rule)->name : NULL,
        .message = cclip_corpus_text(corpus, r->message),
        .caption = cclip_corpus_text(corpus, r->caption),
        .was = cclip_corpus_text(corpus, r->was),
        .score = (double)r->cosine,
        .chance = isnan(r->margin) ? NAN
                                   : cclip_mismatch_chance(curation->made, curation->made_count, r->margin),
        .of = cclip_corpus_text(corpus, r->of),
        .similarity = (double)r->similarity,
    };
    return CCLIP_OK;
}

size_t cclip_curation_tally(const cclip_curation *curation, cclip_curate_reason reason)
{
    return (unsigned)reason < CCLIP_CURATE_REASONS ? curation->tally[reason] : 0;
}

const char *cclip_caption_rule_name(size_t rule)
{
    return rule < CCLIP_CAPTION_RULES ? cclip_caption_rule_info((enum cclip_caption_rule)rule)->name : NULL;
}

const char *cclip_caption_rule_text(size_t rule)
{
    return rule < CCLIP_CAPTION_RULES ? cclip_caption_rule_info((enum cclip_caption_rule)rule)->what : NULL;
}

size_t cclip_curation_changed(const cclip_curation *curation, size_t rule)
{
    return rule < CCLIP_CAPTION_RULES ? curation->changed[rule] : 0;
}

size_t cclip_curation_refused(const cclip_curation *curation, size_t rule)
{
    return rule < CCLIP_CAPTION_RULES ? curation->refused[rule] : 0;
}

cclip_status cclip_curation_get_estimate(const cclip_curation *curation, cclip_curation_estimate *out)
{
    if (out->version != CCLIP_CURATION_ESTIMATE_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "curation estimate: version %u is not known", (unsigned)out->version);
    *out = (cclip_curation_estimate){ CCLIP_CURATION_ESTIMATE_VERSION, curation->rule.share, curation->rule.caught,
                                      curation->rule.lost, curation->lowest, curation->damaged };
    return CCLIP_OK;
}

/* Writing. */

static int keep_sample(void *user, size_t sample)
{
    const struct cclip_curation *curation = user;
    return curation->corpus.records[sample].reason == CCLIP_CURATE_KEPT;
}

static const char *new_caption(void *user, size_t sample, size_t *length)
{
    const struct cclip_curation *curation = user;
    const struct cclip_curate_record *record = &curation->corpus.records[sample];
    *length = record->caption_length;
    return record->changed ? cclip_corpus_text(&curation->corpus, record->caption) : NULL;
}

/* "pairs.tsv" -> "pairs.report.jsonl", "folder" -> "folder/report.jsonl". */
static char *report_path(const char *path, int table)
{
    const char *dot = strrchr(cclip_path_name(path), '.');
    const size_t length = table && dot ? (size_t)(dot - path) : strlen(path);
    const char *ending = table ? ".report.jsonl" : "/report.jsonl";
    char *out = cclip_allocate(length + strlen(ending) + 1, 1);
    if (out) {
        memcpy(out, path, length);
        memcpy(out + length, ending, strlen(ending) + 1);
    }
    return out;
}

static cclip_status write_lines(const struct cclip_curation *curation, struct cclip_writer *out, const char *path,
                                int all)
{
    cclip_status status = cclip_writer_open(out, path);
    if (!status)
        status = cclip_curation_lines(curation, out, all);
    return status ? status : cclip_writer_sync(out);
}

/* The report is on the disk before the table gets its name. */
static cclip_status write_table(const struct cclip_corpus_choice *choice, const char *path)
{
    struct cclip_writer table = { 0 }, lines = { 0 };
    if (cclip_is_file(path)) /* it might be the corpus itself */
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: is there already", path);
    char *report = report_path(path, 1);
    cclip_status status = report ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && cclip_is_file(report))
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: is there already", report);
    if (!status)
        status = cclip_writer_open(&table, path);
    if (!status)
        status = cclip_corpus_write_table(choice, 0, &table, path);
    if (!status)
        status = write_lines(choice->user, &lines, report, 0);
    if (!status)
        status = cclip_writer_commit(&table);
    if (!status)
        status = cclip_writer_commit(&lines);
    cclip_writer_close(&table);
    cclip_writer_close(&lines);
    cclip_release(report);
    return status;
}

/* What is written into a corpus would be part of it the next time. */
static cclip_status check_outside(const struct cclip_curation *curation, const char *path)
{
    const struct cclip_train_sources *sources = &curation->corpus.sources;
    for (size_t i = 0; i < sources->count; i++)
        if (cclip_is_folder(sources->list[i].path) && cclip_path_is_within(path, sources->list[i].path))
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: lies in %s, which is read: write beside it", path,
                              sources->list[i].path);
    return CCLIP_OK;
}

static cclip_status write_folder(const struct cclip_corpus_choice *choice, const char *path)
{
    struct cclip_new_folder folder;
    struct cclip_writer lines = { 0 };
    cclip_status status = check_outside(choice->user, path);
    if (!status)
        status = cclip_new_folder_open(&folder, path);
    if (status)
        return status;
    char *report = report_path(folder.temporary, 0);
    status = report ? cclip_corpus_write(choice, folder.temporary, folder.path) : CCLIP_ERROR_MEMORY;
    if (!status)
        status = write_lines(choice->user, &lines, report, 0);
    if (!status)
        status = cclip_writer_commit(&lines);
    cclip_writer_close(&lines);
    cclip_release(report);
    status = cclip_new_folder_commit(&folder, status);
    cclip_new_folder_close(&folder);
    return status;
}

/* Where the model can hardly tell pairs from mismatches, what it chose is noise. NaN, of other rules, is fine. */
static cclip_status check_judge(const struct cclip_mismatch_rule *rule)
{
    if (!(rule->share > CCLIP_CURATION_MISMATCHED_MOST) && !(rule->lost > CCLIP_CURATION_LOST_MOST))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_MISMATCH,
                      "the model can hardly tell these pairs from mismatches: it takes an estimated %.0f %% for "
                      "mismatched, and %.0f %% of the good ones would go too (limits: %.0f and %.0f %%); nothing is "
                      "written: take a model that knows such pictures, or give a share (--keep) or a least score "
                      "(--min-score)", 100 * rule->share, 100 * rule->lost, 100 * CCLIP_CURATION_MISMATCHED_MOST,
                      100 * CCLIP_CURATION_LOST_MOST);
}

cclip_status cclip_curation_write(const cclip_curation *curation, const char *path)
{
    const cclip_status judged = check_judge(&curation->rule);
    if (judged)
        return judged;
    const struct cclip_corpus_choice choice = { .index = &curation->corpus.index,
                                                .sources = curation->corpus.sources.list,
                                                .keep = keep_sample,
                                                .caption = new_caption,
                                                .user = (void *)(uintptr_t)curation };
    if (cclip_corpus_is_table(&choice))
        return write_table(&choice, path);
    const cclip_status status = cclip_corpus_check_names(&choice);
    return status ? status : write_folder(&choice, path);
}

cclip_status cclip_curation_write_lines(const cclip_curation *curation, const char *path, int all)
{
    struct cclip_writer out = { 0 };
    cclip_status status = write_lines(curation, &out, path, all);
    if (!status)
        status = cclip_writer_commit(&out);
    cclip_writer_close(&out);
    return status;
}
