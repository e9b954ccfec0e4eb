/* What a forward pass works with: a device, scratch memory, and an observer.
 *
 * Layers report nothing: a failed operation is kept by the device (tensor/backend.h), a failed
 * allocation too, and whoever started the pass asks cclip_device_finish once at its end. */
#ifndef CCLIP_NN_FORWARD_H
#define CCLIP_NN_FORWARD_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "tensor/backend.h"

/* Sees named activations as they are made: parity tests and token features use it. */
struct cclip_tap {
    void (*see)(void *user, const char *name, const float *data, size_t rows, size_t width);
    void *user;
};

struct cclip_tape; /* nn/backward.h */

/* Patch tokens that a picture does without in training ("Scaling Language-Image Pre-training via Masking",
 * Li et al. 2023). What is drawn depends on nothing but `seed` and the picture's place in the whole batch,
 * so that a pass over a part of the batch, or the same pass again, draws the same. */
struct cclip_patch_dropout {
    double rate;   /* [0, 1): the share left out; at least one patch stays */
    uint64_t seed; /* another one for each step */
    size_t first;  /* the place of this pass's first picture in the whole batch */
};

struct cclip_forward {
    struct cclip_device *device;
    struct cclip_arena *arena;   /* reset by the caller before the pass */
    struct cclip_arena *scratch; /* for what is not kept, or NULL: the same arena */
    const struct cclip_tap *tap; /* or NULL */
    struct cclip_tape *tape;     /* training: where layers keep what the backward pass needs; or NULL */
    int batch_statistics;        /* training: batch norms use the batch's own, and move the running ones */
    int leave_running;           /* ... which stay: a pass over a batch that comes, or came, once more */
    int recompute;               /* a stack of blocks keeps the input of each, and no more */
    const struct cclip_patch_dropout *patch_dropout; /* training, or NULL */
};

/* Sequences packed one after the other: sequence s is rows [offsets[s], offsets[s + 1]). */
struct cclip_sequences {
    size_t count;
    const size_t *offsets;
};
static inline size_t cclip_sequences_rows(const struct cclip_sequences *sequences)
{
    return sequences->offsets[sequences->count];
}

/* Uninitialised float32 [rows, width] that lives until the pass ends. NULL after a failure, which is
 * recorded: operations then do nothing, so it need not be checked. */
float *cclip_forward_floats(struct cclip_forward *forward, size_t rows, size_t width);
/* What is not kept for a way back: from the pass's scratch, until that is rewound. */
float *cclip_forward_scratch(struct cclip_forward *forward, size_t rows, size_t width);
struct cclip_arena *cclip_forward_scratch_arena(const struct cclip_forward *forward);
/* The same for host-side index lists; here a NULL must be checked. */
size_t *cclip_forward_indices(struct cclip_forward *forward, size_t count);
int cclip_forward_failed(const struct cclip_forward *forward);

void cclip_forward_tap(const struct cclip_forward *forward, const float *data, size_t rows,
                       size_t width, const char *name_format, ...) CCLIP_PRINTF(5, 6);

/* Offsets of `count` sequences of equal length. */
const size_t *cclip_forward_equal_offsets(struct cclip_forward *forward, size_t count,
                                          size_t length);

#endif
