#include "base/work_ahead.h"

#include <pthread.h>

#include "base/memory.h"

struct cclip_work_ahead {
    struct cclip_work_request request;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t more;   /* `allowed` has grown, or `stop` */
    pthread_cond_t ready;  /* the batch that is waited for is complete */
    size_t begun;          /* items below this number were taken by some thread */
    size_t allowed;        /* items below it may be taken: their slots are free */
    size_t *missing;       /* [batches] items of the batch in these slots that are not done */
    int stop;

    size_t given; /* items below it were given to the caller */
    struct thread {
        struct cclip_work_ahead *ahead;
        pthread_t id;
        int worker;
    } *threads;
    int thread_count;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Batches are counted from the first item, slots from it too. */
static size_t batch_of(const struct cclip_work_ahead *ahead, size_t item)
{
    return (item - ahead->request.first) / ahead->request.batch % ahead->request.batches;
}

static size_t slot_of(const struct cclip_work_ahead *ahead, size_t item)
{
    return batch_of(ahead, item) * ahead->request.batch +
           (item - ahead->request.first) % ahead->request.batch;
}

/* Does item number `begun`; the mutex is held on entry and on return. */
static void do_one(struct cclip_work_ahead *ahead, int worker)
{
    const size_t item = ahead->begun++;
    pthread_mutex_unlock(&ahead->mutex);
    ahead->request.work(ahead->request.context, item, slot_of(ahead, item), worker);
    pthread_mutex_lock(&ahead->mutex);
    if (!--ahead->missing[batch_of(ahead, item)])
        pthread_cond_signal(&ahead->ready);
}

static void *work_in_background(void *context)
{
    const struct thread *thread = context;
    struct cclip_work_ahead *ahead = thread->ahead;
    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->stop) {
        if (ahead->begun < ahead->allowed)
            do_one(ahead, thread->worker);
        else
            pthread_cond_wait(&ahead->more, &ahead->mutex);
    }
    pthread_mutex_unlock(&ahead->mutex);
    return NULL;
}

static void start_threads(struct cclip_work_ahead *ahead)
{
    for (int i = 0; i < ahead->request.threads; i++) {
        struct thread *thread = &ahead->threads[i];
        *thread = (struct thread){ .ahead = ahead, .worker = i };
        if (pthread_create(&thread->id, NULL, work_in_background, thread))
            return;
        ahead->thread_count++;
    }
}

cclip_status cclip_work_ahead_open(struct cclip_work_ahead **out,
                                   const struct cclip_work_request *request)
{
    *out = NULL;
    struct cclip_work_ahead *ahead = cclip_allocate_zero(1, sizeof *ahead);
    if (!ahead)
        return CCLIP_ERROR_MEMORY;
    ahead->request = *request;
    ahead->begun = ahead->allowed = ahead->given = request->first;
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->more, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    ahead->missing = cclip_allocate_zero(request->batches, sizeof *ahead->missing);
    ahead->threads = cclip_allocate_zero((size_t)request->threads, sizeof *ahead->threads);
    if (!ahead->missing || !ahead->threads) {
        cclip_work_ahead_close(&ahead);
        return CCLIP_ERROR_MEMORY;
    }
    start_threads(ahead);
    *out = ahead;
    return CCLIP_OK;
}

void cclip_work_ahead_close(struct cclip_work_ahead **out)
{
    struct cclip_work_ahead *ahead = *out;
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->mutex);
    ahead->stop = 1;
    pthread_cond_broadcast(&ahead->more);
    pthread_mutex_unlock(&ahead->mutex);
    for (int i = 0; i < ahead->thread_count; i++)
        pthread_join(ahead->threads[i].id, NULL);
    pthread_cond_destroy(&ahead->ready);
    pthread_cond_destroy(&ahead->more);
    pthread_mutex_destroy(&ahead->mutex);
    cclip_release(ahead->threads);
    cclip_release(ahead->missing);
    cclip_release(ahead);
    *out = NULL;
}

/* Lets items be begun up to the last batch that has slots while the one at `given` is taken. */
static void allow(struct cclip_work_ahead *ahead)
{
    const struct cclip_work_request *request = &ahead->request;
    const size_t limit = request->end - ahead->given > request->batches * request->batch
                             ? ahead->given + request->batches * request->batch
                             : request->end;
    while (ahead->allowed < limit) {
        const size_t count = smaller(request->batch, limit - ahead->allowed);
        ahead->missing[batch_of(ahead, ahead->allowed)] = count;
        ahead->allowed += count;
    }
    pthread_cond_broadcast(&ahead->more);
}

struct help {
    struct cclip_work_ahead *ahead;
    size_t end; /* of the batch that is waited for: beyond it the caller has better things to do */
};

static cclip_status help(void *context, size_t begin, size_t end, int worker)
{
    const struct help *h = context;
    (void)begin;
    (void)end;
    pthread_mutex_lock(&h->ahead->mutex);
    while (h->ahead->begun < h->end)
        do_one(h->ahead, h->ahead->request.threads + worker);
    pthread_mutex_unlock(&h->ahead->mutex);
    return CCLIP_OK;
}

void cclip_work_ahead_next(struct cclip_work_ahead *ahead, struct cclip_work_batch *out)
{
    const size_t first = ahead->given;
    const size_t count = smaller(ahead->request.batch, ahead->request.end - first);
    *out = (struct cclip_work_batch){ .first = first, .count = count };
    if (!count)
        return;
    out->slot = slot_of(ahead, first);
    struct help h = { ahead, first + count };
    const size_t helpers = (size_t)cclip_thread_pool_size(ahead->request.pool);
    pthread_mutex_lock(&ahead->mutex);
    allow(ahead);
    pthread_mutex_unlock(&ahead->mutex);
    cclip_parallel(ahead->request.pool, smaller(helpers, count), 1, help, &h);
    pthread_mutex_lock(&ahead->mutex);
    while (ahead->missing[batch_of(ahead, first)])
        pthread_cond_wait(&ahead->ready, &ahead->mutex);
    pthread_mutex_unlock(&ahead->mutex);
    ahead->given += count;
}
