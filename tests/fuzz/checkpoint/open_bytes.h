/* A checkpoint opened from memory, and everything in it read once. */
#ifndef CCLIP_FUZZ_OPEN_BYTES_H
#define CCLIP_FUZZ_OPEN_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cclip/status.h>
#include "checkpoint/checkpoint_parts.h"

/* What any failure must leave: one line. */
static inline void check_message(void)
{
    const char *message = cclip_error_message();
    if (!*message || strchr(message, '\n'))
        abort();
}

static inline void read_tensors(const struct cclip_checkpoint *c)
{
    enum { MOST = 1 << 14 };
    static float values[MOST];
    for (size_t i = 0; i < cclip_checkpoint_count(c); i++) {
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(c, i);
        size_t count;
        if (!*cclip_checkpoint_format(c) || !cclip_checkpoint_name(c, i))
            abort();
        if (cclip_tensor_count(&count, tensor->shape, tensor->rank))
            abort(); /* readers accept no larger ones */
        if (count <= MOST)
            cclip_tensor_to_f32(values, tensor);
        cclip_checkpoint_forget(c, i);
    }
}

static inline void open_bytes(const void *data, size_t size)
{
    struct cclip_checkpoint *c;
    if (cclip_checkpoint_open_bytes(&c, data, size, "input")) {
        if (c)
            abort();
        check_message();
        return;
    }
    read_tensors(c);
    cclip_checkpoint_close(&c);
}

#endif
