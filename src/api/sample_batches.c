#include "api/sample_batches.h"

#include <string.h>

#include "api/session.h"
#include "base/memory.h"

cclip_status cclip_sample_batches_open(struct cclip_sample_batches *b)
{
    const cclip_preprocessing *p = b->preprocessing;
    const struct cclip_vision_config *vision = &b->session->model->config.vision;
    if (p->version != CCLIP_PREPROCESSING_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "preprocessing: version %u is not known",
                          (unsigned)p->version);
    if (p->height != vision->image_height || p->width != vision->image_width)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "preprocessing: %zu x %zu pixels, but the model's input is %zu x %zu",
                          p->width, p->height, vision->image_width, vision->image_height);
    b->dim = b->session->model->config.embedding_dim;
    b->samples = cclip_allocate_zero(b->size, sizeof *b->samples);
    if (!b->samples)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < b->size; i++)
        cclip_sample_open(&b->samples[i]);
    b->pixels = cclip_allocate(b->size, 3 * p->height * p->width * sizeof *b->pixels);
    b->rows = cclip_allocate(b->size, b->dim * sizeof *b->rows);
    return b->pixels && b->rows ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

void cclip_sample_batches_close(struct cclip_sample_batches *b)
{
    for (size_t i = 0; b->samples && i < b->size; i++)
        cclip_sample_close(&b->samples[i]);
    cclip_release(b->samples);
    cclip_release(b->pixels);
    cclip_release(b->rows);
    b->samples = NULL;
    b->pixels = b->rows = NULL;
}

/* Is there what the task needs? A class beyond the list of names means that the list belongs to
 * another set: then no figure would be true. */
static cclip_status check_sample(const struct cclip_data_set *set, struct cclip_sample *sample)
{
    const char *name = sample->name.data;
    if (sample->problem.status)
        return CCLIP_OK;
    if (set->task == CCLIP_DATA_CAPTIONS)
        return sample->text_count
                   ? CCLIP_OK
                   : cclip_sample_spoil(sample, cclip_fail(CCLIP_ERROR_NOT_FOUND,
                                                           "%s: no caption", name));
    if (sample->label == CCLIP_NO_CLASS)
        return cclip_sample_spoil(sample, cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no class", name));
    if ((size_t)sample->label < set->classes.count)
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: class %d, but there are only %zu class names", name,
                      (int)sample->label, set->classes.count);
}

/* Captions were only assumed, and the first sample has a class instead: said once, not for each. */
static cclip_status check_task(const struct cclip_sample_batches *b,
                               const struct cclip_sample *sample)
{
    const int first = !b->read && !b->count;
    if (!first || !b->set->task_assumed || sample->text_count || sample->label == CCLIP_NO_CLASS)
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_MISMATCH,
                      "%s: a class and no caption: to be classified, this set needs class names "
                      "(classnames.txt beside it, or --classnames FILE)",
                      sample->name.data);
}

/* Captions were asked for, and in the whole first batch there are classes instead: said once, too. */
static cclip_status check_captions(const struct cclip_sample_batches *b)
{
    int classes = 0;
    if (b->read || b->set->task != CCLIP_DATA_CAPTIONS)
        return CCLIP_OK;
    for (size_t i = 0; i < b->count; i++) {
        if (b->samples[i].text_count)
            return CCLIP_OK;
        classes |= b->samples[i].label != CCLIP_NO_CLASS;
    }
    if (!classes)
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: a class and no caption, as all that were looked at: not a set for "
                                            "retrieval", b->samples[0].name.data);
}

static cclip_status read_samples(struct cclip_sample_batches *b)
{
    cclip_status status = CCLIP_OK;
    for (b->count = 0; b->count < b->size && !b->ended && !status;) {
        struct cclip_sample *sample = &b->samples[b->count];
        status = cclip_sample_next(b->set->source, sample);
        if (!status && !sample->name.length)
            b->ended = 1;
        else if (!status)
            status = check_task(b, sample);
        if (!status && !b->ended)
            status = check_sample(b->set, sample);
        b->count += !b->ended && !status;
    }
    return status ? status : check_captions(b);
}

static size_t pixels_of_one(const struct cclip_sample_batches *b)
{
    return 3 * b->preprocessing->height * b->preprocessing->width;
}

static cclip_status decode_some(void *context, size_t begin, size_t end, int worker)
{
    const struct cclip_sample_batches *b = context;
    cclip_status status = CCLIP_OK;
    (void)worker;
    for (size_t i = begin; i < end && !status; i++) {
        struct cclip_sample *sample = &b->samples[i];
        if (sample->problem.status)
            continue;
        const cclip_status failed =
            cclip_sample_pixels(b->pixels + i * pixels_of_one(b), sample, b->preprocessing);
        if (failed)
            status = cclip_sample_spoil(sample, failed);
    }
    return status;
}

static cclip_status report(struct cclip_sample_batches *b, size_t index,
                           const struct cclip_sample *sample)
{
    b->skipped++;
    if (!b->skip ||
        !b->skip(b->user, index, sample->problem.status, sample->problem.message))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_CANCELLED, "%s", sample->problem.message);
}

/* Reports what is broken and closes the gaps: the good samples come first, in their order. */
static cclip_status keep_good(struct cclip_sample_batches *b)
{
    const size_t size = pixels_of_one(b), all = b->count;
    cclip_status status = CCLIP_OK;
    b->count = 0;
    for (size_t i = 0; i < all && !status; i++) {
        if (b->samples[i].problem.status) {
            status = report(b, b->read + i, &b->samples[i]);
            continue;
        }
        if (b->count < i) {
            const struct cclip_sample broken = b->samples[b->count];
            b->samples[b->count] = b->samples[i];
            b->samples[i] = broken;
            memcpy(b->pixels + b->count * size, b->pixels + i * size, size * sizeof *b->pixels);
        }
        b->count++;
    }
    b->read += all;
    return status;
}

cclip_status cclip_sample_batches_next(struct cclip_sample_batches *b)
{
    cclip_status status = CCLIP_OK;
    do {
        status = read_samples(b);
        if (!status)
            status = cclip_parallel(b->session->pool, b->count, 1, decode_some, b);
        if (!status)
            status = keep_good(b);
    } while (!status && !b->count && !b->ended);
    if (!status && b->count)
        status = cclip_embed_pixels(b->session, b->rows, b->pixels, b->count,
                                    !b->no_normalize);
    return status;
}
