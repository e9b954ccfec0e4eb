/* Whether this process is one of several that a launcher started, and the way to the others. */
#ifndef CCLIP_DISTRIBUTED_LAUNCHER_H
#define CCLIP_DISTRIBUTED_LAUNCHER_H

#include "distributed/communicator.h"

enum cclip_launch {
    CCLIP_LAUNCH_AUTO, /* by the environment: MPI where a launcher of MPI started several processes */
    CCLIP_LAUNCH_MPI,  /* MPI, however this process was started */
    CCLIP_LAUNCH_NONE  /* a run of its own */
};

/* NULL for a run of one process. `timeout` in seconds, as cclip_communicator_open. MPI is a module that is
 * loaded here: below $CCLIP_MODULES, beside the program (PREFIX/bin with PREFIX/lib/cclip), in the build
 * folder or where it was installed. */
cclip_status cclip_launcher_connect(struct cclip_communicator **out, enum cclip_launch launch,
                                    double timeout);

/* How many processes of the run the launcher put on this machine, and whether it gave each CPUs of its own. */
int cclip_launcher_neighbours(void);
int cclip_launcher_binds(void);

#endif
