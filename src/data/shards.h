/* Samples from tar shards as webdataset writes them: members with the same name up to its first dot
 * stand one after another and are one sample. `.jpg` and the like are the picture, `.cls` holds its class,
 * `.txt` its caption, `.json` more about it. */
#ifndef CCLIP_DATA_SHARDS_H
#define CCLIP_DATA_SHARDS_H

#include "base/file.h"
#include "data/sample.h"

/* Does a path name shards: one, or a brace pattern? */
int cclip_is_shard_name(const char *path);
/* The shards that `path` names, in their order, which are all there; to be closed in any case. */
cclip_status cclip_shards_find(struct cclip_names *out, const char *path);
/* A shard that is missing is named before hours of work, not after. */
cclip_status cclip_shards_check(const struct cclip_names *shards);

/* Takes over the list of paths, also on failure. `caption_lines`: each line of a .txt that is not
 * empty is a caption of its own, else all of it is one. */
cclip_status cclip_shards_open(struct cclip_sample_source **out, struct cclip_names *paths,
                               int caption_lines);
/* One shard in memory, which must stay, or a part of one that begins at `offset` of it. */
cclip_status cclip_shards_open_memory(struct cclip_sample_source **out, const void *data, size_t size,
                                      const char *name, uint64_t offset, int caption_lines);

/* The part of a member's name that its sample is known by, and what comes after the dot; 0 for a
 * name that belongs to no sample. */
int cclip_shard_key(const char *name, size_t *key_length, const char **extension);

#endif
