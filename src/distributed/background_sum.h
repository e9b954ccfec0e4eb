/* Sums over all ranks that go on while the caller computes: a thread of its own moves the messages.
 *
 * An array is summed in two halves: each rank gets a slice of it from all others and adds them up in the
 * order of the ranks; then all give their slices to all. That moves 2 (size - 1) / size times the
 * array each way, as a ring does, and its result does not depend on who came first. */
#ifndef CCLIP_DISTRIBUTED_BACKGROUND_SUM_H
#define CCLIP_DISTRIBUTED_BACKGROUND_SUM_H

#include "distributed/communicator.h"

struct cclip_background_sum;

/* The largest array is of `most` floats. The communicator must outlive it. */
cclip_status cclip_background_sum_open(struct cclip_background_sum **out,
                                       struct cclip_communicator *communicator, size_t most);
/* Messages that are still on their way are given up. */
void cclip_background_sum_close(struct cclip_background_sum **sum);

/* values[i] becomes the sum over all ranks; the array is not to be touched until `finish`. All ranks add
 * arrays of the same sizes in the same order. Fails only for want of memory. */
cclip_status cclip_background_sum_add(struct cclip_background_sum *sum, float *values, size_t count);

struct cclip_background_figures {
    double busy;   /* seconds in which some sum was on its way */
    double waited; /* of them in `finish` */
};
/* Until all are done. The figures are of what was added since the last call; or NULL. */
cclip_status cclip_background_sum_finish(struct cclip_background_sum *sum,
                                         struct cclip_background_figures *figures);

#endif
