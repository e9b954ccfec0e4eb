/* Rows on disk: OUT.npy, and OUT.jsonl beside it where each row is described; both appear under
 * their names only when they are committed. And .npy files whose rows are read. */
#ifndef CCLIP_CLI_ROWS_H
#define CCLIP_CLI_ROWS_H

#include "base/file.h"
#include "cli/output.h"

enum cclip_row_type { CCLIP_ROWS_F32, CCLIP_ROWS_U8 };

struct cclip_rows_npy; /* formats/npy.h stays inside rows.c */

struct cclip_rows {
    struct cclip_rows_npy *npy;
    struct cclip_writer lines;
    struct cclip_emitter e;
    int described;
    size_t count;
};

/* `shape` [rank] is that of one row. */
cclip_status cclip_rows_open(struct cclip_rows *rows, const char *path, enum cclip_row_type type,
                             const size_t *shape, size_t rank, int described);
cclip_status cclip_rows_append(struct cclip_rows *rows, const void *data, size_t count);
/* The line of the row just appended: {"key": "text"}. Nothing where rows are not described. */
cclip_status cclip_rows_describe(struct cclip_rows *rows, const char *key, const char *text,
                                 size_t length);
cclip_status cclip_rows_commit(struct cclip_rows *rows);
void cclip_rows_close(struct cclip_rows *rows);

enum { CCLIP_ARRAY_F32 = 1, CCLIP_ARRAY_I32 = 2, CCLIP_ARRAY_I64 = 4 };

/* A mapped .npy file, little-endian, C order. */
struct cclip_array {
    struct cclip_rows_npy *npy;
    const char *path;
    const void *data;
    int type; /* one of CCLIP_ARRAY_...; 0: another */
    size_t shape[4], rank;
    size_t count; /* rows: shape[0] */
};

/* Fails unless the array has `rank` dimensions and is of one of `types` (a sum of CCLIP_ARRAY_...);
 * `row` [rank - 1], if not NULL, is the shape that each row must have. */
cclip_status cclip_array_open(struct cclip_array *out, const char *path, size_t rank, int types,
                              const size_t *row);
void cclip_array_close(struct cclip_array *array);

#endif
