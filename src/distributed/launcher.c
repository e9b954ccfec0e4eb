#include "distributed/launcher.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu_features.h"
#include "base/file.h"

#ifndef CCLIP_BUILT_MODULES
#define CCLIP_BUILT_MODULES ""
#endif
#ifndef CCLIP_INSTALLED_MODULES
#define CCLIP_INSTALLED_MODULES "/usr/local/lib/cclip"
#endif

static const char mpi_module[] = "cclip_mpi.so";

/* How launchers say how many processes they started. srun says it to every process of a job step, so there
 * it counts only beside what an MPI of the step would need. */
static int processes(void)
{
    static const struct {
        const char *variable, *with;
    } sizes[] = {
        { "OMPI_COMM_WORLD_SIZE", NULL },  /* Open MPI's mpirun */
        { "PMI_SIZE", NULL },              /* MPICH, Intel MPI */
        { "MV2_COMM_WORLD_SIZE", NULL },   /* MVAPICH */
        { "SLURM_NTASKS", "PMIX_RANK" },   /* srun --mpi=pmix */
        { "SLURM_NTASKS", "PMI_RANK" },    /* srun --mpi=pmi2 */
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *size = getenv(sizes[i].variable);
        if (size && (!sizes[i].with || getenv(sizes[i].with)))
            return (int)strtol(size, NULL, 10);
    }
    return 1;
}

int cclip_launcher_neighbours(void)
{
    static const char *const variables[] = { "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS",
                                             "MV2_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE" };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *size = getenv(variables[i]);
        if (size)
            return (int)strtol(size, NULL, 10);
    }
    return 1;
}

int cclip_launcher_binds(void)
{
    return cclip_cpu_count_allowed() < sysconf(_SC_NPROCESSORS_ONLN);
}

static int try_path(char *path, size_t size, const char *folder, const char *below)
{
    if (!folder || !*folder)
        return 0;
    const int length = snprintf(path, size, "%s%s/%s", folder, below, mpi_module);
    return length > 0 && (size_t)length < size && cclip_is_file(path);
}

static int find_module(char *path, size_t size)
{
    char program[4096];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    return try_path(path, size, getenv("CCLIP_MODULES"), "") ||
           (slash && try_path(path, size, program, "/../lib/cclip")) ||
           try_path(path, size, CCLIP_BUILT_MODULES, "") ||
           try_path(path, size, CCLIP_INSTALLED_MODULES, "");
}

/* The module stays loaded: MPI cannot be begun twice. MPI's own modules look for its symbols globally. */
static cclip_status open_module(struct cclip_transport *out)
{
    char path[4096 + 64];
    cclip_transport_open_fn *open;
    if (!find_module(path, sizeof path))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                          "this build has no MPI: %s is not in $CCLIP_MODULES, beside the program or in %s "
                          "(built where Open MPI's headers are: libopenmpi-dev)",
                          mpi_module, CCLIP_INSTALLED_MODULES);
    void *module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!module)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s", dlerror());
    void *symbol = dlsym(module, CCLIP_TRANSPORT_ENTRY);
    if (!symbol)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: no module of this version", path);
    memcpy(&open, &symbol, sizeof open); /* C has no cast between the two */
    if (open(out))
        return cclip_fail(CCLIP_ERROR_IO, "%s", out->message);
    return CCLIP_OK;
}

cclip_status cclip_launcher_connect(struct cclip_communicator **out, enum cclip_launch launch,
                                    double timeout)
{
    struct cclip_transport transport;
    *out = NULL;
    if (launch == CCLIP_LAUNCH_NONE || (launch == CCLIP_LAUNCH_AUTO && processes() <= 1))
        return CCLIP_OK;
    const cclip_status status = open_module(&transport);
    return status ? status : cclip_communicator_open(out, &transport, timeout);
}
