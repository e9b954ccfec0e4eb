/* Batches of pictures and captions to learn from: decoded, augmented and tokenized by threads of their
 * own, ahead of the step that takes them.
 *
 * Order. Every sample of every source is known after one look at the sources, and read where it lies. A
 * step takes `world * batch` places of the epoch's order, rank r those from r * batch on: whatever
 * the number of ranks, of workers and of shards, a step of the same size holds the same pairs. The
 * order is a function of (seed, epoch), an augmentation of (seed, epoch, place in the epoch): nothing has
 * to be remembered, so that a run continues anywhere. What is left over at the end of an epoch, less than a
 * step, is left out; it is another rest in each epoch.
 *
 * Broken samples (no picture, one that cannot be decoded, no caption or one without a token) keep their
 * place in the order, and another sample is taken for them: the next one in an order of substitutes, a
 * function of (seed, epoch, place), that is neither broken nor in the step already. So each batch is full, all
 * ranks have the same number of steps, and no other sample moves.
 *
 * Memory: two batches, a sample a thread, and 8 bytes for each sample of the corpus (paths and captions
 * as well, for those of tables and folders).
 *
 * docs/training_data.md says more. */
#ifndef CCLIP_DATA_PAIR_BATCHES_H
#define CCLIP_DATA_PAIR_BATCHES_H

#include <cclip/image.h>
#include "base/status.h"
#include "base/thread_pool.h"
#include "image/augment.h"
#include "text/tokenizer.h"

enum cclip_pair_layout {
    CCLIP_PAIRS_AUTO,   /* a folder; shards by name (.tar) or by a brace pattern; else a table */
    CCLIP_PAIRS_FOLDER, /* pictures, each with its caption beside it: dog.jpg, dog.txt */
    CCLIP_PAIRS_TABLE,  /* CSV or TSV */
    CCLIP_PAIRS_SHARDS  /* tar files as webdataset writes them; "a-{000..127}.tar"; never compressed */
};

struct cclip_pair_source {
    const char *path;
    enum cclip_pair_layout layout;
    double weight; /* an epoch takes each sample so often; 0 means 1. 0.5: half of them, other ones in
                    * each epoch; 2.5: all of them twice, half of them once more */
    const char *image_column, *caption_column; /* of a table; NULL: filepath, title */
    char separator;                            /* of a table; 0: by its first line */
    int pictures_alone; /* captions are not looked for; a folder may be an evaluation set's (test/nshards.txt) */
    const char *image_key, *text_key, *json_text_key; /* of shards: as in struct cclip_shard_keys */
    const char *group_key; /* the group of a sample: what a table has in this column, a shard's .json under this
                            * key; NULL: none */
};

/* Why a sample cannot be used. */
enum cclip_pair_reason {
    CCLIP_PAIR_NO_PICTURE,    /* none, or a file that cannot be opened */
    CCLIP_PAIR_BAD_PICTURE,   /* one that cannot be decoded */
    CCLIP_PAIR_NO_CAPTION,
    CCLIP_PAIR_EMPTY_CAPTION, /* white space alone, or nothing that becomes a token */
    CCLIP_PAIR_BAD_CAPTION,   /* not UTF-8 */
    CCLIP_PAIR_UNREADABLE,    /* anything else: a row without its columns, a shard that has changed ... */
    CCLIP_PAIR_REASONS
};
/* "no picture" ... */
const char *cclip_pair_reason_name(enum cclip_pair_reason reason);

/* A sample that is lost, or a damaged shard. */
struct cclip_pair_loss {
    size_t index; /* of the sample, in the order of the sources; SIZE_MAX for a shard */
    enum cclip_pair_reason reason; /* of a sample */
    cclip_status status;
    const char *message;
};

struct cclip_pair_request {
    const struct cclip_pair_source *sources;
    size_t source_count;
    size_t batch;       /* pairs a step and rank */
    size_t parts;       /* that it will be used in, for a message; 0: whole */
    size_t rank, world; /* world 0 means 1 */
    size_t epoch_pairs; /* pairs an epoch of all ranks (--train-num-samples); 0: all there are. With fewer an
                         * epoch takes some, others each time; with more it goes through them again */
    size_t window;      /* 0: an epoch's order goes over all samples. Else the shards are put in an order, and
                         * samples mix among `window` shards that follow each other: for disks that
                         * are slow at random reads. Tables and folders count as shards of 4096 */
    uint64_t seed;
    int workers;        /* threads that work ahead; 0: all is done in `next` */
    struct cclip_thread_pool *pool; /* helps while `next` has to wait; or NULL */

