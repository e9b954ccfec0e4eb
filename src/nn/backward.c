#include "nn/backward.h"

#include <assert.h>
#include <string.h>

struct cclip_tape_record {
    struct cclip_tape_record *before;
    const void *layer;
    size_t size;
    char data[];
};

void cclip_tape_push(struct cclip_forward *forward, const void *layer, const void *record,
                     size_t size)
{
    if (!forward->tape || cclip_forward_failed(forward))
        return;
    struct cclip_tape_record *kept = cclip_arena_take(forward->arena, 1, sizeof *kept + size);
    if (!kept) {
        cclip_device_fail(forward->device, CCLIP_ERROR_MEMORY);
        return;
    }
    *kept = (struct cclip_tape_record){ forward->tape->last, layer, size };
    memcpy(kept->data, record, size);
    forward->tape->last = kept;
}

void cclip_tape_pop(struct cclip_backward *backward, const void *layer, void *record, size_t size)
{
    struct cclip_tape_record *kept = backward->tape->last;
    assert(kept && kept->layer == layer && kept->size == size);
    (void)layer;
    memcpy(record, kept->data, size);
    backward->tape->last = kept->before;
}

static void *take(struct cclip_backward *backward, size_t count, size_t size)
{
    if (cclip_backward_failed(backward))
        return NULL;
    void *pointer = cclip_arena_take(backward->arena, count, size);
    if (!pointer)
        cclip_device_fail(backward->device, CCLIP_ERROR_MEMORY);
    return pointer;
}

float *cclip_backward_floats(struct cclip_backward *backward, size_t rows, size_t width)
{
    return take(backward, rows, width * sizeof(float));
}

size_t *cclip_backward_indices(struct cclip_backward *backward, size_t count)
{
    return take(backward, count, sizeof(size_t));
}

int cclip_backward_failed(const struct cclip_backward *backward)
{
    return backward->device->failure.status != CCLIP_OK;
}

/* NULL if it does not learn. */
static const struct cclip_trainable *learning(const struct cclip_backward *backward, const float *value)
{
    const struct cclip_trainable *item = cclip_trainables_at(backward->parameters, value);
    return item && !item->frozen && !item->buffer ? item : NULL;
}

float *cclip_backward_gradient(const struct cclip_backward *backward, const float *value)
{
    const struct cclip_trainables *set = backward->parameters;
    const struct cclip_trainable *item = learning(backward, value);
    return item ? cclip_trainables_gradient(set, backward->device, item) + (value - set->values - item->begin)
                : NULL;
}

float *cclip_backward_gradient_anew(const struct cclip_backward *backward, const float *value, size_t count,
                                    int *anew)
{
    const struct cclip_trainable *item = learning(backward, value);
    *anew = 0;
    return item && item->count == count ? cclip_trainables_gradient_anew(backward->parameters, backward->device,
                                                                         item, anew)
                                        : cclip_backward_gradient(backward, value);
}

int cclip_backward_goes_on(const struct cclip_backward *backward, const float *value)
{
    const struct cclip_trainables *set = backward->parameters;
    for (size_t i = 0; i < set->count && set->values + set->items[i].begin < value; i++)
        if (set->items[i].begin >= backward->tower_begin && !set->items[i].frozen &&
            !set->items[i].buffer)
            return 1;
    return 0;
}

void cclip_backward_ready(const struct cclip_backward *backward, const float *value)
{
    const size_t begin = (size_t)(value - backward->parameters->values);
    cclip_trainables_settle(backward->parameters, backward->device, begin);
    if (backward->progress && !cclip_backward_failed(backward))
        backward->progress->ready(backward->progress->user, begin);
}
