/* What the tests of golden/train share: a model by the formula that learns, batches by name, and the
 * comparison of gradients. */
#ifndef CCLIP_TESTS_TRAINER_H
#define CCLIP_TESTS_TRAINER_H

#include "support/npy.h"
#include "support/write_open_clip.h"

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/schedule.h"
#include "train/step.h"

struct trainer {
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    struct cclip_arena arena;
    struct cclip_model *model;
    struct cclip_learner *learner;
    struct cclip_adamw adamw;
    float *pixels;
    int32_t *ids;
    size_t *offsets;
    struct cclip_train_batch batch;
};

/* The JSON file `name` of golden/train/FOLDER. */
static inline cclip_json *trainer_json(const char *folder, const char *name)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_json *root;
    cclip_test_join(path, sizeof path, folder, name);
    assert_ok(cclip_json_read_file(&root, path));
    return root;
}

static inline void trainer_open(struct trainer *t, const char *model)
{
    char path[CCLIP_TEST_PATH_SIZE], work[CCLIP_TEST_PATH_SIZE], name[512];
    memset(t, 0, sizeof *t);
    assert_non_null(model);
    assert_ok(cclip_thread_pool_open(&t->pool, 2));
    assert_ok(cclip_cpu_device_open(&t->device, t->pool, cclip_cpu_features()));
    snprintf(name, sizeof name, "models/%s/config.json", model);
    cclip_test_join(path, sizeof path, cclip_test_golden(), name);
    cclip_json *config;
    assert_ok(cclip_json_read_file(&config, path));
    formula_work_folder(work, sizeof work, "train");
    write_formula_folder(work, config, cclip_json_get(config, "state_dict"), 0, t->pool);
    const struct cclip_model_request request = { .path = work };
    assert_ok(cclip_models_open(&t->model, &request));
    assert_ok(cclip_learner_open(&t->learner, t->model, &t->device));
    cclip_models_close(&t->model);
    remove_formula_folder(work);
    cclip_json_close(&config);
}

static inline void trainer_close_batch(struct trainer *t)
{
    free(t->pixels);
    free(t->ids);
    free(t->offsets);
    t->pixels = NULL;
    t->ids = NULL;
    t->offsets = NULL;
}

static inline void trainer_close(struct trainer *t)
{
    trainer_close_batch(t);
    cclip_adamw_close(&t->adamw);
    cclip_learner_close(&t->learner);
    cclip_arena_close(&t->arena);
    cclip_cpu_device_close(&t->device);
    cclip_thread_pool_close(&t->pool);
}

/* "train.images.<step>", "train.images.0 at every step": the first word, with the step put in. */
static inline void trainer_stream(char *out, size_t size, const cclip_json *batch, const char *key,
                                  size_t step)
{
    const char *pattern = cclip_json_string(cclip_json_get(batch, key), NULL);
    assert_non_null(pattern);
    const size_t length = strcspn(pattern, " ");
    const char *place = strstr(pattern, "<step>");
    if (place)
        snprintf(out, size, "%.*s%zu", (int)(place - pattern), pattern, step);
    else
        snprintf(out, size, "%.*s", (int)length, pattern);
}

static inline void trainer_batch(struct trainer *t, const cclip_json *batch, size_t step)
{
    char name[200];
    const struct cclip_config *config = &t->learner->config;
    const size_t context = config->text.context_length;
    const size_t count = (size_t)cclip_json_integer(cclip_json_get(batch, "size"), 0);
    assert_true(count > 0);
    trainer_close_batch(t);
    trainer_stream(name, sizeof name, batch, "images", step);
    t->pixels = formula_images(name, count, config->vision.image_height, config->vision.image_width);
    t->ids = malloc(count * context * sizeof *t->ids);
    t->offsets = malloc((count + 1) * sizeof *t->offsets);
    assert_true(t->pixels && t->ids && t->offsets);
    trainer_stream(name, sizeof name, batch, "tokens", step);
    for (size_t i = 0; i <= count; i++) {
        t->offsets[i] = i * context;
        if (i < count)
            formula_tokens(t->ids + i * context, name, i, context, config->text.vocabulary_size);
    }
    t->batch = (struct cclip_train_batch){ .pixels = t->pixels, .ids = t->ids, .offsets = t->offsets,
                                           .count = count };
}

