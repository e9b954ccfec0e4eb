#include "train/movement.h"

#include <math.h>

/* Adds the squares of one parameter. The step was
 *     value = before * shrink - u,  u = step * mean / (sqrt(square) * root + epsilon)
 * so that before = (value + u) / shrink, and what was added is value - before. */
static void add_item(struct cclip_movement *sum, const struct cclip_adamw *adamw,
                     const struct cclip_trainables *set, const struct cclip_trainable *item,
                     double rate)
{
    const double steps = (double)adamw->steps, own = rate * item->rate;
    const double shrink = 1 - (item->decays ? own * adamw->weight_decay : 0);
    const double step = own / (1 - pow(adamw->beta1, steps));
    const double root = 1 / sqrt(1 - pow(adamw->beta2, steps));
    for (size_t i = item->begin; i < item->begin + item->count; i++) {
        const double g = set->gradients[i], value = set->values[i];
        const double u = step * adamw->mean[i] / (sqrt((double)adamw->square[i]) * root + adamw->epsilon);
        const double moved = value - (value + u) / shrink;
        sum->gradient += g * g;
        sum->update += moved * moved;
        sum->values += value * value;
    }
}

void cclip_movement_measure(struct cclip_movement *out, const struct cclip_adamw *adamw,
                            const struct cclip_trainables *set, double rate, size_t begin, size_t end)
{
    *out = (struct cclip_movement){ 0 };
    for (size_t i = 0; i < set->count; i++) {
        const struct cclip_trainable *item = &set->items[i];
        if (item->begin >= begin && item->begin < end && !item->frozen && !item->buffer)
            add_item(out, adamw, set, item, rate);
    }
    out->gradient = sqrt(out->gradient);
    out->update = sqrt(out->update);
    out->values = sqrt(out->values);
}
