/* What a CPU device keeps: the chosen kernels, and scratch for each worker of its pool. */
#ifndef CCLIP_CPU_DEVICE_STATE_H
#define CCLIP_CPU_DEVICE_STATE_H

#include "base/thread_pool.h"
#include "cpu/activation.h"
#include "cpu/attention.h"
#include "cpu/batch_norm.h"
#include "cpu/layer_norm.h"
#include "cpu/product.h"
#include "cpu/product_bf16.h"
#include "tensor/backend.h"

/* One table a family. `bf16` stands beside `product`: the same operation on rounded operands. */
struct cclip_cpu_kernels {
    struct cclip_product_kernels product;
    struct cclip_bf16_kernels bf16;
    struct cclip_attention_kernels attention;
    struct cclip_layer_norm_kernels layer_norm;
    struct cclip_activation_kernels activation;
    struct cclip_batch_norm_kernels batch_norm;
};

struct cclip_cpu_scratch {
    float *memory;
    size_t bytes;
};

struct cclip_cpu_state {
    struct cclip_cpu_kernels kernels;
    int workers;
    struct cclip_cpu_scratch *scratch; /* [workers] */
    struct cclip_cpu_scratch windows; /* of a convolution, written out for a product in bf16 */
    struct cclip_cpu_scratch shared;    /* panels that are packed for one product and forgotten */
};

static inline struct cclip_cpu_state *cclip_cpu_state(struct cclip_device *device)
{
    return device->state;
}

/* How a matrix was prepared. A device refuses a form its kernels do not read. */
struct cclip_cpu_matrix {
    const char *form;    /* name of the kernels that packed it */
    size_t tile_columns; /* panels [columns / tile_columns][depth][tile_columns] */
    enum cclip_dtype dtype;
    float *panels; /* 64-byte aligned, behind this struct */
};

/* Gives every worker `count` floats at least (64-byte aligned, contents undefined). Nonzero, and
 * the failure recorded, when memory is short or the device has failed before. */
int cclip_cpu_reserve(struct cclip_device *device, size_t count);

/* The same for the scratch that all workers share; NULL after a failure. */
float *cclip_cpu_reserve_shared(struct cclip_device *device, size_t count);

float *cclip_cpu_reserve_windows(struct cclip_device *device, size_t count);

/* cclip_parallel on the device's pool; does nothing after a failure and records its own. */
void cclip_cpu_parallel(struct cclip_device *device, size_t count, size_t grain,
                        cclip_parallel_body *body, void *context);

/* A grain that gives each thread a few pieces but no piece less than `least` items. */
size_t cclip_cpu_grain(const struct cclip_device *device, size_t count, size_t least);

#endif
