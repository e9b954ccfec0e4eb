#include "checkpoint/weights.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "checkpoint/layouts.h"
#include "checkpoint/tensor_copy.h"

/* One stored tensor that is all or some rows of one of ours. */
struct part {
    const struct cclip_layout_row *row;
    size_t index; /* in the checkpoint */
};

struct entry {
    const char *name; /* ours */
    struct part parts[CCLIP_LAYOUT_PARTS];
    int count;
    int used;
};

struct cclip_weights {
    struct cclip_checkpoint *checkpoint;
    const struct cclip_layout *layout;
    size_t prefix; /* bytes in front of every name: "module." of a training run, say */
    struct entry *entries; /* sorted by name */
    size_t count;
    size_t *strangers; /* tensors without a name of ours */
    size_t stranger_count;
    const char *main_dtype;
    struct cclip_arena arena;
};

static const char *path_of(const struct cclip_weights *w)
{
    return cclip_checkpoint_path(w->checkpoint);
}

static const char *their_name(const struct cclip_weights *w, const struct part *part)
{
    return cclip_checkpoint_name(w->checkpoint, part->index);
}

/* Wrappers put one word in front of all names. A CLIP's own names have no first word in common. */
static size_t common_prefix(const struct cclip_checkpoint *checkpoint)
{
    const size_t count = cclip_checkpoint_count(checkpoint);
    const char *first = count ? cclip_checkpoint_name(checkpoint, 0) : "";
    size_t length = strlen(first);
    for (size_t i = 1; i < count; i++) {
        const char *name = cclip_checkpoint_name(checkpoint, i);
        size_t same = 0;
        while (same < length && name[same] == first[same])
            same++;
        length = same;
    }
    while (length && first[length - 1] != '.')
        length--;
    return count > 1 ? length : 0;
}

/* A layout counts if the file has its mark, and names of both towers. */
static int has_layout(const struct cclip_weights *w, const struct cclip_layout *layout)
{
    const char *mark = cclip_layout_mark(layout);
    const size_t count = cclip_checkpoint_count(w->checkpoint);
    int marked = 0, towers = 0;
    for (size_t i = 0; i < count && (!marked || towers != 3); i++) {
        const char *name = cclip_checkpoint_name(w->checkpoint, i) + w->prefix;
        char ours[CCLIP_LAYOUT_NAME];
        marked |= !strncmp(name, mark, strlen(mark));
        if (cclip_layout_to_ours(layout, name, ours))
            towers |= !strncmp(ours, "visual.", 7) ? 1 : !strncmp(ours, "text.", 5) ? 2 : 0;
    }
    return marked && towers == 3;
}

static cclip_status refuse(const struct cclip_weights *w)
{
    if (!cclip_checkpoint_count(w->checkpoint))
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: no tensors in it", path_of(w));
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED,
                      "%s: its tensors (%zu, \"%.80s\" ...) are not those of a CLIP model's image and "
                      "text tower",
                      path_of(w), cclip_checkpoint_count(w->checkpoint),
                      cclip_checkpoint_name(w->checkpoint, 0));
}

static cclip_status find_layout(struct cclip_weights *w)
{
    w->prefix = common_prefix(w->checkpoint);
    for (size_t i = 0; (w->layout = cclip_layout_at(i)); i++)
        if (has_layout(w, w->layout))
            return CCLIP_OK;
    return refuse(w);
}

/* By name, then by rows. */
static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    const unsigned first = x->parts[0].row->first, second = y->parts[0].row->first;
    return order ? order : first < second ? -1 : first > second;
}

/* An entry for each tensor that the layout has a name for; the others are strangers. */
static cclip_status name_tensors(struct cclip_weights *w)
{
    const size_t count = cclip_checkpoint_count(w->checkpoint);
    w->entries = cclip_allocate_zero(count, sizeof *w->entries);
    w->strangers = cclip_allocate(count, sizeof *w->strangers);
    if (!w->entries || !w->strangers)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const char *theirs = cclip_checkpoint_name(w->checkpoint, i) + w->prefix;
        char ours[CCLIP_LAYOUT_NAME];
        if (cclip_layout_is_buffer(theirs) && !cclip_layout_is_batch_count(theirs))
            continue;
        const struct cclip_layout_row *row = cclip_layout_to_ours(w->layout, theirs, ours);
        if (!row) {
            w->strangers[w->stranger_count++] = i;
            continue;
        }
        struct entry *entry = &w->entries[w->count++];
        entry->name = cclip_arena_text(&w->arena, ours, strlen(ours));
        if (!entry->name)
            return CCLIP_ERROR_MEMORY;
        entry->parts[0] = (struct part){ row, i };
        entry->count = 1;
        entry->used = cclip_layout_is_batch_count(ours);
    }
    qsort(w->entries, w->count, sizeof *w->entries, compare_entries);
    return CCLIP_OK;
}

