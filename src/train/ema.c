#include "train/ema.h"

#include <string.h>

#include "base/memory.h"

enum { PIECE = 1 << 14 }; /* elements that one piece of a loop takes */

cclip_status cclip_ema_open(struct cclip_ema *out, const struct cclip_trainables *set)
{
    *out = (struct cclip_ema){ 0 };
    out->values = cclip_allocate_aligned(set->elements * sizeof *out->values);
    if (!out->values)
        return CCLIP_ERROR_MEMORY;
    memcpy(out->values, set->values, set->elements * sizeof *out->values);
    return CCLIP_OK;
}

void cclip_ema_close(struct cclip_ema *ema)
{
    cclip_release_aligned(ema->values);
    *ema = (struct cclip_ema){ 0 };
}

struct job {
    float *average, *values;
    size_t count;
    float share; /* 1 - d */
};

static size_t last_of(const struct job *job, size_t end)
{
    return end * PIECE < job->count ? end * PIECE : job->count;
}

static cclip_status update_body(void *context, size_t begin, size_t end, int worker)
{
    const struct job *job = context;
    const size_t last = last_of(job, end);
    (void)worker;
    for (size_t i = begin * PIECE; i < last; i++)
        job->average[i] += job->share * (job->values[i] - job->average[i]);
    return CCLIP_OK;
}

static cclip_status swap_body(void *context, size_t begin, size_t end, int worker)
{
    const struct job *job = context;
    const size_t last = last_of(job, end);
    (void)worker;
    for (size_t i = begin * PIECE; i < last; i++) {
        const float value = job->values[i];
        job->values[i] = job->average[i];
        job->average[i] = value;
    }
    return CCLIP_OK;
}

static cclip_status run(struct job *job, struct cclip_thread_pool *pool, cclip_parallel_body *body)
{
    return cclip_parallel(pool, (job->count + PIECE - 1) / PIECE, 4, body, job);
}

cclip_status cclip_ema_update(struct cclip_ema *ema, const struct cclip_trainables *set,
                              struct cclip_thread_pool *pool)
{
    const double t = (double)ema->updates, rising = (1 + t) / (10 + t);
    const double decay = ema->warm_up && rising < ema->decay ? rising : ema->decay;
    struct job job = { ema->values, set->values, set->elements, (float)(1 - decay) };
    const cclip_status status = run(&job, pool, update_body);
    ema->updates += !status;
    return status;
}

cclip_status cclip_ema_swap(struct cclip_ema *ema, struct cclip_trainables *set,
                            struct cclip_thread_pool *pool)
{
    struct job job = { ema->values, set->values, set->elements, 0 };
    return run(&job, pool, swap_body);
}
