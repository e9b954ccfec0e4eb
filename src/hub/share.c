#include "hub/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#ifndef CCLIP_SOURCE_SHARE
#define CCLIP_SOURCE_SHARE ""
#endif
#ifndef CCLIP_INSTALLED_SHARE
#define CCLIP_INSTALLED_SHARE "/usr/local/share/cclip"
#endif

static int try_folder(char *path, size_t size, const char *folder, const char *name)
{
    if (!folder || !*folder)
        return 0;
    const int length = snprintf(path, size, "%s/%s", folder, name);
    return length > 0 && (size_t)length < size && (cclip_is_file(path) || cclip_is_folder(path));
}

/* The folder of the running program, so that a moved installation finds its files. */
static void program_folder(char *path, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
}

cclip_status cclip_share_find(char *path, size_t size, const char *name)
{
    char program[4096], relative[4096 + 32];
    if (try_folder(path, size, getenv("CCLIP_SHARE"), name))
        return CCLIP_OK;
    program_folder(program, sizeof program);
    static const char *const beside[] = { "../share/cclip", "../share", "../../share" };
    for (size_t i = 0; i < sizeof beside / sizeof *beside && program[0]; i++) {
        snprintf(relative, sizeof relative, "%s/%s", program, beside[i]);
        if (try_folder(path, size, relative, name))
            return CCLIP_OK;
    }
    if (try_folder(path, size, CCLIP_SOURCE_SHARE, name) ||
        try_folder(path, size, CCLIP_INSTALLED_SHARE, name))
        return CCLIP_OK;
    path[0] = '\0';
    return cclip_fail(CCLIP_ERROR_NOT_FOUND,
                      "\"%s\" of cclip's own files is not in $CCLIP_SHARE, beside the program or in %s",
                      name, CCLIP_INSTALLED_SHARE);
}
