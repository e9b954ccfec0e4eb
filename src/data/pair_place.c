/* One place of a batch: which sample stands there, and who takes its place if it is broken. All of it
 * is a function of the corpus, the seed, the epoch and the place. */
#include "data/pair_parts.h"

#include "base/memory.h"

enum { TRIES_MOST = 1000 };

struct place {
    struct cclip_pair_batches *batches;
    struct cclip_pair_slot *slot;
    struct cclip_pair_worker *worker;
    float *pixels, *second_pixels; /* the second: NULL if not wanted */
    int32_t *ids;
    const struct cclip_pair_order *order;
    size_t step, number; /* of the epoch: its step, and the place among all of them */
    enum cclip_pair_reason *reason; /* why the sample that was tried last cannot be used */
};

/* What a sample lacks that could not be read whole. */
static enum cclip_pair_reason what_it_lacks(const struct cclip_sample *sample, cclip_status status)
{
    size_t length;
    if (!sample->picture.length)
        return status == CCLIP_ERROR_NOT_FOUND ? CCLIP_PAIR_NO_PICTURE : CCLIP_PAIR_UNREADABLE;
    if (cclip_pair_caption(sample, 0, &length))
        return CCLIP_PAIR_UNREADABLE;
    return sample->text_count ? CCLIP_PAIR_EMPTY_CAPTION : CCLIP_PAIR_NO_CAPTION;
}

static cclip_status take_caption(const struct place *p, size_t drawn)
{
    const struct cclip_pair_request *request = &p->batches->request;
    const struct cclip_sample *sample = &p->worker->sample;
    const int32_t *ids;
    size_t length, count;
    const char *text = cclip_pair_caption(sample, drawn, &length);
    *p->reason = CCLIP_PAIR_EMPTY_CAPTION;
    cclip_status status = cclip_text_tokenize(p->worker->encoder, &ids, &count, text, length,
                                              request->context, 1);
    if (status == CCLIP_ERROR_FORMAT)
        *p->reason = CCLIP_PAIR_BAD_CAPTION;
    if (status)
        return cclip_fail_in(status, "%s", sample->name.data);
    if (count <= 2) /* start and end */
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: a caption without a token", sample->name.data);
    for (size_t i = 0; i < count; i++)
        p->ids[i] = ids[i];
    p->slot->id_count = count;
    cclip_buffer_clear(&p->slot->caption);
    status = cclip_buffer_append(&p->slot->caption, text, length);
    if (status)
        return status;
    cclip_buffer_clear(&p->slot->group);
    status = cclip_buffer_append(&p->slot->group, sample->group.data, sample->group.length);
    if (status)
        return status;
    cclip_buffer_clear(&p->slot->name);
    return cclip_buffer_append(&p->slot->name, sample->name.data, sample->name.length);
}

static cclip_status take_picture(const struct place *p, struct cclip_random *random)
{
    const struct cclip_pair_batches *b = p->batches;
    struct cclip_picture picture;
    cclip_status status = cclip_sample_picture(&picture, &p->worker->sample);
    *p->reason = status == CCLIP_ERROR_NOT_FOUND || status == CCLIP_ERROR_IO ? CCLIP_PAIR_NO_PICTURE
                                                                             : CCLIP_PAIR_BAD_PICTURE;
    if (status)
        return status;
    struct cclip_random again = *random;
    status = cclip_augment(p->pixels, &picture, &b->preprocessing, &b->augmentation, random);
    if (!status && p->second_pixels)
        status = cclip_augment(p->second_pixels, &picture, &b->second, &b->augmentation, &again);
    cclip_picture_close(&picture);
    return status ? cclip_fail_in(status, "%s", p->worker->sample.name.data) : CCLIP_OK;
}

/* Fills the place from a sample. Its random numbers belong to the place, whoever comes to stand there. */
static cclip_status try_sample(const struct place *p, size_t number)
{
    const struct cclip_pair_batches *b = p->batches;
    struct cclip_sample *sample = &p->worker->sample;
    struct cclip_random random;
    cclip_status status = cclip_pair_index_read(&b->index, number, sample, &p->worker->scratch);
    if (!status)
        status = cclip_failure_raise(&sample->problem);
    *p->reason = what_it_lacks(sample, status);
    if (status)
        return status;
    p->slot->sample = number;
    cclip_random_seed(&random, b->request.seed,
                      cclip_random_stream(CCLIP_PAIR_CAPTION, p->order->epoch, p->number));
    status = take_caption(p, (size_t)cclip_random_below(&random, sample->text_count));
    cclip_random_seed(&random, b->request.seed,
                      cclip_random_stream(CCLIP_PAIR_AUGMENT, p->order->epoch, p->number));
    return status ? status : take_picture(p, &random);
}

