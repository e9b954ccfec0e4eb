/* A checkpoint as it is on disk: named tensors under the names the file gives them.
 *
 * Readers describe; they copy nothing: a tensor points into the mapped file wherever the format
 * allows it. What the names mean is the business of weights.h. Nothing in a file is ever executed.
 */
#ifndef CCLIP_CHECKPOINT_CHECKPOINT_H
#define CCLIP_CHECKPOINT_CHECKPOINT_H

#include <stddef.h>
#include "base/status.h"
#include "tensor/tensor.h"

struct cclip_checkpoint;
struct cclip_gguf;

/* A weights file of any format, told by its content: safetensors, PyTorch zip (torch.save or
 * TorchScript), GGUF. Others are refused by name where they are known. */
cclip_status cclip_checkpoint_open(struct cclip_checkpoint **out, const char *path);
/* "model.safetensors.index.json": the shards it names, which lie beside it. */
cclip_status cclip_checkpoint_open_sharded(struct cclip_checkpoint **out, const char *index_path);
/* Tensors that lie in memory, where they must stay as long as the checkpoint; names are copied. `name`
 * stands in for the path. */
struct cclip_named_tensor {
    const char *name;
    struct cclip_tensor tensor;
};
cclip_status cclip_checkpoint_open_tensors(struct cclip_checkpoint **out, const char *name,
                                           const struct cclip_named_tensor *tensors, size_t count);
void cclip_checkpoint_close(struct cclip_checkpoint **checkpoint);

const char *cclip_checkpoint_path(const struct cclip_checkpoint *checkpoint);
/* "safetensors", "PyTorch zip", "TorchScript", "GGUF" or "memory" */
const char *cclip_checkpoint_format(const struct cclip_checkpoint *checkpoint);

/* In the order of the file; names are unique. */
size_t cclip_checkpoint_count(const struct cclip_checkpoint *checkpoint);
const char *cclip_checkpoint_name(const struct cclip_checkpoint *checkpoint, size_t index);
const struct cclip_tensor *cclip_checkpoint_tensor(const struct cclip_checkpoint *checkpoint,
                                                   size_t index);
/* A tensor's bytes will not be needed again soon: its pages may go. */
void cclip_checkpoint_forget(const struct cclip_checkpoint *checkpoint, size_t index);

/* What a safetensors file says of itself under `key` in its "__metadata__"; NULL where it does not. Of several
 * files the first that does. Owned by the checkpoint. */
const char *cclip_checkpoint_note(const struct cclip_checkpoint *checkpoint, const char *key);

/* The key-value pairs of a GGUF file; NULL for other formats. Owned by the checkpoint. */
const struct cclip_gguf *cclip_checkpoint_gguf(const struct cclip_checkpoint *checkpoint);

#endif
