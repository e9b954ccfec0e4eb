/* The licence a checkpoint's files name. */
#ifndef CCLIP_MODELS_LICENCE_H
#define CCLIP_MODELS_LICENCE_H

#include <stddef.h>

/* Writes the "license" of the model card beside the checkpoint into `text`: the block between two lines of
 * "---" at the head of README.md, as model hubs keep it. "unknown" without one. `weights` is the path of
 * the weights file. */
void cclip_model_licence(char *text, size_t size, const char *weights);

#endif