/* Adds the part of `from` to `entry`, which has its name. */
static cclip_status join(const struct cclip_weights *w, struct entry *entry,
                         const struct entry *from)
{
    const struct part *last = &entry->parts[entry->count - 1], *part = &from->parts[0];
    if (!last->row->of || !part->row->of || part->row->first < last->row->end)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensors \"%s\" and \"%s\" are the same weight",
                          path_of(w), their_name(w, last), their_name(w, part));
    entry->parts[entry->count++] = *part; /* ends grow, so there are at most CCLIP_LAYOUT_PARTS */
    return CCLIP_OK;
}

static cclip_status join_parts(struct cclip_weights *w)
{
    size_t kept = 0;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < w->count && !status; i++) {
        if (kept && !strcmp(w->entries[kept - 1].name, w->entries[i].name))
            status = join(w, &w->entries[kept - 1], &w->entries[i]);
        else
            w->entries[kept++] = w->entries[i];
    }
    w->count = kept;
    return status;
}

/* The stored tensor seen as (its rows of) ours. */
static struct cclip_tensor as_ours(const struct cclip_weights *w, const struct part *part)
{
    struct cclip_tensor t = *cclip_checkpoint_tensor(w->checkpoint, part->index);
    const enum cclip_layout_change change = part->row->change;
    const int scalar = change == CCLIP_SCALAR || change == CCLIP_ONE_ELEMENT;
    if (change == CCLIP_TRANSPOSED && t.rank == 2) {
        const size_t shape = t.shape[0], stride = t.stride[0];
        t.shape[0] = t.shape[1];
        t.stride[0] = t.stride[1];
        t.shape[1] = shape;
        t.stride[1] = stride;
    } else if ((change == CCLIP_LEADING_ONE && t.rank == 3 && t.shape[0] == 1) ||
               (scalar && t.rank == 1 && t.shape[0] == 1)) {
        t.rank--;
        memmove(t.shape, t.shape + 1, (size_t)t.rank * sizeof *t.shape);
        memmove(t.stride, t.stride + 1, (size_t)t.rank * sizeof *t.stride);
    }
    return t;
}

static size_t elements(const struct cclip_tensor *t)
{
    size_t count = 1;
    for (int i = 0; i < t->rank; i++)
        count *= t->shape[i]; /* the readers have checked it */
    return count;
}

static const char *most_common_dtype(const struct cclip_weights *w)
{
    size_t totals[CCLIP_DTYPES] = { 0 }, best = CCLIP_F32;
    for (size_t i = 0; i < w->count; i++)
        for (int k = 0; k < w->entries[i].count; k++) {
            const struct cclip_tensor t = as_ours(w, &w->entries[i].parts[k]);
            if (!cclip_layout_is_batch_count(w->entries[i].name))
                totals[t.dtype] += elements(&t);
        }
    for (size_t d = 0; d < CCLIP_DTYPES; d++)
        if (totals[d] > totals[best])
            best = d;
    return cclip_dtype_info((enum cclip_dtype)best)->name;
}

cclip_status cclip_weights_open(struct cclip_weights **out, struct cclip_checkpoint *checkpoint)
{
    *out = NULL;
    struct cclip_weights *w = cclip_allocate_zero(1, sizeof *w);
    if (!w)
        return CCLIP_ERROR_MEMORY;
    w->checkpoint = checkpoint;
    cclip_status status = find_layout(w);
    if (!status)
        status = name_tensors(w);
    if (!status)
        status = join_parts(w);
    if (!status)
        w->main_dtype = most_common_dtype(w);
    if (status) {
        w->checkpoint = NULL; /* still the caller's */
        cclip_weights_close(&w);
    }
    *out = w;
    return status;
}

void cclip_weights_close(struct cclip_weights **weights)
{
    struct cclip_weights *w = *weights;
    if (!w)
        return;
    cclip_checkpoint_close(&w->checkpoint);
    cclip_arena_close(&w->arena);
    cclip_release(w->entries);
    cclip_release(w->strangers);
    cclip_release(w);
    *weights = NULL;
}

const char *cclip_weights_format(const struct cclip_weights *weights)
{
    return cclip_checkpoint_format(weights->checkpoint);
}

const char *cclip_weights_layout(const struct cclip_weights *weights)
{
    return cclip_layout_name(weights->layout);
}

const char *cclip_weights_main_dtype(const struct cclip_weights *weights)
{
    return weights->main_dtype;
}

const struct cclip_gguf *cclip_weights_gguf(const struct cclip_weights *weights)
{
    return cclip_checkpoint_gguf(weights->checkpoint);
}

