/* The parameters of a model that learns: values and gradients, by name.
 *
 * All values lie in one array, in the order in which the layers name them (nn/parameter.h), and the
 * gradients in a second one at the same places. So a layer needs no more than the pointer it has in
 * inference too: the gradient of `values + i` is `gradients + i`. */
#ifndef CCLIP_NN_TRAINABLE_H
#define CCLIP_NN_TRAINABLE_H

#include <stddef.h>
#include "base/limits.h"
#include "tensor/backend.h"

struct cclip_trainable {
    char *name;
    int rank;
    size_t shape[CCLIP_LIMIT_TENSOR_RANK];
    size_t begin, count; /* elements [begin, begin + count) of both arrays */
    int buffer;          /* no parameter: running statistics of a batch norm */
    int frozen;          /* gets no gradient and is not changed */
    int decays;          /* weight decay applies: the optimiser's rule says so */
    int stale;           /* its gradient is zero, whatever stands there: see cclip_trainables_forget */
    float rate;          /* times the learning rate (train/rates.h); 1 to begin with */
};

struct cclip_trainables {
    struct cclip_trainable *items; /* ascending by `begin` */
    size_t count, capacity;
    size_t elements;          /* of each array; a few of them pad items to whole cache lines */
    float *values, *gradients; /* device memory; NULL until allocated */
};

/* Names one more; only before the arrays are there. */
cclip_status cclip_trainables_add(struct cclip_trainables *set, const char *name,
                                  const size_t *shape, int rank, int buffer);
cclip_status cclip_trainables_allocate(struct cclip_trainables *set, struct cclip_device *device);
void cclip_trainables_close(struct cclip_trainables *set, struct cclip_device *device);

/* All gradients are zero from here on. Those of parameters that learn are not written for it, but when a first one
 * is added (below): their memory is free until then. */
void cclip_trainables_forget(struct cclip_trainables *set, struct cclip_device *device);
/* Writes what is still stale of items that begin at `begin` or behind it. */
void cclip_trainables_settle(const struct cclip_trainables *set, struct cclip_device *device, size_t begin);
/* Where the gradient of an item is added to. */
float *cclip_trainables_gradient(const struct cclip_trainables *set, struct cclip_device *device,
                                 const struct cclip_trainable *item);
/* The same for who will add to all of it: *anew if it must be written instead. */
float *cclip_trainables_gradient_anew(const struct cclip_trainables *set, struct cclip_device *device,
                                      const struct cclip_trainable *item, int *anew);

/* NULL if there is none. */
struct cclip_trainable *cclip_trainables_find(const struct cclip_trainables *set, const char *name);
/* The one whose values hold `value`; NULL if there is none. */
const struct cclip_trainable *cclip_trainables_at(const struct cclip_trainables *set,
                                                  const float *value);

#endif
