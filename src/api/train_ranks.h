/* A run of several processes: how they find each other, what they must have in common, what they agree on. Without
 * others every function here does nothing. */
#ifndef CCLIP_API_TRAIN_RANKS_H
#define CCLIP_API_TRAIN_RANKS_H

#include "api/training.h"

/* The first thing of a run. */
cclip_status cclip_training_connect(struct cclip_training *t);
/* Threads that compute: the option, else the CPUs this process may use, shared with the ranks beside it. */
int cclip_training_threads(const struct cclip_training *t);

/* Compares options, model and data with rank 0's; what differs is refused by name. */
cclip_status cclip_training_compare(struct cclip_training *t);
/* Weights, and where the run begins, become rank 0's, which alone reads a checkpoint; opens what sums the
 * gradients. */
cclip_status cclip_training_share(struct cclip_training *t);
/* After a step: `stop` if one asks for it, and whether rank 0 keeps a checkpoint here; if so, that all have the
 * same weights. */
cclip_status cclip_training_agree(struct cclip_training *t, int *due);
/* At the end: which pairs any rank used. */
cclip_status cclip_training_add_up(struct cclip_training *t);

/* A failure goes to the other ranks. One that came from them is told by rank 0 alone: elsewhere the status
 * becomes CCLIP_ERROR_CANCELLED. */
cclip_status cclip_training_disconnect(struct cclip_training *t, cclip_status status);

static inline int cclip_training_is_first(const struct cclip_training *t)
{
    return cclip_communicator_rank(t->ranks) == 0;
}

#endif
