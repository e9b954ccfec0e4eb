/* A small model that learns, made new from a configuration. */
#ifndef CCLIP_TESTS_SMALL_LEARNER_H
#define CCLIP_TESTS_SMALL_LEARNER_H

#include "support/unit.h"
#include "support/made_files.h"

#include "base/cpu_features.h"
#include "base/memory.h"
#include "cpu/cpu_device.h"
#include "models/new_model.h"
#include "train/adamw.h"

static const char small_configuration[] =
    "{\"embed_dim\": 16, \"vision_cfg\": {\"image_size\": 32, \"layers\": [1, 1, 1, 1], \"width\": 4, "
    "\"head_width\": 32, \"patch_size\": null}, \"text_cfg\": {\"context_length\": 8, \"vocab_size\": 40, "
    "\"width\": 16, \"heads\": 2, \"layers\": 1}}";

struct small_learner {
    char path[256];
    struct cclip_model_request request;
    struct cclip_device device;
    struct cclip_model *model;
    float *values;
    struct cclip_learner *learner;
    struct cclip_adamw adamw;
};

static inline void small_learner_open(struct small_learner *s, uint64_t seed)
{
    *s = (struct small_learner){ .request = { .path = s->path } };
    snprintf(s->path, sizeof s->path, "%s",
             made_file("small.json", small_configuration, strlen(small_configuration)));
    assert_ok(cclip_cpu_device_open(&s->device, NULL, cclip_cpu_features()));
    assert_ok(cclip_models_new(&s->model, &s->values, &s->request, seed, 0));
    assert_ok(cclip_learner_open(&s->learner, s->model, &s->device));
    assert_ok(cclip_adamw_open(&s->adamw, &s->learner->parameters));
}

static inline void small_learner_close(struct small_learner *s)
{
    cclip_adamw_close(&s->adamw);
    cclip_learner_close(&s->learner);
    cclip_models_close(&s->model);
    cclip_release_aligned(s->values);
    cclip_cpu_device_close(&s->device);
}

/* Everything that a step changes gets other values. */
static inline void small_learner_disturb(struct small_learner *s, float by)
{
    for (size_t i = 0; i < s->learner->parameters.count; i++) {
        const struct cclip_trainable *item = &s->learner->parameters.items[i];
        for (size_t k = item->begin; k < item->begin + item->count; k++) {
            s->learner->parameters.values[k] += by;
            if (item->buffer || item->frozen)
                continue;
            s->adamw.mean[k] = by * (float)(k % 11);
            s->adamw.square[k] = by * (float)(k % 13);
        }
    }
}

#endif
