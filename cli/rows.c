#include "cli/rows.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "formats/npy.h"

/* One that is written, or one that is read. */
struct cclip_rows_npy {
    struct cclip_npy_writer writer;
    struct cclip_npy array;
};

static const enum cclip_npy_type row_types[] = { [CCLIP_ROWS_F32] = CCLIP_NPY_F32,
                                                 [CCLIP_ROWS_U8] = CCLIP_NPY_U8 };

/* OUT.npy is described by OUT.jsonl; a name with another ending gets that one behind it. */
static cclip_status open_lines(struct cclip_writer *out, const char *path)
{
    const size_t length = strlen(path) - (cclip_path_has_suffix(path, ".npy") ? 4 : 0);
    const size_t size = length + sizeof ".jsonl";
    char *lines = cclip_allocate(size, 1);
    if (!lines)
        return CCLIP_ERROR_MEMORY;
    snprintf(lines, size, "%.*s.jsonl", (int)length, path);
    const cclip_status status = cclip_writer_open(out, lines);
    cclip_release(lines);
    return status;
}

cclip_status cclip_rows_open(struct cclip_rows *rows, const char *path, enum cclip_row_type type,
                             const size_t *shape, size_t rank, int described)
{
    memset(rows, 0, sizeof(*rows));
    cclip_emitter_open(&rows->e);
    rows->described = described;
    rows->npy = cclip_allocate_zero(1, sizeof(*rows->npy));
    cclip_status status = rows->npy ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_output_check(path, "\x93NUMPY", ".npy file");
    if (!status)
        status = cclip_npy_writer_open(&rows->npy->writer, path, row_types[type], shape, rank);
    if (!status && described)
        status = open_lines(&rows->lines, path);
    if (status)
        cclip_rows_close(rows);
    return status;
}

cclip_status cclip_rows_append(struct cclip_rows *rows, const void *data, size_t count)
{
    const cclip_status status = cclip_npy_writer_append(&rows->npy->writer, data, count);
    if (!status)
        rows->count += count;
    return status;
}

cclip_status cclip_rows_describe(struct cclip_rows *rows, const char *key, const char *text,
                                 size_t length)
{
    struct cclip_emitter *e = &rows->e;
    if (!rows->described)
        return CCLIP_OK;
    cclip_buffer_clear(&e->text);
    e->comma = 0;
    cclip_emit_begin(e, NULL, '{');
    cclip_emit_text(e, key, text, length);
    cclip_emit_end(e, '}');
    if (!e->status)
        e->status = cclip_buffer_byte(&e->text, '\n');
    return e->status ? e->status : cclip_writer_write(&rows->lines, e->text.data, e->text.length);
}

/* Both files are on the disk before either gets its name: a full disk leaves neither. */
cclip_status cclip_rows_commit(struct cclip_rows *rows)
{
    cclip_status status = cclip_npy_writer_finish(&rows->npy->writer);
    if (!status && rows->described)
        status = cclip_writer_sync(&rows->lines);
    if (!status)
        status = cclip_npy_writer_commit(&rows->npy->writer);
    if (!status && rows->described)
        status = cclip_writer_commit(&rows->lines);
    return status;
}

void cclip_rows_close(struct cclip_rows *rows)
{
    if (rows->npy)
        cclip_npy_writer_close(&rows->npy->writer);
    cclip_release(rows->npy);
    rows->npy = NULL;
    cclip_writer_close(&rows->lines);
    cclip_emitter_close(&rows->e);
}

static const struct {
    int type;
    enum cclip_npy_type stored;
} array_types[] = { { CCLIP_ARRAY_F32, CCLIP_NPY_F32 },
                    { CCLIP_ARRAY_I32, CCLIP_NPY_I32 },
                    { CCLIP_ARRAY_I64, CCLIP_NPY_I64 } };
enum { ARRAY_TYPES = sizeof(array_types) / sizeof(*array_types) };

static cclip_status check_type(const struct cclip_array *array, int types)
{
    char wanted[64] = "";
    if (array->type & types)
        return CCLIP_OK;
    for (size_t i = 0; i < ARRAY_TYPES; i++) {
        const size_t length = strlen(wanted);
        if (types & array_types[i].type)
            snprintf(wanted + length, sizeof(wanted) - length, "%s%s", length ? " or " : "",
                     cclip_npy_type_name(array_types[i].stored));
    }
    return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: holds %s, %s expected", array->path,
                      cclip_npy_type_name(array->npy->array.type), wanted);
}

/* "[3, 224, 224]"; the first size reads "n" where it may be any. */
static void spell_shape(char *out, size_t size, const size_t *shape, size_t rank, int any_rows)
{
    size_t length = (size_t)snprintf(out, size, any_rows ? "[n" : "[");
    for (size_t i = any_rows ? 1 : 0; i < rank && length < size; i++)
        length += (size_t)snprintf(out + length, size - length, i ? ", %zu" : "%zu", shape[i]);
    if (length < size)
        snprintf(out + length, size - length, "]");
}

static cclip_status check_shape(const struct cclip_array *array, size_t rank, const size_t *row)
{
    const struct cclip_npy *npy = &array->npy->array;
    char found[192], wanted[192];
    int fits = npy->rank == rank;
    for (size_t i = 1; i < rank && fits && row; i++)
        fits = npy->shape[i] == row[i - 1];
    if (fits)
        return CCLIP_OK;
    spell_shape(found, sizeof(found), npy->shape, npy->rank, 0);
    if (!row)
        return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: has the shape %s, %zu dimensions expected",
                          array->path, found, rank);
    size_t shape[sizeof(array->shape) / sizeof(*array->shape)] = { 0 };
    memcpy(shape + 1, row, (rank - 1) * sizeof(*shape));
    spell_shape(wanted, sizeof(wanted), shape, rank, 1);
    return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: has the shape %s, %s expected", array->path, found,
                      wanted);
}

cclip_status cclip_array_open(struct cclip_array *out, const char *path, size_t rank, int types,
                              const size_t *row)
{
    memset(out, 0, sizeof(*out));
    out->path = path;
    out->npy = cclip_allocate_zero(1, sizeof(*out->npy));
    cclip_status status = out->npy ? cclip_npy_open(&out->npy->array, path) : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < ARRAY_TYPES && !status; i++)
        if (array_types[i].stored == out->npy->array.type)
            out->type = array_types[i].type;
    if (!status)
        status = check_type(out, types);
    if (!status)
        status = check_shape(out, rank, row);
    if (status) {
        cclip_array_close(out);
        return status;
    }
    out->rank = rank;
    memcpy(out->shape, out->npy->array.shape, rank * sizeof(*out->shape));
    out->count = out->shape[0];
    out->data = out->npy->array.data;
    return CCLIP_OK;
}

void cclip_array_close(struct cclip_array *array)
{
    if (array->npy)
        cclip_npy_close(&array->npy->array);
    cclip_release(array->npy);
    array->npy = NULL;
}
