/* What a backward pass works with, and how the forward pass speaks to it.
 *
 * A forward pass with a tape keeps what its backward pass reads: a layer pushes a record, and its
 * backward function, called in the opposite order, takes that record off. Without a tape nothing is
 * kept, and buffers are used again and again.
 *
 * Gradients of parameters are added to; gradients of activations are written. */
#ifndef CCLIP_NN_BACKWARD_H
#define CCLIP_NN_BACKWARD_H

#include "nn/forward.h"
#include "nn/trainable.h"

struct cclip_tape_record;
struct cclip_tape {
    struct cclip_tape_record *last; /* NULL: empty; records live in the forward pass's arena */
};

/* Hears how far a backward pass has come, so that gradients can go on their way while it goes on. */
struct cclip_backward_progress {
    /* Gradients of elements [begin, end of the array) are what they will be. */
    void (*ready)(void *user, size_t begin);
    void *user;
};

struct cclip_backward {
    struct cclip_device *device;
    struct cclip_arena *arena; /* scratch; not the forward pass's, which holds what was kept */
    struct cclip_tape *tape;
    const struct cclip_trainables *parameters;
    size_t tower_begin; /* where this tower's items begin in `parameters` */
    const struct cclip_backward_progress *progress; /* or NULL */
};

/* Copies `size` bytes; does nothing without a tape. `layer` says whose record it is. */
void cclip_tape_push(struct cclip_forward *forward, const void *layer, const void *record,
                     size_t size);
/* The last record, which must be this layer's. */
void cclip_tape_pop(struct cclip_backward *backward, const void *layer, void *record, size_t size);

/* As cclip_forward_floats and _indices. */
float *cclip_backward_floats(struct cclip_backward *backward, size_t rows, size_t width);
size_t *cclip_backward_indices(struct cclip_backward *backward, size_t count);
int cclip_backward_failed(const struct cclip_backward *backward);

/* Where the gradient of `value`, a layer's parameter, is added up; NULL if it is frozen or absent. */
float *cclip_backward_gradient(const struct cclip_backward *backward, const float *value);
/* The same for a whole parameter of `count` elements that gets all of it in one go: *anew if that is to be written,
 * since there is nothing yet to add to. */
float *cclip_backward_gradient_anew(const struct cclip_backward *backward, const float *value, size_t count,
                                    int *anew);
/* Whether anything that is named before `value` in this tower learns: if not, no gradient need go
 * further back. Layers are named in the order of the forward pass. */
int cclip_backward_goes_on(const struct cclip_backward *backward, const float *value);
/* Everything that is named from `value`, the first parameter of a block, on has its gradient. */
void cclip_backward_ready(const struct cclip_backward *backward, const float *value);

#endif
