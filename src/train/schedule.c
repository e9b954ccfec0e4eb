#include "train/schedule.h"

#include <math.h>

static double cosine(const struct cclip_schedule *s, uint64_t step)
{
    const double pi = 3.14159265358979323846;
    if (s->total <= s->warmup)
        return s->base;
    const double part = (double)(step - s->warmup) / (double)(s->total - s->warmup);
    return 0.5 * s->base * (1 + cos(pi * (part < 1 ? part : 1)));
}

static double cooldown(const struct cclip_schedule *s, uint64_t step)
{
    const uint64_t start = s->total > s->cooldown ? s->total - s->cooldown : 0;
    if (step < start || !s->cooldown)
        return s->base;
    const double part = (double)(step - start) / (double)(s->total - start);
    const double left = pow(1 - (part < 1 ? part : 1), s->cooldown_power);
    return left * (s->base - s->cooldown_end) + s->cooldown_end;
}

double cclip_schedule_rate(const struct cclip_schedule *schedule, uint64_t step)
{
    if (step < schedule->warmup)
        return schedule->base * (double)(step + 1) / (double)schedule->warmup;
    switch (schedule->kind) {
    case CCLIP_SCHEDULE_COSINE:
        return cosine(schedule, step);
    case CCLIP_SCHEDULE_CONST_COOLDOWN:
        return cooldown(schedule, step);
    default:
        return schedule->base;
    }
}
