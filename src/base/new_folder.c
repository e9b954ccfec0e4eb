#include "base/new_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"

enum { TREE_DEPTH = 96 };

static int is_real_folder(const char *path)
{
    struct stat information;
    return !lstat(path, &information) && S_ISDIR(information.st_mode);
}

static cclip_status check_free(const char *path)
{
    struct stat information;
    if (lstat(path, &information))
        return errno == ENOENT ? CCLIP_OK : cclip_fail_errno(path, "cannot stat");
    if (!S_ISDIR(information.st_mode))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: is there already, and is no folder", path);
    struct cclip_names names;
    const cclip_status status = cclip_folder_list(&names, path);
    if (status)
        return status;
    const int empty = !names.count;
    cclip_names_close(&names);
    return empty ? CCLIP_OK
                 : cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: is there already, and is not empty", path);
}

static cclip_status open_folder(struct cclip_new_folder *out, const char *path, int replaces)
{
    *out = (struct cclip_new_folder){ .replaces = replaces };
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (!length)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "the name of a folder is empty");
    out->path = cclip_copy_text(path, length);
    char *temporary = cclip_allocate(length + 12, 1);
    cclip_status status = out->path && temporary ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status && !(replaces && is_real_folder(out->path)))
        status = check_free(out->path);
    if (!status) {
        snprintf(temporary, length + 12, "%s.tmp-XXXXXX", out->path);
        const mode_t mask = umask(0);
        umask(mask);
        if (!mkdtemp(temporary))
            status = cclip_fail_errno(out->path, "cannot make the folder");
        else
            out->temporary = temporary;
        if (!status && chmod(temporary, 0777 & ~mask))
            status = cclip_fail_errno(out->path, "cannot make the folder");
    }
    if (!out->temporary)
        cclip_release(temporary);
    if (status)
        cclip_new_folder_close(out);
    return status;
}

cclip_status cclip_new_folder_open(struct cclip_new_folder *out, const char *path)
{
    return open_folder(out, path, 0);
}

cclip_status cclip_new_folder_open_over(struct cclip_new_folder *out, const char *path)
{
    return open_folder(out, path, 1);
}

/* Puts the final name in place of the temporary one in this thread's message. */
static cclip_status speak_of_final_name(const struct cclip_new_folder *folder, cclip_status status)
{
    const char *message = cclip_error_message(), *place = strstr(message, folder->temporary);
    if (!place)
        return status;
    return cclip_fail(status, "%.*s%s%s", (int)(place - message), message, folder->path,
                      place + strlen(folder->temporary));
}

static cclip_status sync_folder(const char *path)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return cclip_fail_errno(path, "cannot open");
    /* Some file systems cannot sync a folder and say EINVAL; the files themselves are synced. */
    const int failed = fsync(descriptor) && errno != EINVAL;
    const cclip_status status = failed ? cclip_fail_errno(path, "cannot write") : CCLIP_OK;
    close(descriptor);
    return status;
}

/* Moves the folder that is in the way to a name of its own, which `old` gets. */
static cclip_status move_away(const struct cclip_new_folder *folder, char *old, size_t size)
{
    const char *ending = strrchr(folder->temporary, '-'); /* the letters that made it unique */
    const int length = snprintf(old, size, "%s.old%s", folder->path, ending);
    if (length < 0 || (size_t)length >= size)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: the path is too long", folder->path);
    return rename(folder->path, old) ? cclip_fail_errno(folder->path, "cannot replace") : CCLIP_OK;
}

cclip_status cclip_new_folder_commit(struct cclip_new_folder *folder, cclip_status status)
{
    char old[CCLIP_LIMIT_PATH] = "";
    if (!status)
        status = sync_folder(folder->temporary);
    if (!status && folder->replaces && is_real_folder(folder->path))
        status = move_away(folder, old, sizeof old);
    if (!status && rename(folder->temporary, folder->path))
        status = cclip_fail_errno(folder->path, "cannot rename the finished folder");
    if (status)
        return speak_of_final_name(folder, status);
    if (*old)
        cclip_flat_folder_remove(old);
    cclip_release(folder->temporary);
    folder->temporary = NULL;
    return CCLIP_OK;
}

/* Takes nothing from base/memory.h: it must work when memory ran out. */
void cclip_flat_folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    (void)rmdir(path);
}

/* What stands in the open folder, and the folders in it; links are removed, not followed. Recursion on the depth
 * of folders, which is limited. */
static void empty_tree(int descriptor, int depth)
{
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    struct dirent *entry;
    if (!folder) {
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    while ((entry = readdir(folder))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (!unlinkat(dirfd(folder), entry->d_name, 0) || depth == TREE_DEPTH)
            continue;
        empty_tree(openat(dirfd(folder), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                   depth + 1);
        (void)unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
    }
    closedir(folder);
}

void cclip_new_folder_close(struct cclip_new_folder *folder)
{
    if (folder->temporary) {
        empty_tree(open(folder->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), 0);
        (void)rmdir(folder->temporary);
    }
    cclip_release(folder->temporary);
    cclip_release(folder->path);
    *folder = (struct cclip_new_folder){ 0 };
}

/* Whether `entry` is NAME, `kind` and the letters that make it unique. */
static int is_left(const char *entry, const char *name, const char *kind)
{
    const size_t length = strlen(name), letters = sizeof "XXXXXX" - 1;
    return !strncmp(entry, name, length) && !strncmp(entry + length, kind, strlen(kind)) &&
           strlen(entry) == length + strlen(kind) + letters;
}

cclip_status cclip_new_folder_sweep(const char *folder, const char *name)
{
    struct cclip_names names = { 0 };
    cclip_status status = cclip_folder_list(&names, folder);
    int complete = 0;
    for (size_t i = 0; i < names.count; i++)
        complete |= !strcmp(names.names[i], name);
    for (size_t i = 0; i < names.count && !status; i++) {
        const char *entry = names.names[i];
        if (!is_left(entry, name, ".tmp-") && !(complete && is_left(entry, name, ".old-")))
            continue;
        char *path = cclip_path_join(folder, entry);
        if (path)
            cclip_flat_folder_remove(path);
        else
            status = CCLIP_ERROR_MEMORY;
        cclip_release(path);
    }
    cclip_names_close(&names);
    return status;
}
