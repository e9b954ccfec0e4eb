#include "nn/parameter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/tensor.h"

enum { NAME_SIZE = 192 };

#define FORMAT_NAME(name, format)                                                                  \
    char name[NAME_SIZE];                                                                          \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        vsnprintf(name, sizeof name, format, arguments);                                           \
        va_end(arguments);                                                                         \
    } while (0)

void cclip_parameter_store_close(struct cclip_parameter_store *store, struct cclip_device *device)
{
    for (size_t i = 0; i < store->count; i++) {
        if (store->items[i].array)
            device->ops->release(device, store->items[i].array);
        else
            device->ops->matrix_release(device, &store->items[i].matrix);
    }
    cclip_release(store->items);
    *store = (struct cclip_parameter_store){ 0 };
}

static struct cclip_stored *store_slot(struct cclip_parameters *p)
{
    struct cclip_parameter_store *store = p->store;
    p->status = cclip_grow(&store->items, &store->capacity, store->count + 1, sizeof *store->items,
                           CCLIP_LIMIT_TENSORS, "parameters");
    return p->status ? NULL : &store->items[store->count];
}

void cclip_parameter_keep_array(struct cclip_parameters *p, float **out, const float *host,
                                size_t count)
{
    *out = NULL;
    struct cclip_stored *slot = p->status ? NULL : store_slot(p);
    if (!slot)
        return;
    void *array = NULL;
    const size_t bytes = count * sizeof *host;
    p->status = p->device->ops->allocate(p->device, &array, bytes);
    if (p->status)
        return;
    *slot = (struct cclip_stored){ .array = array };
    p->store->count++;
    p->status = p->device->ops->upload(p->device, array, host, bytes);
    *out = array;
}

void cclip_parameter_keep_matrix(struct cclip_parameters *p, struct cclip_matrix *out,
                                 const float *host, size_t columns, size_t depth,
                                 size_t column_stride, size_t depth_stride)
{
    struct cclip_stored *slot = p->status ? NULL : store_slot(p);
    if (!slot)
        return;
    struct cclip_matrix matrix = { 0 };
    p->status = p->device->ops->matrix_prepare(p->device, &matrix, host, columns, depth,
                                               column_stride, depth_stride);
    if (p->status)
        return;
    *slot = (struct cclip_stored){ .matrix = matrix };
    p->store->count++;
    *out = matrix;
}

/* A parameter on its way from the source to the device. */
struct reading {
    const char *name;
    float *scratch;
    const float *data; /* NULL when there is nothing to do: only declared, or failed */
    size_t count;
};

static void read_begin(struct reading *r, struct cclip_parameters *p, const char *name,
                       const size_t *shape, int rank, int declare, int buffer)
{
    *r = (struct reading){ .name = name };
    if (p->status)
        return;
    p->status = cclip_tensor_count(&r->count, shape, rank);
    if (!p->status && declare)
        p->status = p->source->require(p->source->context, name, shape, rank);
    if (!p->status && declare && !buffer)
        p->count += r->count;
    if (!p->status && declare && p->training && !p->device)
        p->status = cclip_trainables_add(p->training, name, shape, rank, buffer);
    if (p->status || !p->device)
        return;
    r->scratch = cclip_allocate_aligned(r->count * sizeof *r->scratch);
    p->status = r->scratch ? p->source->read(p->source->context, name, shape, rank, r->scratch, &r->data)
                           : CCLIP_ERROR_MEMORY;
}

static void read_end(struct reading *r, struct cclip_parameters *p)
{
    if (r->data)
        p->source->forget(p->source->context, r->name);
    cclip_release_aligned(r->scratch);
}

/* Training: the values go where they will be changed. NULL after a failure. */
static float *place(struct cclip_parameters *p, const struct reading *r)
{
    const struct cclip_trainable *item = cclip_trainables_find(p->training, r->name);
    if (!item || item->count != r->count) {
        p->status = cclip_fail(CCLIP_ERROR_MISMATCH, "\"%s\" was not named before", r->name);
        return NULL;
    }
    float *values = p->training->values + item->begin;
    p->status = p->device->ops->upload(p->device, values, r->data, r->count * sizeof *values);
    return p->status ? NULL : values;
}

