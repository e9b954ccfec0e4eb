/* Files that ship with cclip: the default model, templates. */
#ifndef CCLIP_HUB_SHARE_H
#define CCLIP_HUB_SHARE_H

#include <stddef.h>
#include "base/status.h"

/* Path of share/NAME: below $CCLIP_SHARE, beside the running program (build folder, or
 * PREFIX/bin with PREFIX/share/cclip), in the source tree it was built from, or where it was
 * installed to. CCLIP_ERROR_NOT_FOUND names the places. */
cclip_status cclip_share_find(char *path, size_t size, const char *name);

#endif