size_t cclip_weights_count(const struct cclip_weights *weights)
{
    return weights->count;
}

const char *cclip_weights_name(const struct cclip_weights *weights, size_t index)
{
    return weights->entries[index].name;
}

static struct entry *find(const struct cclip_weights *w, const char *name)
{
    size_t low = 0, high = w->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(name, w->entries[middle].name);
        if (!order)
            return &w->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int cclip_weights_has(const struct cclip_weights *weights, const char *name)
{
    return find(weights, name) != NULL;
}

const char *cclip_weights_stored_name(const struct cclip_weights *weights, const char *name)
{
    const struct entry *entry = find(weights, name);
    return entry ? their_name(weights, &entry->parts[0]) : name;
}

/* Names the tensor as the file would: of several parts, the first that is not there. */
static cclip_status fail_missing(const struct cclip_weights *w, const char *name,
                                 const struct entry *entry)
{
    struct cclip_layout_part wanted[CCLIP_LAYOUT_PARTS];
    const int count = cclip_layout_to_theirs(w->layout, name, wanted);
    int missing = 0;
    while (entry && missing + 1 < count && missing < entry->count &&
           entry->parts[missing].row == wanted[missing].row)
        missing++;
    if (!count)
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no tensor for \"%s\", which %s files do not have",
                          path_of(w), name, cclip_layout_name(w->layout));
    return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no tensor \"%.*s%s\"", path_of(w), (int)w->prefix,
                      cclip_checkpoint_name(w->checkpoint, 0), wanted[missing].theirs);
}

/* All rows are there. */
static int is_complete(const struct entry *entry)
{
    unsigned end = 0;
    for (int k = 0; k < entry->count; k++) {
        const struct cclip_layout_row *row = entry->parts[k].row;
        if (!row->of)
            return 1;
        if (row->first != end)
            return 0;
        end = row->end;
    }
    return end == entry->parts[0].row->of;
}

static cclip_status find_complete(struct entry **out, const struct cclip_weights *w,
                                  const char *name)
{
    *out = find(w, name);
    return *out && is_complete(*out) ? CCLIP_OK : fail_missing(w, name, *out);
}

cclip_status cclip_weights_shape(const struct cclip_weights *weights, const char *name, size_t *shape,
                                 int *rank)
{
    struct entry *entry;
    const cclip_status status = find_complete(&entry, weights, name);
    if (status)
        return status;
    const struct cclip_tensor first = as_ours(weights, &entry->parts[0]);
    *rank = first.rank;
    memcpy(shape, first.shape, (size_t)first.rank * sizeof *shape);
    for (int k = 1; k < entry->count; k++) {
        const struct cclip_tensor next = as_ours(weights, &entry->parts[k]);
        if (next.rank != first.rank || !first.rank ||
            memcmp(next.shape + 1, first.shape + 1, (size_t)(first.rank - 1) * sizeof *shape))
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensors \"%s\" and \"%s\" do not belong together",
                              path_of(weights), their_name(weights, &entry->parts[0]),
                              their_name(weights, &entry->parts[k]));
        shape[0] += next.shape[0];
    }
    return CCLIP_OK;
}

enum cclip_dtype cclip_weights_dtype(const struct cclip_weights *weights, const char *name)
{
    const struct entry *entry = find(weights, name);
    if (!entry)
        return CCLIP_F32;
    const struct cclip_tensor first = as_ours(weights, &entry->parts[0]);
    for (int k = 1; k < entry->count; k++)
        if (as_ours(weights, &entry->parts[k]).dtype != first.dtype)
            return CCLIP_F32;
    return first.dtype;
}

/* The shape that the file should have for this part. */
static int expected_shape(size_t *out, const struct cclip_layout_row *row, const size_t *shape,
                          int rank)
{
    size_t ours[CCLIP_LIMIT_TENSOR_RANK];
    memcpy(ours, shape, (size_t)rank * sizeof *shape);
    if (row->of && rank)
        ours[0] = shape[0] * (row->end - row->first) / row->of;
    if (row->change == CCLIP_TRANSPOSED && rank == 2) {
        out[0] = ours[1];
        out[1] = ours[0];
        return rank;
    }
    const int leading = row->change == CCLIP_LEADING_ONE && rank == 2;
    out[0] = 1;
    memcpy(out + leading, ours, (size_t)rank * sizeof *ours);
    return rank + leading;
}

