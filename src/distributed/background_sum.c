#include "distributed/background_sum.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "distributed/ranks.h"

enum { LANES = 4 }; /* sums on their way at once: one's halves fill the pauses of the other's */

struct job {
    float *values;
    size_t count, number;
};

/* A sum on its way. */
struct lane {
    struct job job;
    enum { FREE, COLLECTING, SPREADING } half;
    struct cclip_transfer *transfers; /* [2 * (size - 1)] */
    size_t transfer_count;
    float *slices; /* [size] slices of `slice`: this rank's slice, as each rank has it */
};

struct cclip_background_sum {
    struct cclip_communicator *c;
    int rank, size;
    size_t most;
    struct lane lanes[LANES];
    pthread_t thread;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t more;   /* a job, or `stop` */
    pthread_cond_t ready;  /* nothing is left */
    struct job *jobs;
    size_t job_count, job_capacity, begun, done;
    int stop;
    struct cclip_failure failure; /* of this round: what is left is not done */
    double busy_since, busy;
};

/* Slices are equal but for the last ones, which may be short or empty. */
static size_t slice_begin(const struct cclip_background_sum *sum, size_t count, int rank)
{
    const size_t each = (count + (size_t)sum->size - 1) / (size_t)sum->size;
    const size_t begin = (size_t)rank * each;
    return begin < count ? begin : count;
}

static size_t slice_length(const struct cclip_background_sum *sum, size_t count, int rank)
{
    return slice_begin(sum, count, rank + 1) - slice_begin(sum, count, rank);
}

static void add_transfer(struct lane *lane, float *data, size_t count, int peer, int is_send)
{
    if (count)
        lane->transfers[lane->transfer_count++] = (struct cclip_transfer){
            .data = data, .bytes = count * sizeof *data, .peer = peer, .is_send = is_send,
            .tag = CCLIP_TAG_BACKGROUND + (int)(lane->job.number % 8192 * 2) + (lane->half == SPREADING)
        };
}

/* Sends to each other rank its slice of the array, and receives this rank's; or the other way round. Beginning
 * with the neighbour, so that not all send to the same one at first. */
static cclip_status start_half(struct cclip_background_sum *sum, struct lane *lane)
{
    const size_t count = lane->job.count, own = slice_length(sum, count, sum->rank);
    float *values = lane->job.values, *mine = values + slice_begin(sum, count, sum->rank);
    const int collecting = lane->half == COLLECTING;
    lane->transfer_count = 0;
    for (int i = 1; i < sum->size; i++) {
        const int to = (sum->rank + i) % sum->size, from = (sum->rank - i + sum->size) % sum->size;
        float *theirs = values + slice_begin(sum, count, from);
        if (collecting) {
            add_transfer(lane, lane->slices + (size_t)from * own, own, from, 0);
            add_transfer(lane, values + slice_begin(sum, count, to), slice_length(sum, count, to), to, 1);
        } else {
            add_transfer(lane, theirs, slice_length(sum, count, from), from, 0);
            add_transfer(lane, mine, own, to, 1);
        }
    }
    return cclip_transfers_start(sum->c, lane->transfers, lane->transfer_count);
}

/* Adds up this rank's slice in the order of the ranks. */
static void add_up(const struct cclip_background_sum *sum, struct lane *lane)
{
    const size_t own = slice_length(sum, lane->job.count, sum->rank);
    float *mine = lane->job.values + slice_begin(sum, lane->job.count, sum->rank);
    float *restrict total = lane->slices;
    memcpy(lane->slices + (size_t)sum->rank * own, mine, own * sizeof *mine);
    for (int r = 1; r < sum->size; r++) {
        const float *restrict next = lane->slices + (size_t)r * own;
        for (size_t i = 0; i < own; i++)
            total[i] += next[i];
    }
    memcpy(mine, total, own * sizeof *mine);
}

/* One look at a lane; *moved if something came of it. */
static cclip_status advance(struct cclip_background_sum *sum, struct lane *lane, int *moved)
{
    size_t left;
    cclip_status status = cclip_transfers_test(sum->c, lane->transfers, lane->transfer_count, &left);
    if (status || left)
        return status;
    *moved = 1;
    if (lane->half == COLLECTING) {
        add_up(sum, lane);
        lane->half = SPREADING;
        return start_half(sum, lane);
    }
    lane->half = FREE;
    return CCLIP_OK;
}

/* The next job that nobody has begun; the mutex is held. */
static int take_job(struct cclip_background_sum *sum, struct lane *lane)
{
    if (sum->begun == sum->job_count || sum->failure.status)
        return 0;
    lane->job = sum->jobs[sum->begun++];
    lane->half = COLLECTING;
    return 1;
}

static int any_lane(const struct cclip_background_sum *sum)
{
    for (int i = 0; i < LANES; i++)
        if (sum->lanes[i].half != FREE)
            return 1;
    return 0;
}

/* Counts what is done; after a failure all is, and wakes who waits. The mutex is held. */
static void account(struct cclip_background_sum *sum, size_t done, cclip_status status)
{
    if (status && !sum->failure.status)
        cclip_failure_take(&sum->failure, status);
    if (sum->failure.status) {
        for (int i = 0; i < LANES; i++)
            sum->lanes[i].half = FREE;
        sum->begun = sum->done = sum->job_count;
    }
    sum->done += sum->failure.status ? 0 : done;
    if (sum->done == sum->job_count) {
        sum->busy += cclip_clock_seconds() - sum->busy_since;
        pthread_cond_signal(&sum->ready);
    }
}

