/* skipped.jsonl of a run: each pair that could not be used and each damaged shard, with the reason; and the account
 * of all pairs at the end.
 *
 *     {"step": 0, "shard": true, "message": "pairs-001.tar: ..."}
 *     {"step": 12, "pair": 5031, "reason": "empty caption", "message": "pairs-003.tar: ..."}
 *
 * `step`: that was about to take the pair. A run that is taken up again keeps the lines of the steps before it and
 * counts them; what they do not name is found anew. Shards are looked through before the file is open: their lines
 * wait. */
#ifndef CCLIP_API_TRAIN_SKIPPED_H
#define CCLIP_API_TRAIN_SKIPPED_H

#include <stdio.h>
#include "base/buffer.h"
#include "data/pair_batches.h"

struct cclip_train_skipped {
    char *path;
    FILE *stream;
    struct cclip_buffer lines;   /* that are not in the file yet */
    struct cclip_failure failure; /* of the last cclip_train_skipped_add */
};

/* A line. Not zero if it cannot be written: `failure` says why. */
int cclip_train_skipped_add(struct cclip_train_skipped *skipped, uint64_t step,
                            const struct cclip_pair_loss *loss);
/* `batches` hears of the pairs that the steps before `steps` passed over. */
cclip_status cclip_train_skipped_open(struct cclip_train_skipped *skipped, const char *folder,
                                      uint64_t steps, struct cclip_pair_batches *batches);
/* Lines of another rank, with a zero behind: those of pairs that `batches` has not heard of. */
cclip_status cclip_train_skipped_take(struct cclip_train_skipped *skipped, const char *lines,
                                      struct cclip_pair_batches *batches);
void cclip_train_skipped_close(struct cclip_train_skipped *skipped);

/* "200 pairs: 195 used, 5 skipped (no picture: 2, empty caption: 3), 0 not reached ...". */
void cclip_train_skipped_account(char *out, size_t size, const struct cclip_train_skipped *skipped,
                                 const struct cclip_pair_counts *counts, uint64_t first_step);

#endif
