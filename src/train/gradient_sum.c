#include "train/gradient_sum.h"

#include "base/limits.h"
#include "base/memory.h"

/* Elements that do not learn but travel with their neighbours, as a message of their own would cost more:
 * running statistics between the weights of a ResNet. */
enum { GAP = 1 << 14 };

static int learns(const struct cclip_trainable *item)
{
    return !item->frozen && !item->buffer;
}

/* Item by item from the end; one that is large is cut. */
static cclip_status make_buckets(struct cclip_gradient_sum *sum, size_t most)
{
    const struct cclip_trainables *set = sum->set;
    struct cclip_gradient_bucket *last = NULL;
    for (size_t i = set->count; i-- > 0;) {
        const struct cclip_trainable *item = &set->items[i];
        for (size_t end = item->begin + item->count, begin; learns(item) && end > item->begin; end = begin) {
            begin = end - item->begin > most ? end - most : item->begin;
            if (last && last->begin - end <= GAP && last->end - begin <= most) {
                last->begin = begin;
                continue;
            }
            const cclip_status status = cclip_grow(&sum->buckets, &sum->capacity, sum->count + 1,
                                                   sizeof *sum->buckets, CCLIP_LIMIT_SAMPLES, "buckets");
            if (status)
                return status;
            last = &sum->buckets[sum->count++];
            *last = (struct cclip_gradient_bucket){ begin, end };
        }
    }
    return CCLIP_OK;
}

static void ready(void *user, size_t begin)
{
    struct cclip_gradient_sum *sum = user;
    for (; sum->next < sum->count && sum->buckets[sum->next].begin >= begin; sum->next++) {
        const struct cclip_gradient_bucket *bucket = &sum->buckets[sum->next];
        if (sum->failure.status)
            continue;
        cclip_failure_take(&sum->failure,
                           cclip_background_sum_add(sum->background, sum->set->gradients + bucket->begin,
                                                    bucket->end - bucket->begin));
    }
}

cclip_status cclip_gradient_sum_open(struct cclip_gradient_sum *out, struct cclip_communicator *ranks,
                                     const struct cclip_trainables *set, size_t bytes)
{
    const size_t most = bytes / sizeof(float) > GAP ? bytes / sizeof(float) : GAP;
    *out = (struct cclip_gradient_sum){ .set = set };
    if (!ranks)
        return CCLIP_OK;
    cclip_status status = make_buckets(out, most);
    if (!status)
        status = cclip_background_sum_open(&out->background, ranks, most);
    if (status)
        cclip_gradient_sum_close(out);
    else
        out->progress = (struct cclip_backward_progress){ ready, out };
    return status;
}

void cclip_gradient_sum_close(struct cclip_gradient_sum *sum)
{
    cclip_background_sum_close(&sum->background);
    cclip_release(sum->buckets);
    *sum = (struct cclip_gradient_sum){ 0 };
}

cclip_status cclip_gradient_sum_finish(struct cclip_gradient_sum *sum,
                                       struct cclip_background_figures *figures)
{
    *figures = (struct cclip_background_figures){ 0 };
    if (!sum->background)
        return CCLIP_OK;
    ready(sum, 0);
    sum->next = 0;
    const cclip_status status = cclip_background_sum_finish(sum->background, figures);
    return sum->failure.status ? cclip_failure_raise(&sum->failure) : status;
}
