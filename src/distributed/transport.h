/* What carries bytes between the processes of a run: messages from one to one, nothing more.
 *
 * Everything collective is written over this in communicator.c and background_sum.c, so that an order of
 * sums is ours, whatever carries them. MPI's is a module (mpi/mpi_transport.c) that is loaded only in
 * a process that a launcher started: the library needs no MPI. NCCL's sends and receives have the same form.
 *
 * This header needs nothing of cclip's, and a module uses nothing else of it. */
#ifndef CCLIP_DISTRIBUTED_TRANSPORT_H
#define CCLIP_DISTRIBUTED_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

enum { CCLIP_ANY_PEER = -1 }; /* to receive from */

/* A message on its way. Its memory must stay until it is done. Messages between two ranks with the same tag
 * arrive in the order in which they were sent. */
struct cclip_transfer {
    void *data;
    size_t bytes; /* below 2^31; the receiver's may be larger than what comes */
    int peer;     /* rank */
    int tag;      /* 0 to 32767 */
    int is_send;
    int done;
    uint64_t handle[2]; /* the transport's own */
};

struct cclip_transport {
    int rank, size;
    /* 0, or not, with `message`. One thread calls at a time. `test` sets `done`, and moves all other
     * messages along too. */
    int (*start)(struct cclip_transport *, struct cclip_transfer *);
    int (*test)(struct cclip_transport *, struct cclip_transfer *);
    /* `clean`: every message was done on every rank. */
    void (*close)(struct cclip_transport *, int clean);
    int linger; /* set before `close`: the process will say something and end as one that failed */
    void *state;
    char message[256];
};

/* The one function of a module, under this name: fills `transport`, or returns not 0 with its message. */
#define CCLIP_TRANSPORT_ENTRY "cclip_transport_open"
typedef int cclip_transport_open_fn(struct cclip_transport *transport);

#endif
