/* Items that are worked on by threads of their own, ahead of whoever takes them batch by batch.
 *
 * Item i goes into slot i % (batches * batch), so that the results of a batch lie one after the other. A
 * caller that waits for a batch helps with its own threads: all processors are busy however long
 * either side takes. The order in which items are done is nobody's business; each has a slot of its own. */
#ifndef CCLIP_BASE_WORK_AHEAD_H
#define CCLIP_BASE_WORK_AHEAD_H

#include <stddef.h>
#include "base/status.h"
#include "base/thread_pool.h"

struct cclip_work_ahead;

/* Does one item. `worker` is below threads + cclip_thread_pool_size(pool); no two calls at a time share
 * one. A failure is kept by the item's slot. */
typedef void cclip_work_function(void *context, size_t item, size_t slot, int worker);

struct cclip_work_request {
    cclip_work_function *work;
    void *context;
    size_t first, end;     /* items; end SIZE_MAX: there is no end */
    size_t batch, batches; /* items a batch; batches that there are slots for, the one taken included */
    int threads;           /* one that cannot be started is not missed */
    struct cclip_thread_pool *pool; /* the caller's, which helps; or NULL */
};

/* Nothing is begun before the first batch is asked for. The last batch may be short; `first` counts as
 * the beginning of a batch. */
cclip_status cclip_work_ahead_open(struct cclip_work_ahead **out,
                                   const struct cclip_work_request *request);
/* Waits for the items that were begun. */
void cclip_work_ahead_close(struct cclip_work_ahead **ahead);

struct cclip_work_batch {
    size_t first, count; /* items */
    size_t slot;         /* of the first one */
};
/* The next batch, complete; its slots are left alone until the next call. count 0 after the last one. */
void cclip_work_ahead_next(struct cclip_work_ahead *ahead, struct cclip_work_batch *out);

#endif
