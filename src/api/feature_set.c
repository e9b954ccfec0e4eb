/* Sets of features: from a data set through the image tower, from arrays, halves of another. */
#include "api/feature_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/sample_batches.h"
#include "api/session.h"
#include "base/limits.h"
#include "base/memory.h"
#include "train/probe_sweep.h"

void cclip_feature_options_init(cclip_feature_options *options)
{
    *options = (cclip_feature_options)CCLIP_FEATURE_OPTIONS_INIT;
}

void cclip_feature_set_close(cclip_feature_set **out)
{
    struct cclip_feature_set *set = *out;
    if (!set)
        return;
    cclip_release(set->features);
    cclip_release(set->labels);
    cclip_names_close(&set->classes);
    cclip_release(set);
    *out = NULL;
}

cclip_status cclip_feature_set_reserve(struct cclip_feature_set *set, size_t count)
{
    cclip_status status =
        cclip_grow(&set->features, &set->features_capacity, count, set->dim * sizeof *set->features,
                   CCLIP_LIMIT_SAMPLES, "samples");
    if (!status)
        status = cclip_grow(&set->labels, &set->labels_capacity, count, sizeof *set->labels,
                            CCLIP_LIMIT_SAMPLES, "samples");
    return status;
}

cclip_status cclip_names_copy(struct cclip_names *out, const struct cclip_names *names)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < names->count && !status; i++)
        status = cclip_names_add(out, names->names[i], strlen(names->names[i]));
    return status;
}

