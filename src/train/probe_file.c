#include "train/probe_file.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/write_safetensors.h"

enum { VERSION = 1 };
enum { WEIGHT, BIAS, TENSORS };

static const char KEY[] = "cclip_probe";

/* Numbers of the description, by the field they are kept in. */
static const struct figure {
    const char *key;
    size_t offset;
    int is_count; /* size_t, else double */
} figures[] = {
    { "c", offsetof(struct cclip_probe, c), 0 },
    { "objective", offsetof(struct cclip_probe, objective), 0 },
    { "iterations", offsetof(struct cclip_probe, iterations), 1 },
    { "samples", offsetof(struct cclip_probe, samples), 1 },
    { "train_accuracy", offsetof(struct cclip_probe, train_accuracy), 0 },
    { "validation_samples", offsetof(struct cclip_probe, validation_samples), 1 },
    { "validation_accuracy", offsetof(struct cclip_probe, validation_accuracy), 0 },
};
enum { FIGURES = sizeof figures / sizeof *figures };

cclip_status cclip_saved_probe_open(struct cclip_probe **out, const struct cclip_names *classes,
                                    size_t dim)
{
    struct cclip_probe *probe = cclip_allocate_zero(1, sizeof *probe);
    *out = probe;
    if (!probe)
        return CCLIP_ERROR_MEMORY;
    probe->c = probe->objective = probe->train_accuracy = probe->validation_accuracy = (double)NAN;
    cclip_status status = cclip_linear_probe_open(&probe->linear, classes->count, dim);
    for (size_t i = 0; i < classes->count && !status; i++)
        status = cclip_names_add(&probe->classes, classes->names[i], strlen(classes->names[i]));
    if (status)
        cclip_saved_probe_close(out);
    return status;
}

void cclip_saved_probe_close(struct cclip_probe **out)
{
    struct cclip_probe *probe = *out;
    if (!probe)
        return;
    cclip_linear_probe_close(&probe->linear);
    cclip_names_close(&probe->classes);
    cclip_release(probe);
    *out = NULL;
}

/* Writing. */

static cclip_status write_figure(cclip_json *object, const struct cclip_probe *probe,
                                 const struct figure *figure)
{
    const char *field = (const char *)probe + figure->offset;
    size_t count;
    double value;
    if (figure->is_count) {
        memcpy(&count, field, sizeof count);
        return cclip_json_set(object, figure->key, cclip_json_new_integer((int64_t)count));
    }
    memcpy(&value, field, sizeof value);
    return isfinite(value) ? cclip_json_set(object, figure->key, cclip_json_new_number(value))
                           : CCLIP_OK;
}

static cclip_status describe(struct cclip_buffer *out, const struct cclip_probe *probe)
{
    cclip_json *object = cclip_json_new_object();
    cclip_status status = object ? cclip_json_set(object, "version", cclip_json_new_integer(VERSION))
                                 : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_feature_origin_write(object, &probe->origin, &probe->classes);
    for (size_t i = 0; i < FIGURES && !status; i++)
        status = write_figure(object, probe, &figures[i]);
    if (!status)
        status = cclip_json_set(object, "converged", cclip_json_new_bool(probe->converged));
    if (!status)
        status = cclip_json_write(out, object, 0);
    cclip_json_close(&object);
    return status;
}

static cclip_status fill(void *context, size_t index, void *out)
{
    const struct cclip_linear_probe *linear = context;
    if (index == WEIGHT)
        memcpy(out, linear->weight, linear->classes * linear->dim * sizeof *linear->weight);
    else
        memcpy(out, linear->bias, linear->classes * sizeof *linear->bias);
    return CCLIP_OK;
}

cclip_status cclip_saved_probe_write(const struct cclip_probe *probe, const char *path)
{
    struct cclip_linear_probe linear = probe->linear;
    const struct cclip_safetensors_entry entries[TENSORS] = {
        [WEIGHT] = { "weight", CCLIP_F32, 2, { linear.classes, linear.dim } },
        [BIAS] = { "bias", CCLIP_F32, 1, { linear.classes } },
    };
    struct cclip_buffer text;
    cclip_buffer_open(&text, CCLIP_LIMIT_SAFETENSORS_HEADER);
    cclip_status status = cclip_class_names_check(&probe->classes);
    if (!status)
        status = describe(&text, probe);
    const struct cclip_safetensors_note note = { KEY, text.data };
    if (!status)
        status = cclip_safetensors_write_noted(path, &note, 1, entries, TENSORS, fill, &linear);
    cclip_buffer_close(&text);
    return status;
}

/* Reading. */

