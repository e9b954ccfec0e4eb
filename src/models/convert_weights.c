/* The weights of a model under another layout's names. */
#include "models/convert_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/layouts.h"
#include "checkpoint/write_safetensors.h"

/* One tensor to write. */
struct item {
    struct cclip_safetensors_entry entry;
    const struct cclip_layout_row *row;
    const char *ours; /* where its elements come from; NULL: `constant` */
    float constant;
    size_t first_byte; /* of the rows of ours that it is */
};

struct plan {
    const struct cclip_weights *weights;
    const struct cclip_layout *layout;
    struct item *items;
    struct cclip_safetensors_entry *entries; /* of the items, in order */
    size_t count, capacity, largest; /* bytes of the largest tensor of ours that has to be rearranged */
    void *scratch;
    struct cclip_arena names;
};

static struct item *add_item(struct plan *plan, const char *name, cclip_status *status)
{
    *status = cclip_grow(&plan->items, &plan->capacity, plan->count + 1, sizeof *plan->items,
                         2 * CCLIP_LIMIT_TENSORS, "tensors");
    if (*status)
        return NULL;
    struct item *item = &plan->items[plan->count];
    *item = (struct item){ .entry.name = cclip_arena_text(&plan->names, name, strlen(name)) };
    if (!item->entry.name) {
        *status = CCLIP_ERROR_MEMORY;
        return NULL;
    }
    plan->count++;
    return item;
}

/* The shape that the row makes of ours. */
static void set_shape(struct item *item, const size_t *shape, int rank, size_t element)
{
    const struct cclip_layout_row *row = item->row;
    struct cclip_safetensors_entry *entry = &item->entry;
    size_t row_bytes = element;
    entry->rank = rank;
    memcpy(entry->shape, shape, (size_t)rank * sizeof *shape);
    if (row->of && rank) {
        for (int i = 1; i < rank; i++)
            row_bytes *= shape[i];
        entry->shape[0] = shape[0] * (row->end - row->first) / row->of;
        item->first_byte = shape[0] * row->first / row->of * row_bytes;
    }
    if (row->change == CCLIP_TRANSPOSED && rank == 2) {
        entry->shape[0] = shape[1];
        entry->shape[1] = shape[0];
    }
    if ((row->change == CCLIP_LEADING_ONE && rank == 2) ||
        (row->change == CCLIP_ONE_ELEMENT && rank == 0)) {
        memmove(entry->shape + 1, entry->shape, (size_t)rank * sizeof *shape);
        entry->shape[0] = 1;
        entry->rank++;
    }
}

static int is_rearranged(const struct cclip_layout_row *row)
{
    return row->of || row->change == CCLIP_TRANSPOSED;
}

static cclip_status add_weight(struct plan *plan, const char *ours)
{
    struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS];
    size_t shape[CCLIP_LIMIT_TENSOR_RANK], elements = 0;
    int rank = 0;
    cclip_status status = cclip_weights_shape(plan->weights, ours, shape, &rank);
    if (!status)
        status = cclip_tensor_count(&elements, shape, rank);
    if (status)
        return status;
    const int count = cclip_layout_to_theirs(plan->layout, ours, parts);
    if (!count)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s files have no place for the tensor \"%s\"",
                          cclip_layout_name(plan->layout), ours);
    const enum cclip_dtype stored = cclip_weights_dtype(plan->weights, ours);
    const int plain = cclip_dtype_info(stored)->block_length == 1;
    const enum cclip_dtype dtype = plain ? stored : CCLIP_F32;
    const size_t element = cclip_dtype_info(dtype)->block_bytes;
    for (int i = 0; i < count && !status; i++) {
        struct item *item = add_item(plan, parts[i].theirs, &status);
        if (!item)
            break;
        item->ours = ours;
        item->row = parts[i].row;
        item->entry.dtype = dtype;
        set_shape(item, shape, rank, element);
        if (is_rearranged(item->row) && elements * element > plan->largest)
            plan->largest = elements * element;
    }
    return status;
}

