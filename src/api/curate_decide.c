/* Deciding what goes, where all samples of a corpus are known. Each step looks at those that are still kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/curate.h"
#include "api/session.h"
#include "base/limits.h"
#include "base/memory.h"
#include "curate/hash_duplicates.h"
#include "search/near_duplicates.h"

enum { PAIRS_LEAST = 50, HASH_BITS = 128 };

static int is_kept(const struct cclip_corpus *corpus, size_t sample)
{
    return corpus->records[sample].reason == CCLIP_CURATE_KEPT;
}

/* The samples that are kept so far, in their order; NULL with a message on failure. */
static size_t *list_kept(size_t *count, const struct cclip_corpus *corpus)
{
    size_t *list = cclip_allocate(corpus->index.count, sizeof *list);
    *count = 0;
    for (size_t i = 0; i < corpus->index.count && list; i++)
        if (is_kept(corpus, i))
            list[(*count)++] = i;
    return list;
}

/* Sorting numbers of samples by what a record says. qsort has no context: the numbers come with their records. */
struct entry {
    const struct cclip_curate_record *record;
    size_t sample;
};
typedef int compare_entries(const void *a, const void *b);

/* Of duplicates the one with more pixels stays, then the one that fits its caption better, then the earlier one. */
static int prefer(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->record->area != y->record->area)
        return x->record->area > y->record->area ? -1 : 1;
    if (x->record->cosine > y->record->cosine || x->record->cosine < y->record->cosine)
        return x->record->cosine > y->record->cosine ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static int by_file(const void *a, const void *b)
{
    const int order = cclip_digest_compare(&((const struct entry *)a)->record->file,
                                           &((const struct entry *)b)->record->file);
    return order ? order : prefer(a, b);
}

static int by_pixels(const void *a, const void *b)
{
    const int order = cclip_digest_compare(&((const struct entry *)a)->record->pixels,
                                           &((const struct entry *)b)->record->pixels);
    return order ? order : prefer(a, b);
}

static int by_caption(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->record->caption_key != y->record->caption_key)
        return x->record->caption_key < y->record->caption_key ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static struct entry *sort_kept(size_t *count, const struct cclip_corpus *corpus, compare_entries *compare)
{
    size_t *list = list_kept(count, corpus);
    struct entry *entries = list ? cclip_allocate(*count, sizeof *entries) : NULL;
    for (size_t i = 0; i < *count && entries; i++)
        entries[i] = (struct entry){ &corpus->records[list[i]], list[i] };
    if (entries && *count)
        qsort(entries, *count, sizeof *entries, compare);
    cclip_release(list);
    return entries;
}

cclip_status cclip_decide_repeats(struct cclip_curation *curation)
{
    struct cclip_corpus *corpus = &curation->corpus;
    const size_t most = curation->options.caption_repeats;
    size_t count;
    if (!curation->options.clean_captions || !most)
        return CCLIP_OK;
    struct entry *entries = sort_kept(&count, corpus, by_caption);
    if (!entries)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && entries[end].record->caption_key == entries[i].record->caption_key;)
            end++;
        for (size_t k = i; k < end && end - i > most; k++) {
            corpus->records[entries[k].sample].reason = CCLIP_CURATE_CAPTION;
            corpus->records[entries[k].sample].rule = CCLIP_CAPTION_REPEATED;
        }
    }
    cclip_release(entries);
    return CCLIP_OK;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* One field of the kept ones' scores, sorted; those that are no number are left out. */
static float *sorted_scores(size_t *count, const struct cclip_corpus *corpus, int margins)
{
    float *list = cclip_allocate(corpus->index.count, sizeof *list);
    *count = 0;
    for (size_t i = 0; i < corpus->index.count && list; i++) {
        const struct cclip_curate_record *record = &corpus->records[i];
        const float value = margins ? record->margin : record->cosine;
        if (is_kept(corpus, i) && !isnan(value))
            list[(*count)++] = value;
    }
    if (list && *count)
        qsort(list, *count, sizeof *list, compare_floats);
    return list;
}