/* The weight [columns, depth] that begins at element `first` of what was read. */
static void keep_matrix(struct cclip_parameters *p, struct cclip_matrix *out,
                        const struct reading *r, size_t first, size_t columns, size_t depth,
                        size_t column_stride, size_t depth_stride)
{
    if (p->status || !r->data)
        return;
    if (!p->training) {
        cclip_parameter_keep_matrix(p, out, r->data + first, columns, depth, column_stride,
                                    depth_stride);
        return;
    }
    const float *values = place(p, r);
    if (values)
        *out = (struct cclip_matrix){ .columns = columns,
                                      .depth = depth,
                                      .values = values + first,
                                      .column_stride = column_stride,
                                      .depth_stride = depth_stride };
}

static void load_array(struct cclip_parameters *p, float **out, const size_t *shape, int rank,
                       int buffer, const char *name)
{
    struct reading r;
    *out = NULL;
    read_begin(&r, p, name, shape, rank, 1, buffer);
    if (!p->status && r.data && p->training)
        *out = place(p, &r);
    else if (!p->status && r.data)
        cclip_parameter_keep_array(p, out, r.data, r.count);
    read_end(&r, p);
}

void cclip_parameter_array(struct cclip_parameters *p, float **out, const size_t *shape, int rank,
                           const char *name_format, ...)
{
    FORMAT_NAME(name, name_format);
    load_array(p, out, shape, rank, 0, name);
}

void cclip_parameter_vector(struct cclip_parameters *p, float **out, size_t channels,
                            const char *name_format, ...)
{
    FORMAT_NAME(name, name_format);
    load_array(p, out, &channels, 1, 0, name);
}

void cclip_parameter_buffer(struct cclip_parameters *p, float **out, size_t channels,
                            const char *name_format, ...)
{
    FORMAT_NAME(name, name_format);
    load_array(p, out, &channels, 1, 1, name);
}

static void load_matrix(struct cclip_parameters *p, struct cclip_matrix *out, size_t columns,
                        size_t depth, int transposed, const char *name)
{
    struct reading r;
    const size_t shape[2] = { transposed ? depth : columns, transposed ? columns : depth };
    read_begin(&r, p, name, shape, 2, 1, 0);
    keep_matrix(p, out, &r, 0, columns, depth, transposed ? 1 : depth, transposed ? columns : 1);
    read_end(&r, p);
}

void cclip_parameter_matrix(struct cclip_parameters *p, struct cclip_matrix *out, size_t columns,
                            size_t depth, const char *name_format, ...)
{
    FORMAT_NAME(name, name_format);
    load_matrix(p, out, columns, depth, 0, name);
}

void cclip_parameter_matrix_transposed(struct cclip_parameters *p, struct cclip_matrix *out,
                                       size_t columns, size_t depth, const char *name_format, ...)
{
    FORMAT_NAME(name, name_format);
    load_matrix(p, out, columns, depth, 1, name);
}

void cclip_parameter_tensor_matrix(struct cclip_parameters *p, struct cclip_matrix *out,
                                   const size_t *shape, int rank, size_t columns, size_t depth,
                                   const char *name_format, ...)
{
    FORMAT_NAME(name, name_format);
    struct reading r;
    read_begin(&r, p, name, shape, rank, 1, 0);
    keep_matrix(p, out, &r, 0, columns, depth, depth, 1);
    read_end(&r, p);
}

void cclip_parameter_vector_part(struct cclip_parameters *p, float **out, size_t all, size_t first,
                                 size_t count, int declare, const char *name)
{
    struct reading r;
    *out = NULL;
    read_begin(&r, p, name, &all, 1, declare, 0);
    if (!p->status && r.data && p->training) {
        float *values = place(p, &r);
        *out = values ? values + first : NULL;
    } else if (!p->status && r.data) {
        cclip_parameter_keep_array(p, out, r.data + first, count);
    }
    read_end(&r, p);
}

void cclip_parameter_matrix_rows(struct cclip_parameters *p, struct cclip_matrix *out,
                                 size_t all_rows, size_t first, size_t columns, size_t depth,
                                 int declare, const char *name)
{
    struct reading r;
    const size_t shape[2] = { all_rows, depth };
    read_begin(&r, p, name, shape, 2, declare, 0);
    keep_matrix(p, out, &r, first * depth, columns, depth, depth, 1);
    read_end(&r, p);
}

void cclip_parameter_host(struct cclip_parameters *p, float **out, const size_t *shape, int rank,
                          int buffer, const char *name_format, ...)
{
    FORMAT_NAME(name, name_format);
    struct reading r;
    *out = NULL;
    read_begin(&r, p, name, shape, rank, 1, buffer);
    if (!p->status && r.data) {
        if (r.data != r.scratch)
            memcpy(r.scratch, r.data, r.count * sizeof *r.scratch);
        *out = r.scratch;
        r.scratch = NULL;
    }
    read_end(&r, p);
}
