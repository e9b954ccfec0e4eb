#include "train/loop.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"

/* What the dropped patches' numbers are drawn for (cclip_random_stream). */
enum { PATCHES = 0x9a7c };

/* Elements of the parameters where a tower ends. */
static size_t tower_end(const struct cclip_learner *learner, int tower)
{
    const struct cclip_trainables *set = &learner->parameters;
    return tower == CCLIP_IMAGE_TOWER ? learner->tower_begin[CCLIP_TEXT_TOWER]
                                      : (size_t)(learner->logit_scale - set->values);
}

static void measure(const struct cclip_train_loop *loop, struct cclip_loop_figures *figures)
{
    figures->measured = loop->wants_towers && loop->wants_towers(loop->user, figures);
    for (int tower = 0; tower < CCLIP_TOWERS && figures->measured; tower++)
        cclip_movement_measure(&figures->towers[tower], loop->adamw, &loop->learner->parameters,
                               figures->rate, loop->learner->tower_begin[tower],
                               tower_end(loop->learner, tower));
}

/* Groups are numbers within this rank's batch; among several ranks a hash says the same everywhere. */
static const size_t *groups_of(const struct cclip_train_loop *loop, const struct cclip_pair_batch *pairs)
{
    _Static_assert(sizeof(size_t) == sizeof(uint64_t), "a hash is used as a group's number");
    return loop->ranks ? (const size_t *)(const void *)pairs->hashes : pairs->groups;
}

/* What went between the ranks in this step, given what had gone before it. */
static void measure_exchange(const struct cclip_train_loop *loop, struct cclip_loop_figures *figures,
                             const struct cclip_train_figures *result,
                             const struct cclip_communicator_figures *before)
{
    const struct cclip_communicator_figures now = cclip_communicator_figures(loop->ranks);
    const double waited = now.seconds - before->seconds;
    figures->exchange_seconds = result->sum.busy + waited;
    figures->exchange_waited = result->sum.waited + waited;
    figures->exchange_bytes = (double)(now.bytes - before->bytes);
}

static const char *write_figure(char out[32], double value)
{
    if (isnan(value)) /* printf has it with a sign */
        return "not a number";
    snprintf(out, 32, "%g", value);
    return out;
}

static cclip_status check_figures(const struct cclip_train_loop *loop, const struct cclip_train_figures *result)
{
    char loss[32], length[32];
    if (isfinite(result->loss) && isfinite(result->gradient_norm))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_FORMAT,
                      "step %llu: the loss is %s and the gradient's length %s: the run has diverged; a smaller "
                      "learning rate, a longer warm-up or clipping of gradients may help",
                      (unsigned long long)loop->step, write_figure(loss, result->loss),
                      write_figure(length, result->gradient_norm));
}

static cclip_status one_step(struct cclip_train_loop *loop, struct cclip_arena *arena,
                             struct cclip_loop_figures *figures)
{
    struct cclip_pair_batch pairs;
    struct cclip_train_figures result = { 0 };
    const struct cclip_communicator_figures before = cclip_communicator_figures(loop->ranks);
    const double start = cclip_clock_seconds();
    cclip_status status = loop->next(loop->source, &pairs);
    if (status)
        return status;
    figures->data_seconds = cclip_clock_seconds() - start;
    const struct cclip_teacher *teacher = NULL;
    if (loop->instructor)
        status = cclip_instructor_see(loop->instructor, &teacher, &pairs);
    if (status)
        return status;
    const struct cclip_train_batch batch = { .pixels = pairs.pixels,
                                             .ids = pairs.ids,
                                             .offsets = pairs.offsets,
                                             .count = pairs.count,
                                             .micro = loop->micro,
                                             .teacher = teacher,
                                             .ranks = loop->ranks,
                                             .sum = loop->sum,
                                             .groups = loop->grouped ? groups_of(loop, &pairs) : NULL };
    figures->rate = cclip_schedule_rate(&loop->schedule, loop->step);
    loop->learner->patch_dropout.seed = cclip_random_stream(PATCHES, loop->seed, loop->step);
    status = cclip_train_step(loop->learner, loop->loss, loop->adamw, &batch, arena, figures->rate,
                              &result);
    if (!status && loop->ema)
        status = cclip_ema_update(loop->ema, &loop->learner->parameters, loop->learner->device->pool);
    if (status)
        return status;
    figures->step_seconds = cclip_clock_seconds() - start;
    measure_exchange(loop, figures, &result, &before);
    figures->samples = pairs.count * (size_t)cclip_communicator_size(loop->ranks);
    figures->samples_per_second =
        figures->step_seconds > 0 ? (double)figures->samples / figures->step_seconds : 0;
    figures->loss = result.loss;
    figures->logit_scale = exp(result.logit_scale);
    figures->gradient_norm = result.gradient_norm;
    return check_figures(loop, &result);
}

cclip_status cclip_train_loop_run(struct cclip_train_loop *loop)
{
    const uint64_t steps = loop->steps_an_epoch;
    struct cclip_arena arena = { 0 };
    cclip_status status = CCLIP_OK;
    while (!status && loop->step < loop->total) {
        struct cclip_loop_figures figures = { .step = loop->step,
                                              .epoch = loop->step / steps,
                                              .step_in_epoch = loop->step % steps,
                                              .steps_an_epoch = steps,
                                              .total = loop->total };
        status = one_step(loop, &arena, &figures);
        if (status)
            break;
        measure(loop, &figures);
        loop->step++;
        status = loop->after ? loop->after(loop->user, &figures) : CCLIP_OK;
    }
    cclip_arena_close(&arena);
    return status;
}
