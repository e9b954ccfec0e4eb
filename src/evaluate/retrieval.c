#include "evaluate/retrieval.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "zero_shot/scores.h"

/* Texts of a piece: their embeddings stay in the nearest cache while all images go by. */
enum { TEXTS_A_PIECE = 16 };

struct work {
    const struct cclip_retrieval *r;
    float *own;           /* [texts]: each text's score with its own image */
    size_t *best_text;    /* [images]: the nearest of its own texts, or text_count */
    size_t *image_ranks;  /* [texts]: of one piece only, so threads never meet */
    size_t *text_counts;  /* [workers][images], summed at the end */
};

static float score(const struct cclip_retrieval *r, size_t text, size_t image)
{
    const float value =
        cclip_inner_product(r->texts + text * r->dim, r->images + image * r->dim, r->dim);
    return isnan(value) ? -INFINITY : value;
}

/* Does `a`, standing at place `i`, come before `b` at place `j`? */
static int nearer(float a, size_t i, float b, size_t j)
{
    return a > b || (a == b && i < j);
}

static void find_own(struct work *w)
{
    const struct cclip_retrieval *r = w->r;
    for (size_t i = 0; i < r->image_count; i++)
        w->best_text[i] = r->text_count;
    for (size_t t = 0; t < r->text_count; t++) {
        size_t *best = &w->best_text[r->image_of_text[t]];
        w->own[t] = score(r, t, r->image_of_text[t]);
        if (*best == r->text_count || w->own[t] > w->own[*best])
            *best = t;
    }
}

static cclip_status count_some(void *context, size_t begin, size_t end, int worker)
{
    const struct work *w = context;
    const struct cclip_retrieval *r = w->r;
    size_t *text_counts = w->text_counts + (size_t)worker * r->image_count;
    for (size_t i = 0; i < r->image_count; i++) {
        const size_t best = w->best_text[i];
        for (size_t t = begin; t < end; t++) {
            const size_t image = r->image_of_text[t];
            const float value = score(r, t, i);
            w->image_ranks[t] += i != image && nearer(value, i, w->own[t], image);
            if (best < r->text_count)
                text_counts[i] += t != best && nearer(value, t, w->own[best], best);
        }
    }
    return CCLIP_OK;
}

/* Whoever has nothing to be found by, or a score that is no number, ranks last. */
static void put_last(const struct work *w, size_t *text_ranks)
{
    const struct cclip_retrieval *r = w->r;
    for (size_t t = 0; t < r->text_count; t++)
        if (isinf(w->own[t]))
            w->image_ranks[t] = r->image_count;
    for (size_t i = 0; i < r->image_count; i++)
        if (w->best_text[i] == r->text_count || isinf(w->own[w->best_text[i]]))
            text_ranks[i] = r->text_count;
}

cclip_status cclip_retrieval_ranks(size_t *image_ranks, size_t *text_ranks,
                                   const struct cclip_retrieval *retrieval,
                                   struct cclip_thread_pool *pool)
{
    const size_t images = retrieval->image_count, texts = retrieval->text_count;
    const size_t workers = pool ? (size_t)cclip_thread_pool_size(pool) : 1;
    struct work w = { .r = retrieval, .image_ranks = image_ranks };
    cclip_status status = CCLIP_ERROR_MEMORY;
    w.own = cclip_allocate(texts, sizeof *w.own);
    w.best_text = cclip_allocate(images, sizeof *w.best_text);
    w.text_counts = cclip_allocate_zero(workers * images, sizeof *w.text_counts);
    if (w.own && w.best_text && w.text_counts) {
        memset(image_ranks, 0, texts * sizeof *image_ranks);
        memset(text_ranks, 0, images * sizeof *text_ranks);
        find_own(&w);
        status = cclip_parallel(pool, texts, TEXTS_A_PIECE, count_some, &w);
    }
    for (size_t i = 0; i < workers * images && !status; i++)
        text_ranks[i % images] += w.text_counts[i];
    if (!status)
        put_last(&w, text_ranks);
    cclip_release(w.own);
    cclip_release(w.best_text);
    cclip_release(w.text_counts);
    return status;
}
