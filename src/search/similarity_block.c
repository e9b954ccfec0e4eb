#include "search/similarity_block.h"

#include <string.h>

#include "base/memory.h"

cclip_status cclip_similarity_block_open(struct cclip_similarity_block *out, struct cclip_device *device,
                                         size_t dim)
{
    *out = (struct cclip_similarity_block){ .device = device, .dim = dim };
    const struct {
        float **place;
        size_t floats;
    } device_memory[] = { { &out->queries, CCLIP_BLOCK_QUERIES * dim },
                          { &out->rows, CCLIP_BLOCK_ROWS * dim },
                          { &out->products, CCLIP_BLOCK_QUERIES * CCLIP_BLOCK_ROWS } };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < sizeof device_memory / sizeof *device_memory && !status; i++) {
        void *memory = NULL;
        status = device->ops->allocate(device, &memory, device_memory[i].floats * sizeof(float));
        *device_memory[i].place = memory;
    }
    if (status)
        return status;
    out->gathered = cclip_allocate(CCLIP_BLOCK_ROWS, dim * sizeof *out->gathered);
    out->scores = cclip_allocate(CCLIP_BLOCK_QUERIES * CCLIP_BLOCK_ROWS, sizeof *out->scores);
    return out->gathered && out->scores ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

void cclip_similarity_block_close(struct cclip_similarity_block *block)
{
    float *const device_memory[] = { block->queries, block->rows, block->products };
    for (size_t i = 0; i < sizeof device_memory / sizeof *device_memory; i++)
        if (device_memory[i])
            block->device->ops->release(block->device, device_memory[i]);
    cclip_release(block->gathered);
    cclip_release(block->scores);
    *block = (struct cclip_similarity_block){ 0 };
}

static cclip_status upload(const struct cclip_similarity_block *block, float *to,
                           const struct cclip_row_choice *choice)
{
    const size_t dim = block->dim;
    const float *from = choice->all + choice->first * dim;
    if (choice->index) {
        for (size_t i = 0; i < choice->count; i++)
            memcpy(block->gathered + i * dim, choice->all + choice->index[choice->first + i] * dim,
                   dim * sizeof *from);
        from = block->gathered;
    }
    return block->device->ops->upload(block->device, to, from, choice->count * dim * sizeof *from);
}

cclip_status cclip_similarity_block_queries(struct cclip_similarity_block *block,
                                            const struct cclip_row_choice *choice)
{
    return upload(block, block->queries, choice);
}

cclip_status cclip_similarity_block_scores(struct cclip_similarity_block *block, size_t queries,
                                           const struct cclip_row_choice *choice)
{
    struct cclip_device *device = block->device;
    const struct cclip_matrix matrix = { .columns = choice->count,
                                         .depth = block->dim,
                                         .values = block->rows,
                                         .column_stride = block->dim,
                                         .depth_stride = 1 };
    const struct cclip_epilogue plain = { 0 };
    cclip_status status = upload(block, block->rows, choice);
    if (status)
        return status;
    device->ops->linear(device, block->products, choice->count, block->queries, block->dim, queries,
                        &matrix, &plain);
    status = cclip_device_finish(device);
    return status ? status
                  : device->ops->download(device, block->scores, block->products,
                                          queries * choice->count * sizeof *block->scores);
}
