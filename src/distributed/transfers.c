/* Messages of a communicator: started and tested under its lock, and waited for. */
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "distributed/ranks.h"

/* Keeps the first failure, and raises it; the mutex is held. */
static cclip_status keep(struct cclip_communicator *c, cclip_status status)
{
    if (status && !c->failure.status)
        cclip_failure_take(&c->failure, status);
    return cclip_failure_raise(&c->failure);
}

static cclip_status transport_failed(struct cclip_communicator *c)
{
    return keep(c, cclip_fail(CCLIP_ERROR_IO, "%s", c->transport.message));
}

/* Has another rank said that it failed? The mutex is held. */
static cclip_status look_for_note(struct cclip_communicator *c)
{
    if (c->failure.status)
        return cclip_failure_raise(&c->failure);
    if (!c->note_transfer.done && c->transport.test(&c->transport, &c->note_transfer))
        return transport_failed(c);
    if (!c->note_transfer.done || !c->note.status)
        return CCLIP_OK;
    c->note.text[sizeof c->note.text - 1] = '\0';
    c->heard = 1;
    return keep(c, cclip_fail((cclip_status)c->note.status, "rank %d: %s", (int)c->note.rank,
                              c->note.text));
}

cclip_status cclip_transfers_start(struct cclip_communicator *c, struct cclip_transfer *transfers,
                                   size_t count)
{
    pthread_mutex_lock(&c->mutex);
    cclip_status status = look_for_note(c);
    for (size_t i = 0; i < count; i++)
        transfers[i].done = 1; /* until started: those that never are need not be waited for */
    for (size_t i = 0; i < count && !status; i++) {
        c->bytes += transfers[i].is_send ? transfers[i].bytes : 0;
        if (c->transport.start(&c->transport, &transfers[i]))
            status = transport_failed(c);
    }
    pthread_mutex_unlock(&c->mutex);
    return status;
}

cclip_status cclip_transfers_test(struct cclip_communicator *c, struct cclip_transfer *transfers,
                                  size_t count, size_t *left)
{
    pthread_mutex_lock(&c->mutex);
    cclip_status status = look_for_note(c);
    *left = 0;
    for (size_t i = 0; i < count && !status; i++) {
        if (!transfers[i].done && c->transport.test(&c->transport, &transfers[i]))
            status = transport_failed(c);
        *left += !transfers[i].done;
    }
    pthread_mutex_unlock(&c->mutex);
    return status;
}

cclip_status cclip_transfers_timed_out(struct cclip_communicator *c)
{
    pthread_mutex_lock(&c->mutex);
    const cclip_status status = keep(
        c, cclip_fail(CCLIP_ERROR_IO, "nothing came from the other ranks for %g seconds: one of them is gone, or "
                                      "it is very slow (dist_timeout)", c->timeout));
    pthread_mutex_unlock(&c->mutex);
    return status;
}

/* A short wait costs a core that has nothing else to do; a long one sleeps. */
static void pause_after(unsigned looks)
{
    enum { BUSY = 2000, SHORT = 20000 };
    const struct timespec nap = { 0, looks < SHORT ? 20000 : 1000000 };
    if (looks < BUSY)
        sched_yield();
    else
        nanosleep(&nap, NULL);
}

cclip_status cclip_transfers_wait(struct cclip_communicator *c, struct cclip_transfer *transfers,
                                  size_t count)
{
    double since = cclip_clock_seconds();
    size_t left = count, before = count;
    cclip_status status = CCLIP_OK;
    for (unsigned looks = 0; !status; looks++) {
        status = cclip_transfers_test(c, transfers, count, &left);
        if (status || !left)
            break;
        if (left < before) {
            before = left;
            looks = 0;
            since = cclip_clock_seconds();
        } else if (looks % 64 == 63 && cclip_clock_seconds() - since > c->timeout) {
            status = cclip_transfers_timed_out(c);
        }
        pause_after(looks);
    }
    return status;
}
