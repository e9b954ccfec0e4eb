/* Which members of a tar file are one sample: those that follow each other with the same key (the name up to its
 * first dot), until an extension comes again (a.jpg, a.txt, a.jpg, a.txt are two samples). Case counts in keys
 * and not in extensions. So do webdataset's readers in open_clip. */
#ifndef CCLIP_DATA_SHARD_GROUP_H
#define CCLIP_DATA_SHARD_GROUP_H

#include "base/buffer.h"

/* The sample at hand; none after opening and clearing. */
struct cclip_shard_group {
    struct cclip_buffer key;
    struct cclip_buffer extensions; /* of its members, each with a zero after it */
};

void cclip_shard_group_open(struct cclip_shard_group *out);
void cclip_shard_group_close(struct cclip_shard_group *group);
void cclip_shard_group_clear(struct cclip_shard_group *group);

/* The part of a member's name that its sample is known by, and what comes after the dot; 0 for a
 * name that belongs to no sample. */
int cclip_shard_key(const char *name, size_t *key_length, const char **extension);

/* Names given here must have a key. */
int cclip_shard_group_has_key_of(const struct cclip_shard_group *group, const char *name);
/* Does the member belong to the sample at hand? */
int cclip_shard_group_takes(const struct cclip_shard_group *group, const char *name);
/* Adds the member to the sample at hand, or begins the next sample with it where it does not belong there.
 * CCLIP_ERROR_LIMIT for a sample of absurdly many members. */
cclip_status cclip_shard_group_add(struct cclip_shard_group *group, const char *name);

#endif
