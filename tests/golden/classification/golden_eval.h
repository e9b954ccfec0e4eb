/* What the golden tests of this folder share: arrays from .npy files, the formula's stream of numbers,
 * walking the folders of $CCLIP_GOLDEN/eval. */
#ifndef CCLIP_TESTS_GOLDEN_EVAL_H
#define CCLIP_TESTS_GOLDEN_EVAL_H

#include "support/paths.h"
#include "support/unit.h"

#include <math.h>

#include "base/file.h"
#include "formats/json.h"

struct array {
    size_t rank, shape[8], count;
    float *f32;   /* of '<f4' */
    int64_t *i64; /* of '<i4' and '<i8' */
};

static inline void array_close(struct array *a)
{
    free(a->f32);
    free(a->i64);
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
        a->shape[a->rank++] = side;
        a->count *= side;
        p = end + strspn(end, ", ");
    }
}

static inline void array_read(struct array *a, const char *folder, const char *name)
{
    char path[CCLIP_TEST_PATH_SIZE + 64], header[1024] = { 0 };
    struct cclip_mapping file;
    memset(a, 0, sizeof *a);
    snprintf(path, sizeof path, "%s/%s", folder, name);
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
        a->f32 = malloc(a->count * size);
        memcpy(a->f32, data, a->count * size);
    } else {
        a->i64 = malloc(a->count * sizeof *a->i64);
        for (size_t i = 0; i < a->count; i++) {
            int32_t small;
            memcpy(&small, data + i * 4, 4);
            a->i64[i] = small;
            if (size == 8)
                memcpy(&a->i64[i], data + i * 8, 8);
        }
    }
    cclip_mapping_close(&file);
}

/* w(name, i) and u(name, i) of golden/FORMULA.md. */
static inline uint64_t formula_hash(const char *name)
{
    uint64_t h = 14695981039346656037u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

static inline float formula_value(uint64_t hash, uint64_t i)
{
    uint64_t x = hash + i + 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    return ((float)(x >> 40) - 8388608.0f) * 0x1p-23f;
}

/* The image stream `name`, [count][3][height][width]. */
static inline float *formula_images(const char *name, size_t count, size_t height, size_t width)
{
    char coarse_name[256];
    snprintf(coarse_name, sizeof coarse_name, "%s.coarse", name);
    const uint64_t fine = formula_hash(name), coarse = formula_hash(coarse_name);
    const size_t rows = (height + 15) / 16, columns = (width + 15) / 16;
    float *out = malloc(count * 3 * height * width * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < count * 3 * height * width; i++) {
        const size_t x = i % width, y = i / width % height, plane = i / width / height;
        out[i] = 0.5f * formula_value(fine, i) +
                 2.0f * formula_value(coarse, (plane * rows + y / 16) * columns + x / 16);
    }
    return out;
}

static inline size_t largest(const float *row, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

/* Largest distance between two arrays; `columns` > 0 means that `expected` is the transpose,
 * [columns][rows] where `got` is [rows][columns]. */
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

/* Calls `body(folder, expected.json)` for every folder below eval/ whose expected.json has the keys
 * `key` and `other`. Returns how many there were. */
static inline size_t each_eval_folder(const char *key, const char *other,
                                      void (*body)(const char *folder, const cclip_json *expected))
{
    char top[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE + 300], folder[CCLIP_TEST_PATH_SIZE + 280];
    struct cclip_names names;
    size_t count = 0;
    snprintf(top, sizeof top, "%s/eval", cclip_test_golden());
    assert_ok(cclip_folder_list(&names, top));
    for (size_t i = 0; i < names.count; i++) {
        cclip_json *json;
        snprintf(folder, sizeof folder, "%s/%s", top, names.names[i]);
        snprintf(path, sizeof path, "%s/expected.json", folder);
        if (!cclip_is_file(path))
            continue;
        assert_ok(cclip_json_read_file(&json, path));
        if (cclip_json_get(json, key) && cclip_json_get(json, other)) {
            body(folder, json);
            count++;
        }
        cclip_json_close(&json);
    }
    cclip_names_close(&names);
    return count;
}

/* Name of the model in expected.json: the first word. */
static inline void model_name(char *out, size_t size, const cclip_json *expected)
{
    const char *text = cclip_json_string(cclip_json_get(expected, "model"), NULL);
    assert_non_null(text);
    snprintf(out, size, "%.*s", (int)strcspn(text, " "), text);
}

#endif
