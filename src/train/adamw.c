#include "train/adamw.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { PIECE = 1 << 14 }; /* elements of the arrays that one piece of a loop takes */

static int contains_any(const char *name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(name, words[i]))
            return 1;
    return 0;
}

void cclip_decay_rule_apply(struct cclip_trainables *set, enum cclip_decay_rule rule)
{
    static const char *const openai[] = { "bn", "ln", "bias", "logit_scale" };
    static const char *const open_clip[] = { "positional_embedding", "class_embedding", "cls_emb" };
    for (size_t i = 0; i < set->count; i++) {
        struct cclip_trainable *item = &set->items[i];
        const int excepted = rule == CCLIP_DECAY_OPENAI ? contains_any(item->name, openai, 4)
                                                        : contains_any(item->name, open_clip, 3);
        item->decays = item->rank >= 2 && !excepted;
    }
}

static size_t pieces_of(const struct cclip_trainables *set)
{
    return (set->elements + PIECE - 1) / PIECE;
}

cclip_status cclip_adamw_open(struct cclip_adamw *out, const struct cclip_trainables *set)
{
    const size_t bytes = set->elements * sizeof(float);
    *out = (struct cclip_adamw){ 0 };
    out->mean = cclip_allocate_aligned(bytes);
    out->square = cclip_allocate_aligned(bytes);
    out->parts = cclip_allocate_zero(pieces_of(set) + 1, sizeof *out->parts);
    if (!out->mean || !out->square || !out->parts) {
        cclip_adamw_close(out);
        return CCLIP_ERROR_MEMORY;
    }
    memset(out->mean, 0, bytes);
    memset(out->square, 0, bytes);
    return CCLIP_OK;
}

void cclip_adamw_close(struct cclip_adamw *adamw)
{
    cclip_release_aligned(adamw->mean);
    cclip_release_aligned(adamw->square);
    cclip_release(adamw->parts);
    *adamw = (struct cclip_adamw){ 0 };
}

struct step_job {
    struct cclip_adamw *adamw;
    struct cclip_trainables *set;
    double rate;
    int clips;
    float factor;        /* of the gradients */
    float step, root;    /* rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t) */
};

/* The first item that ends behind `element`. */
static size_t item_at(const struct cclip_trainables *set, size_t element)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (set->items[middle].begin + set->items[middle].count <= element)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Calls `each` for every part of a learning parameter in elements [begin, end). */
static void walk(const struct step_job *job, size_t begin, size_t end,
                 void (*each)(const struct step_job *job, const struct cclip_trainable *item,
                              size_t first, size_t last, double *sum),
                 double *sum)
{
    const struct cclip_trainables *set = job->set;
    for (size_t i = item_at(set, begin); i < set->count && set->items[i].begin < end; i++) {
        const struct cclip_trainable *item = &set->items[i];
        const size_t last = item->begin + item->count;
        if (!item->frozen && !item->buffer)
            each(job, item, item->begin > begin ? item->begin : begin, last < end ? last : end, sum);
    }
}

static void add_squares(const struct step_job *job, const struct cclip_trainable *item, size_t first,
                        size_t last, double *sum)
{
    const float *g = job->set->gradients;
    double parts[4] = { 0 };
    (void)item;
    for (size_t i = first; i < last; i++)
        parts[i % 4] += (double)g[i] * g[i];
    *sum += (parts[0] + parts[1]) + (parts[2] + parts[3]);
}

static void piece_norm(const struct step_job *job, size_t piece)
{
    job->adamw->parts[piece] = 0;
    walk(job, piece * PIECE, (piece + 1) * PIECE, add_squares, &job->adamw->parts[piece]);
}

static cclip_status norm_body(void *context, size_t begin, size_t end, int worker)
{
    const struct step_job *job = context;
    (void)worker;
    for (size_t i = begin; i < end; i++)
        piece_norm(job, i);
    return CCLIP_OK;
}

static void update(const struct step_job *job, const struct cclip_trainable *item, size_t first,
                   size_t last, double *unused)
{
    const float b1 = (float)job->adamw->beta1, b2 = (float)job->adamw->beta2;
    const float rest1 = (float)(1 - job->adamw->beta1), rest2 = (float)(1 - job->adamw->beta2);
    const float epsilon = (float)job->adamw->epsilon, step = job->step * item->rate;
    const double decay = item->decays ? job->rate * item->rate * job->adamw->weight_decay : 0;
    const float shrink = (float)(1 - decay);
    float *restrict value = job->set->values, *restrict mean = job->adamw->mean;
    float *restrict square = job->adamw->square;
    const float *restrict gradient = job->set->gradients;
    (void)unused;
    for (size_t i = first; i < last; i++) {
        const float g = gradient[i] * job->factor;
        mean[i] = b1 * mean[i] + rest1 * g;
        square[i] = b2 * square[i] + rest2 * g * g;
        value[i] = value[i] * shrink - step * mean[i] / (sqrtf(square[i]) * job->root + epsilon);
    }
}

/* Where nothing is clipped the step need not know the norm: a piece's gradients come from memory once for both. */
static cclip_status update_body(void *context, size_t begin, size_t end, int worker)
{
    const struct step_job *job = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        if (!job->clips)
            piece_norm(job, i);
        walk(job, i * PIECE, (i + 1) * PIECE, update, NULL);
    }
    return CCLIP_OK;
}

static double norm_of(const struct cclip_adamw *adamw, size_t pieces)
{
    double sum = 0;
    for (size_t i = 0; i < pieces; i++)
        sum += adamw->parts[i];
    return sqrt(sum);
}

cclip_status cclip_adamw_step(struct cclip_adamw *adamw, struct cclip_trainables *set,
                              struct cclip_thread_pool *pool, double rate, double *norm)
{
    const size_t pieces = pieces_of(set);
    struct step_job job = { .adamw = adamw, .set = set, .rate = rate, .clips = adamw->clip_norm > 0, .factor = 1 };
    cclip_status status = CCLIP_OK;
    if (job.clips) {
        status = cclip_parallel(pool, pieces, 4, norm_body, &job);
        *norm = norm_of(adamw, pieces);
        if (adamw->clip_norm < *norm + 1e-6)
            job.factor = (float)(adamw->clip_norm / (*norm + 1e-6));
    }
    const double steps = (double)(adamw->steps + 1);
    job.step = (float)(rate / (1 - pow(adamw->beta1, steps)));
    job.root = (float)(1 / sqrt(1 - pow(adamw->beta2, steps)));
    if (!status)
        status = cclip_parallel(pool, pieces, 4, update_body, &job);
    if (!job.clips)
        *norm = norm_of(adamw, pieces);
    if (!status)
        adamw->steps++;
    return status;
}
