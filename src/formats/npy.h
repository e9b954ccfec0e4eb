/* NumPy's .npy files: one array, mapped to read, appended row by row to write.
 *
 * Format versions 1 to 3, little-endian, C order. A file of another byte order, of objects or of
 * records is refused by name, and nothing in it is ever evaluated: the header is read as the one
 * dictionary that it is. */
#ifndef CCLIP_FORMATS_NPY_H
#define CCLIP_FORMATS_NPY_H

#include <stddef.h>
#include "base/file.h"
#include "base/limits.h"
#include "base/status.h"

enum cclip_npy_type {
    CCLIP_NPY_F32,
    CCLIP_NPY_F16,
    CCLIP_NPY_F64,
    CCLIP_NPY_I32,
    CCLIP_NPY_I64,
    CCLIP_NPY_U8,
    CCLIP_NPY_TYPES
};

/* "float32", and bytes an element. */
const char *cclip_npy_type_name(enum cclip_npy_type type);
size_t cclip_npy_type_size(enum cclip_npy_type type);

struct cclip_npy {
    enum cclip_npy_type type;
    size_t rank, shape[CCLIP_LIMIT_TENSOR_RANK];
    size_t count;     /* elements */
    const void *data; /* aligned for its type */
    struct cclip_mapping mapping;
    void *copy; /* of data that lay at an odd place in the file */
};

/* `data` must outlive `out`; `name` is used in messages. Close in any case. */
cclip_status cclip_npy_parse(struct cclip_npy *out, const void *data, size_t size,
                             const char *name);
cclip_status cclip_npy_open(struct cclip_npy *out, const char *path);
void cclip_npy_close(struct cclip_npy *npy);

/* An array whose number of rows is known at the end. It appears under its name when it is
 * committed; close without commit leaves nothing. */
struct cclip_npy_writer {
    struct cclip_writer file;
    enum cclip_npy_type type;
    size_t rank, shape[CCLIP_LIMIT_TENSOR_RANK]; /* shape[0]: rows so far */
    size_t row_bytes;
    size_t header_bytes; /* fixed at the start, with room for any number of rows */
};

/* `shape` [rank] is that of one row; rank 0 gives a vector. */
cclip_status cclip_npy_writer_open(struct cclip_npy_writer *out, const char *path,
                                   enum cclip_npy_type type, const size_t *shape, size_t rank);
cclip_status cclip_npy_writer_append(struct cclip_npy_writer *writer, const void *rows,
                                     size_t count);
/* Writes the header with the number of rows and brings all to the disk: what remains for commit is
 * to give the file its name. */
cclip_status cclip_npy_writer_finish(struct cclip_npy_writer *writer);
cclip_status cclip_npy_writer_commit(struct cclip_npy_writer *writer);
void cclip_npy_writer_close(struct cclip_npy_writer *writer);

#endif