static cclip_status read_figure(struct cclip_probe *probe, const struct figure *figure,
                                const cclip_json *object, const char *path)
{
    char *field = (char *)probe + figure->offset;
    const cclip_json *value = cclip_json_get(object, figure->key);
    if (cclip_json_is_null(value))
        return CCLIP_OK;
    const double number = cclip_json_number(value, 0);
    const int64_t whole = cclip_json_integer(value, -1);
    if (!cclip_json_is_number(value) || (figure->is_count && whole < 0))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"%s\" is no such number", path, figure->key);
    const size_t count = figure->is_count ? (size_t)whole : 0;
    if (figure->is_count)
        memcpy(field, &count, sizeof count);
    else
        memcpy(field, &number, sizeof number);
    return CCLIP_OK;
}

static cclip_status find_tensor(const struct cclip_tensor **out, const struct cclip_checkpoint *file,
                                const char *name, int rank)
{
    const char *path = cclip_checkpoint_path(file);
    for (size_t i = 0; i < cclip_checkpoint_count(file); i++) {
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(file, i);
        if (strcmp(cclip_checkpoint_name(file, i), name))
            continue;
        *out = tensor;
        if (tensor->rank == rank && tensor->dtype == CCLIP_F32 && tensor->shape[0] &&
            tensor->shape[rank - 1])
            return CCLIP_OK;
        return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: tensor \"%s\": float32 %s expected", path, name,
                          rank == 2 ? "[classes, dim]" : "[classes]");
    }
    return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no tensor \"%s\"", path, name);
}

static cclip_status take_values(float *out, const struct cclip_tensor *tensor, size_t count,
                                const char *path, const char *name)
{
    cclip_tensor_to_f32(out, tensor);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(out[i]))
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: tensor \"%s\": element %zu is not a finite "
                                                  "number", path, name, i);
    return CCLIP_OK;
}

static cclip_status parse_description(cclip_json **out, const struct cclip_checkpoint *file)
{
    const char *text = cclip_checkpoint_note(file, KEY), *path = cclip_checkpoint_path(file);
    *out = NULL;
    if (!text)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: not a linear probe: no \"%s\" in its metadata", path,
                          KEY);
    const cclip_status status = cclip_json_parse(out, text, strlen(text), KEY);
    if (status)
        return cclip_fail_in(status, "%s", path);
    const int64_t version = cclip_json_integer(cclip_json_get(*out, "version"), 0);
    if (version != VERSION)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: a probe of version %lld; known is %d", path,
                          (long long)version, VERSION);
    return CCLIP_OK;
}

static cclip_status load(struct cclip_probe **out, const struct cclip_checkpoint *file,
                         const cclip_json *description, const struct cclip_names *classes)
{
    const struct cclip_tensor *weight = NULL, *bias = NULL;
    const char *path = cclip_checkpoint_path(file);
    cclip_status status = find_tensor(&weight, file, "weight", 2);
    if (!status)
        status = find_tensor(&bias, file, "bias", 1);
    if (!status && (weight->shape[0] != classes->count || bias->shape[0] != classes->count))
        status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: %zu class names, %zu rows of \"weight\", %zu "
                                                  "values of \"bias\"", path, classes->count,
                            weight->shape[0], bias->shape[0]);
    if (!status)
        status = cclip_saved_probe_open(out, classes, weight->shape[1]);
    if (status)
        return status;
    const struct cclip_linear_probe *linear = &(*out)->linear;
    status = take_values(linear->weight, weight, linear->classes * linear->dim, path, "weight");
    if (!status)
        status = take_values(linear->bias, bias, linear->classes, path, "bias");
    for (size_t i = 0; i < FIGURES && !status; i++)
        status = read_figure(*out, &figures[i], description, path);
    (*out)->converged = cclip_json_bool(cclip_json_get(description, "converged"), 0);
    return status;
}

cclip_status cclip_saved_probe_from(struct cclip_probe **out, const struct cclip_checkpoint *file)
{
    struct cclip_feature_origin origin;
    struct cclip_names classes = { 0 };
    cclip_json *description;
    *out = NULL;
    cclip_status status = parse_description(&description, file);
    if (!status)
        status = cclip_feature_origin_read(&origin, &classes, description,
                                           cclip_checkpoint_path(file));
    if (!status)
        status = load(out, file, description, &classes);
    if (!status)
        (*out)->origin = origin;
    else
        cclip_saved_probe_close(out);
    cclip_names_close(&classes);
    cclip_json_close(&description);
    return status;
}

cclip_status cclip_saved_probe_read(struct cclip_probe **out, const char *path)
{
    struct cclip_checkpoint *file = NULL;
    *out = NULL;
    cclip_status status = cclip_checkpoint_open(&file, path);
    if (!status)
        status = cclip_saved_probe_from(out, file);
    cclip_checkpoint_close(&file);
    return status;
}
