/* Ranks as threads of one process: a transport through memory, so that what ranks do together can be tested
 * without a launcher, and under sanitizers. */
#ifndef SUPPORT_THREAD_RANKS_H
#define SUPPORT_THREAD_RANKS_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "distributed/communicator.h"
#include "support/unit.h"

enum { MOST_THREAD_RANKS = 8 };

struct thread_letter {
    struct thread_letter *next;
    int from, to, tag;
    size_t bytes;
    char data[];
};

struct thread_ranks {
    pthread_mutex_t mutex;
    struct thread_letter *first, **end;
    int size;
    void (*body)(struct cclip_communicator *communicator, void *user);
    void *user;
    double timeout;
};

struct thread_rank {
    struct thread_ranks *all;
    int rank;
    pthread_t thread;
};

static int thread_rank_start(struct cclip_transport *t, struct cclip_transfer *transfer)
{
    struct thread_rank *own = t->state;
    struct thread_ranks *all = own->all;
    transfer->done = transfer->is_send;
    if (!transfer->is_send)
        return 0;
    struct thread_letter *letter = malloc(sizeof *letter + transfer->bytes);
    *letter = (struct thread_letter){ NULL, own->rank, transfer->peer, transfer->tag, transfer->bytes };
    memcpy(letter->data, transfer->data, transfer->bytes);
    pthread_mutex_lock(&all->mutex);
    *all->end = letter;
    all->end = &letter->next;
    pthread_mutex_unlock(&all->mutex);
    return 0;
}

static int thread_rank_test(struct cclip_transport *t, struct cclip_transfer *transfer)
{
    struct thread_rank *own = t->state;
    struct thread_ranks *all = own->all;
    pthread_mutex_lock(&all->mutex);
    for (struct thread_letter **at = &all->first; !transfer->done && *at; at = &(*at)->next) {
        struct thread_letter *letter = *at;
        if (letter->to != own->rank || letter->tag != transfer->tag ||
            (transfer->peer != CCLIP_ANY_PEER && transfer->peer != letter->from))
            continue;
        if (letter->bytes > transfer->bytes)
            abort();
        memcpy(transfer->data, letter->data, letter->bytes);
        transfer->done = 1;
        *at = letter->next;
        if (all->end == &letter->next)
            all->end = at;
        free(letter);
        break;
    }
    pthread_mutex_unlock(&all->mutex);
    return 0;
}

static void thread_rank_close(struct cclip_transport *t, int clean)
{
    (void)t;
    (void)clean;
}

static void *thread_rank_run(void *context)
{
    struct thread_rank *own = context;
    const struct cclip_transport transport = { .rank = own->rank, .size = own->all->size,
                                               .start = thread_rank_start, .test = thread_rank_test,
                                               .close = thread_rank_close, .state = own };
    struct cclip_communicator *communicator = NULL;
    if (!cclip_communicator_open(&communicator, &transport, own->all->timeout))
        own->all->body(communicator, own->all->user);
    cclip_communicator_close(&communicator);
    return NULL;
}

/* Runs `body` as each of `size` ranks; cmocka's assertions belong behind it, in the calling thread. */
static void run_as_ranks(int size, double timeout,
                         void (*body)(struct cclip_communicator *communicator, void *user), void *user)
{
    struct thread_ranks all = { .mutex = PTHREAD_MUTEX_INITIALIZER, .size = size, .body = body,
                                .user = user, .timeout = timeout };
    struct thread_rank ranks[MOST_THREAD_RANKS];
    all.end = &all.first;
    for (int i = 0; i < size; i++) {
        ranks[i] = (struct thread_rank){ .all = &all, .rank = i };
        assert_int_equal(pthread_create(&ranks[i].thread, NULL, thread_rank_run, &ranks[i]), 0);
    }
    for (int i = 0; i < size; i++)
        pthread_join(ranks[i].thread, NULL);
    while (all.first) {
        struct thread_letter *letter = all.first;
        all.first = letter->next;
        free(letter);
    }
}

#endif
