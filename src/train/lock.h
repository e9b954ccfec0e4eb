/* Freezing a tower, wholly or all but its last groups, as open_clip's --lock-image and --lock-text do
 * (there a ResNet is locked as a whole alone). */
#ifndef CCLIP_TRAIN_LOCK_H
#define CCLIP_TRAIN_LOCK_H

#include "models/learner.h"

/* `unlocked` groups of train/groups.h, from the output, go on learning; more than there are is an
 * error. */
cclip_status cclip_lock_tower(struct cclip_learner *learner, enum cclip_tower tower,
                              size_t unlocked);

#endif
