#include "curate/mismatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread_pool.h"
#include "search/similarity_block.h"
#include "zero_shot/scores.h"

enum { NEIGHBOURS = 64 }; /* made mismatches of a reference */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Sums of exp(l (cos - 1)), which cannot overflow, over references with another caption. */
struct sums {
    const struct cclip_similarity_block *block;
    const struct cclip_mismatch_references *references;
    const uint64_t *captions; /* of the queries */
    size_t first, count;      /* references at hand */
    double *sum;              /* [queries] */
    size_t *others;           /* [queries]: how many have another caption */
};

static cclip_status add_some(void *context, size_t begin, size_t end, int worker)
{
    const struct sums *s = context;
    const uint64_t *captions = s->references->captions + s->first;
    const float scale = s->references->logit_scale;
    (void)worker;
    for (size_t q = begin; q < end; q++) {
        const float *scores = s->block->scores + q * s->count;
        for (size_t j = 0; j < s->count; j++) {
            if (captions[j] == s->captions[q])
                continue;
            s->sum[q] += (double)expf(scale * (scores[j] - 1));
            s->others[q]++;
        }
    }
    return CCLIP_OK;
}

/* out[q] -= 1/2 log mean exp(l cos) of the queries with the references' other half. */
static cclip_status subtract_half(struct cclip_pair_score *out, struct cclip_similarity_block *block,
                                  const struct cclip_mismatch_references *references,
                                  const float *queries, const float *others, const uint64_t *captions,
                                  size_t count)
{
    double sum[CCLIP_BLOCK_QUERIES] = { 0 };
    size_t seen[CCLIP_BLOCK_QUERIES] = { 0 };
    const struct cclip_row_choice rows = { .all = queries, .count = count };
    struct sums s = { block, references, captions, 0, 0, sum, seen };
    cclip_status status = cclip_similarity_block_queries(block, &rows);
    for (; s.first < references->count && !status; s.first += s.count) {
        s.count = smaller(CCLIP_BLOCK_ROWS, references->count - s.first);
        const struct cclip_row_choice some = { .all = others, .first = s.first, .count = s.count };
        status = cclip_similarity_block_scores(block, count, &some);
        if (!status)
            status = cclip_parallel(block->device->pool, count, 16, add_some, &s);
    }
    for (size_t q = 0; q < count && !status; q++)
        out[q].margin -= seen[q] ? (float)((references->logit_scale + log(sum[q] / (double)seen[q])) / 2)
                                 : (float)NAN;
    return status;
}

cclip_status cclip_mismatch_scores(struct cclip_pair_score *out, struct cclip_device *device,
                                   const struct cclip_mismatch_references *references,
                                   const float *images, const float *texts, const uint64_t *captions,
                                   size_t count)
{
    struct cclip_similarity_block block;
    const size_t dim = references->dim;
    cclip_status status = cclip_similarity_block_open(&block, device, dim);
    for (size_t i = 0; i < count; i++) {
        out[i].cosine = cclip_inner_product(images + i * dim, texts + i * dim, dim);
        out[i].margin = references->logit_scale * out[i].cosine;
    }
    for (size_t at = 0; at < count && !status; at += CCLIP_BLOCK_QUERIES) {
        const size_t some = smaller(CCLIP_BLOCK_QUERIES, count - at);
        status = subtract_half(out + at, &block, references, images + at * dim, references->texts,
                               captions + at, some);
        if (!status)
            status = subtract_half(out + at, &block, references, texts + at * dim, references->images,
                                   captions + at, some);
    }
    cclip_similarity_block_close(&block);
    return status;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* What a margin has of the picture alone and of the caption alone, which all pairs made of them share. */
static cclip_status halves(struct cclip_pair_score *images, struct cclip_pair_score *texts,
                           struct cclip_device *device, const struct cclip_mismatch_references *r)
{
    struct cclip_similarity_block block;
    cclip_status status = cclip_similarity_block_open(&block, device, r->dim);
    memset(images, 0, r->count * sizeof *images);
    memset(texts, 0, r->count * sizeof *texts);
    for (size_t at = 0; at < r->count && !status; at += CCLIP_BLOCK_QUERIES) {
        const size_t some = smaller(CCLIP_BLOCK_QUERIES, r->count - at);
        status = subtract_half(images + at, &block, r, r->images + at * r->dim, r->texts,
                               r->captions + at, some);
        if (!status)
            status = subtract_half(texts + at, &block, r, r->texts + at * r->dim, r->images,
                                   r->captions + at, some);
    }
    cclip_similarity_block_close(&block);
    return status;
}

/* Picture i with the captions of the next few references. */
static size_t make_mismatches(float *out, const struct cclip_mismatch_references *r,
                              const struct cclip_pair_score *images, const struct cclip_pair_score *texts)
{
    size_t made = 0;
    for (size_t i = 0; i < r->count; i++) {
        for (size_t k = 1; k <= NEIGHBOURS && k < r->count; k++) {
            const size_t j = (i + k) % r->count;
            const float cosine = cclip_inner_product(r->images + i * r->dim, r->texts + j * r->dim, r->dim);
            const float margin = r->logit_scale * cosine + images[i].margin + texts[j].margin;
            if (r->captions[i] != r->captions[j] && !isnan(margin))
                out[made++] = margin;
        }
    }
    return made;
}

cclip_status cclip_mismatch_made(float **out, size_t *count, struct cclip_device *device,
                                 const struct cclip_mismatch_references *references)
{
    struct cclip_pair_score *images = cclip_allocate(references->count, 2 * sizeof *images);
    *out = images ? cclip_allocate(references->count, NEIGHBOURS * sizeof **out) : NULL;
    *count = 0;
    cclip_status status = *out ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = halves(images, images + references->count, device, references);
    if (!status)
        *count = make_mismatches(*out, references, images, images + references->count);
    if (!status && *count)
        qsort(*out, *count, sizeof **out, compare_floats);
    if (status) {
        cclip_release(*out);
        *out = NULL;
    }
    cclip_release(images);
    return status;
}

/* How many of the sorted values are smaller. */
static size_t count_below(const float *sorted, size_t count, float value)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

double cclip_mismatch_chance(const float *made, size_t count, float margin)
{
    return count ? (double)(count - count_below(made, count, margin)) / (double)count : (double)NAN;
}

void cclip_mismatch_choose(struct cclip_mismatch_rule *out, const float *made, size_t made_count,
                           const float *margins, size_t count)
{
    const float median = made[made_count / 2];
    const double under = (double)count_below(made, made_count, median) / (double)made_count;
    const double share = under > 0 ? (double)count_below(margins, count, median) / (double)count / under : 0;
    double best = INFINITY;
    size_t made_below = 0;
    *out = (struct cclip_mismatch_rule){ .share = share < 1 ? share : 1 };
    for (size_t i = 0; i < count; i++) {
        if (i && !(margins[i] > margins[i - 1]))
            continue; /* equal margins go together */
        while (made_below < made_count && made[made_below] < margins[i])
            made_below++;
        const double gone = (double)i / (double)count, caught = (double)made_below / (double)made_count;
        const double wrong = out->share + gone - 2 * out->share * caught;
        if (wrong >= best)
            continue;
        best = wrong;
        out->threshold = (double)margins[i];
        out->caught = caught;
        out->lost = out->share < 1 ? (gone - out->share * caught) / (1 - out->share) : 0;
    }
    out->lost = out->lost < 0 ? 0 : out->lost;
}
