/* Every sample of a corpus by number, and where it lies: read in any order, by any number of threads.
 *
 * A corpus is cut into shards: tar files, or runs of the rows of a table or the pictures of a folder.
 * Samples are numbered through all of them. Of a sample in a tar file the place of its first header is kept;
 * its caption, and whether it is whole, are known when it is read. */
#ifndef CCLIP_DATA_PAIR_INDEX_H
#define CCLIP_DATA_PAIR_INDEX_H

#include "base/file.h"
#include "base/limits.h"
#include "data/file_list.h"
#include "data/pair_batches.h"
#include "data/sample.h"
#include "data/shards.h"

enum {
    CCLIP_PAIR_LIST_SHARD = 4096, /* samples in a shard of a list */
    CCLIP_PAIR_KEYS = 4
};

struct cclip_pair_shard {
    size_t first, count; /* samples */
    size_t source;
    const char *path;    /* of a tar file; NULL: a part of the source's list */
    uint64_t *offsets;   /* [count + 1] of a tar file: where samples begin; where the last one ends */
    struct cclip_failure *damage; /* NULL: none */
};

struct cclip_pair_part { /* what a source became */
    size_t first, count;             /* samples */
    size_t first_shard, shard_count;
    struct cclip_names paths;        /* of its tar files */
    struct cclip_shard_keys keys;    /* into texts of their own */
    char *key_texts[CCLIP_PAIR_KEYS];
    struct cclip_file_list *list;    /* or of its pictures; */
    int captions_beside;             /* each has its caption in a file beside it */
    int pictures_alone;              /* nobody asks for captions */
};

struct cclip_pair_index {
    struct cclip_pair_part *parts;
    size_t part_count;
    struct cclip_pair_shard *shards;
    size_t shard_count, shard_capacity;
    size_t count;
};

/* Looks through the headers of all tar files with up to `threads` threads. A tar file that is damaged
 * keeps what lies before the damage, and says so; one that is missing or compressed, or a source without a
 * sample, is an error. */
cclip_status cclip_pair_index_open(struct cclip_pair_index *out,
                                   const struct cclip_pair_source *sources, size_t count, int threads);
void cclip_pair_index_close(struct cclip_pair_index *index);

/* The shard of a sample. */
size_t cclip_pair_index_shard(const struct cclip_pair_index *index, size_t sample);

/* Fills `out`; what is wrong with a sample is its problem (no picture, no caption, damaged). `scratch` is the
 * thread's own, with room for CCLIP_PAIR_BYTES. */
cclip_status cclip_pair_index_read(const struct cclip_pair_index *index, size_t sample,
                                   struct cclip_sample *out, struct cclip_buffer *scratch);

/* Caption number `index`, or the next one after it that is not blank; a sample that was read well has
 * one. */
const char *cclip_pair_caption(const struct cclip_sample *sample, size_t index, size_t *length);

/* Where a picture's caption is that lies beside it: dog.jpg, dog.txt. */
cclip_status cclip_pair_caption_path(struct cclip_buffer *out, const char *picture);

#define CCLIP_PAIR_BYTES (CCLIP_LIMIT_IMAGE_FILE + 2 * CCLIP_LIMIT_TEXT_BYTES)

#endif
