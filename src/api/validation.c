#include "api/validation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/session.h"
#include "base/memory.h"
#include "evaluate/retrieval.h"
#include "report/confusions.h"

enum { AT_A_TIME = 64, CARDS = 12, THUMBNAIL = 96, CANDIDATES = 512 };

static cclip_status open_pairs(struct cclip_validation *v, const struct cclip_pair_index *index, size_t most,
                               size_t dim, const cclip_preprocessing *preprocessing,
                               struct cclip_thread_pool *pool)
{
    cclip_status status = cclip_pairs_in_order_open(&v->pairs, index, most, AT_A_TIME, preprocessing, pool);
    v->dim = dim;
    if (!status) {
        v->images = cclip_allocate(v->pairs.total, dim * sizeof *v->images);
        v->texts = cclip_allocate(v->pairs.total, dim * sizeof *v->texts);
        v->numbers = cclip_allocate(v->pairs.total, sizeof *v->numbers);
        status = v->images && v->texts && v->numbers ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    }
    if (status)
        cclip_validation_close(v);
    return status;
}

cclip_status cclip_validation_open(struct cclip_validation *out, const struct cclip_pair_source *sources,
                                   size_t source_count, size_t dim, const cclip_preprocessing *preprocessing,
                                   struct cclip_thread_pool *pool)
{
    *out = (struct cclip_validation){ .dim = dim };
    const cclip_status status =
        cclip_pair_index_open(&out->own, sources, source_count, cclip_thread_pool_size(pool));
    return status ? status : open_pairs(out, &out->own, 0, dim, preprocessing, pool);
}

cclip_status cclip_validation_open_some(struct cclip_validation *out, const struct cclip_pair_index *index,
                                        size_t most, size_t dim, const cclip_preprocessing *preprocessing,
                                        struct cclip_thread_pool *pool)
{
    *out = (struct cclip_validation){ .dim = dim };
    return open_pairs(out, index, most, dim, preprocessing, pool);
}

void cclip_validation_close(struct cclip_validation *v)
{
    cclip_pairs_in_order_close(&v->pairs);
    cclip_pair_index_close(&v->own);
    cclip_names_close(&v->captions);
    cclip_release(v->images);
    cclip_release(v->texts);
    cclip_release(v->numbers);
    *v = (struct cclip_validation){ 0 };
}

/* The pairs at hand, to their rows. */
static cclip_status embed(struct cclip_validation *v, cclip_session *session)
{
    const char *texts[AT_A_TIME];
    size_t lengths[AT_A_TIME];
    const size_t count = v->pairs.count;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        texts[i] = cclip_pair_caption(&v->pairs.samples[i], 0, &lengths[i]);
        status = cclip_names_add(&v->captions, texts[i], strlen(texts[i]));
        v->numbers[v->count + i] = v->pairs.numbers[i];
    }
    if (!status)
        status = cclip_embed_pixels(session, v->images + v->count * v->dim, v->pairs.pixels, count, 1);
    if (!status)
        status = cclip_embed_texts(session, v->texts + v->count * v->dim, texts, lengths, count, 1, 1);
    v->count += count;
    return status;
}

cclip_status cclip_validation_look(struct cclip_validation *v, cclip_session *session,
                                   const struct cclip_validation_callbacks *callbacks)
{
    cclip_skip_callback *skip = v->looked ? NULL : callbacks->skip;
    cclip_status status = CCLIP_OK;
    v->count = 0;
    v->logit_scale = logf(session->model->logit_scale);
    v->logit_bias = session->model->logit_bias;
    cclip_names_close(&v->captions);
    cclip_pairs_in_order_rewind(&v->pairs);
    while (!status && !(status = cclip_pairs_in_order_next(&v->pairs, skip, callbacks->user)) && v->pairs.count)
        status = callbacks->stop && callbacks->stop(callbacks->user)
                     ? cclip_fail(CCLIP_ERROR_CANCELLED, "stopped after %zu pairs", v->count)
                     : embed(v, session);
    v->looked |= !status;
    if (!status && !v->count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "validation data: none of %zu pairs can be used", v->pairs.total);
    return status;
}

