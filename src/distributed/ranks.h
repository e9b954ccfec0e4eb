/* Inside this room: a communicator's parts, and messages under its lock. */
#ifndef CCLIP_DISTRIBUTED_RANKS_H
#define CCLIP_DISTRIBUTED_RANKS_H

#include <pthread.h>

#include "distributed/communicator.h"

enum {
    CCLIP_TAG_NOTE,          /* a rank's last words */
    CCLIP_TAG_COLLECTIVE,    /* calls that wait */
    CCLIP_TAG_BACKGROUND,    /* sums in the background: from here on, two for each sum */
    CCLIP_LARGEST_MESSAGE = 1 << 30
};

struct cclip_note {
    int32_t rank, status;
    char text[CCLIP_MESSAGE_SIZE];
};

struct cclip_communicator {
    struct cclip_transport transport;
    double timeout;
    pthread_mutex_t mutex; /* guards the transport and what follows */
    struct cclip_note note; /* what another rank may send at any time; status 0: it is done */
    struct cclip_note last_words; /* of this one */
    struct cclip_transfer note_transfer;
    struct cclip_failure failure; /* sticky: the first one, or another rank's note */
    int heard, told; /* that note came; this rank's own went out */
    uint64_t bytes;

    /* of the thread that makes the calls */
    struct cclip_transfer *transfers; /* [2 * size] */
    char *scratch;
    size_t scratch_bytes;
    double seconds;
};

/* Starts messages; fails if the communicator has. */
cclip_status cclip_transfers_start(struct cclip_communicator *c, struct cclip_transfer *transfers,
                                   size_t count);
/* Looks once: how many are not done yet, in *left. */
cclip_status cclip_transfers_test(struct cclip_communicator *c, struct cclip_transfer *transfers,
                                  size_t count, size_t *left);
/* Until all are done. */
cclip_status cclip_transfers_wait(struct cclip_communicator *c, struct cclip_transfer *transfers,
                                  size_t count);
/* The failure for a wait in which nothing came for too long. */
cclip_status cclip_transfers_timed_out(struct cclip_communicator *c);

#endif
