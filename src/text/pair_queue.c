#include "text/pair_queue.h"

#include "base/memory.h"

void cclip_pair_queue_close(struct cclip_pair_queue *queue)
{
    cclip_release(queue->heap);
    *queue = (struct cclip_pair_queue){ 0 };
}

static int comes_first(const struct cclip_queued_pair *a, const struct cclip_queued_pair *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

cclip_status cclip_pair_queue_push(struct cclip_pair_queue *queue, struct cclip_queued_pair pair)
{
    const cclip_status status = cclip_grow(&queue->heap, &queue->capacity, queue->count + 1,
                                           sizeof *queue->heap, (size_t)UINT32_MAX, "pairs");
    if (status)
        return status;
    struct cclip_queued_pair *heap = queue->heap;
    size_t i = queue->count++;
    for (; i && comes_first(&pair, &heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = pair;
    return CCLIP_OK;
}

/* `pair` goes to the top and down from there. */
static void sink(struct cclip_pair_queue *queue, struct cclip_queued_pair pair)
{
    struct cclip_queued_pair *heap = queue->heap;
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && comes_first(&heap[child + 1], &heap[child]))
            child++;
        if (!comes_first(&heap[child], &pair))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = pair;
}

void cclip_pair_queue_pop(struct cclip_pair_queue *queue)
{
    const struct cclip_queued_pair last = queue->heap[--queue->count];
    if (queue->count)
        sink(queue, last);
}

void cclip_pair_queue_lower_top(struct cclip_pair_queue *queue, uint64_t count)
{
    struct cclip_queued_pair top = queue->heap[0];
    top.count = count;
    sink(queue, top);
}
