#include "train/probe_sweep.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

/* In eighths of a decade, so that C is one of a fixed list: 10^(place / 8). */
enum { A_DECADE = 8, LOWEST = -6 * A_DECADE, HIGHEST = 6 * A_DECADE, COARSE = 2 * A_DECADE };

struct search {
    struct cclip_probe_trainer *trainer;
    const struct cclip_probe_sweep *sweep;
    struct cclip_device *device;
    const struct cclip_probe_data *validation;
    struct cclip_linear_probe at_hand, *best_probe;
    struct cclip_probe_trial *best;
    int best_place;
    size_t tried;
};

static int better(const struct cclip_probe_trial *a, const struct cclip_probe_trial *b)
{
    if (a->quality.accuracy != b->quality.accuracy)
        return a->quality.accuracy > b->quality.accuracy;
    if (a->quality.cross_entropy != b->quality.cross_entropy)
        return a->quality.cross_entropy < b->quality.cross_entropy;
    return a->c < b->c;
}

/* The fit begins with `at_hand`, and leaves its result there. */
static cclip_status try_place(struct search *s, int place)
{
    const struct cclip_probe_fit fit = { .c = pow(10, (double)place / A_DECADE),
                                         .iterations = s->sweep->iterations,
                                         .tolerance = s->sweep->tolerance,
                                         .report = s->sweep->iterated,
                                         .user = s->sweep->user };
    struct cclip_probe_trial trial = { .c = fit.c };
    cclip_status status = cclip_probe_trainer_fit(s->trainer, &s->at_hand, &fit, &trial.fitted);
    if (!status)
        status = cclip_linear_probe_judge(&trial.quality, &s->at_hand, s->device, s->validation);
    if (status)
        return status;
    if (!s->tried++ || better(&trial, s->best)) {
        *s->best = trial;
        s->best_place = place;
        cclip_linear_probe_copy(s->best_probe, &s->at_hand);
    }
    return s->sweep->tried ? s->sweep->tried(s->sweep->user, s->tried - 1, &trial) : CCLIP_OK;
}

static cclip_status search(struct search *s)
{
    cclip_status status = CCLIP_OK;
    for (int place = LOWEST; place <= HIGHEST && !status; place += COARSE)
        status = try_place(s, place);
    for (int step = COARSE / 2; step >= 1 && !status; step /= 2) {
        const int middle = s->best_place;
        for (int side = -1; side <= 1 && !status; side += 2) {
            const int place = middle + side * step;
            if (place < LOWEST || place > HIGHEST)
                continue;
            cclip_linear_probe_copy(&s->at_hand, s->best_probe);
            status = try_place(s, place);
        }
    }
    return status;
}

cclip_status cclip_probe_choose_c(struct cclip_probe_trial *best, struct cclip_linear_probe *probe,
                                  struct cclip_device *device,
                                  const struct cclip_probe_data *training,
                                  const struct cclip_probe_data *validation,
                                  const struct cclip_probe_sweep *sweep)
{
    struct search s = { .sweep = sweep, .device = device, .validation = validation,
                        .best_probe = probe, .best = best };
    cclip_status status = cclip_linear_probe_open(&s.at_hand, training->classes, training->dim);
    if (!status)
        status = cclip_probe_trainer_open(&s.trainer, device, training);
    if (!status)
        status = search(&s);
    cclip_probe_trainer_close(&s.trainer);
    cclip_linear_probe_close(&s.at_hand);
    return status;
}

/* Fisher and Yates. */
static void shuffle(size_t *list, size_t count, struct cclip_random *random)
{
    for (size_t i = count; i > 1; i--) {
        const size_t other = (size_t)cclip_random_below(random, i), moved = list[i - 1];
        list[i - 1] = list[other];
        list[other] = moved;
    }
}

static size_t share_of(size_t count, double share)
{
    const size_t wanted = (size_t)floor(share * (double)count + 0.5);
    if (count < 2)
        return 0;
    return wanted < 1 ? 1 : wanted > count - 1 ? count - 1 : wanted;
}

cclip_status cclip_stratified_split(unsigned char *held, const int32_t *labels, size_t count,
                                    size_t classes, double share, uint64_t seed)
{
    size_t *begin = cclip_allocate_zero(classes + 1, sizeof *begin);
    size_t *members = cclip_allocate(count, sizeof *members);
    const cclip_status status = begin && members ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    if (!status) { /* the samples of each class in their order, class after class */
        for (size_t i = 0; i < count; i++)
            begin[labels[i] + 1]++;
        for (size_t k = 0; k < classes; k++)
            begin[k + 1] += begin[k];
        for (size_t i = count; i-- > 0;)
            members[--begin[labels[i] + 1]] = i;
        memset(held, 0, count);
    }
    for (size_t k = 0; k < classes && !status; k++) { /* begin[k + 1] is now the class's first place */
        const size_t first = begin[k + 1], end = k + 1 < classes ? begin[k + 2] : count;
        struct cclip_random random;
        cclip_random_seed(&random, seed, k);
        shuffle(members + first, end - first, &random);
        for (size_t i = 0; i < share_of(end - first, share); i++)
            held[members[first + i]] = 1;
    }
    cclip_release(begin);
    cclip_release(members);
    return status;
}
