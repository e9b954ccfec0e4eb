/* A fixed set of threads that run one loop at a time, the caller among them.
 *
 * A loop is cut into pieces; free threads take the next piece, so uneven pieces balance. Which
 * thread runs a piece must never influence its result. */
#ifndef CCLIP_BASE_THREAD_POOL_H
#define CCLIP_BASE_THREAD_POOL_H

#include <stddef.h>
#include "base/status.h"

struct cclip_thread_pool;

/* Runs pieces [begin, end) of the loop; `worker` is below the pool's size, 0 is the caller.
 * The first failure (lowest piece known) ends the loop early and is raised by cclip_parallel. */
typedef cclip_status cclip_parallel_body(void *context, size_t begin, size_t end, int worker);

/* `threads` counts the caller: 1 starts no thread. */
cclip_status cclip_thread_pool_open(struct cclip_thread_pool **out, int threads);
void cclip_thread_pool_close(struct cclip_thread_pool **pool);
int cclip_thread_pool_size(const struct cclip_thread_pool *pool);

/* Calls `body` for [0, count) in pieces of at most `grain` and waits. A NULL pool runs it here.
 * One loop at a time: a pool belongs to one session. */
cclip_status cclip_parallel(struct cclip_thread_pool *pool, size_t count, size_t grain,
                            cclip_parallel_body *body, void *context);

#endif
