/* A set of features on disk: NAME.npy, NAME.labels.npy and NAME.json. */
#include "api/feature_set.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "formats/npy.h"

enum { FEATURES, LABELS, ABOUT, FILES };

static const char *const suffixes[FILES] = { ".npy", ".labels.npy", ".json" };

struct paths {
    char *of[FILES];
};

static void paths_close(struct paths *paths)
{
    for (int i = 0; i < FILES; i++)
        cclip_release(paths->of[i]);
}

static cclip_status paths_open(struct paths *out, const char *path)
{
    const size_t length = strlen(path), stem = length - strlen(suffixes[FEATURES]);
    *out = (struct paths){ { NULL } };
    if (length <= strlen(suffixes[FEATURES]) || strcmp(path + stem, suffixes[FEATURES]))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "%s: a file of features: its name must end in .npy", path);
    for (int i = 0; i < FILES; i++) {
        const size_t size = strlen(suffixes[i]) + 1;
        if (!(out->of[i] = cclip_allocate(stem + size, 1)))
            return CCLIP_ERROR_MEMORY;
        memcpy(out->of[i], path, stem);
        memcpy(out->of[i] + stem, suffixes[i], size);
    }
    return CCLIP_OK;
}

/* Writing: the three files are complete before the first of them gets its name. */

static cclip_status write_labels(struct cclip_npy_writer *writer, const char *path,
                                 const struct cclip_feature_set *set)
{
    cclip_status status = cclip_npy_writer_open(writer, path, CCLIP_NPY_I64, NULL, 0);
    for (size_t i = 0; i < set->count && !status; i++) {
        const int64_t label = set->labels[i];
        status = cclip_npy_writer_append(writer, &label, 1);
    }
    return status ? status : cclip_npy_writer_finish(writer);
}

static cclip_status write_features(struct cclip_npy_writer *writer, const char *path,
                                   const struct cclip_feature_set *set)
{
    cclip_status status = cclip_npy_writer_open(writer, path, CCLIP_NPY_F32, &set->dim, 1);
    if (!status)
        status = cclip_npy_writer_append(writer, set->features, set->count);
    return status ? status : cclip_npy_writer_finish(writer);
}

static cclip_status about_text(struct cclip_buffer *out, const struct cclip_feature_set *set)
{
    cclip_json *object = cclip_json_new_object();
    cclip_status status =
        object ? cclip_feature_origin_write(object, &set->origin, &set->classes) : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_json_write(out, object, 1);
    if (!status)
        status = cclip_buffer_byte(out, '\n');
    cclip_json_close(&object);
    return status;
}

cclip_status cclip_feature_set_write(const cclip_feature_set *set, const char *path)
{
    struct cclip_npy_writer features = { .rank = 0 }, labels = { .rank = 0 };
    struct cclip_buffer about;
    struct paths paths;
    cclip_buffer_open(&about, CCLIP_LIMIT_JSON_FILE);
    cclip_status status = paths_open(&paths, path);
    if (!status)
        status = about_text(&about, set);
    if (!status)
        status = write_features(&features, paths.of[FEATURES], set);
    if (!status)
        status = write_labels(&labels, paths.of[LABELS], set);
    if (!status)
        status = cclip_file_write(paths.of[ABOUT], about.data, about.length);
    if (!status)
        status = cclip_npy_writer_commit(&labels);
    if (!status)
        status = cclip_npy_writer_commit(&features);
    cclip_npy_writer_close(&features);
    cclip_npy_writer_close(&labels);
    cclip_buffer_close(&about);
    paths_close(&paths);
    return status;
}

/* Reading. */

static cclip_status read_features(struct cclip_feature_set *set, const char *path)
{
    struct cclip_npy npy;
    cclip_status status = cclip_npy_open(&npy, path);
    if (!status && (npy.type != CCLIP_NPY_F32 || npy.rank != 2 || !npy.count))
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: float32 [samples, values] expected", path);
    if (!status) {
        set->dim = npy.shape[1];
        status = cclip_feature_set_reserve(set, npy.shape[0]);
    }
    if (!status) {
        memcpy(set->features, npy.data, npy.count * sizeof *set->features);
        set->count = npy.shape[0];
    }
    for (size_t i = 0; !status && i < npy.count; i++)
        if (!isfinite(set->features[i]))
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: row %zu: value %zu is not a finite number", path,
                                i / set->dim, i % set->dim);
    cclip_npy_close(&npy);
    return status;
}

static cclip_status read_labels(struct cclip_feature_set *set, const char *path)
{
    struct cclip_npy npy;
    cclip_status status = cclip_npy_open(&npy, path);
    if (!status && (npy.type != CCLIP_NPY_I64 || npy.rank != 1 || npy.count != set->count))
        status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: int64 [%zu] expected, as many as there are rows of "
                                                  "features", path, set->count);
    for (size_t i = 0; !status && i < npy.count; i++) {
        const int64_t label = ((const int64_t *)npy.data)[i];
        if (label < 0 || (uint64_t)label >= set->classes.count)
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: item %zu: class %lld of %zu", path, i,
                                (long long)label, set->classes.count);
        else
            set->labels[i] = (int32_t)label;
    }
    cclip_npy_close(&npy);
    return status;
}

static cclip_status read_about(struct cclip_feature_set *set, const char *path)
{
    cclip_json *object = NULL;
    cclip_status status = cclip_json_read_file(&object, path);
    if (!status)
        status = cclip_feature_origin_read(&set->origin, &set->classes, object, path);
    cclip_json_close(&object);
    return status;
}

cclip_status cclip_feature_set_open(cclip_feature_set **out, const char *path)
{
    struct paths paths;
    *out = NULL;
    cclip_status status = paths_open(&paths, path);
    if (!status && !(*out = cclip_allocate_zero(1, sizeof **out)))
        status = CCLIP_ERROR_MEMORY;
    if (!status)
        status = read_features(*out, paths.of[FEATURES]);
    if (!status)
        status = read_about(*out, paths.of[ABOUT]);
    if (!status)
        status = read_labels(*out, paths.of[LABELS]);
    paths_close(&paths);
    if (status)
        cclip_feature_set_close(out);
    return status;
}
