/* Tensors under our names: a safetensors, PyTorch or GGUF file whose names may be a CLIP's. Every weight that has a
 * shape is required, read and copied. */
#include "fuzz/checkpoint/open_bytes.h"

#include "checkpoint/weights.h"

enum { MOST_ELEMENTS = 1 << 12 };

static void read_weight(struct cclip_weights *weights, const char *name)
{
    static float values[MOST_ELEMENTS];
    static double raw[MOST_ELEMENTS]; /* room for the widest type */
    size_t shape[CCLIP_LIMIT_TENSOR_RANK], count;
    int rank;
    if (!cclip_weights_has(weights, name))
        abort();
    if (cclip_weights_shape(weights, name, shape, &rank)) {
        check_message();
        return;
    }
    if (cclip_weights_require(weights, name, shape, rank))
        check_message(); /* of integers, or parts that are no thirds */
    if (cclip_tensor_count(&count, shape, rank) || count > MOST_ELEMENTS)
        return;
    const float *view = cclip_weights_view(weights, name);
    if (cclip_weights_read(weights, name, values) || cclip_weights_read_raw(weights, name, raw))
        abort();
    if (view && count && memcmp(view, values, count * sizeof *view))
        abort();
    cclip_weights_forget(weights, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_checkpoint *checkpoint;
    struct cclip_weights *weights;
    if (cclip_checkpoint_open_bytes(&checkpoint, data, size, "input"))
        return 0;
    if (cclip_weights_open(&weights, checkpoint)) {
        check_message();
        cclip_checkpoint_close(&checkpoint);
        return 0;
    }
    for (size_t i = 0; i < cclip_weights_count(weights); i++)
        read_weight(weights, cclip_weights_name(weights, i));
    if (cclip_weights_require(weights, "visual.proj", &size, 1))
        check_message();
    if (cclip_weights_finish(weights))
        check_message();
    cclip_weights_close(&weights);
    return 0;
}