/* A name and its place, to be sorted. */
struct placed {
    const char *name;
    int32_t place;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* The first of the sorted list that is not less than `name`. */
static const struct placed *lower_bound(const struct placed *list, size_t count, const char *name)
{
    while (count) {
        const size_t half = count / 2;
        if (strcmp(list[half].name, name) < 0) {
            list += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return list;
}

static int same_lists(const struct cclip_names *a, const struct cclip_names *b)
{
    size_t i = 0;
    while (i < a->count && i < b->count && !strcmp(a->names[i], b->names[i]))
        i++;
    return a->count == b->count && i == a->count;
}

int32_t *cclip_names_find_all(const struct cclip_names *names, const struct cclip_names *wanted)
{
    struct placed *list = cclip_allocate(names->count, sizeof *list);
    int32_t *places = list ? cclip_allocate(wanted->count, sizeof *places) : NULL;
    for (size_t i = 0; places && i < names->count; i++)
        list[i] = (struct placed){ names->names[i], (int32_t)i };
    if (places && names->count)
        qsort(list, names->count, sizeof *list, compare_placed);
    const int same = same_lists(names, wanted); /* then a name may stand there twice */
    for (size_t i = 0; places && i < wanted->count; i++) {
        const struct placed *found = lower_bound(list, names->count, wanted->names[i]);
        const int there = found < list + names->count && !strcmp(found->name, wanted->names[i]);
        places[i] = same ? (int32_t)i : there ? found->place : -1;
    }
    cclip_release(list);
    return places;
}

/* A smooth picture that every model takes for some picture: waves of another length and direction in
 * each colour. */
static void draw_waves(float *pixels, size_t height, size_t width)
{
    static const double cycles[3][2] = { { 2, 1 }, { 1, -3 }, { 4, 2 } };
    const double turn = 6.283185307179586;
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                *pixels++ = (float)sin(turn * (cycles[c][0] * (double)x / (double)width +
                                               cycles[c][1] * (double)y / (double)height));
}

cclip_status cclip_feature_origin_of(struct cclip_feature_origin *out, cclip_session *session,
                                     int normalized)
{
    const struct cclip_config *config = &session->model->config;
    const size_t height = config->vision.image_height, width = config->vision.image_width;
    const size_t dim = config->embedding_dim;
    float *pixels = cclip_allocate(3 * height * width, sizeof *pixels);
    float *row = cclip_allocate(dim, sizeof *row);
    cclip_status status = pixels && row ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    *out = (struct cclip_feature_origin){ .normalized = normalized != 0 };
    snprintf(out->model, sizeof out->model, "%s", session->model->architecture);
    if (!status) {
        draw_waves(pixels, height, width);
        status = cclip_embed_pixels(session, row, pixels, 1, 1);
    }
    if (!status) {
        out->count = dim < CCLIP_FINGERPRINT ? dim : CCLIP_FINGERPRINT;
        memcpy(out->fingerprint, row, out->count * sizeof *row);
    }
    cclip_release(pixels);
    cclip_release(row);
    return status;
}

/* Reading. */

struct reading {
    struct cclip_feature_set *set;
    const char *path;
    const cclip_feature_options *options;
    struct cclip_data_set data;
    struct cclip_sample_batches batches;
};

static cclip_status report_progress(const struct reading *r)
{
    const cclip_feature_options *options = r->options;
    if (!options->progress ||
        !options->progress(options->user, r->batches.read, r->data.source->total))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_CANCELLED, "%s: stopped after %zu samples", r->path, r->batches.read);
}

static cclip_status keep_batch(struct reading *r)
{
    const struct cclip_sample_batches *b = &r->batches;
    struct cclip_feature_set *set = r->set;
    const cclip_status status = cclip_feature_set_reserve(set, set->count + b->count);
    if (status)
        return status;
    memcpy(set->features + set->count * set->dim, b->rows, b->count * set->dim * sizeof *b->rows);
    for (size_t i = 0; i < b->count; i++)
        set->labels[set->count + i] = b->samples[i].label;
    set->count += b->count;
    return CCLIP_OK;
}

static cclip_status read_batches(struct reading *r)
{
    cclip_status status = report_progress(r);
    while (!status && !(status = cclip_sample_batches_next(&r->batches)) && r->batches.count) {
        status = keep_batch(r);
        if (!status)
            status = report_progress(r);
    }
    r->set->skipped = r->batches.skipped;
    if (status || r->set->count)
        return status ? status : report_progress(r);
    return r->batches.read
               ? cclip_fail(CCLIP_ERROR_FORMAT, "%s: none of %zu samples could be used", r->path,
                            r->batches.read)
               : cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no samples", r->path);
}

static cclip_status open_data(struct reading *r, cclip_session *session)
{
    const cclip_feature_options *o = r->options;
    const struct cclip_data_request request = { .path = r->path,
                                                .task = CCLIP_DATA_CLASSES,
                                                .split = o->split,
                                                .classnames = o->classnames,
                                                .image_column = o->image_column,
                                                .caption_column = o->caption_column,
                                                .separator = o->separator };
    const cclip_status status = cclip_data_set_open(&r->data, &request);
    if (status)
        return status;
    r->batches = (struct cclip_sample_batches){
        .session = session,
        .set = &r->data,
        .preprocessing =
            o->preprocessing ? o->preprocessing : &session->model->config.preprocessing,
        .skip = o->skip,
        .user = o->user,
        .size = o->batch,
        .no_normalize = o->no_normalize
    };
    return cclip_sample_batches_open(&r->batches);
}

static cclip_status check_options(const cclip_feature_options *o)
{
    if (o->version != CCLIP_FEATURE_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "feature options: version %u is not known",
                          (unsigned)o->version);
    if (!o->batch)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "features: a batch of 0 pictures");
    return CCLIP_OK;
}

cclip_status cclip_feature_set_read(cclip_feature_set **out, cclip_session *session,
                                    const char *data, const cclip_feature_options *options)
{
    static const cclip_feature_options defaults = CCLIP_FEATURE_OPTIONS_INIT;
    struct reading r = { .path = data, .options = options ? options : &defaults };
    *out = NULL;
    cclip_status status = check_options(r.options);
    if (!status && !(r.set = cclip_allocate_zero(1, sizeof *r.set)))
        status = CCLIP_ERROR_MEMORY;
    if (!status) {
        r.set->dim = session->model->config.embedding_dim;
        status = open_data(&r, session);
    }
    if (!status)
        status = cclip_class_names_check(&r.data.classes);
    if (!status)
        status = cclip_feature_origin_of(&r.set->origin, session, !r.options->no_normalize);
    if (!status)
        status = read_batches(&r);
    if (!status)
        status = cclip_names_copy(&r.set->classes, &r.data.classes);
    cclip_sample_batches_close(&r.batches);
    cclip_data_set_close(&r.data);
    if (status)
        cclip_feature_set_close(&r.set);
    *out = r.set;
    return status;
}

/* Arrays. */

static cclip_status check_array(const float *features, const int32_t *labels, size_t count,
                                size_t dim, size_t classes)
{
    if (!count || !dim || !classes)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "features: %zu samples of %zu values in %zu classes",
                          count, dim, classes);
    for (size_t i = 0; i < count; i++) {
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return cclip_fail(CCLIP_ERROR_ARGUMENT, "features: sample %zu: class %d of %zu", i,
                              (int)labels[i], classes);
        for (size_t j = 0; j < dim; j++)
            if (!isfinite(features[i * dim + j]))
                return cclip_fail(CCLIP_ERROR_ARGUMENT,
                                  "features: sample %zu: value %zu is not a finite number", i, j);
    }
    return CCLIP_OK;
}

