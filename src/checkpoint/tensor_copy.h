/* Tensors into C order: as float32 or with their bits. */
#ifndef CCLIP_CHECKPOINT_TENSOR_COPY_H
#define CCLIP_CHECKPOINT_TENSOR_COPY_H

#include "tensor/tensor.h"

/* cclip_tensor_to_f32 for what a layout makes of a stored tensor: blocks may be transposed too. */
cclip_status cclip_tensor_read_f32(float *out, const struct cclip_tensor *tensor);

/* The elements of a plain type in C order; no bit is changed. */
void cclip_tensor_copy(void *out, const struct cclip_tensor *tensor);

#endif
