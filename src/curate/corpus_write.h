/* The samples of a corpus that are kept, in the layout they came in: shards stay shards, a table a table, a
 * folder a folder.
 *
 * Members of tar files keep their bytes and headers; where a caption changed, its member alone is written anew.
 * Rows of a table keep theirs, but for a changed caption, and for a path that was found from the table's folder and
 * would not be from another one: that becomes absolute. All shards are written, also one with no sample left, so
 * that a pattern with braces names the same ones. */
#ifndef CCLIP_CURATE_CORPUS_WRITE_H
#define CCLIP_CURATE_CORPUS_WRITE_H

#include "base/file.h"
#include "data/pair_index.h"

struct cclip_corpus_choice {
    const struct cclip_pair_index *index;
    const struct cclip_pair_source *sources; /* of the index, in its order */
    /* Is it kept? And its new caption, or NULL where it stays as it is. */
    int (*keep)(void *user, size_t sample);
    const char *(*caption)(void *user, size_t sample, size_t *length);
    void *user;
};

/* Is the corpus one table, and so written as one file? */
int cclip_corpus_is_table(const struct cclip_corpus_choice *choice);
/* Fails where two files of the corpus would get the same name in one folder. */
cclip_status cclip_corpus_check_names(const struct cclip_corpus_choice *choice);

/* All sources into `folder`, which is there and empty, and will be called `final`. */
cclip_status cclip_corpus_write(const struct cclip_corpus_choice *choice, const char *folder,
                                const char *final);

/* One source each; the writers are open, and are committed by the caller. `final`: where a table will lie. */
cclip_status cclip_corpus_write_table(const struct cclip_corpus_choice *choice, size_t source,
                                      struct cclip_writer *out, const char *final);
cclip_status cclip_corpus_write_shard(const struct cclip_corpus_choice *choice, size_t shard,
                                      struct cclip_writer *out);
cclip_status cclip_corpus_write_folder(const struct cclip_corpus_choice *choice, size_t source,
                                       const char *folder);

/* Appends the members of one sample (`bytes`: a piece of a tar file, called `name`) with another caption. */
cclip_status cclip_sample_with_caption(struct cclip_buffer *out, const void *bytes, size_t size,
                                       const char *name, const char *caption, size_t length);

#endif