/* A parameter by the reference's name: its text tower has no prefix. */
static inline const struct cclip_trainable *trainer_find(const struct trainer *t, const char *name)
{
    char ours[512];
    const int same = !strncmp(name, "visual.", 7) || !strncmp(name, "logit_", 6);
    snprintf(ours, sizeof ours, "%s%s", same ? "" : "text.", name);
    const struct cclip_trainable *item = cclip_trainables_find(&t->learner->parameters, ours);
    if (!item)
        fail_msg("no parameter \"%s\"", ours);
    return item;
}

static inline double trainer_length(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* Rows 1/3 to 2/3 of a fused bias are the keys': zero but for rounding (traps.md, 28). */
static inline int trainer_is_key_bias(const char *name)
{
    return formula_ends(name, "attnpool.k_proj.bias");
}

/* One gradient against {"l2", "first8" or "first4"}, or against its length alone: 1e-4 relative. */
static inline void trainer_check_gradient(const struct trainer *t, const char *name,
                                          const cclip_json *expected)
{
    const struct cclip_trainable *item = trainer_find(t, name);
    const float *gradient = t->learner->parameters.gradients + item->begin;
    const int only_length = cclip_json_is_number(expected);
    const double length = cclip_json_number(only_length ? expected : cclip_json_get(expected, "l2"), -1);
    const double got = trainer_length(gradient, item->count);
    const double scale = length / sqrt((double)item->count);
    const cclip_json *first = cclip_json_get(expected, "first8");
    if (!first)
        first = cclip_json_get(expected, "first4");
    assert_true(length >= 0 && (only_length || cclip_json_length(first) > 0));
    if (trainer_is_key_bias(name)) {
        if (got > 1e-6)
            fail_msg("%s: the gradient is %g long, but zero was expected", name, got);
        return;
    }
    if (fabs(got - length) > 1e-4 * length)
        fail_msg("%s: the gradient is %.9g long, not %.9g", name, got, length);
    for (size_t i = 0; i < cclip_json_length(first); i++) {
        const double wanted = cclip_json_number(cclip_json_at(first, i), NAN);
        const double size = fabs(wanted) > scale ? fabs(wanted) : scale;
        if (!(fabs(gradient[i] - wanted) <= 1e-4 * size))
            fail_msg("%s: element %zu of the gradient is %.9g, not %.9g", name, i, (double)gradient[i],
                     wanted);
    }
}

static inline void trainer_check_gradients(const struct trainer *t, const cclip_json *gradients)
{
    struct cclip_json_iterator it;
    size_t count = 0;
    for (int more = cclip_json_first(&it, gradients); more; more = cclip_json_next(&it), count++)
        trainer_check_gradient(t, it.key, it.value);
    assert_true(count > 0);
}

/* Calls `check` for each folder of golden/train that has the file `name`; skips without any. */
static inline void trainer_each(const char *name, void (*check)(const char *folder))
{
    char top[CCLIP_TEST_PATH_SIZE], folder[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE];
    struct cclip_names names;
    size_t seen = 0;
    cclip_test_join(top, sizeof top, cclip_test_golden(), "train");
    if (!cclip_test_there(top))
        exit(CCLIP_TEST_SKIP);
    assert_ok(cclip_folder_list(&names, top));
    for (size_t i = 0; i < names.count; i++) {
        cclip_test_join(folder, sizeof folder, top, names.names[i]);
        cclip_test_join(path, sizeof path, folder, name);
        if (!cclip_test_there(path))
            continue;
        check(folder);
        seen++;
    }
    cclip_names_close(&names);
    if (!seen)
        exit(CCLIP_TEST_SKIP);
}

#endif
