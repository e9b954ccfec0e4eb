#include "train/feature_origin.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/printable.h"

static const char *const kinds[] = { "embedding", "embedding_normalized" };

/* Of the distance between two fingerprints over their length. One model in int8 and in float32 is some
 * hundredths away from itself; two models are of the order of 1 away from each other. */
static const double FARTHEST = 0.15;

const char *cclip_feature_kind_name(int normalized)
{
    return kinds[normalized != 0];
}

cclip_status cclip_class_names_check(const struct cclip_names *classes)
{
    for (size_t k = 0; k < classes->count; k++) {
        const char *name = classes->names[k];
        const size_t length = strlen(name);
        for (size_t i = 0, size; i < length; i += size)
            if (!(size = cclip_utf8_length(name + i, length - i)))
                return cclip_fail(CCLIP_ERROR_FORMAT, "class %zu, \"%s\": its name is not UTF-8", k,
                                  name);
    }
    return CCLIP_OK;
}

static cclip_json *fingerprint_of(const struct cclip_feature_origin *origin)
{
    cclip_json *list = cclip_json_new_array();
    for (size_t i = 0; list && i < origin->count; i++)
        if (cclip_json_append(list, cclip_json_new_number((double)origin->fingerprint[i])))
            cclip_json_close(&list);
    return list;
}

static cclip_json *names_of(const struct cclip_names *classes)
{
    cclip_json *list = cclip_json_new_array();
    for (size_t i = 0; list && i < classes->count; i++)
        if (cclip_json_append(list, cclip_json_new_string(classes->names[i],
                                                          strlen(classes->names[i]))))
            cclip_json_close(&list);
    return list;
}

cclip_status cclip_feature_origin_write(cclip_json *object, const struct cclip_feature_origin *origin,
                                        const struct cclip_names *classes)
{
    const char *kind = cclip_feature_kind_name(origin->normalized);
    cclip_status status = cclip_json_set(object, "features", cclip_json_new_string(kind, strlen(kind)));
    if (!status && *origin->model)
        status = cclip_json_set(object, "model",
                                cclip_json_new_string(origin->model, strlen(origin->model)));
    if (!status && origin->count)
        status = cclip_json_set(object, "fingerprint", fingerprint_of(origin));
    return status ? status : cclip_json_set(object, "classes", names_of(classes));
}

static cclip_status read_kind(int *normalized, const cclip_json *value, const char *name)
{
    const char *text = cclip_json_string(value, NULL);
    for (int i = 0; i < 2; i++)
        if (text && !strcmp(text, kinds[i])) {
            *normalized = i;
            return CCLIP_OK;
        }
    return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: \"features\" is \"%.40s\": \"%s\" or \"%s\" expected",
                      name, text ? text : "", kinds[0], kinds[1]);
}

static cclip_status read_fingerprint(struct cclip_feature_origin *origin, const cclip_json *list,
                                     const char *name)
{
    const size_t count = cclip_json_length(list);
    origin->count = 0;
    if (count > CCLIP_FINGERPRINT || (!cclip_json_is_null(list) && !cclip_json_is_array(list)))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"fingerprint\": at most %d numbers expected", name,
                          CCLIP_FINGERPRINT);
    for (size_t i = 0; i < count; i++) {
        const float value = (float)cclip_json_number(cclip_json_at(list, i), (double)NAN);
        if (!isfinite(value))
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"fingerprint\": item %zu is no number", name, i);
        origin->fingerprint[i] = value;
    }
    origin->count = count;
    return CCLIP_OK;
}

static cclip_status read_classes(struct cclip_names *classes, const cclip_json *list,
                                 const char *name)
{
    cclip_status status = CCLIP_OK;
    *classes = (struct cclip_names){ 0 };
    if (!cclip_json_is_array(list) || !cclip_json_length(list) ||
        cclip_json_length(list) > CCLIP_LIMIT_LABELS)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"classes\" is no list of class names", name);
    for (size_t i = 0; i < cclip_json_length(list) && !status; i++) {
        size_t length = 0;
        const char *item = cclip_json_string(cclip_json_at(list, i), &length);
        if (!length || memchr(item, '\0', length))
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"classes\": item %zu is no class name", name, i);
        else
            status = cclip_names_add(classes, item, length);
    }
    if (status)
        cclip_names_close(classes);
    return status;
}

cclip_status cclip_feature_origin_read(struct cclip_feature_origin *origin,
                                       struct cclip_names *classes, const cclip_json *object,
                                       const char *name)
{
    const char *model = cclip_json_string(cclip_json_get(object, "model"), NULL);
    *origin = (struct cclip_feature_origin){ 0 };
    *classes = (struct cclip_names){ 0 };
    snprintf(origin->model, sizeof origin->model, "%s", model ? model : "");
    cclip_status status = read_kind(&origin->normalized, cclip_json_get(object, "features"), name);
    if (!status)
        status = read_fingerprint(origin, cclip_json_get(object, "fingerprint"), name);
    return status ? status : read_classes(classes, cclip_json_get(object, "classes"), name);
}

cclip_status cclip_feature_origin_compare(const struct cclip_feature_origin *a, const char *a_name,
                                          const struct cclip_feature_origin *b, const char *b_name)
{
    double distance = 0, length = 0;
    if (!a->count || !b->count)
        return CCLIP_OK;
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const double d = (double)a->fingerprint[i] - (double)b->fingerprint[i];
        distance += d * d;
        length += (double)b->fingerprint[i] * (double)b->fingerprint[i];
    }
    if (a->count == b->count && sqrt(distance) <= FARTHEST * sqrt(length))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_MISMATCH, "%s was made with another model (%s) than %s (%s)", a_name,
                      *a->model ? a->model : "its name is not known", b_name,
                      *b->model ? b->model : "its name is not known");
}
