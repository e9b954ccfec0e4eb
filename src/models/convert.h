/* A checkpoint written anew in another layout. */
#ifndef CCLIP_MODELS_CONVERT_H
#define CCLIP_MODELS_CONVERT_H

#include "base/status.h"

enum cclip_convert_form { CCLIP_CONVERT_OPEN_CLIP, CCLIP_CONVERT_HUGGING_FACE };

/* Opens the checkpoint `path` (`vocabulary` may be NULL: beside it) and writes the folder `output`:
 * weights under the layout's names with all their bits, configuration, preprocessing, vocabulary. It
 * appears when it is complete; it must not exist, or be empty. */
cclip_status cclip_models_convert(const char *path, const char *vocabulary, const char *output,
                                  enum cclip_convert_form form);

#endif