/* One round over the lanes; the mutex is not held. */
static cclip_status work(struct cclip_background_sum *sum, const int begins[LANES], size_t *done,
                         int *moved)
{
    cclip_status status = CCLIP_OK;
    for (int i = 0; i < LANES && !status; i++) {
        struct lane *lane = &sum->lanes[i];
        if (begins[i]) {
            status = start_half(sum, lane);
        } else if (lane->half != FREE) {
            status = advance(sum, lane, moved);
            *done += lane->half == FREE;
        }
    }
    return status;
}

static void *run(void *context)
{
    struct cclip_background_sum *sum = context;
    const struct timespec nap = { 0, 20000 };
    double moved_at = cclip_clock_seconds();
    pthread_mutex_lock(&sum->mutex);
    while (!sum->stop) {
        int begins[LANES] = { 0 }, moved = 0;
        size_t done = 0;
        for (int i = 0; i < LANES; i++)
            begins[i] = sum->lanes[i].half == FREE && take_job(sum, &sum->lanes[i]);
        if (!any_lane(sum)) {
            pthread_cond_wait(&sum->more, &sum->mutex);
            moved_at = cclip_clock_seconds();
            continue;
        }
        pthread_mutex_unlock(&sum->mutex);
        cclip_status status = work(sum, begins, &done, &moved);
        if (moved)
            moved_at = cclip_clock_seconds();
        else if (!status && cclip_clock_seconds() - moved_at > sum->c->timeout)
            status = cclip_transfers_timed_out(sum->c);
        if (!moved && !status)
            nanosleep(&nap, NULL);
        pthread_mutex_lock(&sum->mutex);
        if (done || status)
            account(sum, done, status);
    }
    pthread_mutex_unlock(&sum->mutex);
    return NULL;
}

static cclip_status open_lanes(struct cclip_background_sum *sum)
{
    const size_t size = (size_t)sum->size, slice = (sum->most + size - 1) / size;
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &sum->lanes[i];
        lane->transfers = cclip_allocate_zero(2 * size, sizeof *lane->transfers);
        lane->slices = cclip_allocate(size * slice, sizeof *lane->slices);
        if (!lane->transfers || !lane->slices)
            return CCLIP_ERROR_MEMORY;
    }
    return CCLIP_OK;
}

static void release(struct cclip_background_sum *sum)
{
    for (int i = 0; i < LANES; i++) {
        cclip_release(sum->lanes[i].transfers);
        cclip_release(sum->lanes[i].slices);
    }
    pthread_cond_destroy(&sum->more);
    pthread_cond_destroy(&sum->ready);
    pthread_mutex_destroy(&sum->mutex);
    cclip_release(sum->jobs);
    cclip_release(sum);
}

cclip_status cclip_background_sum_open(struct cclip_background_sum **out, struct cclip_communicator *c,
                                       size_t most)
{
    *out = NULL;
    struct cclip_background_sum *sum = cclip_allocate_zero(1, sizeof *sum);
    if (!sum)
        return CCLIP_ERROR_MEMORY;
    sum->c = c;
    sum->rank = cclip_communicator_rank(c);
    sum->size = cclip_communicator_size(c);
    sum->most = most;
    pthread_mutex_init(&sum->mutex, NULL);
    pthread_cond_init(&sum->more, NULL);
    pthread_cond_init(&sum->ready, NULL);
    cclip_status status = open_lanes(sum);
    if (!status && pthread_create(&sum->thread, NULL, run, sum))
        status = cclip_fail(CCLIP_ERROR_MEMORY, "a thread for sums over ranks could not be started");
    if (status) {
        release(sum);
        return status;
    }
    *out = sum;
    return CCLIP_OK;
}

void cclip_background_sum_close(struct cclip_background_sum **out)
{
    struct cclip_background_sum *sum = *out;
    if (!sum)
        return;
    pthread_mutex_lock(&sum->mutex);
    sum->stop = 1;
    pthread_cond_signal(&sum->more);
    pthread_mutex_unlock(&sum->mutex);
    pthread_join(sum->thread, NULL);
    release(sum);
    *out = NULL;
}

cclip_status cclip_background_sum_add(struct cclip_background_sum *sum, float *values, size_t count)
{
    enum { MOST_JOBS = 1 << 20 };
    pthread_mutex_lock(&sum->mutex);
    cclip_status status = cclip_failure_raise(&sum->failure);
    if (!status)
        status = cclip_grow(&sum->jobs, &sum->job_capacity, sum->job_count + 1, sizeof *sum->jobs,
                            MOST_JOBS, "sums in the background");
    if (!status) {
        if (sum->done == sum->job_count)
            sum->busy_since = cclip_clock_seconds();
        sum->jobs[sum->job_count] = (struct job){ values, count, sum->job_count };
        sum->job_count++;
        pthread_cond_signal(&sum->more);
    }
    pthread_mutex_unlock(&sum->mutex);
    return status;
}

cclip_status cclip_background_sum_finish(struct cclip_background_sum *sum,
                                         struct cclip_background_figures *figures)
{
    const double start = cclip_clock_seconds();
    pthread_mutex_lock(&sum->mutex);
    while (sum->done < sum->job_count && !sum->failure.status)
        pthread_cond_wait(&sum->ready, &sum->mutex);
    if (figures)
        *figures = (struct cclip_background_figures){ sum->busy, cclip_clock_seconds() - start };
    sum->busy = 0;
    sum->job_count = sum->begun = sum->done = 0;
    const cclip_status status = cclip_failure_raise(&sum->failure);
    pthread_mutex_unlock(&sum->mutex);
    return status;
}
