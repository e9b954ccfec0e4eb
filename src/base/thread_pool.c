#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define spin_pause() _mm_pause()
#else
#define spin_pause() ((void)0)
#endif

/* A model runs thousands of short loops in a row. A thread that has just finished one looks for
 * the next for about 20 microseconds before it sleeps: waking costs more than that. */
enum { SPINS = 2000 };

struct worker {
    struct cclip_thread_pool *pool;
    pthread_t thread;
    int index;
};

struct cclip_thread_pool {
    int size;    /* threads, the caller included */
    int started; /* threads to join */
    struct worker *workers;

    /* The present loop: written by the caller before `generation` is advanced. */
    cclip_parallel_body *body;
    void *context;
    size_t count, grain;
    atomic_size_t next;
    atomic_int running; /* workers that have not finished the present loop */
    atomic_int failed;
    struct cclip_failure failure;

    atomic_ulong generation; /* one more for each loop */
    atomic_int stop;
    pthread_mutex_t mutex; /* guards sleeping and `failure` */
    pthread_cond_t wake;
};

static void run_pieces(struct cclip_thread_pool *pool, int worker)
{
    while (!atomic_load_explicit(&pool->failed, memory_order_relaxed)) {
        const size_t begin = atomic_fetch_add_explicit(&pool->next, pool->grain, memory_order_relaxed);
        if (begin >= pool->count)
            return;
        const size_t end = pool->count - begin < pool->grain ? pool->count : begin + pool->grain;
        const cclip_status status = pool->body(pool->context, begin, end, worker);
        if (!status)
            continue;
        pthread_mutex_lock(&pool->mutex);
        if (!atomic_exchange(&pool->failed, 1))
            cclip_failure_take(&pool->failure, status);
        pthread_mutex_unlock(&pool->mutex);
    }
}

/* Waits until there is a loop after number `seen` or the pool closes; returns the new number. */
static unsigned long wait_for_loop(struct cclip_thread_pool *pool, unsigned long seen)
{
    for (int i = 0; i < SPINS; i++) {
        const unsigned long now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen)
            return now;
        spin_pause();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    return atomic_load_explicit(&pool->generation, memory_order_acquire);
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct cclip_thread_pool *pool = worker->pool;
    unsigned long seen = 0;
    for (;;) {
        seen = wait_for_loop(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        run_pieces(pool, worker->index);
        atomic_fetch_sub_explicit(&pool->running, 1, memory_order_release);
    }
}

static void announce(struct cclip_thread_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

cclip_status cclip_thread_pool_open(struct cclip_thread_pool **out, int threads)
{
    *out = NULL;
    if (threads < 1 || threads > CCLIP_LIMIT_THREADS)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "threads: %d is not between 1 and %d", threads,
                          CCLIP_LIMIT_THREADS);
    struct cclip_thread_pool *pool = cclip_allocate_zero(1, sizeof *pool);
    if (!pool)
        return CCLIP_ERROR_MEMORY;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->size = threads;
    pool->workers = cclip_allocate_zero((size_t)threads, sizeof *pool->workers);
    cclip_status status = pool->workers ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (int i = 1; i < threads && !status; i++) {
        pool->workers[i] = (struct worker){ .pool = pool, .index = i };
        const int code =
            pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]);
        if (code)
            status = cclip_fail(CCLIP_ERROR_MEMORY, "cannot start thread %d of %d: %s", i + 1, threads,
                                strerror(code));
        else
            pool->started++;
    }
    if (status)
        cclip_thread_pool_close(&pool);
    *out = pool;
    return status;
}

void cclip_thread_pool_close(struct cclip_thread_pool **out)
{
    struct cclip_thread_pool *pool = *out;
    if (!pool)
        return;
    atomic_store(&pool->stop, 1);
    announce(pool);
    for (int i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    cclip_release(pool->workers);
    cclip_release(pool);
    *out = NULL;
}

int cclip_thread_pool_size(const struct cclip_thread_pool *pool)
{
    return pool ? pool->size : 1;
}

cclip_status cclip_parallel(struct cclip_thread_pool *pool, size_t count, size_t grain,
                            cclip_parallel_body *body, void *context)
{
    if (!count)
        return CCLIP_OK;
    if (!grain)
        grain = 1;
    if (!pool || pool->size == 1 || count <= grain) {
        cclip_status status = CCLIP_OK;
        for (size_t begin = 0; begin < count && !status; begin += grain)
            status = body(context, begin, count - begin < grain ? count : begin + grain, 0);
        return status;
    }
    pool->body = body;
    pool->context = context;
    pool->count = count;
    pool->grain = grain;
    pool->failure.status = CCLIP_OK;
    atomic_store(&pool->failed, 0);
    atomic_store(&pool->next, 0);
    atomic_store(&pool->running, pool->size - 1);
    announce(pool);
    run_pieces(pool, 0);
    for (int spins = 0; atomic_load_explicit(&pool->running, memory_order_acquire); spins++) {
        if (spins < SPINS)
            spin_pause();
        else
            sched_yield();
    }
    return cclip_failure_raise(&pool->failure);
}