/* A scalar that the file lacks and the layout must have. */
static cclip_status add_constant(struct plan *plan, const char *ours, float value)
{
    struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS];
    cclip_status status = CCLIP_OK;
    if (cclip_weights_has(plan->weights, ours) ||
        cclip_layout_to_theirs(plan->layout, ours, parts) != 1)
        return CCLIP_OK;
    struct item *item = add_item(plan, parts[0].theirs, &status);
    if (!item)
        return status;
    item->row = parts[0].row;
    item->constant = value;
    item->entry.dtype = CCLIP_F32;
    const size_t none = 0;
    set_shape(item, &none, 0, sizeof(float));
    return CCLIP_OK;
}

/* Larger elements first, so that all are aligned; then by name, as the others' writers do. */
static int compare_items(const void *a, const void *b)
{
    const struct cclip_safetensors_entry *x = &((const struct item *)a)->entry;
    const struct cclip_safetensors_entry *y = &((const struct item *)b)->entry;
    const size_t left = cclip_dtype_info(x->dtype)->block_bytes;
    const size_t right = cclip_dtype_info(y->dtype)->block_bytes;
    return left != right ? (left < right ? 1 : -1) : strcmp(x->name, y->name);
}

static cclip_status make_plan(struct plan *plan, const struct cclip_model *model)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < cclip_weights_count(plan->weights) && !status; i++)
        status = add_weight(plan, cclip_weights_name(plan->weights, i));
    if (!status)
        status = add_constant(plan, "logit_scale", logf(model->logit_scale));
    if (!status && model->config.has_logit_bias)
        status = add_constant(plan, "logit_bias", 0.0f);
    if (status)
        return status;
    qsort(plan->items, plan->count, sizeof *plan->items, compare_items);
    plan->entries = cclip_allocate(plan->count, sizeof *plan->entries);
    plan->scratch = cclip_allocate_aligned(plan->largest ? plan->largest : 1);
    if (!plan->entries || !plan->scratch)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < plan->count; i++)
        plan->entries[i] = plan->items[i].entry;
    return CCLIP_OK;
}

/* in [rows, columns] -> out [columns, rows] */
static void transpose(unsigned char *out, const unsigned char *in, size_t rows, size_t columns,
                      size_t element)
{
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            memcpy(out + (c * rows + r) * element, in + (r * columns + c) * element, element);
}

static cclip_status fill(void *context, size_t index, void *out)
{
    struct plan *plan = context;
    const struct item *item = &plan->items[index];
    const struct cclip_safetensors_entry *entry = &item->entry;
    const size_t element = cclip_dtype_info(entry->dtype)->block_bytes;
    if (!item->ours) {
        memcpy(out, &item->constant, sizeof item->constant);
        return CCLIP_OK;
    }
    if (!is_rearranged(item->row)) {
        const cclip_status status = cclip_weights_read_raw(plan->weights, item->ours, out);
        cclip_weights_forget(plan->weights, item->ours);
        return status;
    }
    const cclip_status status = cclip_weights_read_raw(plan->weights, item->ours, plan->scratch);
    const unsigned char *rows = (const unsigned char *)plan->scratch + item->first_byte;
    size_t bytes = element;
    for (int i = 0; i < entry->rank; i++)
        bytes *= entry->shape[i];
    if (!status && item->row->change == CCLIP_TRANSPOSED && entry->rank == 2)
        transpose(out, rows, entry->shape[1], entry->shape[0], element);
    else if (!status)
        memcpy(out, rows, bytes);
    return status;
}

cclip_status cclip_convert_weights(const struct cclip_model *model, const char *layout,
                                   const char *path)
{
    struct plan plan = { .weights = model->weights, .layout = cclip_layout_find(layout) };
    cclip_status status = make_plan(&plan, model);
    if (!status)
        status = cclip_safetensors_write(path, plan.entries, plan.count, fill, &plan);
    cclip_arena_close(&plan.names);
    cclip_release_aligned(plan.scratch);
    cclip_release(plan.entries);
    cclip_release(plan.items);
    return status;
}
