/* A folder that appears under its name only when all its files are complete: filled under a temporary
 * name beside it, synced, renamed. Close without commit removes it. A process that is killed leaves
 * NAME.tmp-XXXXXX behind. */
#ifndef CCLIP_BASE_NEW_FOLDER_H
#define CCLIP_BASE_NEW_FOLDER_H

#include "base/status.h"

struct cclip_new_folder {
    char *path;      /* what it will be called */
    char *temporary; /* where to put the files */
    int replaces;    /* what is there under the name is removed by the commit */
};

/* `path` must not exist or be an empty folder. */
cclip_status cclip_new_folder_open(struct cclip_new_folder *out, const char *path);
/* The same, but a folder of files that is there is replaced. Two names cannot change at once: between the
 * old one's going, to NAME.old-XXXXXX, and the new one's coming neither is there. */
cclip_status cclip_new_folder_open_over(struct cclip_new_folder *out, const char *path);
/* Fails, and the folder stays as it was, if `status` says that filling it failed; messages speak of
 * the final name. */
cclip_status cclip_new_folder_commit(struct cclip_new_folder *folder, cclip_status status);
/* Removes what was written so far. */
void cclip_new_folder_close(struct cclip_new_folder *folder);

/* Removes what killed processes left of NAME in FOLDER: NAME.tmp-XXXXXX, and, where NAME is there, NAME.old-XXXXXX. */
cclip_status cclip_new_folder_sweep(const char *folder, const char *name);

/* Removes a folder and the files in it, as far as that goes; folders within it stay. */
void cclip_flat_folder_remove(const char *path);

#endif
