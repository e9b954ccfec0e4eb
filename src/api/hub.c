#include <cclip/hub.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "hub/names.h"
#include "hub/share.h"

cclip_status cclip_hub_find(char *path, size_t size, const char *name)
{
    const char *wanted = name ? name : getenv("CCLIP_MODEL");
    if (!wanted || !*wanted)
        return name ? cclip_fail(CCLIP_ERROR_ARGUMENT, "the model's name is empty")
                    : cclip_share_find(path, size, "model");
    struct stat information;
    if (stat(wanted, &information) && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
        return cclip_fail_errno(wanted, "cannot open");
    if (cclip_is_file(wanted) || cclip_is_folder(wanted)) {
        if (strlen(wanted) >= size)
            return cclip_fail(CCLIP_ERROR_LIMIT, "%s: the path is longer than %zu bytes", wanted, size);
        memcpy(path, wanted, strlen(wanted) + 1);
        return CCLIP_OK;
    }
    return cclip_hub_locate(path, size, wanted);
}
