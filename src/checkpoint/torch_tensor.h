/* Tensors of a PyTorch zip: what the pickle says of one, and the record with its storage. */
#ifndef CCLIP_CHECKPOINT_TORCH_TENSOR_H
#define CCLIP_CHECKPOINT_TORCH_TENSOR_H

#include "checkpoint/checkpoint_parts.h"
#include "checkpoint/pickle.h"
#include "formats/zip.h"

struct cclip_torch_zip {
    struct cclip_checkpoint *checkpoint;
    size_t file;
    const char *path;
    struct cclip_zip *zip;
    const char *prefix; /* of every name in the archive, with its slash; points into the archive */
    size_t prefix_length;
    unsigned char **unpacked; /* for each zip entry: its bytes, if it was deflated and is needed */
    size_t unpacked_bytes;
};

/* True for a value that is a tensor, whatever else may be wrong with it. */
int cclip_torch_is_tensor(const struct cclip_pickle_value *value);

/* Adds it to the checkpoint. */
cclip_status cclip_torch_add_tensor(struct cclip_torch_zip *torch, const char *name,
                                    size_t name_length, const struct cclip_pickle_value *value);

/* The entry "<prefix><folder><name>", or NULL. */
const struct cclip_zip_entry *cclip_torch_find(const struct cclip_torch_zip *torch,
                                               const char *folder, const char *name,
                                               size_t name_length);

#endif
