/* A checkpoint written anew in another layout. */
#ifndef CCLIP_MODELS_CONVERT_H
#define CCLIP_MODELS_CONVERT_H

#include "base/status.h"

struct cclip_model;

enum cclip_convert_form { CCLIP_CONVERT_OPEN_CLIP, CCLIP_CONVERT_HUGGING_FACE };

/* Opens the checkpoint `path` (`vocabulary` may be NULL: beside it) and writes the folder `output`:
 * weights under the layout's names with all their bits, configuration, preprocessing, vocabulary. It
 * appears when it is complete; it must not exist, or be empty. */
cclip_status cclip_models_convert(const char *path, const char *vocabulary, const char *output,
                                  enum cclip_convert_form form);

/* Writes a model into `folder`, which is there, as open_clip's files; `weights` is what the weights' file
 * is called. */
cclip_status cclip_models_write_open_clip(const struct cclip_model *model, const char *folder,
                                          const char *weights);

#endif