static cclip_status choose_margin(double *limit, struct cclip_curation *curation)
{
    size_t count;
    float *margins = sorted_scores(&count, &curation->corpus, 1);
    cclip_status status = margins ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && (count < PAIRS_LEAST || curation->made_count < PAIRS_LEAST))
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "%zu pairs with different captions are too few to judge them by "
                                                  "each other (%d are enough): give a least score or a share", count,
                            PAIRS_LEAST);
    if (!status) {
        cclip_mismatch_choose(&curation->rule, curation->made, curation->made_count, margins, count);
        *limit = curation->rule.threshold;
    }
    cclip_release(margins);
    return status;
}

/* The cosine of the last one of the share that is kept. */
static cclip_status choose_share(double *limit, const struct cclip_curation *curation)
{
    size_t count;
    float *cosines = sorted_scores(&count, &curation->corpus, 0);
    if (!cosines)
        return CCLIP_ERROR_MEMORY;
    const size_t kept = (size_t)ceil(curation->options.pair_limit * (double)count - 1e-9);
    *limit = kept && count ? (double)cosines[count - (kept < count ? kept : count)] : INFINITY;
    cclip_release(cosines);
    return CCLIP_OK;
}

cclip_status cclip_decide_pairs(struct cclip_curation *curation)
{
    const cclip_keep_rule rule = curation->options.pairs;
    struct cclip_corpus *corpus = &curation->corpus;
    double limit = curation->options.pair_limit;
    cclip_status status = CCLIP_OK;
    if (rule == CCLIP_KEEP_ALL)
        return CCLIP_OK;
    if (rule == CCLIP_KEEP_MATCHING)
        status = choose_margin(&limit, curation);
    else if (rule == CCLIP_KEEP_FRACTION)
        status = choose_share(&limit, curation);
    for (size_t i = 0; i < corpus->index.count && !status; i++) {
        struct cclip_curate_record *record = &corpus->records[i];
        const double value = (double)(rule == CCLIP_KEEP_MATCHING ? record->margin : record->cosine);
        if (is_kept(corpus, i) && !(value >= limit)) /* what is not a number fits nothing */
            record->reason = CCLIP_CURATE_MISMATCH;
    }
    return status;
}

/* Another corpus. */

static void join(struct cclip_curate_record *record, cclip_curate_reason reason, size_t name, float similarity)
{
    record->reason = (unsigned char)reason;
    record->of = name;
    record->similarity = similarity;
}

/* The name of the other corpus' picture is copied: that corpus is gone when the report is written. */
static cclip_status join_other(struct cclip_curation *curation, size_t sample, const struct cclip_corpus *other,
                               size_t picture, float similarity)
{
    const char *name = cclip_corpus_text(other, other->records[picture].name);
    size_t place = CCLIP_NO_TEXT;
    const cclip_status status = cclip_corpus_add_text(&curation->corpus, &place, name, strlen(name));
    join(&curation->corpus.records[sample], CCLIP_CURATE_EVALUATION, place, similarity);
    return status;
}

