#include "distributed/communicator.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "distributed/ranks.h"

static cclip_status open_parts(struct cclip_communicator *c)
{
    const size_t size = (size_t)c->transport.size;
    c->transfers = cclip_allocate_zero(2 * size, sizeof *c->transfers);
    if (!c->transfers)
        return CCLIP_ERROR_MEMORY;
    c->note_transfer = (struct cclip_transfer){ .data = &c->note, .bytes = sizeof c->note,
                                                .peer = CCLIP_ANY_PEER, .tag = CCLIP_TAG_NOTE };
    if (c->transport.start(&c->transport, &c->note_transfer))
        return cclip_fail(CCLIP_ERROR_IO, "%s", c->transport.message);
    return CCLIP_OK;
}

cclip_status cclip_communicator_open(struct cclip_communicator **out,
                                     const struct cclip_transport *transport, double timeout)
{
    struct cclip_transport taken = *transport;
    *out = NULL;
    if (taken.size <= 1) {
        taken.close(&taken, 1);
        return CCLIP_OK;
    }
    struct cclip_communicator *c = cclip_allocate_zero(1, sizeof *c);
    if (!c) {
        taken.close(&taken, 0);
        return CCLIP_ERROR_MEMORY;
    }
    c->transport = taken;
    c->timeout = timeout;
    pthread_mutex_init(&c->mutex, NULL);
    const cclip_status status = open_parts(c);
    if (status) {
        c->failure.status = status;
        cclip_communicator_close(&c);
    }
    *out = c;
    return status;
}

/* All have come here: each takes the note that the next one sends it, so that no receive is left over. */
static cclip_status say_goodbye(struct cclip_communicator *c)
{
    double nothing = 0;
    struct cclip_transfer *last = c->transfers;
    cclip_status status = cclip_all_sum(c, &nothing, 1);
    if (status)
        return status;
    *last = (struct cclip_transfer){ .data = &c->last_words, .bytes = sizeof c->last_words,
                                     .is_send = 1, .peer = (c->transport.rank + 1) % c->transport.size,
                                     .tag = CCLIP_TAG_NOTE };
    pthread_mutex_lock(&c->mutex);
    int failed = c->transport.start(&c->transport, last);
    pthread_mutex_unlock(&c->mutex);
    const double end = cclip_clock_seconds() + c->timeout;
    while (!failed && !(last->done && c->note_transfer.done) && cclip_clock_seconds() < end) {
        pthread_mutex_lock(&c->mutex);
        if (!last->done)
            failed |= c->transport.test(&c->transport, last);
        if (!c->note_transfer.done)
            failed |= c->transport.test(&c->transport, &c->note_transfer);
        pthread_mutex_unlock(&c->mutex);
    }
    return failed || !last->done || !c->note_transfer.done ? CCLIP_ERROR_IO : CCLIP_OK;
}

void cclip_communicator_close(struct cclip_communicator **communicator)
{
    struct cclip_communicator *c = *communicator;
    if (!c)
        return;
    const int clean = !c->failure.status && !say_goodbye(c);
    c->transport.close(&c->transport, clean);
    pthread_mutex_destroy(&c->mutex);
    cclip_release(c->transfers);
    cclip_release(c->scratch);
    cclip_release(c);
    *communicator = NULL;
}

int cclip_communicator_rank(const struct cclip_communicator *c)
{
    return c ? c->transport.rank : 0;
}

int cclip_communicator_size(const struct cclip_communicator *c)
{
    return c ? c->transport.size : 1;
}

struct cclip_communicator_figures cclip_communicator_figures(const struct cclip_communicator *c)
{
    struct cclip_communicator_figures figures = { 0 };
    if (c) {
        pthread_mutex_lock((pthread_mutex_t *)&c->mutex);
        figures = (struct cclip_communicator_figures){ c->bytes, c->seconds };
        pthread_mutex_unlock((pthread_mutex_t *)&c->mutex);
    }
    return figures;
}

static struct cclip_transfer message(void *data, size_t bytes, int peer, int is_send)
{
    return (struct cclip_transfer){ .data = data, .bytes = bytes, .peer = peer,
                                    .tag = CCLIP_TAG_COLLECTIVE, .is_send = is_send };
}

static cclip_status exchange(struct cclip_communicator *c, size_t count)
{
    const double start = cclip_clock_seconds();
    cclip_status status = cclip_transfers_start(c, c->transfers, count);
    if (!status)
        status = cclip_transfers_wait(c, c->transfers, count);
    c->seconds += cclip_clock_seconds() - start;
    return status;
}

/* Each to each at once: nothing travels further than it must. */
static cclip_status gather_directly(struct cclip_communicator *c, char *out, size_t bytes)
{
    const int rank = c->transport.rank, size = c->transport.size;
    cclip_status status = CCLIP_OK;
    for (size_t begin = 0, part; begin < bytes && !status; begin += part) {
        size_t count = 0;
        part = bytes - begin < CCLIP_LARGEST_MESSAGE ? bytes - begin : CCLIP_LARGEST_MESSAGE;
        for (int i = 1; i < size; i++) {
            const int to = (rank + i) % size, from = (rank - i + size) % size;
            c->transfers[count++] = message(out + (size_t)from * bytes + begin, part, from, 0);
            c->transfers[count++] = message(out + (size_t)rank * bytes + begin, part, to, 1);
        }
        status = exchange(c, count);
    }
    return status;
}