static int ascending(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Of ranks from 0: mean and median from 1, and the share below k, as get_clip_metrics of open_clip. */
static void add_ranks(struct cclip_metric *out, size_t *ranks, size_t count)
{
    double sum = 0;
    size_t below[3] = { 0, 0, 0 };
    static const size_t k[3] = { 1, 5, 10 };
    qsort(ranks, count, sizeof *ranks, ascending);
    for (size_t i = 0; i < count; i++) {
        sum += (double)ranks[i];
        for (int j = 0; j < 3; j++)
            below[j] += ranks[i] < k[j];
    }
    const double middle = ((double)ranks[(count - 1) / 2] + (double)ranks[count / 2]) / 2;
    out[0].value = sum / (double)count + 1;
    out[1].value = floor(middle) + 1;
    for (int j = 0; j < 3; j++)
        out[2 + j].value = (double)below[j] / (double)count;
}

static cclip_status mean_loss(double *out, const struct cclip_validation *v, cclip_loss_fn *loss_of, size_t batch,
                              struct cclip_device *device)
{
    struct cclip_arena arena = { 0 };
    cclip_status status = CCLIP_OK;
    *out = 0;
    for (size_t first = 0; first < v->count && !status; first += batch) {
        const size_t rest = v->count - first, count = rest < batch ? rest : batch;
        const struct cclip_pairs pairs = { .embeddings = { v->images + first * v->dim, v->texts + first * v->dim },
                                           .count = count, .dim = v->dim, .logit_scale = v->logit_scale,
                                           .logit_bias = v->logit_bias };
        struct cclip_loss loss;
        cclip_arena_reset(&arena);
        status = loss_of(&loss, &pairs, device, &arena);
        *out += status ? 0 : loss.value * (double)count / (double)v->count;
    }
    cclip_arena_close(&arena);
    return status;
}

cclip_status cclip_validation_figures(struct cclip_metric out[CCLIP_VALIDATION_FIGURES], size_t *count,
                                      const struct cclip_validation *v, cclip_loss_fn *loss_of,
                                      size_t batch, struct cclip_device *device)
{
    static const char *const keys[CCLIP_VALIDATION_FIGURES] = {
        "image_to_text_mean_rank", "image_to_text_median_rank", "image_to_text_R@1",  "image_to_text_R@5",
        "image_to_text_R@10",      "text_to_image_mean_rank",   "text_to_image_median_rank",
        "text_to_image_R@1",       "text_to_image_R@5",         "text_to_image_R@10", "clip_val_loss",
        "num_samples"
    };
    size_t *ranks = cclip_allocate(3 * v->count, sizeof *ranks), *own = ranks;
    cclip_status status = ranks ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; !status && i < v->count; i++)
        own[i] = i;
    const struct cclip_retrieval retrieval = { .images = v->images, .texts = v->texts, .image_count = v->count,
                                               .text_count = v->count, .dim = v->dim, .image_of_text = own };
    if (!status)
        status = cclip_retrieval_ranks(ranks + v->count, ranks + 2 * v->count, &retrieval, v->pairs.pool);
    for (int i = 0; i < CCLIP_VALIDATION_FIGURES; i++)
        out[i] = (struct cclip_metric){ keys[i], (double)v->count };
    if (!status) {
        add_ranks(out, ranks + 2 * v->count, v->count);
        add_ranks(out + 5, ranks + v->count, v->count);
        status = mean_loss(&out[10].value, v, loss_of, batch, device);
    }
    *count = CCLIP_VALIDATION_FIGURES;
    cclip_release(ranks);
    return status;
}

/* A picture and the nearest caption that says something else. */
struct confused {
    size_t picture, caption; /* the caption: the count where there is no other */
    float own, others;
};

static float cosine(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * b[i];
    return (float)sum;
}

struct search {
    const struct cclip_validation *v;
    struct confused *out;
    double stride; /* of the pictures that are looked at */
};

static cclip_status confuse_some(void *context, size_t begin, size_t end, int worker)
{
    const struct search *job = context;
    const struct cclip_validation *v = job->v;
    (void)worker;
    for (size_t n = begin; n < end; n++) {
        const size_t i = (size_t)((double)n * job->stride);
        const float *image = v->images + i * v->dim;
        struct confused *c = &job->out[n];
        *c = (struct confused){ i, v->count, cosine(image, v->texts + i * v->dim, v->dim), -2 };
        for (size_t j = 0; j < v->count; j++) {
            const float score = j == i ? -2 : cosine(image, v->texts + j * v->dim, v->dim);
            if (score > c->others && strcmp(v->captions.names[i], v->captions.names[j])) {
                c->others = score;
                c->caption = j;
            }
        }
    }
    return CCLIP_OK;
}

static int by_margin(const void *a, const void *b)
{
    const struct confused *x = a, *y = b;
    const float of_x = x->others - x->own, of_y = y->others - y->own;
    return of_x != of_y ? (of_x < of_y) - (of_x > of_y) : (x->picture > y->picture) - (x->picture < y->picture);
}

static cclip_status make_card(struct cclip_confusion *out, struct cclip_validation *v, const struct confused *c,
                              struct cclip_sample *sample)
{
    const struct cclip_thumbnail_size size = { THUMBNAIL, THUMBNAIL, 1 };
    *out = (struct cclip_confusion){ .caption = v->captions.names[c->picture],
                                     .other = c->caption < v->count ? v->captions.names[c->caption] : NULL,
                                     .own = c->own, .others = c->others };
    cclip_status status = cclip_pairs_in_order_get(&v->pairs, v->numbers[c->picture], sample);
    if (!status)
        status = cclip_failure_raise(&sample->problem);
    if (!status)
        status = cclip_sample_picture(&out->picture, sample);
    return status ? status : cclip_thumbnail_make(&out->picture, &size);
}

cclip_status cclip_validation_confusions(struct cclip_buffer *out, struct cclip_validation *v, const char *note)
{
    const size_t count = v->count < CANDIDATES ? v->count : CANDIDATES, cards = count < CARDS ? count : CARDS;
    struct cclip_confusion list[CARDS];
    struct cclip_sample sample;
    size_t made = 0;
    struct search job = { v, cclip_allocate(count, sizeof *job.out), (double)v->count / (double)count };
    cclip_sample_open(&sample);
    cclip_status status = job.out ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_parallel(v->pairs.pool, count, 4, confuse_some, &job);
    if (!status)
        qsort(job.out, count, sizeof *job.out, by_margin);
    for (; made < cards && !status; made += !status)
        status = make_card(&list[made], v, &job.out[made], &sample);
    if (!status)
        status = cclip_confusions_add(out, note, list, cards);
    for (size_t i = 0; i < made; i++)
        cclip_picture_close(&list[i].picture);
    cclip_sample_close(&sample);
    cclip_release(job.out);
    return status;
}
