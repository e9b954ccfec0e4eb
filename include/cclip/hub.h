/** @file
 * Checkpoint names and the cache on disk. Nothing here opens a network connection. */
#ifndef CCLIP_HUB_H
#define CCLIP_HUB_H

#include <stddef.h>
#include <cclip/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Where the checkpoint `name` is: a path that exists is itself; a name in any usual spelling is
 * looked up in the cache ($XDG_CACHE_HOME/cclip, else ~/.cache/cclip). NULL: $CCLIP_MODEL, else the
 * model that ships with cclip. Written zero-terminated to `path`. CCLIP_ERROR_NOT_FOUND names the
 * places that were looked at.
 */
CCLIP_API cclip_status cclip_hub_find(char *path, size_t size, const char *name);

#ifdef __cplusplus
}
#endif
#endif
