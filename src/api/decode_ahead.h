/* Picture files decoded and preprocessed in threads of their own, a batch ahead of what is computed.
 *
 * There is room for two batches: while one is computed the next is filled. A caller that waits for a
 * batch helps with its own threads, so that all processors are busy however long either takes. */
#ifndef CCLIP_API_DECODE_AHEAD_H
#define CCLIP_API_DECODE_AHEAD_H

#include <cclip/image.h>
#include "base/status.h"
#include "base/thread_pool.h"

struct cclip_decode_ahead;

struct cclip_decode_request {
    const char *const *paths;
    size_t count, batch; /* files; files a batch */
    const cclip_preprocessing *preprocessing;
    struct cclip_thread_pool *pool; /* the caller's, which helps */
};

/* The request is copied; what it points to must stay. */
cclip_status cclip_decode_ahead_open(struct cclip_decode_ahead **out,
                                     const struct cclip_decode_request *request);
void cclip_decode_ahead_close(struct cclip_decode_ahead **ahead);

/* A batch, which begins at file `first`. Row i of `pixels` ([count][3][height][width]) counts where
 * failures[i].status is CCLIP_OK. */
struct cclip_decoded_batch {
    size_t first, count;
    const float *pixels;
    const struct cclip_failure *failures;
};
/* The next batch, complete; it stays valid until the next call. count 0 after the last one. */
void cclip_decode_ahead_next(struct cclip_decode_ahead *ahead, struct cclip_decoded_batch *out);

#endif
