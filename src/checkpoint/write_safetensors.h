/* Writing a safetensors file, one tensor in memory at a time. */
#ifndef CCLIP_CHECKPOINT_WRITE_SAFETENSORS_H
#define CCLIP_CHECKPOINT_WRITE_SAFETENSORS_H

#include "tensor/tensor.h"

struct cclip_safetensors_entry {
    const char *name;
    enum cclip_dtype dtype; /* a plain type */
    int rank;
    size_t shape[CCLIP_LIMIT_TENSOR_RANK];
};

/* Fills `out` with the elements of entry `index` in C order. */
typedef cclip_status cclip_safetensors_fill(void *context, size_t index, void *out);

/* `path` appears when it is complete. The tensors lie in the order given; put the larger element sizes
 * first, then every tensor is aligned to its elements. */
cclip_status cclip_safetensors_write(const char *path, const struct cclip_safetensors_entry *entries,
                                     size_t count, cclip_safetensors_fill *fill, void *context);

/* The same with texts of one's own in the header's "__metadata__", beside "format": "pt". All is UTF-8. */
struct cclip_safetensors_note {
    const char *key, *text;
};
cclip_status cclip_safetensors_write_noted(const char *path,
                                           const struct cclip_safetensors_note *notes,
                                           size_t note_count,
                                           const struct cclip_safetensors_entry *entries,
                                           size_t count, cclip_safetensors_fill *fill,
                                           void *context);

#endif
