/* How deep in its tower a parameter stands, counted from the output: what is locked and what learns slowly
 * go by it. */
#ifndef CCLIP_TRAIN_GROUPS_H
#define CCLIP_TRAIN_GROUPS_H

#include "models/learner.h"

/* The tower a parameter belongs to by its name; CCLIP_TOWERS for logit_scale and logit_bias. */
enum cclip_tower cclip_parameter_tower(const char *name);

/* Of a Vision Transformer or a text tower: 1 is the projection (and a learned pooler), 2 the last block and
 * the norm behind it, 3 the block before, ... and the last is all that stands before the blocks: class token,
 * positions, embeddings. Of a ResNet: 1 is the attention pool, 2 to 5 the stages from the last, 6 the stem. */
size_t cclip_parameter_group(const struct cclip_config *config, const char *name);

#endif