static cclip_status require_part(const struct cclip_weights *w, const struct part *part,
                                 const size_t *shape, int rank)
{
    const struct cclip_tensor *stored = cclip_checkpoint_tensor(w->checkpoint, part->index);
    const struct cclip_tensor t = as_ours(w, part);
    size_t expected[CCLIP_LIMIT_TENSOR_RANK + 1];
    const size_t rows = part->row->of && rank
                            ? shape[0] * (part->row->end - part->row->first) / part->row->of
                            : rank ? shape[0] : 0;
    int same = t.rank == rank && (!rank || t.shape[0] == rows);
    for (int i = 1; i < rank && same; i++)
        same = t.shape[i] == shape[i];
    if (!same) {
        char found[128], wanted[128];
        const int wanted_rank = expected_shape(expected, part->row, shape, rank);
        return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: tensor \"%s\" has shape %s, expected %s",
                          path_of(w), their_name(w, part),
                          cclip_shape_text(found, sizeof found, stored->shape, stored->rank),
                          cclip_shape_text(wanted, sizeof wanted, expected, wanted_rank));
    }
    if (t.dtype >= CCLIP_I64 && t.dtype <= CCLIP_BOOL)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: tensor \"%s\" has type %s, expected floating-point numbers", path_of(w),
                          their_name(w, part), cclip_dtype_info(t.dtype)->name);
    return CCLIP_OK;
}

cclip_status cclip_weights_require(struct cclip_weights *weights, const char *name,
                                   const size_t *shape, int rank)
{
    struct entry *entry;
    cclip_status status = find_complete(&entry, weights, name);
    for (int k = 0; !status && k < entry->count; k++)
        status = require_part(weights, &entry->parts[k], shape, rank);
    if (!status)
        entry->used = 1;
    return status;
}

/* A list of names with a count, for one line. */
struct names {
    char text[320];
    size_t length, count;
};

static void add_name(struct names *names, const char *name)
{
    enum { NAMED = 3 };
    if (names->count++ < NAMED)
        names->length += (size_t)snprintf(names->text + names->length,
                                          sizeof names->text - names->length, "%s\"%.80s\"",
                                          names->length ? ", " : "", name);
    else if (names->count == NAMED + 1)
        snprintf(names->text + names->length, sizeof names->text - names->length, " ...");
}

cclip_status cclip_weights_finish(const struct cclip_weights *weights)
{
    struct names surplus = { .length = 0 };
    for (size_t i = 0; i < weights->stranger_count; i++)
        add_name(&surplus, cclip_checkpoint_name(weights->checkpoint, weights->strangers[i]));
    for (size_t i = 0; i < weights->count; i++)
        for (int k = 0; k < weights->entries[i].count && !weights->entries[i].used; k++)
            add_name(&surplus, their_name(weights, &weights->entries[i].parts[k]));
    if (!surplus.count)
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: %zu tensor%s that the model has no place for: %s",
                      path_of(weights), surplus.count, surplus.count == 1 ? "" : "s", surplus.text);
}

const float *cclip_weights_view(const struct cclip_weights *weights, const char *name)
{
    const struct entry *entry = find(weights, name);
    if (!entry || entry->count != 1)
        return NULL;
    const struct cclip_tensor t = as_ours(weights, &entry->parts[0]);
    const int just_so = t.dtype == CCLIP_F32 && cclip_tensor_is_contiguous(&t) &&
                        (uintptr_t)t.data % sizeof(float) == 0;
    return just_so ? t.data : NULL;
}

cclip_status cclip_weights_read(const struct cclip_weights *weights, const char *name, float *out)
{
    struct entry *entry;
    cclip_status status = find_complete(&entry, weights, name);
    for (int k = 0; !status && k < entry->count; k++) {
        const struct cclip_tensor t = as_ours(weights, &entry->parts[k]);
        status = cclip_tensor_read_f32(out, &t);
        out += elements(&t);
    }
    return status;
}

cclip_status cclip_weights_read_raw(const struct cclip_weights *weights, const char *name, void *out)
{
    struct entry *entry;
    cclip_status status = find_complete(&entry, weights, name);
    if (status)
        return status;
    const enum cclip_dtype dtype = cclip_weights_dtype(weights, name);
    const struct cclip_dtype_info *info = cclip_dtype_info(dtype);
    const int plain = info->block_length == 1;
    const size_t size = plain ? info->block_bytes : sizeof(float);
    unsigned char *place = out;
    for (int k = 0; !status && k < entry->count; k++) {
        const struct cclip_tensor t = as_ours(weights, &entry->parts[k]);
        if (plain && t.dtype == dtype)
            cclip_tensor_copy(place, &t);
        else
            status = cclip_tensor_read_f32((float *)(void *)place, &t);
        place += elements(&t) * size;
    }
    return status;
}

void cclip_weights_forget(const struct cclip_weights *weights, const char *name)
{
    const struct entry *entry = find(weights, name);
    for (int k = 0; entry && k < entry->count; k++)
        cclip_checkpoint_forget(weights->checkpoint, entry->parts[k].index);
}
