#include "nn/forward.h"

#include <stdarg.h>
#include <stdio.h>

static void *take(struct cclip_forward *forward, struct cclip_arena *arena, size_t count, size_t size)
{
    if (cclip_forward_failed(forward))
        return NULL;
    void *pointer = cclip_arena_take(arena, count, size);
    if (!pointer)
        cclip_device_fail(forward->device, CCLIP_ERROR_MEMORY);
    return pointer;
}

float *cclip_forward_floats(struct cclip_forward *forward, size_t rows, size_t width)
{
    return take(forward, forward->arena, rows, width * sizeof(float));
}

struct cclip_arena *cclip_forward_scratch_arena(const struct cclip_forward *forward)
{
    return forward->scratch ? forward->scratch : forward->arena;
}

float *cclip_forward_scratch(struct cclip_forward *forward, size_t rows, size_t width)
{
    return take(forward, cclip_forward_scratch_arena(forward), rows, width * sizeof(float));
}

size_t *cclip_forward_indices(struct cclip_forward *forward, size_t count)
{
    return take(forward, forward->arena, count, sizeof(size_t));
}

int cclip_forward_failed(const struct cclip_forward *forward)
{
    return forward->device->failure.status != CCLIP_OK;
}

void cclip_forward_tap(const struct cclip_forward *forward, const float *data, size_t rows,
                       size_t width, const char *name_format, ...)
{
    if (!forward->tap || cclip_forward_failed(forward))
        return;
    char name[96];
    va_list arguments;
    va_start(arguments, name_format);
    vsnprintf(name, sizeof name, name_format, arguments);
    va_end(arguments);
    forward->tap->see(forward->tap->user, name, data, rows, width);
}

const size_t *cclip_forward_equal_offsets(struct cclip_forward *forward, size_t count,
                                          size_t length)
{
    size_t *offsets = cclip_forward_indices(forward, count + 1);
    for (size_t i = 0; offsets && i <= count; i++)
        offsets[i] = i * length;
    return offsets;
}
