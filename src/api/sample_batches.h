/* Samples of a data set through the image tower, a batch at a time. Pictures are decoded by the
 * session's threads, all of them, then computed by all of them; samples that cannot be used are
 * reported and left out. */
#ifndef CCLIP_API_SAMPLE_BATCHES_H
#define CCLIP_API_SAMPLE_BATCHES_H

#include <cclip/model.h>
#include "data/data_set.h"

struct cclip_sample_batches {
    cclip_session *session;
    struct cclip_data_set *set;
    const cclip_preprocessing *preprocessing;
    cclip_skip_callback *skip; /* or NULL */
    void *user;
    size_t size, dim; /* samples a batch at most; values of an embedding */
    int no_normalize;

    struct cclip_sample *samples; /* of the batch at hand: the first `count` are good */
    float *pixels, *rows;         /* rows [count][dim], normalised unless it is not wanted */
    size_t count;
    size_t read, skipped; /* so far */
    int ended;
};

/* The caller fills in the first part. */
cclip_status cclip_sample_batches_open(struct cclip_sample_batches *batches);
void cclip_sample_batches_close(struct cclip_sample_batches *batches);
/* The next batch; count 0 after the last one. */
cclip_status cclip_sample_batches_next(struct cclip_sample_batches *batches);

#endif