static cclip_status note_problem(const struct place *p, size_t sample, cclip_status problem)
{
    struct cclip_pair_slot *slot = p->slot;
    struct cclip_failure failure;
    if (problem == CCLIP_ERROR_MEMORY)
        return problem;
    cclip_failure_take(&failure, problem);
    const cclip_status status =
        cclip_grow(&slot->problems, &slot->problem_capacity, slot->problem_count + 1,
                   sizeof *slot->problems, TRIES_MOST, "broken samples");
    if (!status)
        slot->problems[slot->problem_count++] = (struct cclip_pair_problem){ sample, *p->reason, failure };
    return status;
}

static cclip_status give_up(const struct place *p)
{
    const struct cclip_pair_slot *slot = p->slot;
    return cclip_fail(CCLIP_ERROR_FORMAT, "epoch %zu, step %zu: %zu samples were tried for one place, and "
                                          "none can be used; the last: %s",
                      p->order->epoch, p->step, slot->problem_count,
                      slot->problems[slot->problem_count - 1].failure.message);
}

/* The order of substitutes of a step. All places of a step ask for candidates that no other place asks for:
 * number `place`, then one step's size further, to the end of the order. Where that did not help, the corpus is not
 * much larger than a step: then all of them are asked in turn, first those outside the step, at last those
 * inside too. Nothing but numbers is compared before a candidate is read. */
static cclip_status find_substitute(const struct place *p)
{
    const struct cclip_pair_batches *b = p->batches;
    const size_t count = b->index.count, width = b->request.batch * b->request.world;
    const size_t begin = p->step * width, own = p->number - begin;
    struct cclip_permutation substitutes;
    cclip_permutation_open(&substitutes, count, b->request.seed,
                           cclip_random_stream(CCLIP_PAIR_SUBSTITUTES, p->order->epoch, p->step));
    for (int round = 0; round < 3; round++) {
        const size_t stride = round ? 1 : width, end = round ? own + count : count;
        for (size_t i = own; i < end; i += stride) {
            const size_t sample = (size_t)cclip_permutation_at(&substitutes, i % count);
            if (round < 2 && cclip_pair_order_has(p->order, sample, begin, begin + width))
                continue;
            cclip_status status = try_sample(p, sample);
            if (!status)
                return CCLIP_OK;
            status = note_problem(p, sample, status);
            if (status)
                return status;
            if (p->slot->problem_count == TRIES_MOST)
                return give_up(p);
        }
    }
    return give_up(p);
}

static cclip_status fill(const struct place *p)
{
    const size_t sample = cclip_pair_order_at(p->order, p->number);
    cclip_status status = try_sample(p, sample);
    if (!status)
        return CCLIP_OK;
    status = note_problem(p, sample, status);
    return status ? status : find_substitute(p);
}

void cclip_pair_place_fill(void *context, size_t item, size_t slot, int worker)
{
    struct cclip_pair_batches *b = context;
    const size_t batch = b->request.batch, step = item / batch, epoch = step / b->counts.steps;
    enum cclip_pair_reason reason = CCLIP_PAIR_UNREADABLE;
    struct place p = { .batches = b,
                       .reason = &reason,
                       .slot = &b->slots[slot],
                       .worker = &b->workers[worker],
                       .pixels = b->pixels + slot * b->row,
                       .second_pixels = b->second_row ? b->second_pixels + slot * b->second_row : NULL,
                       .ids = b->ids + slot * b->request.context,
                       .order = &b->orders[epoch % 2],
                       .step = step % b->counts.steps };
    p.number = (p.step * b->request.world + b->request.rank) * batch + item % batch;
    p.slot->problem_count = 0;
    p.slot->failure.status = CCLIP_OK;
    const cclip_status status = fill(&p);
    if (status)
        cclip_failure_take(&p.slot->failure, status);
}
