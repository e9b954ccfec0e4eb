#include "nn/trainable.h"

#include <string.h>

#include "base/memory.h"
#include "tensor/tensor.h"

enum { LINE = 16 }; /* floats in a cache line: no two items share one */

cclip_status cclip_trainables_add(struct cclip_trainables *set, const char *name,
                                  const size_t *shape, int rank, int buffer)
{
    struct cclip_trainable item = { .rank = rank, .begin = set->elements, .buffer = buffer,
                                    .rate = 1 };
    cclip_status status = cclip_tensor_count(&item.count, shape, rank);
    if (!status)
        status = cclip_grow(&set->items, &set->capacity, set->count + 1, sizeof *set->items,
                            CCLIP_LIMIT_TENSORS, "parameters");
    if (status)
        return status;
    item.name = cclip_copy_text(name, strlen(name));
    if (!item.name)
        return CCLIP_ERROR_MEMORY;
    for (int i = 0; i < rank; i++)
        item.shape[i] = shape[i];
    set->elements += (item.count + LINE - 1) / LINE * LINE;
    set->items[set->count++] = item;
    return CCLIP_OK;
}

cclip_status cclip_trainables_allocate(struct cclip_trainables *set, struct cclip_device *device)
{
    float **const arrays[] = { &set->values, &set->gradients };
    for (int i = 0; i < 2; i++) {
        void *memory = NULL;
        const cclip_status status =
            device->ops->allocate(device, &memory, set->elements * sizeof(float));
        if (status)
            return status;
        *arrays[i] = memory;
        device->ops->zero(device, memory, set->elements);
    }
    return cclip_device_finish(device);
}

void cclip_trainables_close(struct cclip_trainables *set, struct cclip_device *device)
{
    if (set->values)
        device->ops->release(device, set->values);
    if (set->gradients)
        device->ops->release(device, set->gradients);
    for (size_t i = 0; i < set->count; i++)
        cclip_release(set->items[i].name);
    cclip_release(set->items);
    *set = (struct cclip_trainables){ 0 };
}

/* Elements of an item, with those that pad it to whole cache lines. */
static size_t padded(const struct cclip_trainable *item)
{
    return (item->count + LINE - 1) / LINE * LINE;
}

void cclip_trainables_forget(struct cclip_trainables *set, struct cclip_device *device)
{
    for (size_t i = 0; i < set->count; i++) {
        struct cclip_trainable *item = &set->items[i];
        item->stale = !item->frozen && !item->buffer;
        if (!item->stale)
            device->ops->zero(device, set->gradients + item->begin, padded(item));
    }
}

float *cclip_trainables_gradient(const struct cclip_trainables *set, struct cclip_device *device,
                                 const struct cclip_trainable *item)
{
    if (item->stale)
        device->ops->zero(device, set->gradients + item->begin, padded(item));
    set->items[item - set->items].stale = 0;
    return set->gradients + item->begin;
}

float *cclip_trainables_gradient_anew(const struct cclip_trainables *set, struct cclip_device *device,
                                      const struct cclip_trainable *item, int *anew)
{
    float *gradient = set->gradients + item->begin;
    *anew = item->stale;
    if (*anew)
        device->ops->zero(device, gradient + item->count, padded(item) - item->count);
    set->items[item - set->items].stale = 0;
    return gradient;
}

void cclip_trainables_settle(const struct cclip_trainables *set, struct cclip_device *device, size_t begin)
{
    for (size_t i = set->count; i-- > 0 && set->items[i].begin >= begin;)
        cclip_trainables_gradient(set, device, &set->items[i]);
}

struct cclip_trainable *cclip_trainables_find(const struct cclip_trainables *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (!strcmp(set->items[i].name, name))
            return &set->items[i];
    return NULL;
}

const struct cclip_trainable *cclip_trainables_at(const struct cclip_trainables *set,
                                                  const float *value)
{
    if (!value || value < set->values || value >= set->values + set->elements)
        return NULL;
    const size_t at = (size_t)(value - set->values);
    size_t low = 0, high = set->count; /* the last item that begins at or before it */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (set->items[middle].begin <= at)
            low = middle;
        else
            high = middle;
    }
    return &set->items[low];
}
