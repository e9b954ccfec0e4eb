#include "cpu/cpu_device.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cpu/device_state.h"
#include "cpu/pictures.h"
#include "cpu/rows.h"
#include "cpu/rows_backward.h"

static cclip_status device_allocate(struct cclip_device *device, void **out, size_t bytes)
{
    (void)device;
    *out = cclip_allocate_aligned(bytes);
    return *out ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static void device_release(struct cclip_device *device, void *pointer)
{
    (void)device;
    cclip_release_aligned(pointer);
}

static cclip_status device_copy(struct cclip_device *device, void *out, const void *in,
                                size_t bytes)
{
    (void)device;
    if (bytes)
        memcpy(out, in, bytes);
    return CCLIP_OK;
}

static const struct cclip_backend cpu_backend = {
    .name = "cpu",
    .allocate = device_allocate,
    .release = device_release,
    .upload = device_copy,
    .download = device_copy,
    .matrix_prepare = cclip_cpu_matrix_prepare,
    .matrix_release = cclip_cpu_matrix_release,
    .linear = cclip_cpu_linear,
    .conv2d = cclip_cpu_conv2d,
    .attention = cclip_cpu_attention,
    .layer_norm = cclip_cpu_layer_norm,
    .activation = cclip_cpu_activation,
    .embedding = cclip_cpu_embedding,
    .patches = cclip_cpu_patches,
    .nchw_to_nhwc = cclip_cpu_nchw_to_nhwc,
    .average_pool2d = cclip_cpu_average_pool2d,
    .gather_rows = cclip_cpu_gather_rows,
    .mean_rows = cclip_cpu_mean_rows,
    .add_rows = cclip_cpu_add_rows,
    .scale_columns = cclip_cpu_scale_columns,
    .normalize_rows = cclip_cpu_normalize_rows,
    .zero = cclip_cpu_zero,
    .add_product = cclip_cpu_add_product,
    .add_columns = cclip_cpu_add_columns,
    .scatter_rows = cclip_cpu_scatter_rows,
    .spread_rows = cclip_cpu_spread_rows,
    .normalize_rows_backward = cclip_cpu_normalize_rows_backward,
    .attention_backward = cclip_cpu_attention_backward,
    .layer_norm_backward = cclip_cpu_layer_norm_backward,
    .activation_backward = cclip_cpu_activation_backward,
    .batch_norm_statistics = cclip_cpu_batch_norm_statistics,
    .batch_norm = cclip_cpu_batch_norm,
    .batch_norm_backward = cclip_cpu_batch_norm_backward,
    .conv2d_backward = cclip_cpu_conv2d_backward,
    .average_pool2d_backward = cclip_cpu_average_pool2d_backward,
};

static void kernels_init(struct cclip_cpu_kernels *kernels, unsigned cpu_features)
{
    cclip_product_kernels_init(&kernels->product, cpu_features);
    cclip_bf16_kernels_init(&kernels->bf16, cpu_features);
    cclip_attention_kernels_init(&kernels->attention, cpu_features);
    cclip_layer_norm_kernels_init(&kernels->layer_norm, cpu_features);
    cclip_activation_kernels_init(&kernels->activation, cpu_features);
    cclip_batch_norm_kernels_init(&kernels->batch_norm, cpu_features);
}

cclip_status cclip_cpu_device_open(struct cclip_device *out, struct cclip_thread_pool *pool,
                                   unsigned cpu_features)
{
    memset(out, 0, sizeof *out);
    struct cclip_cpu_state *state = cclip_allocate_zero(1, sizeof *state);
    if (!state)
        return CCLIP_ERROR_MEMORY;
    state->workers = cclip_thread_pool_size(pool);
    state->scratch = cclip_allocate_zero((size_t)state->workers, sizeof *state->scratch);
    if (!state->scratch) {
        cclip_release(state);
        return CCLIP_ERROR_MEMORY;
    }
    kernels_init(&state->kernels, cpu_features);
    out->ops = &cpu_backend;
    out->pool = pool;
    out->state = state;
    return CCLIP_OK;
}

void cclip_cpu_device_close(struct cclip_device *device)
{
    struct cclip_cpu_state *state = device->state;
    if (!state)
        return;
    for (int i = 0; i < state->workers; i++)
        cclip_release_aligned(state->scratch[i].memory);
    cclip_release_aligned(state->shared.memory);
    cclip_release_aligned(state->windows.memory);
    cclip_release(state->scratch);
    cclip_release(state);
    memset(device, 0, sizeof *device);
}

char *cclip_cpu_variants(char *text, size_t size, unsigned cpu_features)
{
    struct cclip_cpu_kernels kernels;
    kernels_init(&kernels, cpu_features);
    snprintf(text, size, "product %s, bf16 %s, attention %s, layer_norm %s, activation %s, batch_norm %s",
             kernels.product.name, kernels.bf16.name, kernels.attention.name, kernels.layer_norm.name,
             kernels.activation.name, kernels.batch_norm.name);
    return text;
}

static int grow_scratch(struct cclip_device *device, struct cclip_cpu_scratch *scratch,
                        size_t bytes)
{
    if (scratch->bytes >= bytes)
        return 0;
    cclip_release_aligned(scratch->memory);
    scratch->memory = cclip_allocate_aligned(bytes);
    scratch->bytes = scratch->memory ? bytes : 0;
    if (!scratch->memory)
        cclip_device_fail(device, CCLIP_ERROR_MEMORY);
    return !scratch->memory;
}

int cclip_cpu_reserve(struct cclip_device *device, size_t count)
{
    struct cclip_cpu_state *state = cclip_cpu_state(device);
    if (device->failure.status)
        return 1;
    for (int i = 0; i < state->workers; i++)
        if (grow_scratch(device, &state->scratch[i], count * sizeof(float)))
            return 1;
    return 0;
}

static float *reserve(struct cclip_device *device, struct cclip_cpu_scratch *scratch, size_t count)
{
    if (device->failure.status || grow_scratch(device, scratch, count * sizeof(float)))
        return NULL;
    return scratch->memory;
}

float *cclip_cpu_reserve_shared(struct cclip_device *device, size_t count)
{
    return reserve(device, &cclip_cpu_state(device)->shared, count);
}

float *cclip_cpu_reserve_windows(struct cclip_device *device, size_t count)
{
    return reserve(device, &cclip_cpu_state(device)->windows, count);
}

void cclip_cpu_parallel(struct cclip_device *device, size_t count, size_t grain,
                        cclip_parallel_body *body, void *context)
{
    if (!device->failure.status)
        cclip_device_fail(device, cclip_parallel(device->pool, count, grain, body, context));
}

size_t cclip_cpu_grain(const struct cclip_device *device, size_t count, size_t least)
{
    const size_t pieces = 4 * (size_t)cclip_thread_pool_size(device->pool);
    const size_t grain = (count + pieces - 1) / pieces;
    return grain > least ? grain : least ? least : 1;
}
