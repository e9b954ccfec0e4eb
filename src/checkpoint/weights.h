/* A checkpoint's tensors under one set of names, whatever layout the file has.
 *
 * Our names are open_clip's, with the text tower always under "text.": "visual.conv1.weight",
 * "visual.transformer.resblocks.0.attn.in_proj_weight", "text.token_embedding.weight",
 * "text.text_projection", "logit_scale". A layout is a table (layouts.c): their name, ours, and how the
 * stored tensor becomes ours (as it is, transposed, one of several row blocks, reshaped). */
#ifndef CCLIP_CHECKPOINT_WEIGHTS_H
#define CCLIP_CHECKPOINT_WEIGHTS_H

#include <stddef.h>
#include "checkpoint/checkpoint.h"

struct cclip_weights;

/* Finds the layout by the names in the file; takes the checkpoint over on success. A file whose names
 * are no CLIP's is CCLIP_ERROR_UNSUPPORTED. Two tensors for one of our names are an error. */
cclip_status cclip_weights_open(struct cclip_weights **out, struct cclip_checkpoint *checkpoint);
void cclip_weights_close(struct cclip_weights **weights);

const char *cclip_weights_format(const struct cclip_weights *weights); /* the checkpoint's */
const char *cclip_weights_layout(const struct cclip_weights *weights); /* "openai", "open_clip", "hf_clip" ... */
const char *cclip_weights_main_dtype(const struct cclip_weights *weights); /* of most elements */
const struct cclip_gguf *cclip_weights_gguf(const struct cclip_weights *weights); /* or NULL */

/* Sorted by name. Batch norm's counters ("num_batches_tracked") are among them. */
size_t cclip_weights_count(const struct cclip_weights *weights);
const char *cclip_weights_name(const struct cclip_weights *weights, size_t index);

int cclip_weights_has(const struct cclip_weights *weights, const char *name);
/* What the file calls this tensor (of joined ones the first), for messages; without it our name. */
const char *cclip_weights_stored_name(const struct cclip_weights *weights, const char *name);
/* Shape under our name (after transposing and joining); CCLIP_ERROR_NOT_FOUND without it. */
cclip_status cclip_weights_shape(const struct cclip_weights *weights, const char *name, size_t *shape,
                                 int *rank);
/* Type of the stored parts; f32 when they differ. */
enum cclip_dtype cclip_weights_dtype(const struct cclip_weights *weights, const char *name);

/* Fails unless the tensor is there with this shape and a floating-point or block type; the message names
 * the file, its own name for the tensor, and both shapes. A tensor that was required counts as used. */
cclip_status cclip_weights_require(struct cclip_weights *weights, const char *name,
                                   const size_t *shape, int rank);
/* Fails if a tensor was never required: a configuration that does not fit its weights. Buffers that
 * files carry along (position_ids, num_batches_tracked, input_resolution ...) are no weights. */
cclip_status cclip_weights_finish(const struct cclip_weights *weights);

/* Float32 in C order: a pointer into the file where it lies there just so (aligned), else NULL ... */
const float *cclip_weights_view(const struct cclip_weights *weights, const char *name);
/* ... and then this fills `out`. */
cclip_status cclip_weights_read(const struct cclip_weights *weights, const char *name, float *out);
/* The elements in C order in their own type `cclip_weights_dtype` (plain types only: block types give
 * f32), for writers: every bit is kept. `out` has room for them and is aligned as malloc aligns. */
cclip_status cclip_weights_read_raw(const struct cclip_weights *weights, const char *name, void *out);
/* Its pages will not be needed again soon. */
void cclip_weights_forget(const struct cclip_weights *weights, const char *name);

#endif
