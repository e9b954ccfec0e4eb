/* The learning rate of each step: a linear warm-up, then what the kind says. */
#ifndef CCLIP_TRAIN_SCHEDULE_H
#define CCLIP_TRAIN_SCHEDULE_H

#include <stdint.h>

enum cclip_schedule_kind {
    CCLIP_SCHEDULE_COSINE,        /* half a cosine down to 0 at `total` */
    CCLIP_SCHEDULE_CONST,
    CCLIP_SCHEDULE_CONST_COOLDOWN /* constant, then to cooldown_end over the last cooldown steps */
};

struct cclip_schedule {
    enum cclip_schedule_kind kind;
    double base;
    uint64_t warmup, total; /* steps */
    uint64_t cooldown;
    double cooldown_end, cooldown_power; /* as open_clip: power 1 is a straight line */
};

/* `step` counts from 0. Warm-up: base (step + 1) / warmup. */
double cclip_schedule_rate(const struct cclip_schedule *schedule, uint64_t step);

#endif
