/* Python pickles as PyTorch writes them, read into a graph of plain values. Nothing is executed.
 *
 * A pickle is a program for a stack machine. Of its operations only those are known that build
 * plain values; a callable or class that it names must be on the list of pickle_globals.c, and a
 * call of it becomes a CALL value that says so, for the caller to make sense of. Whatever else a
 * pickle wants is refused by name and place. */
#ifndef CCLIP_CHECKPOINT_PICKLE_H
#define CCLIP_CHECKPOINT_PICKLE_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/status.h"

enum cclip_pickle_kind {
    CCLIP_PICKLE_NONE,
    CCLIP_PICKLE_BOOL,
    CCLIP_PICKLE_INTEGER,
    CCLIP_PICKLE_NUMBER,
    CCLIP_PICKLE_TEXT,
    CCLIP_PICKLE_BYTES,
    CCLIP_PICKLE_LIST, /* tuples and sets too: only order and members matter here */
    CCLIP_PICKLE_DICT, /* items: key, value, key, value ... as they were set */
    CCLIP_PICKLE_GLOBAL,
    CCLIP_PICKLE_CALL, /* items: the global, its arguments (a list), what BUILD gave (or none) */
    CCLIP_PICKLE_PERSISTENT /* items: what names an object kept outside of the pickle */
};

/* What a global means to a reader of weights; those that mean nothing to it are OTHER. */
enum cclip_pickle_role {
    CCLIP_ROLE_OTHER,
    CCLIP_ROLE_ORDERED_DICT, /* calls become DICT */
    CCLIP_ROLE_TENSOR,       /* (storage, offset, shape, strides, ...) */
    CCLIP_ROLE_TENSOR_OF_TYPE, /* the same with a type as the seventh */
    CCLIP_ROLE_PARAMETER,    /* (tensor, ...) */
    CCLIP_ROLE_TENSOR_CLASS, /* (callable, class, arguments, state) */
    CCLIP_ROLE_STORAGE,      /* `dtype` says of what */
    CCLIP_ROLE_BYTES_STORAGE,/* without a type */
    CCLIP_ROLE_DTYPE,        /* `dtype` */
    CCLIP_ROLE_MODULE        /* a class in a TorchScript archive */
};

/* A known callable or class. `dtype` is one of enum cclip_dtype, or -1. */
struct cclip_pickle_global {
    const char *module, *name;
    enum cclip_pickle_role role;
    int dtype;
};

struct cclip_pickle_value {
    enum cclip_pickle_kind kind;
    int seen; /* for walks: 0 not yet, 1 being walked, 2 done */
    union {
        int64_t integer;
        double number;
        struct { /* points into the pickle */
            const char *text;
            size_t length;
        } text;
        struct {
            struct cclip_pickle_value **items;
            size_t count, capacity;
        } list;
        const struct cclip_pickle_global *global;
    } as;
};

struct cclip_pickle {
    struct cclip_pickle_value *root;
    struct cclip_arena arena; /* every value */
};

/* `data` must outlive the pickle. `name` is used in messages. The graph has no cycles and is no
 * deeper than CCLIP_LIMIT_PICKLE_DEPTH, so it can be walked by recursion. */
cclip_status cclip_pickle_read(struct cclip_pickle *out, const void *data, size_t size,
                               const char *name);
void cclip_pickle_close(struct cclip_pickle *pickle);

/* A member of a DICT by its text key, the last one set; NULL if absent, or no dictionary. */
const struct cclip_pickle_value *cclip_pickle_get(const struct cclip_pickle_value *dict,
                                                  const char *key);
/* Item of a LIST, CALL or PERSISTENT; NULL beyond its end, or of another kind. */
const struct cclip_pickle_value *cclip_pickle_item(const struct cclip_pickle_value *value,
                                                   size_t index);
/* True for a TEXT of these bytes. */
int cclip_pickle_is_text(const struct cclip_pickle_value *value, const char *text);

/* The list: NULL for a global that is not on it. */
const struct cclip_pickle_global *cclip_pickle_find_global(const char *module, size_t module_length,
                                                           const char *name, size_t name_length);

#endif
