/* A model opened below the public interface: a device, scratch memory, and every activation that the
 * towers show to an observer, kept by name. */
#ifndef CCLIP_TESTS_ENGINE_H
#define CCLIP_TESTS_ENGINE_H

#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "models/model.h"

/* An activation of all inputs of a pass, [rows, width]. */
struct seen {
    char name[96];
    float *data;
    size_t rows, width;
};

struct engine {
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    struct cclip_arena arena;
    struct cclip_forward forward;
    struct cclip_model *model;
    struct seen *seen;
    size_t seen_count;
};

static inline void engine_open(struct engine *e, int threads)
{
    memset(e, 0, sizeof *e);
    assert_ok(cclip_thread_pool_open(&e->pool, threads));
    assert_ok(cclip_cpu_device_open(&e->device, e->pool, cclip_cpu_features()));
    e->forward = (struct cclip_forward){ .device = &e->device, .arena = &e->arena };
}

static inline void engine_forget(struct engine *e)
{
    for (size_t i = 0; i < e->seen_count; i++)
        free(e->seen[i].data);
    free(e->seen);
    e->seen = NULL;
    e->seen_count = 0;
}

static inline void engine_close_model(struct engine *e)
{
    engine_forget(e);
    cclip_models_close(&e->model);
}

static inline void engine_close(struct engine *e)
{
    engine_close_model(e);
    cclip_arena_close(&e->arena);
    cclip_cpu_device_close(&e->device);
    cclip_thread_pool_close(&e->pool);
}

static inline void engine_open_model(struct engine *e, const char *path)
{
    const struct cclip_model_request request = { .path = path };
    assert_ok(cclip_models_open(&e->model, &request));
    assert_ok(cclip_models_prepare(e->model, CCLIP_IMAGE_TOWER, &e->device));
    assert_ok(cclip_models_prepare(e->model, CCLIP_TEXT_TOWER, &e->device));
}

static inline void engine_see(void *user, const char *name, const float *data, size_t rows, size_t width)
{
    struct engine *e = user;
    struct seen *grown = realloc(e->seen, (e->seen_count + 1) * sizeof *grown);
    assert_non_null(grown);
    e->seen = grown;
    struct seen *one = &grown[e->seen_count++];
    snprintf(one->name, sizeof one->name, "%s", name);
    one->rows = rows;
    one->width = width;
    one->data = malloc(rows * width * sizeof *data);
    assert_non_null(one->data);
    memcpy(one->data, data, rows * width * sizeof *data);
}

static inline const struct seen *engine_find(const struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->seen_count; i++)
        if (!strcmp(e->seen[i].name, name))
            return &e->seen[i];
    return NULL;
}

static inline size_t engine_dim(const struct engine *e)
{
    return e->model->config.embedding_dim;
}

static inline float *engine_floats(size_t count)
{
    float *out = malloc(count * sizeof *out + 1);
    assert_non_null(out);
    return out;
}

/* [count, dim], not normalised. */
static inline float *engine_images(struct engine *e, const float *pixels, size_t count)
{
    float *out = engine_floats(count * engine_dim(e));
    assert_ok(cclip_models_embed_pixels(e->model, &e->forward, out, pixels, count, 0));
    return out;
}

static inline float *engine_texts(struct engine *e, const int32_t *ids, size_t count, size_t context)
{
    float *out = engine_floats(count * engine_dim(e));
    assert_ok(cclip_models_embed_tokens(e->model, &e->forward, out, ids, count, context, 0));
    return out;
}

/* The same with an observer. */
static inline float *engine_observe_images(struct engine *e, const float *pixels, size_t count)
{
    const struct cclip_tap tap = { engine_see, e };
    e->forward.tap = &tap;
    float *out = engine_images(e, pixels, count);
    e->forward.tap = NULL;
    return out;
}

/* All positions of every row are computed, also those that the result does not need. */
static inline float *engine_observe_texts(struct engine *e, const int32_t *ids, size_t count, size_t context)
{
    const struct cclip_tap tap = { engine_see, e };
    const size_t dim = engine_dim(e);
    float *out = engine_floats(count * dim);
    cclip_arena_reset(&e->arena);
    e->forward.tap = &tap;
    const struct cclip_sequences rows = { count, cclip_forward_equal_offsets(&e->forward, count, context) };
    float *result = cclip_forward_floats(&e->forward, count, dim);
    assert_non_null(result);
    cclip_text_transformer_forward(&e->model->towers.text, &e->forward, result, ids, &rows);
    assert_ok(cclip_device_finish(&e->device));
    assert_ok(e->device.ops->download(&e->device, out, result, count * dim * sizeof *out));
    e->forward.tap = NULL;
    return out;
}

static inline void engine_normalise(float *rows, size_t count, size_t dim)
{
    for (size_t n = 0; n < count; n++) {
        double square = 0;
        for (size_t i = 0; i < dim; i++)
            square += (double)rows[n * dim + i] * (double)rows[n * dim + i];
        for (size_t i = 0; i < dim; i++)
            rows[n * dim + i] = (float)((double)rows[n * dim + i] / sqrt(square));
    }
}

#endif