/* The entry of the other corpus with the same digest, or NULL; `others` is sorted by it. */
static const struct entry *find_same(const struct entry *others, size_t count,
                                     const struct cclip_curate_record *record, int pixels)
{
    const struct cclip_digest *wanted = pixels ? &record->pixels : &record->file;
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct cclip_curate_record *other = others[middle].record;
        const int order = cclip_digest_compare(pixels ? &other->pixels : &other->file, wanted);
        if (!order)
            return &others[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static cclip_status against_exact(struct cclip_curation *curation, const struct cclip_corpus *other)
{
    struct cclip_corpus *corpus = &curation->corpus;
    cclip_status status = CCLIP_OK;
    for (int pixels = 0; pixels < 2 && !status; pixels++) {
        size_t count;
        struct entry *others = sort_kept(&count, other, pixels ? by_pixels : by_file);
        if (!others)
            return CCLIP_ERROR_MEMORY;
        for (size_t i = 0; i < corpus->index.count && !status; i++) {
            const struct entry *same =
                is_kept(corpus, i) ? find_same(others, count, &corpus->records[i], pixels) : NULL;
            if (same)
                status = join_other(curation, i, other, same->sample, 1);
        }
        cclip_release(others);
    }
    return status;
}

/* Rows of the listed samples, one after the other; NULL with a message on failure. */
static float *gather(const struct cclip_corpus *corpus, const size_t *list, size_t count, size_t dim)
{
    float *rows = cclip_allocate(count, dim * sizeof *rows);
    for (size_t i = 0; i < count && rows; i++)
        memcpy(rows + i * dim, corpus->images + list[i] * dim, dim * sizeof *rows);
    return rows;
}

static cclip_status against_cosine(struct cclip_curation *curation, const struct cclip_corpus *other,
                                   cclip_session *session)
{
    struct cclip_corpus *corpus = &curation->corpus;
    const size_t dim = session->model->config.embedding_dim;
    size_t count, others_count;
    size_t *list = list_kept(&count, corpus), *others = list_kept(&others_count, other);
    float *rows = list ? gather(corpus, list, count, dim) : NULL;
    float *other_rows = others ? gather(other, others, others_count, dim) : NULL;
    struct cclip_neighbour *nearest = cclip_allocate(count, sizeof *nearest);
    cclip_status status = rows && other_rows && nearest ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_nearest(nearest, &session->device, rows, count, other_rows, others_count, dim);
    for (size_t i = 0; i < count && !status; i++)
        if ((double)nearest[i].cosine >= curation->options.near_limit)
            status = join_other(curation, list[i], other, others[nearest[i].row], nearest[i].cosine);
    cclip_release(list);
    cclip_release(others);
    cclip_release(rows);
    cclip_release(other_rows);
    cclip_release(nearest);
    return status;
}

static cclip_status against_hash(struct cclip_curation *curation, const struct cclip_corpus *other)
{
    struct cclip_corpus *corpus = &curation->corpus;
    size_t count;
    size_t *others = list_kept(&count, other);
    struct cclip_digest *hashes = others ? cclip_allocate(count, sizeof *hashes) : NULL;
    cclip_status status = hashes ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++)
        hashes[i] = other->records[others[i]].look;
    for (size_t i = 0; i < corpus->index.count && !status; i++) {
        if (!is_kept(corpus, i))
            continue;
        const struct cclip_hash_neighbour near =
            cclip_hash_nearest(&corpus->records[i].look, hashes, count, (int)curation->options.near_limit);
        if (near.row != SIZE_MAX)
            status = join_other(curation, i, other, others[near.row],
                                1 - (float)near.distance / HASH_BITS);
    }
    cclip_release(others);
    cclip_release(hashes);
    return status;
}

cclip_status cclip_decide_against(struct cclip_curation *curation, const struct cclip_corpus *other,
                                  cclip_session *session)
{
    const cclip_near_rule near = curation->options.near;
    cclip_status status = against_exact(curation, other);
    if (!status && near == CCLIP_NEAR_COSINE)
        status = against_cosine(curation, other, session);
    if (!status && near == CCLIP_NEAR_HASH)
        status = against_hash(curation, other);
    return status;
}

/* Duplicates within the corpus. */

static void join_own(struct cclip_corpus *corpus, size_t sample, size_t kept, cclip_curate_reason reason,
                     float similarity)
{
    join(&corpus->records[sample], reason, corpus->records[kept].name, similarity);
    corpus->records[sample].partner = kept;
}

static cclip_status drop_same(struct cclip_corpus *corpus, int pixels)
{
    size_t count, kept = 0;
    struct entry *entries = sort_kept(&count, corpus, pixels ? by_pixels : by_file);
    if (!entries)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 1; i < count; i++) {
        const struct cclip_curate_record *a = entries[kept].record, *b = entries[i].record;
        if (cclip_digest_compare(pixels ? &a->pixels : &a->file, pixels ? &b->pixels : &b->file))
            kept = i;
        else
            join_own(corpus, entries[i].sample, entries[kept].sample,
                     pixels ? CCLIP_CURATE_SAME_PIXELS : CCLIP_CURATE_SAME_FILE, 1);
    }
    cclip_release(entries);
    return CCLIP_OK;
}