static cclip_status reserve(struct cclip_communicator *c, size_t bytes)
{
    if (bytes <= c->scratch_bytes)
        return CCLIP_OK;
    cclip_release(c->scratch);
    c->scratch = cclip_allocate(bytes, 1);
    c->scratch_bytes = c->scratch ? bytes : 0;
    return c->scratch ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

/* In as many rounds as the number of ranks has bits: after each of them a rank holds the blocks of twice as
 * many that follow it (Bruck et al., "Efficient Algorithms for All-to-All Communications", 1997). */
static cclip_status gather_in_rounds(struct cclip_communicator *c, char *out, const void *in,
                                     size_t bytes)
{
    const int rank = c->transport.rank, size = c->transport.size;
    cclip_status status = reserve(c, bytes * (size_t)size);
    if (status)
        return status;
    memcpy(c->scratch, in, bytes);
    for (int held = 1; held < size && !status; held *= 2) {
        const size_t blocks = (size_t)(held < size - held ? held : size - held);
        c->transfers[0] = message(c->scratch + (size_t)held * bytes, blocks * bytes,
                                  (rank + held) % size, 0);
        c->transfers[1] = message(c->scratch, blocks * bytes, (rank - held + size) % size, 1);
        status = exchange(c, 2);
    }
    for (int i = 0; i < size && !status; i++)
        memcpy(out + (size_t)((rank + i) % size) * bytes, c->scratch + (size_t)i * bytes, bytes);
    return status;
}

cclip_status cclip_all_gather(struct cclip_communicator *c, void *out, const void *in, size_t bytes)
{
    enum { SMALL = 1 << 16 }; /* bytes of a rank: time is latency below, bytes above */
    if (bytes && (!c || bytes > SMALL))
        memmove((char *)out + (size_t)cclip_communicator_rank(c) * bytes, in, bytes);
    if (!c || !bytes)
        return CCLIP_OK;
    return bytes > SMALL ? gather_directly(c, out, bytes) : gather_in_rounds(c, out, in, bytes);
}

cclip_status cclip_all_sum(struct cclip_communicator *c, double *values, size_t count)
{
    if (!c || !count)
        return CCLIP_OK;
    const size_t size = (size_t)c->transport.size;
    double *all = cclip_allocate(size * count, sizeof *all);
    cclip_status status = all ? cclip_all_gather(c, all, values, count * sizeof *all)
                              : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++) {
        values[i] = 0;
        for (size_t r = 0; r < size; r++)
            values[i] += all[r * count + i];
    }
    cclip_release(all);
    return status;
}

/* Down a tree: rank r has it from r without its highest bit. */
cclip_status cclip_broadcast(struct cclip_communicator *c, void *data, size_t bytes)
{
    if (!c || !bytes)
        return CCLIP_OK;
    const int rank = c->transport.rank, size = c->transport.size;
    cclip_status status = CCLIP_OK;
    for (size_t begin = 0, part; begin < bytes && !status; begin += part) {
        char *at = (char *)data + begin;
        part = bytes - begin < CCLIP_LARGEST_MESSAGE ? bytes - begin : CCLIP_LARGEST_MESSAGE;
        for (int have = 1; have < size && !status; have *= 2) {
            c->transfers[0] = rank < have ? message(at, part, rank + have, 1)
                                          : message(at, part, rank - have, 0);
            if (rank < 2 * have && (rank >= have || rank + have < size))
                status = exchange(c, 1);
        }
    }
    return status;
}

/* Last words to all; then the others have a moment to hear them before a launcher ends everything. */
static void tell(struct cclip_communicator *c)
{
    const struct timespec nap = { 0, 1000000 };
    struct cclip_transfer *transfers = c->transfers;
    const int size = c->transport.size, rank = c->transport.rank;
    for (int i = 0; i < size; i++) {
        transfers[i] = (struct cclip_transfer){ .data = &c->last_words,
                                                .bytes = sizeof c->last_words, .peer = i,
                                                .tag = CCLIP_TAG_NOTE, .is_send = 1, .done = 1 };
        if (i != rank && c->transport.start(&c->transport, &transfers[i]))
            transfers[i].done = 1;
    }
    for (int looks = 0, left = 1; looks < 1000 && (left || looks < 200); looks++) {
        left = 0;
        for (int i = 0; i < size; i++) {
            if (!transfers[i].done && c->transport.test(&c->transport, &transfers[i]))
                transfers[i].done = 1;
            left += !transfers[i].done;
        }
        nanosleep(&nap, NULL);
    }
}

cclip_status cclip_communicator_fail(struct cclip_communicator *c, cclip_status status)
{
    if (!c || !status)
        return status;
    pthread_mutex_lock(&c->mutex);
    if (!c->failure.status)
        cclip_failure_take(&c->failure, status);
    if (!c->heard && !c->told) {
        c->told = 1;
        c->last_words.rank = c->transport.rank;
        c->last_words.status = (int32_t)c->failure.status;
        snprintf(c->last_words.text, sizeof c->last_words.text, "%s", c->failure.message);
        tell(c);
    }
    pthread_mutex_unlock(&c->mutex);
    return status;
}

int cclip_communicator_has_heard(const struct cclip_communicator *c)
{
    return c && c->heard;
}

void cclip_communicator_linger(struct cclip_communicator *c)
{
    if (c)
        c->transport.linger = 1;
}

static cclip_status gather_statistics(void *user, double *all, const double *own, size_t count)
{
    return cclip_all_gather(user, all, own, count * sizeof *own);
}

void cclip_communicator_exchange(struct cclip_statistics_exchange *out, struct cclip_communicator *c)
{
    *out = (struct cclip_statistics_exchange){ (size_t)cclip_communicator_size(c), gather_statistics, c };
}
