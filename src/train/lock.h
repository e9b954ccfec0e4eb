/* Freezing a tower, wholly or all but its last groups, as open_clip's --lock-image and --lock-text do. */
#ifndef CCLIP_TRAIN_LOCK_H
#define CCLIP_TRAIN_LOCK_H

#include "models/learner.h"

/* `unlocked` groups of train/groups.h, from the output, go on learning; more than there are is an
 * error. A ResNet can only be locked as a whole. */
cclip_status cclip_lock_tower(struct cclip_learner *learner, enum cclip_tower tower,
                              size_t unlocked);

#endif
