/* Layouts: under which names the projects that write CLIP checkpoints keep its tensors.
 *
 * A layout is a table. A row says: their name, ours, and how the stored tensor becomes ours. The tables
 * serve both ways, reading and writing. */
#ifndef CCLIP_CHECKPOINT_LAYOUTS_H
#define CCLIP_CHECKPOINT_LAYOUTS_H

#include <stddef.h>

/* What is done to their tensor; the other way round when writing. */
enum cclip_layout_change {
    CCLIP_AS_IT_IS,
    CCLIP_TRANSPOSED,  /* two dimensions, exchanged */
    CCLIP_LEADING_ONE, /* theirs is [1, rows, columns]: the 1 is dropped */
    CCLIP_SCALAR,      /* written without dimensions; read as [1] too */
    CCLIP_ONE_ELEMENT  /* written as [1]; read without dimensions too */
};

/* "*" in a name is a block's number, "**" at its end is any rest. */
struct cclip_layout_row {
    const char *theirs, *ours;
    enum cclip_layout_change change;
    /* `of` 0: all of ours. Else rows [first / of, end / of) of it: q, k and v of a joined tensor. */
    unsigned first, end, of;
};

struct cclip_layout;
enum { CCLIP_LAYOUT_PARTS = 3, CCLIP_LAYOUT_NAME = 256 };

/* In the order in which a file is tried; NULL behind the last. */
const struct cclip_layout *cclip_layout_at(size_t index);
const struct cclip_layout *cclip_layout_find(const char *name); /* NULL if there is none */
const char *cclip_layout_name(const struct cclip_layout *layout);
/* A file has this layout if one of its names begins so. */
const char *cclip_layout_mark(const struct cclip_layout *layout);

/* Our name for theirs into `ours` [CCLIP_LAYOUT_NAME]; NULL if the table has none. */
const struct cclip_layout_row *cclip_layout_to_ours(const struct cclip_layout *layout,
                                                    const char *theirs, char *ours);

/* The tensors that together are ours, by rows; returns how many, 0 if the table has none. */
struct cclip_layout_part {
    const struct cclip_layout_row *row;
    char theirs[CCLIP_LAYOUT_NAME];
};
int cclip_layout_to_theirs(const struct cclip_layout *layout, const char *ours,
                           struct cclip_layout_part parts[CCLIP_LAYOUT_PARTS]);

/* Counters, masks and sizes that files carry along and no model needs. */
int cclip_layout_is_buffer(const char *name);
/* The one of them that open_clip's own files have: batch norm's number of batches. */
int cclip_layout_is_batch_count(const char *name);

#endif