cclip_status cclip_feature_set_from(cclip_feature_set **out, const float *features,
                                    const int32_t *labels, size_t count, size_t dim,
                                    const char *const *names, size_t classes, int normalized)
{
    *out = NULL;
    cclip_status status = check_array(features, labels, count, dim, classes);
    struct cclip_feature_set *set = status ? NULL : cclip_allocate_zero(1, sizeof *set);
    if (!set)
        return status ? status : CCLIP_ERROR_MEMORY;
    set->dim = dim;
    set->origin.normalized = normalized != 0;
    status = cclip_feature_set_reserve(set, count);
    for (size_t i = 0; i < classes && !status; i++)
        status = cclip_names_add(&set->classes, names[i], strlen(names[i]));
    if (!status)
        status = cclip_class_names_check(&set->classes);
    if (!status) {
        memcpy(set->features, features, count * dim * sizeof *features);
        memcpy(set->labels, labels, count * sizeof *labels);
        set->count = count;
    } else {
        cclip_feature_set_close(&set);
    }
    *out = set;
    return status;
}

/* The samples of `set` whose mark is `wanted`. */
static cclip_status choose(struct cclip_feature_set **out, const struct cclip_feature_set *set,
                           const unsigned char *marks, int wanted)
{
    struct cclip_feature_set *part = cclip_allocate_zero(1, sizeof *part);
    size_t count = 0;
    *out = NULL;
    if (!part)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < set->count; i++)
        count += marks[i] == wanted;
    part->dim = set->dim;
    part->origin = set->origin;
    cclip_status status = cclip_feature_set_reserve(part, count);
    if (!status)
        status = cclip_names_copy(&part->classes, &set->classes);
    for (size_t i = 0; i < set->count && !status; i++) {
        if (marks[i] != wanted)
            continue;
        memcpy(part->features + part->count * part->dim, set->features + i * set->dim,
               set->dim * sizeof *set->features);
        part->labels[part->count++] = set->labels[i];
    }
    if (status)
        cclip_feature_set_close(&part);
    *out = part;
    return status;
}

cclip_status cclip_feature_set_split(cclip_feature_set **rest, cclip_feature_set **held,
                                     const cclip_feature_set *set, double share, uint64_t seed)
{
    *rest = *held = NULL;
    if (!(share > 0 && share < 1))
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "split: a share of %g is not between 0 and 1", share);
    unsigned char *marks = cclip_allocate(set->count, 1);
    cclip_status status = marks ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_stratified_split(marks, set->labels, set->count, set->classes.count, share, seed);
    if (!status)
        status = choose(rest, set, marks, 0);
    if (!status)
        status = choose(held, set, marks, 1);
    if (!status && !(*held)->count)
        status = cclip_fail(CCLIP_ERROR_ARGUMENT, "split: no class has two samples to be parted");
    cclip_release(marks);
    if (status) {
        cclip_feature_set_close(rest);
        cclip_feature_set_close(held);
    }
    return status;
}

size_t cclip_feature_set_count(const cclip_feature_set *set)
{
    return set->count;
}

size_t cclip_feature_set_dim(const cclip_feature_set *set)
{
    return set->dim;
}

size_t cclip_feature_set_classes(const cclip_feature_set *set)
{
    return set->classes.count;
}

const char *cclip_feature_set_class(const cclip_feature_set *set, size_t index)
{
    return index < set->classes.count ? set->classes.names[index] : NULL;
}

const float *cclip_feature_set_features(const cclip_feature_set *set)
{
    return set->features;
}

const int32_t *cclip_feature_set_labels(const cclip_feature_set *set)
{
    return set->labels;
}

int cclip_feature_set_normalized(const cclip_feature_set *set)
{
    return set->origin.normalized;
}

size_t cclip_feature_set_skipped(const cclip_feature_set *set)
{
    return set->skipped;
}
