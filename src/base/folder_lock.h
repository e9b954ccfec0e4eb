/* A folder for one process at a time: FOLDER/lock is locked as long as the process lives and holds it. The system
 * lets go of it when the process ends in whatever way, so that a lock never outlives a kill.
 *
 * Where the file system has no locks (some network ones) nothing is locked, and nothing fails. */
#ifndef CCLIP_BASE_FOLDER_LOCK_H
#define CCLIP_BASE_FOLDER_LOCK_H

#include "base/status.h"

struct cclip_folder_lock {
    int descriptor; /* valid where there is a path */
    char *path;     /* of the file; NULL: not held */
};

/* The folder must be there. Held by another process: CCLIP_ERROR_ARGUMENT, which names it. */
cclip_status cclip_folder_lock_open(struct cclip_folder_lock *out, const char *folder);
/* Removes the file. One that is not held is fine. */
void cclip_folder_lock_close(struct cclip_folder_lock *lock);

#endif
