/* Models to time: a configuration by name, with made values in place of a checkpoint. */
#ifndef CCLIP_BENCHMARKS_MADE_MODEL_H
#define CCLIP_BENCHMARKS_MADE_MODEL_H

#include "models/model.h"

/* `tiny`, `resnet` (the network of the shipped model) or `b32` (ViT-B/32). Nothing in it is to be closed. */
cclip_status cclip_made_model(struct cclip_model *out, const char *name);

#endif
