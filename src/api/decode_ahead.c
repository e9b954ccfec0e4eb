#include "api/decode_ahead.h"

#include <pthread.h>

#include "base/memory.h"

enum { BATCHES = 2, THREADS_MOST = 64 };

/* File number i goes into slot i % (BATCHES * batch), so that a batch's rows lie one after the
 * other. A slot is free for file i once every file before `allowed` may be begun and i is one of
 * them. */
struct cclip_decode_ahead {
    struct cclip_decode_request request;
    size_t row; /* floats */
    float *pixels;
    struct cclip_failure *failures;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t more;   /* `allowed` has grown, or `stop` */
    pthread_cond_t ready;  /* the batch that is waited for is complete */
    size_t begun;          /* files below this number were taken by some thread */
    size_t allowed;        /* files below it may be taken */
    size_t missing[BATCHES]; /* files of the batch in these slots that are not done */
    int stop;

    size_t given; /* files below it were given to the caller: the caller's own */
    pthread_t threads[THREADS_MOST];
    int thread_count;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t batch_of(const struct cclip_decode_ahead *ahead, size_t file)
{
    return file / ahead->request.batch % BATCHES;
}

/* Decodes file number `begun`; the mutex is held on entry and on return. */
static void decode_one(struct cclip_decode_ahead *ahead)
{
    const struct cclip_decode_request *request = &ahead->request;
    const size_t file = ahead->begun++;
    const size_t slot = file % (BATCHES * request->batch);
    struct cclip_failure *failure = &ahead->failures[slot];
    pthread_mutex_unlock(&ahead->mutex);
    failure->status = CCLIP_OK;
    const cclip_status status = cclip_preprocess_file(ahead->pixels + slot * ahead->row,
                                                      request->paths[file], request->preprocessing);
    if (status)
        cclip_failure_take(failure, status);
    pthread_mutex_lock(&ahead->mutex);
    if (!--ahead->missing[batch_of(ahead, file)])
        pthread_cond_signal(&ahead->ready);
}

static void *decode_in_background(void *context)
{
    struct cclip_decode_ahead *ahead = context;
    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->stop) {
        if (ahead->begun < ahead->allowed)
            decode_one(ahead);
        else
            pthread_cond_wait(&ahead->more, &ahead->mutex);
    }
    pthread_mutex_unlock(&ahead->mutex);
    return NULL;
}

/* Half as many threads as the caller has: the other half of the work is done by those, while they
 * wait. None for a caller of one thread, who wants one processor used, and for a single batch. A
 * thread that cannot be started is not missed. */
static void start_threads(struct cclip_decode_ahead *ahead)
{
    int wanted = cclip_thread_pool_size(ahead->request.pool) / 2;
    if (ahead->request.count <= ahead->request.batch)
        wanted = 0;
    wanted = wanted < THREADS_MOST ? wanted : THREADS_MOST;
    while (ahead->thread_count < wanted &&
           !pthread_create(&ahead->threads[ahead->thread_count], NULL, decode_in_background, ahead))
        ahead->thread_count++;
}

/* Lets the batch that begins at `first` be decoded. */
static void allow(struct cclip_decode_ahead *ahead, size_t first)
{
    const size_t count = ahead->request.count;
    if (first >= count)
        return;
    ahead->allowed = first + smaller(ahead->request.batch, count - first);
    ahead->missing[batch_of(ahead, first)] = ahead->allowed - first;
    pthread_cond_broadcast(&ahead->more);
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
    ahead->request.batch = smaller(request->batch, request->count ? request->count : 1);
    ahead->row = 3 * p->height * p->width;
    const size_t slots = smaller(BATCHES * ahead->request.batch, request->count);
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->more, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    ahead->pixels = cclip_allocate(slots, ahead->row * sizeof *ahead->pixels);
    ahead->failures = cclip_allocate(slots, sizeof *ahead->failures);
    if (!ahead->pixels || !ahead->failures) {
        cclip_decode_ahead_close(&ahead);
        return CCLIP_ERROR_MEMORY;
    }
    start_threads(ahead);
    *out = ahead;
    return CCLIP_OK;
}

void cclip_decode_ahead_close(struct cclip_decode_ahead **out)
{
    struct cclip_decode_ahead *ahead = *out;
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->mutex);
    ahead->stop = 1;
    pthread_cond_broadcast(&ahead->more);
    pthread_mutex_unlock(&ahead->mutex);
    for (int i = 0; i < ahead->thread_count; i++)
        pthread_join(ahead->threads[i], NULL);
    pthread_cond_destroy(&ahead->ready);
    pthread_cond_destroy(&ahead->more);
    pthread_mutex_destroy(&ahead->mutex);
    cclip_release(ahead->failures);
    cclip_release(ahead->pixels);
    cclip_release(ahead);
    *out = NULL;
}

struct help {
    struct cclip_decode_ahead *ahead;
    size_t end; /* of the batch that is waited for: beyond it the caller has better things to do */
};

static cclip_status help(void *context, size_t begin, size_t end, int worker)
{
    const struct help *h = context;
    (void)begin;
    (void)end;
    (void)worker;
    pthread_mutex_lock(&h->ahead->mutex);
    while (h->ahead->begun < h->end)
        decode_one(h->ahead);
    pthread_mutex_unlock(&h->ahead->mutex);
    return CCLIP_OK;
}

void cclip_decode_ahead_next(struct cclip_decode_ahead *ahead, struct cclip_decoded_batch *out)
{
    const size_t first = ahead->given, batch = ahead->request.batch;
    const size_t count = smaller(batch, ahead->request.count - first);
    const size_t slot = first % (BATCHES * batch);
    *out = (struct cclip_decoded_batch){ .first = first,
                                         .count = count,
                                         .pixels = ahead->pixels + slot * ahead->row,
                                         .failures = ahead->failures + slot };
    if (!count)
        return;
    struct help h = { ahead, first + count };
    const size_t threads = (size_t)cclip_thread_pool_size(ahead->request.pool);
    pthread_mutex_lock(&ahead->mutex);
    if (!first)
        allow(ahead, 0);
    allow(ahead, first + batch); /* its slots were those of the batch that was given before */
    pthread_mutex_unlock(&ahead->mutex);
    cclip_parallel(ahead->request.pool, smaller(threads, count), 1, help, &h);
    pthread_mutex_lock(&ahead->mutex);
    while (ahead->missing[batch_of(ahead, first)])
        pthread_cond_wait(&ahead->ready, &ahead->mutex);
    pthread_mutex_unlock(&ahead->mutex);
    ahead->given += count;
}
