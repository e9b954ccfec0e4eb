/* Arrays from .npy files, as NumPy writes them: little-endian, C order, float32 or integers. */
#ifndef CCLIP_TESTS_NPY_H
#define CCLIP_TESTS_NPY_H

#include "support/paths.h"
#include "support/unit.h"

#include <math.h>

#include "base/file.h"

struct array {
    size_t rank, shape[8], count;
    float *f32;   /* of '<f4' */
    int64_t *i64; /* of '<i4' and '<i8' */
};

static inline void array_close(struct array *a)
{
    free(a->f32);
    free(a->i64);
    memset(a, 0, sizeof *a);
}

/* Header of an .npy file: a Python dictionary of fixed form. */
static inline void array_shape(struct array *a, const char *header)
{
    const char *p = strstr(header, "'shape': (");
    assert_non_null(p);
    assert_non_null(strstr(header, "'fortran_order': False"));
    a->count = 1;
    for (p += 10; *p && *p != ')';) {
        char *end;
        const size_t side = strtoul(p, &end, 10);
        if (end == p)
            break;
        assert_true(a->rank < 8);
        a->shape[a->rank++] = side;
        a->count *= side;
        p = end + strspn(end, ", ");
    }
}

static inline void array_read_file(struct array *a, const char *path)
{
    char header[1024] = { 0 };
    struct cclip_mapping file;
    memset(a, 0, sizeof *a);
    assert_ok(cclip_mapping_open(&file, path));
    assert_true(file.size > 10 && !memcmp(file.data, "\x93NUMPY\x01", 7));
    const size_t length = file.data[8] + 256u * file.data[9];
    assert_true(length < sizeof header && length + 10 <= file.size);
    memcpy(header, file.data + 10, length);
    array_shape(a, header);
    const size_t size = strstr(header, "'<i8'") ? 8 : 4;
    const unsigned char *data = file.data + 10 + length;
    assert_true(file.size - 10 - length == a->count * size);
    if (strstr(header, "'<f4'")) {
        a->f32 = malloc(a->count * size + 1);
        assert_non_null(a->f32);
        memcpy(a->f32, data, a->count * size);
    } else {
        assert_true(strstr(header, "'<i8'") || strstr(header, "'<i4'"));
        a->i64 = malloc(a->count * sizeof *a->i64 + 1);
        assert_non_null(a->i64);
        for (size_t i = 0; i < a->count; i++) {
            int32_t small;
            memcpy(&small, data + i * size, 4);
            a->i64[i] = small;
            if (size == 8)
                memcpy(&a->i64[i], data + i * 8, 8);
        }
    }
    cclip_mapping_close(&file);
}

static inline void array_read(struct array *a, const char *folder, const char *name)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(path, sizeof path, folder, name);
    array_read_file(a, path);
}

/* Token ids as the library takes them; freed by the caller. */
static inline int32_t *array_ids(const struct array *a)
{
    int32_t *ids = malloc(a->count * sizeof *ids + 1);
    assert_non_null(ids);
    assert_non_null(a->i64);
    for (size_t i = 0; i < a->count; i++)
        ids[i] = (int32_t)a->i64[i];
    return ids;
}

/* Largest distance between two arrays, NaN if any is met; `columns` > 0 means that `expected` is the
 * transpose, [columns][rows] where `got` is [rows][columns]. */
static inline double distance(const float *got, const float *expected, size_t count, size_t columns)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t at = columns ? i % columns * (count / columns) + i / columns : i;
        const double d = fabs((double)got[i] - (double)expected[at]);
        most = d > most || isnan(d) ? d : most;
    }
    return most;
}

static inline double largest_magnitude(const float *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fabs((double)values[i]) > most ? fabs((double)values[i]) : most;
    return most;
}

#endif
