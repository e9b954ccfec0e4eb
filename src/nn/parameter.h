/* How a layer gets its weights.
 *
 * Each layer names its parameters once, in one function, and that function serves every purpose:
 * checking a checkpoint's names and shapes without reading it (device NULL), counting, and loading
 * into the device's prepared form. Where the numbers come from is the source's business.
 *
 * Errors are sticky: after the first one the functions do nothing; `status` is looked at once. */
#ifndef CCLIP_NN_PARAMETER_H
#define CCLIP_NN_PARAMETER_H

#include <stddef.h>
#include "base/status.h"
#include "nn/trainable.h"
#include "tensor/backend.h"

struct cclip_parameter_source {
    /* Fails unless `name` exists with this shape (a scalar has rank 0). */
    cclip_status (*require)(void *context, const char *name, const size_t *shape, int rank);
    /* float32 in C order. Either *out points into the source, or `scratch` (room for all elements)
     * is filled and *out is `scratch`. */
    cclip_status (*read)(void *context, const char *name, const size_t *shape, int rank,
                         float *scratch, const float **out);
    void (*forget)(void *context, const char *name); /* its pages may go */
    void *context;
};

/* Owns everything loaded for one tower. */
struct cclip_parameter_store {
    struct cclip_stored {
        void *array;                /* from the device's allocate, or NULL */
        struct cclip_matrix matrix; /* if `array` is NULL */
    } *items;
    size_t count, capacity;
};
void cclip_parameter_store_close(struct cclip_parameter_store *store, struct cclip_device *device);

struct cclip_parameters {
    struct cclip_device *device; /* NULL: only require and count */
    const struct cclip_parameter_source *source;
    struct cclip_parameter_store *store;
    /* Training, else NULL: each parameter is added here when it is named without a device, and has its
     * values there, unpacked, when it is loaded. Then `store` is not used. */
    struct cclip_trainables *training;
    size_t count; /* trainable elements named so far */
    cclip_status status;
};

/* An array in device memory. Without a device *out is set to NULL. */
void cclip_parameter_array(struct cclip_parameters *p, float **out, const size_t *shape, int rank,
                           const char *name_format, ...) CCLIP_PRINTF(5, 6);

/* The usual vector "[channels]" and table "[rows, channels]". */
void cclip_parameter_vector(struct cclip_parameters *p, float **out, size_t channels,
                            const char *name_format, ...) CCLIP_PRINTF(4, 5);

/* A weight matrix, stored [columns, depth] as PyTorch's Linear does. */
void cclip_parameter_matrix(struct cclip_parameters *p, struct cclip_matrix *out, size_t columns,
                            size_t depth, const char *name_format, ...) CCLIP_PRINTF(5, 6);
/* Stored the other way round, [depth, columns]: used as x @ W. */
void cclip_parameter_matrix_transposed(struct cclip_parameters *p, struct cclip_matrix *out,
                                       size_t columns, size_t depth, const char *name_format, ...)
    CCLIP_PRINTF(5, 6);
/* A tensor of any rank taken as [columns, depth] in its own order: a patch convolution's kernel. */
void cclip_parameter_tensor_matrix(struct cclip_parameters *p, struct cclip_matrix *out,
                                   const size_t *shape, int rank, size_t columns, size_t depth,
                                   const char *name_format, ...) CCLIP_PRINTF(7, 8);
/* Elements [first, first + count) of a stored [all]: the bias of one of q, k, v. `declare` as below. */
void cclip_parameter_vector_part(struct cclip_parameters *p, float **out, size_t all, size_t first,
                                 size_t count, int declare, const char *name);
/* Rows [first, first + columns) of a stored [all_rows, depth]: one of q, k, v of a fused projection.
 * `declare` 1 in exactly one of the calls that share a tensor. */
void cclip_parameter_matrix_rows(struct cclip_parameters *p, struct cclip_matrix *out,
                                 size_t all_rows, size_t first, size_t columns, size_t depth,
                                 int declare, const char *name);

/* Training only: statistics [channels] that are no parameter, kept with the values. */
void cclip_parameter_buffer(struct cclip_parameters *p, float **out, size_t channels,
                            const char *name_format, ...) CCLIP_PRINTF(4, 5);

/* A copy in host memory for layers that combine parameters before they are prepared; released by
 * the caller. Without a device *out is NULL. `buffer` 1: not trainable, not counted. */
void cclip_parameter_host(struct cclip_parameters *p, float **out, const size_t *shape, int rank,
                          int buffer, const char *name_format, ...) CCLIP_PRINTF(6, 7);

/* Takes ready host data into the store. */
void cclip_parameter_keep_array(struct cclip_parameters *p, float **out, const float *host,
                                size_t count);
void cclip_parameter_keep_matrix(struct cclip_parameters *p, struct cclip_matrix *out,
                                 const float *host, size_t columns, size_t depth,
                                 size_t column_stride, size_t depth_stride);

#endif
