/* How far a step moved a part of a model: which tower dominates is what training CLIP is judged by. */
#ifndef CCLIP_TRAIN_MOVEMENT_H
#define CCLIP_TRAIN_MOVEMENT_H

#include "train/adamw.h"

/* Lengths (L2) over the parameters that learn. */
struct cclip_movement {
    double gradient; /* before clipping */
    double update;   /* of what the step added to the values, decay included; not finite where rate x decay is 1:
                        such a step keeps nothing of the values, and what they were cannot be told from what they are */
    double values;   /* after the step */
};

/* For elements [begin, end) of `set`, after cclip_adamw_step with `rate`, while its gradients are still
 * there. The update is computed from the optimiser's averages: no copy of the values is needed. */
void cclip_movement_measure(struct cclip_movement *out, const struct cclip_adamw *adamw,
                            const struct cclip_trainables *set, double rate, size_t begin, size_t end);

#endif
