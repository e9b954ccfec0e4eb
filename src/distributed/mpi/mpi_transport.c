/* Messages by MPI, as a module of its own: the only file that includes mpi.h.
 *
 * MPI is initialised at the first use and ended when the process ends, as it cannot be begun twice. After a
 * run that failed it is left as it is: messages that will never come would hold its end. A host program that
 * initialised MPI itself, with MPI_THREAD_SERIALIZED at least, keeps it.
 *
 * mpirun kills all ranks as soon as it sees one end with a failure, and what they wrote but it has not passed
 * on yet is lost. So a rank that has bad news waits a moment before it ends. */
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "distributed/transport.h"

/* The one symbol that is looked for by name. */
__attribute__((visibility("default"))) cclip_transport_open_fn cclip_transport_open;

_Static_assert(sizeof(MPI_Request) <= sizeof((struct cclip_transfer *)0)->handle, "no room for a request");

static int dirty;  /* messages may be left over */
static int linger; /* last words may be on their way through mpirun */

static void end_mpi(void)
{
    const struct timespec moment = { 0, 400000000 };
    int ended = 0;
    MPI_Finalized(&ended);
    if (!ended && (dirty || linger)) {
        fflush(NULL);
        nanosleep(&moment, NULL);
    }
    if (!ended && !dirty)
        MPI_Finalize();
}

static int failed(struct cclip_transport *transport, const char *call, int code)
{
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    const int room = (int)sizeof transport->message - 32; /* of the call's name too */
    snprintf(transport->message, sizeof transport->message, "%s: %.*s", call, room, text);
    dirty = 1;
    return 1;
}

static int start(struct cclip_transport *transport, struct cclip_transfer *t)
{
    MPI_Request request;
    const MPI_Comm comm = transport->state;
    const int peer = t->peer == CCLIP_ANY_PEER ? MPI_ANY_SOURCE : t->peer, bytes = (int)t->bytes;
    const int code = t->is_send ? MPI_Isend(t->data, bytes, MPI_BYTE, peer, t->tag, comm, &request)
                                : MPI_Irecv(t->data, bytes, MPI_BYTE, peer, t->tag, comm, &request);
    t->done = 0;
    memcpy(t->handle, &request, sizeof request);
    return code == MPI_SUCCESS ? 0 : failed(transport, t->is_send ? "MPI_Isend" : "MPI_Irecv", code);
}

static int test(struct cclip_transport *transport, struct cclip_transfer *t)
{
    MPI_Request request;
    memcpy(&request, t->handle, sizeof request);
    const int code = MPI_Test(&request, &t->done, MPI_STATUS_IGNORE);
    memcpy(t->handle, &request, sizeof request);
    return code == MPI_SUCCESS ? 0 : failed(transport, "MPI_Test", code);
}

static void close_transport(struct cclip_transport *transport, int clean)
{
    MPI_Comm comm = transport->state;
    dirty |= !clean;
    linger |= transport->linger;
    if (clean)
        MPI_Comm_free(&comm);
}

static int begin_mpi(struct cclip_transport *transport)
{
    int begun = 0, level = MPI_THREAD_SINGLE;
    MPI_Initialized(&begun);
    if (!begun) {
        const int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level);
        if (code != MPI_SUCCESS)
            return failed(transport, "MPI_Init_thread", code);
        atexit(end_mpi);
    } else {
        MPI_Query_thread(&level);
    }
    if (level >= MPI_THREAD_SERIALIZED)
        return 0;
    snprintf(transport->message, sizeof transport->message,
             "MPI was begun without MPI_THREAD_SERIALIZED");
    return 1;
}

int cclip_transport_open(struct cclip_transport *transport)
{
    MPI_Comm comm;
    *transport = (struct cclip_transport){ .start = start, .test = test, .close = close_transport };
    if (begin_mpi(transport))
        return 1;
    const int code = MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    if (code != MPI_SUCCESS)
        return failed(transport, "MPI_Comm_dup", code);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm, &transport->rank);
    MPI_Comm_size(comm, &transport->size);
    transport->state = comm;
    return 0;
}