    const cclip_preprocessing *preprocessing;
    const struct cclip_augmentation *augmentation; /* NULL: open_clip's */
    const cclip_preprocessing *second; /* each picture once more for another model, cut and changed in the same
                                        * way; NULL: not */
    const struct cclip_tokenizer *tokenizer;       /* must outlive the batches */
    size_t context;     /* most tokens of a text: longer ones are cut and end with the end token */

    /* Called for each sample that is found broken, once, and for each shard that is damaged; from the thread
     * that called, in an order that does not depend on the workers. What is not zero stops with
     * CCLIP_ERROR_CANCELLED. Or NULL. */
    int (*skip)(void *user, const struct cclip_pair_loss *loss);
    void *user;
};

struct cclip_pair_counts {
    size_t pairs;    /* in all sources, broken ones included */
    size_t epoch_pairs, steps; /* of an epoch, all ranks together; steps of an epoch */
    size_t shards, damaged_shards; /* damaged: what lies behind the damage is lost and in no count */
    size_t used;     /* samples that stood in a batch so far and are not broken, each counted once */
    size_t broken;   /* samples found broken so far, each counted once */
    size_t reasons[CCLIP_PAIR_REASONS]; /* those by reason */
    size_t replaced; /* places that were given to another sample so far */
};

struct cclip_pair_batch {
    size_t epoch, step; /* from 0 */
    size_t count;       /* always the request's `batch` */
    const float *pixels;   /* [count][3][height][width] */
    const float *second_pixels;  /* as `second` of the request says, or NULL */
    const int32_t *ids;    /* text i is ids [offsets[i], offsets[i + 1]): start, text, end; no padding */
    const size_t *offsets; /* [count + 1] */
    const size_t *groups;  /* [count]: the first pair of this batch that matches: with the same group, or, where
                            * both have none, with the same ids */
    size_t grouped;        /* pairs that have a group */
    const uint64_t *hashes;      /* [count] of group or ids, to find matches of other ranks */
    const char *const *names;    /* [count] where each comes from, for messages and reports */
    const char *const *captions; /* [count], ended by zero */
};

struct cclip_pair_batches;
struct cclip_pair_index;

/* Looks through all sources; the request is copied with all it points to, but for the tokenizer, the pool
 * and `user`. Refused here, with numbers: a shard that is missing or compressed (all of them are looked
 * at, the first is named), a source without a sample, an epoch of less than a step. */
cclip_status cclip_pair_batches_open(struct cclip_pair_batches **out,
                                     const struct cclip_pair_request *request);
void cclip_pair_batches_close(struct cclip_pair_batches **batches);

/* Until the next call. */
const struct cclip_pair_counts *cclip_pair_batches_counts(const struct cclip_pair_batches *batches);

/* A sample that an earlier part of the run found broken: counted now, and not reported again. It is still looked
 * at where it comes up. */
void cclip_pair_batches_know(struct cclip_pair_batches *batches, size_t sample,
                             enum cclip_pair_reason reason);

/* Every pair of the corpus, as long as the batches are open: it may be read while they are made. */
const struct cclip_pair_index *cclip_pair_batches_index(const struct cclip_pair_batches *batches);

/* A bit for each sample that was used so far, to be merged with other ranks'; `recount` then counts them. */
unsigned char *cclip_pair_batches_used(struct cclip_pair_batches *batches, size_t *bytes);
void cclip_pair_batches_recount(struct cclip_pair_batches *batches);

/* A number that two corpora share only if they hold the same samples, whatever folder they lie in. */
cclip_status cclip_pair_batches_fingerprint(const struct cclip_pair_batches *batches, uint64_t *out);

/* The next call of `next` gives this step; at first it is (0, 0). */
cclip_status cclip_pair_batches_seek(struct cclip_pair_batches *batches, size_t epoch, size_t step);

/* The next step's batch, from the end of an epoch into the next one. It stays valid until the next call of
 * `next`, `seek` or `close`. Fails where a place finds no sample that is whole in 1000 tries, or none
 * is left. */
cclip_status cclip_pair_batches_next(struct cclip_pair_batches *batches,
                                     struct cclip_pair_batch *out);

#endif
