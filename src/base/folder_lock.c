#include "base/folder_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum { OWNER = 160 }; /* bytes of "process N on HOST" */

/* For people alone; what it says is not needed by the lock. */
static void write_owner(int descriptor)
{
    char host[OWNER / 2] = "", text[OWNER];
    (void)gethostname(host, sizeof host - 1);
    const int length = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
    if (ftruncate(descriptor, 0) || pwrite(descriptor, text, (size_t)length, 0) != length)
        return; /* a full disk, say: the message of the next one is vaguer */
}

static cclip_status held_by_another(int descriptor, const char *folder)
{
    char text[OWNER] = "";
    const ssize_t length = pread(descriptor, text, sizeof text - 1, 0);
    for (ssize_t i = 0; i < length; i++)
        if (text[i] == '\n')
            text[i] = '\0';
    return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: in use by %s", folder, *text ? text : "another process");
}

/* Whether the open file is still the one of that name: who held it may have removed it before it let go. */
static int is_there(int descriptor, const char *path)
{
    struct stat opened, named;
    return !fstat(descriptor, &opened) && !stat(path, &named) && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

cclip_status cclip_folder_lock_open(struct cclip_folder_lock *out, const char *folder)
{
    enum { TRIES = 100 };
    *out = (struct cclip_folder_lock){ .path = NULL };
    char *path = cclip_path_join(folder, "lock");
    cclip_status status = path ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (int i = 0; i < TRIES && !status && !out->path; i++) {
        const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (descriptor < 0) {
            status = cclip_fail_errno(path, "cannot open");
        } else if (flock(descriptor, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
            status = held_by_another(descriptor, folder);
            close(descriptor);
        } else if (!is_there(descriptor, path)) {
            close(descriptor);
        } else {
            write_owner(descriptor);
            *out = (struct cclip_folder_lock){ descriptor, path };
        }
    }
    if (!out->path)
        cclip_release(path);
    return status;
}

void cclip_folder_lock_close(struct cclip_folder_lock *lock)
{
    if (lock->path) {
        (void)unlink(lock->path); /* while it is held: nobody else's is removed */
        close(lock->descriptor);
    }
    cclip_release(lock->path);
    *lock = (struct cclip_folder_lock){ .path = NULL };
}
