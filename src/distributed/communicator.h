/* The processes of a run ("ranks") speak to each other: gather, sum, broadcast.
 *
 * All ranks make the same calls in the same order. NULL is a run of one process, for which every call is
 * free. Results are the same bits on every rank, and depend on the number of ranks but on nothing else: sums
 * are made in the order of the ranks.
 *
 * A rank that fails says so with cclip_communicator_fail: whatever the others wait for then fails with
 * its message, within milliseconds. A rank that is gone without a word is noticed by the launcher, or
 * after `timeout` seconds in which nothing came. */
#ifndef CCLIP_DISTRIBUTED_COMMUNICATOR_H
#define CCLIP_DISTRIBUTED_COMMUNICATOR_H

#include "base/status.h"
#include "distributed/transport.h"
#include "tensor/backend.h"

struct cclip_communicator;

/* Takes over `transport`, which is closed also on failure. One of a single rank gives NULL. */
cclip_status cclip_communicator_open(struct cclip_communicator **out,
                                     const struct cclip_transport *transport, double timeout);
/* After a failure nothing is waited for. */
void cclip_communicator_close(struct cclip_communicator **communicator);

int cclip_communicator_rank(const struct cclip_communicator *communicator);
int cclip_communicator_size(const struct cclip_communicator *communicator);

/* out [size][bytes], by rank, of each rank's `in`. */
cclip_status cclip_all_gather(struct cclip_communicator *communicator, void *out, const void *in,
                              size_t bytes);
/* values[i] becomes the sum of all ranks' values[i]. */
cclip_status cclip_all_sum(struct cclip_communicator *communicator, double *values, size_t count);
/* `data` becomes rank 0's. */
cclip_status cclip_broadcast(struct cclip_communicator *communicator, void *data, size_t bytes);

/* Tells the others that this rank cannot go on, be it that it waited for them in vain; the thread's message is
 * kept. Does nothing where one of them said so first. Returns `status`. */
cclip_status cclip_communicator_fail(struct cclip_communicator *communicator, cclip_status status);

/* Whether another rank said that it cannot go on: this one's failure is an echo. */
int cclip_communicator_has_heard(const struct cclip_communicator *communicator);

/* This process will end with a failing status though nothing failed between the ranks: what it says before must
 * get through a launcher that then ends all. */
void cclip_communicator_linger(struct cclip_communicator *communicator);

/* For the statistics of batch norms; `out` and the communicator must outlive its use. */
void cclip_communicator_exchange(struct cclip_statistics_exchange *out,
                                 struct cclip_communicator *communicator);

/* What was sent by this rank so far, and how long it waited in the calls above. */
struct cclip_communicator_figures {
    uint64_t bytes;
    double seconds;
};
struct cclip_communicator_figures
cclip_communicator_figures(const struct cclip_communicator *communicator);

#endif
