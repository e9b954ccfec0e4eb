#include "api/decode_ahead.h"

#include "base/memory.h"
#include "base/work_ahead.h"

enum { BATCHES = 2, THREADS_MOST = 64 };

struct cclip_decode_ahead {
    struct cclip_decode_request request;
    struct cclip_work_ahead *work;
    size_t row; /* floats */
    float *pixels;
    struct cclip_failure *failures;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void decode_one(void *context, size_t file, size_t slot, int worker)
{
    struct cclip_decode_ahead *ahead = context;
    const struct cclip_decode_request *request = &ahead->request;
    struct cclip_failure *failure = &ahead->failures[slot];
    (void)worker;
    failure->status = CCLIP_OK;
    const cclip_status status = cclip_preprocess_file(ahead->pixels + slot * ahead->row,
                                                      request->paths[file], request->preprocessing);
    if (status)
        cclip_failure_take(failure, status);
}

/* Half as many threads as the caller has: the other half of the work is done by those, while they
 * wait. None for a caller of one thread, who wants one processor used, and for a single batch. */
static int threads_wanted(const struct cclip_decode_request *request)
{
    const int wanted = cclip_thread_pool_size(request->pool) / 2;
    if (request->count <= request->batch)
        return 0;
    return wanted < THREADS_MOST ? wanted : THREADS_MOST;
}

cclip_status cclip_decode_ahead_open(struct cclip_decode_ahead **out,
                                     const struct cclip_decode_request *request)
{
    *out = NULL;
    struct cclip_decode_ahead *ahead = cclip_allocate_zero(1, sizeof *ahead);
    if (!ahead)
        return CCLIP_ERROR_MEMORY;
    const cclip_preprocessing *p = request->preprocessing;
    ahead->request = *request;
    ahead->row = 3 * p->height * p->width;
    const size_t batch = smaller(request->batch, request->count ? request->count : 1);
    const size_t slots = smaller(BATCHES * batch, request->count);
    const struct cclip_work_request work = { .work = decode_one,
                                             .context = ahead,
                                             .end = request->count,
                                             .batch = batch,
                                             .batches = BATCHES,
                                             .threads = threads_wanted(request),
                                             .pool = request->pool };
    ahead->pixels = cclip_allocate(slots, ahead->row * sizeof *ahead->pixels);
    ahead->failures = cclip_allocate(slots, sizeof *ahead->failures);
    cclip_status status = ahead->pixels && ahead->failures ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_work_ahead_open(&ahead->work, &work);
    if (status)
        cclip_decode_ahead_close(&ahead);
    *out = ahead;
    return status;
}

void cclip_decode_ahead_close(struct cclip_decode_ahead **out)
{
    struct cclip_decode_ahead *ahead = *out;
    if (!ahead)
        return;
    cclip_work_ahead_close(&ahead->work);
    cclip_release(ahead->failures);
    cclip_release(ahead->pixels);
    cclip_release(ahead);
    *out = NULL;
}

void cclip_decode_ahead_next(struct cclip_decode_ahead *ahead, struct cclip_decoded_batch *out)
{
    struct cclip_work_batch batch;
    cclip_work_ahead_next(ahead->work, &batch);
    *out = (struct cclip_decoded_batch){ .first = batch.first,
                                         .count = batch.count,
                                         .pixels = ahead->pixels + batch.slot * ahead->row,
                                         .failures = ahead->failures + batch.slot };
}
