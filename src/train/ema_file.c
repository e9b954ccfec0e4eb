#include "train/ema_file.h"

#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/write_safetensors.h"

struct source {
    const struct cclip_trainables *set;
    const struct cclip_ema *ema;
};

static cclip_status fill(void *context, size_t index, void *out)
{
    const struct source *source = context;
    const struct cclip_trainable *item = &source->set->items[index];
    memcpy(out, source->ema->values + item->begin, item->count * sizeof(float));
    return CCLIP_OK;
}

cclip_status cclip_ema_write(const char *path, const struct cclip_trainables *set,
                             const struct cclip_ema *ema)
{
    struct source source = { set, ema };
    struct cclip_safetensors_entry *entries = cclip_allocate_zero(set->count + 1, sizeof *entries);
    if (!entries)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < set->count; i++) {
        const struct cclip_trainable *item = &set->items[i];
        entries[i] = (struct cclip_safetensors_entry){ .name = item->name,
                                                       .dtype = CCLIP_F32,
                                                       .rank = item->rank };
        memcpy(entries[i].shape, item->shape, sizeof entries[i].shape);
    }
    const cclip_status status = cclip_safetensors_write(path, entries, set->count, fill, &source);
    cclip_release(entries);
    return status;
}

cclip_status cclip_ema_read(const char *path, const struct cclip_trainables *set, struct cclip_ema *ema)
{
    struct cclip_checkpoint *file = NULL;
    cclip_status status = cclip_checkpoint_open(&file, path);
    if (!status && cclip_checkpoint_count(file) != set->count)
        status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: %zu tensors, but the model has %zu", path,
                            cclip_checkpoint_count(file), set->count);
    for (size_t i = 0; i < set->count && !status; i++) {
        const struct cclip_trainable *item = &set->items[i];
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(file, i);
        size_t count = 0;
        status = cclip_tensor_count(&count, tensor->shape, tensor->rank);
        if (!status && (strcmp(cclip_checkpoint_name(file, i), item->name) ||
                        tensor->dtype != CCLIP_F32 || count != item->count))
            status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: \"%s\" where \"%s\" of %zu elements was expected",
                                path, cclip_checkpoint_name(file, i), item->name, item->count);
        if (!status)
            cclip_tensor_to_f32(ema->values + item->begin, tensor);
    }
    cclip_checkpoint_close(&file);
    return status;
}
