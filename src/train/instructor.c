#include "train/instructor.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

enum { PASS = 32 }; /* pairs that go through it at a time: a row does not depend on its company */

static cclip_status open_parts(struct cclip_instructor *t, const struct cclip_model_request *request)
{
    cclip_status status = cclip_models_open(&t->model, request);
    if (!status && !t->model->tokenizer)
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s", t->model->tokenizer_problem);
    if (!status)
        status = cclip_text_encoder_open(&t->encoder, t->model->tokenizer);
    for (int tower = 0; tower < CCLIP_TOWERS && !status; tower++)
        status = cclip_models_prepare(t->model, (enum cclip_tower)tower, t->device);
    if (!status)
        t->made = (struct cclip_teacher){ .dim = t->model->config.embedding_dim,
                                          .logit_scale = logf(t->model->logit_scale) };
    return status;
}

cclip_status cclip_instructor_open(struct cclip_instructor **out, const struct cclip_model_request *request,
                                   struct cclip_device *device)
{
    struct cclip_instructor *t = cclip_allocate_zero(1, sizeof *t);
    *out = NULL;
    if (!t)
        return CCLIP_ERROR_MEMORY;
    t->device = device;
    cclip_buffer_open(&t->ids, PASS * CCLIP_LIMIT_CONTEXT * sizeof(int32_t));
    const cclip_status status = open_parts(t, request);
    if (status)
        cclip_instructor_close(&t);
    *out = t;
    return status;
}

void cclip_instructor_close(struct cclip_instructor **out)
{
    struct cclip_instructor *t = *out;
    if (!t)
        return;
    for (int side = 0; side < 2; side++)
        cclip_release_aligned(t->rows[side]);
    cclip_release(t->offsets);
    cclip_buffer_close(&t->ids);
    cclip_arena_close(&t->arena);
    cclip_text_encoder_close(&t->encoder);
    cclip_models_close(&t->model);
    cclip_release(t);
    *out = NULL;
}

int cclip_instructor_shares(const struct cclip_instructor *instructor, const cclip_preprocessing *p)
{
    const cclip_preprocessing *own = &instructor->model->config.preprocessing;
    return own->height == p->height && own->width == p->width &&
           !memcmp(own->mean, p->mean, sizeof p->mean) && !memcmp(own->std, p->std, sizeof p->std) &&
           own->has_background == p->has_background &&
           (!p->has_background || !memcmp(own->background, p->background, sizeof p->background));
}

static cclip_status make_room(struct cclip_instructor *t, size_t count)
{
    if (count <= t->capacity)
        return CCLIP_OK;
    for (int side = 0; side < 2; side++) {
        cclip_release_aligned(t->rows[side]);
        t->rows[side] = cclip_allocate_aligned(count * t->made.dim * sizeof(float));
    }
    cclip_release(t->offsets);
    t->offsets = cclip_allocate(PASS + 1, sizeof *t->offsets);
    t->capacity = t->rows[0] && t->rows[1] && t->offsets ? count : 0;
    return t->capacity ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

static cclip_status read_captions(struct cclip_instructor *t, const char *const *captions, size_t count)
{
    const size_t context = t->model->config.text.context_length;
    cclip_status status = CCLIP_OK;
    cclip_buffer_clear(&t->ids);
    t->offsets[0] = 0;
    for (size_t i = 0; i < count && !status; i++) {
        const int32_t *ids;
        size_t length = 0;
        status = cclip_text_tokenize(t->encoder, &ids, &length, captions[i], strlen(captions[i]), context, 1);
        if (!status)
            status = cclip_buffer_append(&t->ids, (const char *)ids, length * sizeof *ids);
        t->offsets[i + 1] = t->offsets[i] + length;
    }
    return status;
}

static cclip_status see_some(struct cclip_instructor *t, const struct cclip_pair_batch *pairs, size_t first)
{
    const size_t rest = pairs->count - first, count = rest < PASS ? rest : PASS;
    const cclip_preprocessing *p = &t->model->config.preprocessing;
    const float *pixels = pairs->second_pixels ? pairs->second_pixels : pairs->pixels;
    struct cclip_forward forward = { .device = t->device, .arena = &t->arena };
    cclip_status status =
        cclip_models_embed_pixels(t->model, &forward, t->rows[0] + first * t->made.dim,
                                  pixels + first * 3 * p->height * p->width, count, 1);
    if (!status)
        status = read_captions(t, pairs->captions + first, count);
    if (!status)
        status = cclip_models_embed_ragged(t->model, &forward, t->rows[1] + first * t->made.dim,
                                           (const int32_t *)(const void *)t->ids.data, t->offsets, count, 1);
    return status;
}

cclip_status cclip_instructor_see(struct cclip_instructor *t, const struct cclip_teacher **out,
                                  const struct cclip_pair_batch *pairs)
{
    cclip_status status = make_room(t, pairs->count);
    for (size_t first = 0; first < pairs->count && !status; first += PASS)
        status = see_some(t, pairs, first);
    for (int side = 0; side < 2; side++)
        t->made.embeddings[side] = t->rows[side];
    *out = status ? NULL : &t->made;
    return status;
}
