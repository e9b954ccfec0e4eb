/* Samples from tar shards as webdataset writes them: members with the same name up to its first dot
 * stand one after another and are one sample (shard_group.h). `.jpg` and the like are the picture,
 * `.cls` holds its class, `.txt` its caption, `.json` more about it; who asks may name other members. */
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

/* What is taken from where. The texts must outlive the source. */
struct cclip_shard_keys {
    const char *image;     /* extensions of the picture, "jpg;png"; NULL: whatever a picture is called */
    const char *text;      /* extension of the caption; NULL: txt */
    const char *json_text; /* the caption is what the .json has under this key, a text or a list of them.
                            * NULL: the caption's member, and where that is absent "caption" or "captions" */
    const char *group;     /* the group is what the .json has under this key, a text or a number; NULL: none */
    int caption_lines;     /* each line of the caption's member that is not empty is a caption of its own,
                            * else all of it is one */
};

/* Takes over the list of paths, also on failure. `keys` may be NULL: the usual ones. */
cclip_status cclip_shards_open(struct cclip_sample_source **out, struct cclip_names *paths,
                               const struct cclip_shard_keys *keys);
/* One shard in memory, which must stay, or a part of one that begins at `offset` of it. */
cclip_status cclip_shards_open_memory(struct cclip_sample_source **out, const void *data, size_t size,
                                      const char *name, uint64_t offset,
                                      const struct cclip_shard_keys *keys);

#endif