cclip_status cclip_decide_exact(struct cclip_curation *curation)
{
    if (!curation->options.exact_duplicates)
        return CCLIP_OK;
    const cclip_status status = drop_same(&curation->corpus, 0);
    return status ? status : drop_same(&curation->corpus, 1);
}

static cclip_status near_by_cosine(struct cclip_corpus *corpus, const size_t *order, size_t count, double limit,
                                   cclip_session *session)
{
    struct cclip_neighbour *out = cclip_allocate(corpus->index.count, sizeof *out);
    cclip_status status = out ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_near_duplicates(out, &session->device, corpus->images,
                                       session->model->config.embedding_dim, order, count, (float)limit);
    for (size_t i = 0; i < count && !status; i++)
        if (out[order[i]].row != order[i])
            join_own(corpus, order[i], out[order[i]].row, CCLIP_CURATE_NEAR_DUPLICATE, out[order[i]].cosine);
    cclip_release(out);
    return status;
}

static cclip_status near_by_hash(struct cclip_corpus *corpus, const size_t *order, size_t count, double limit)
{
    struct cclip_hash_neighbour *out = cclip_allocate(corpus->index.count, sizeof *out);
    struct cclip_digest *hashes = cclip_allocate(corpus->index.count, sizeof *hashes);
    cclip_status status = out && hashes ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++)
        hashes[order[i]] = corpus->records[order[i]].look;
    if (!status)
        status = cclip_hash_duplicates(out, hashes, order, count, (int)limit);
    for (size_t i = 0; i < count && !status; i++)
        if (out[order[i]].row != order[i])
            join_own(corpus, order[i], out[order[i]].row, CCLIP_CURATE_NEAR_DUPLICATE,
                     1 - (float)out[order[i]].distance / HASH_BITS);
    cclip_release(out);
    cclip_release(hashes);
    return status;
}

/* What is the same as one that then went too is the like of what that one went for: of a near duplicate's file a
 * copy is a near duplicate. Reasons stand in the order of how much less they say. */
static void follow_partners(struct cclip_corpus *corpus)
{
    for (size_t i = 0; i < corpus->index.count; i++) {
        struct cclip_curate_record *record = &corpus->records[i];
        while (record->partner != SIZE_MAX && corpus->records[record->partner].partner != SIZE_MAX) {
            const struct cclip_curate_record *through = &corpus->records[record->partner];
            record->similarity = record->similarity < through->similarity ? record->similarity : through->similarity;
            record->of = through->of;
            record->reason = record->reason > through->reason ? record->reason : through->reason;
            record->partner = through->partner;
        }
    }
}

cclip_status cclip_decide_near(struct cclip_curation *curation, cclip_session *session)
{
    struct cclip_corpus *corpus = &curation->corpus;
    size_t count = 0;
    cclip_status status = CCLIP_OK;
    if (curation->options.near && curation->options.exact_duplicates) {
        struct entry *entries = sort_kept(&count, corpus, prefer);
        size_t *order = entries ? cclip_allocate(count, sizeof *order) : NULL;
        status = order ? CCLIP_OK : CCLIP_ERROR_MEMORY;
        for (size_t i = 0; i < count && !status; i++)
            order[i] = entries[i].sample;
        if (!status)
            status = curation->options.near == CCLIP_NEAR_COSINE
                         ? near_by_cosine(corpus, order, count, curation->options.near_limit, session)
                         : near_by_hash(corpus, order, count, curation->options.near_limit);
        cclip_release(entries);
        cclip_release(order);
    }
    follow_partners(corpus);
    return status;
}
