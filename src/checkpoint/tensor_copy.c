#include "checkpoint/tensor_copy.h"

#include <string.h>

#include "base/memory.h"

static size_t elements(const struct cclip_tensor *t)
{
    size_t count = 1;
    for (int i = 0; i < t->rank; i++)
        count *= t->shape[i];
    return count;
}

cclip_status cclip_tensor_read_f32(float *out, const struct cclip_tensor *tensor)
{
    const int blocks = cclip_dtype_info(tensor->dtype)->block_length > 1;
    if (!blocks || cclip_tensor_is_contiguous(tensor)) {
        cclip_tensor_to_f32(out, tensor);
        return CCLIP_OK;
    }
    /* Blocks run along the stored order: all of it is decoded, then read as the strides say. */
    struct cclip_tensor plain = *tensor, stored = *tensor;
    float *decoded = cclip_allocate(elements(tensor), sizeof *decoded);
    if (!decoded)
        return CCLIP_ERROR_MEMORY;
    cclip_tensor_set_contiguous(&stored);
    cclip_tensor_to_f32(decoded, &stored);
    plain.data = decoded;
    plain.dtype = CCLIP_F32;
    cclip_tensor_to_f32(out, &plain);
    cclip_release(decoded);
    return CCLIP_OK;
}

void cclip_tensor_copy(void *out, const struct cclip_tensor *tensor)
{
    const size_t count = elements(tensor), size = cclip_dtype_info(tensor->dtype)->block_bytes;
    const unsigned char *base = tensor->data;
    unsigned char *place = out;
    if (cclip_tensor_is_contiguous(tensor)) {
        memcpy(out, base, count * size);
        return;
    }
    size_t index[CCLIP_LIMIT_TENSOR_RANK] = { 0 }, offset = 0;
    for (size_t i = 0; i < count; i++, place += size) {
        memcpy(place, base + offset * size, size);
        for (int d = tensor->rank - 1; d >= 0; d--) { /* an odometer over the shape */
            offset += tensor->stride[d];
            if (++index[d] < tensor->shape[d])
                break;
            offset -= tensor->stride[d] * tensor->shape[d];
            index[d] = 0;
        }
    }
}
