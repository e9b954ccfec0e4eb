#include "data/pairs_in_order.h"

#include <string.h>

#include "base/memory.h"
#include "text/unicode.h"

static cclip_status open_memory(struct cclip_pairs_in_order *p)
{
    const int threads = cclip_thread_pool_size(p->pool);
    p->samples = cclip_allocate_zero(p->size, sizeof *p->samples);
    if (!p->samples)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < p->size; i++)
        cclip_sample_open(&p->samples[i]);
    p->numbers = cclip_allocate(p->size, sizeof *p->numbers);
    p->pixels = cclip_allocate(p->size, 3 * p->preprocessing->height * p->preprocessing->width * sizeof(float));
    p->scratch = cclip_allocate_zero((size_t)threads, sizeof *p->scratch);
    if (!p->numbers || !p->pixels || !p->scratch)
        return CCLIP_ERROR_MEMORY;
    for (; p->scratch_count < threads; p->scratch_count++)
        cclip_buffer_open(&p->scratch[p->scratch_count], CCLIP_PAIR_BYTES);
    return CCLIP_OK;
}

cclip_status cclip_pairs_in_order_open(struct cclip_pairs_in_order *out,
                                       const struct cclip_pair_index *index, size_t most, size_t size,
                                       const cclip_preprocessing *preprocessing,
                                       struct cclip_thread_pool *pool)
{
    const size_t total = most && most < index->count ? most : index->count;
    *out = (struct cclip_pairs_in_order){ .index = index,
                                          .pool = pool,
                                          .preprocessing = preprocessing,
                                          .size = size < total ? size : total,
                                          .total = total,
                                          .stride = (double)index->count / (double)total };
    const cclip_status status = open_memory(out);
    if (status)
        cclip_pairs_in_order_close(out);
    return status;
}

void cclip_pairs_in_order_close(struct cclip_pairs_in_order *p)
{
    for (size_t i = 0; p->samples && i < p->size; i++)
        cclip_sample_close(&p->samples[i]);
    for (int i = 0; i < p->scratch_count; i++)
        cclip_buffer_close(&p->scratch[i]);
    cclip_release(p->samples);
    cclip_release(p->numbers);
    cclip_release(p->pixels);
    cclip_release(p->scratch);
    *p = (struct cclip_pairs_in_order){ 0 };
}

void cclip_pairs_in_order_rewind(struct cclip_pairs_in_order *pairs)
{
    pairs->first = pairs->count = pairs->broken = 0;
}

static size_t pixels_of_one(const struct cclip_pairs_in_order *p)
{
    return 3 * p->preprocessing->height * p->preprocessing->width;
}

/* What a tokenizer would refuse, while it can still be left out. */
static cclip_status check_caption(const struct cclip_sample *sample)
{
    size_t length = 0, size;
    uint32_t character;
    const char *text = cclip_pair_caption(sample, 0, &length);
    for (size_t i = 0; text && i < length; i += size) {
        size = cclip_utf8_decode(&character, text + i, length - i);
        if (!size)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %zu of the caption (0x%02x) is not UTF-8",
                              sample->name.data, i, (unsigned char)text[i]);
    }
    return CCLIP_OK;
}

static cclip_status read_some(void *context, size_t begin, size_t end, int worker)
{
    const struct cclip_pairs_in_order *p = context;
    cclip_status status = CCLIP_OK;
    for (size_t i = begin; i < end && !status; i++) {
        struct cclip_sample *sample = &p->samples[i];
        p->numbers[i] = (size_t)((double)(p->first + i) * p->stride);
        status = cclip_pair_index_read(p->index, p->numbers[i], sample, &p->scratch[worker]);
        if (status || sample->problem.status)
            continue;
        cclip_status failed = check_caption(sample);
        if (!failed)
            failed = cclip_sample_pixels(p->pixels + i * pixels_of_one(p), sample, p->preprocessing);
        status = failed ? cclip_sample_spoil(sample, failed) : CCLIP_OK;
    }
    return status;
}

/* The good ones come first, in their order. */
static cclip_status keep_good(struct cclip_pairs_in_order *p, size_t all,
                              int (*skip)(void *user, size_t index, cclip_status status,
                                          const char *message), void *user)
{
    const size_t size = pixels_of_one(p);
    for (size_t i = 0; i < all; i++) {
        const struct cclip_failure *problem = &p->samples[i].problem;
        if (problem->status) {
            p->broken++;
            if (skip && skip(user, p->numbers[i], problem->status, problem->message))
                return cclip_fail(CCLIP_ERROR_CANCELLED, "%s", problem->message);
            continue;
        }
        if (p->count < i) {
            const struct cclip_sample broken = p->samples[p->count];
            p->samples[p->count] = p->samples[i];
            p->samples[i] = broken;
            p->numbers[p->count] = p->numbers[i];
            memcpy(p->pixels + p->count * size, p->pixels + i * size, size * sizeof *p->pixels);
        }
        p->count++;
    }
    return CCLIP_OK;
}

cclip_status cclip_pairs_in_order_next(struct cclip_pairs_in_order *p,
                                       int (*skip)(void *user, size_t index, cclip_status status,
                                                   const char *message), void *user)
{
    cclip_status status = CCLIP_OK;
    p->count = 0;
    while (!status && !p->count && p->first < p->total) {
        const size_t rest = p->total - p->first, all = rest < p->size ? rest : p->size;
        status = cclip_parallel(p->pool, all, 1, read_some, p);
        if (!status)
            status = keep_good(p, all, skip, user);
        p->first += all;
    }
    return status;
}

cclip_status cclip_pairs_in_order_get(struct cclip_pairs_in_order *p, size_t number,
                                      struct cclip_sample *out)
{
    return cclip_pair_index_read(p->index, number, out, &p->scratch[0]);
}
