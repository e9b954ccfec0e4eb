/* The pieces that writing a checkpoint anew is made of. */
#ifndef CCLIP_MODELS_CONVERT_PARTS_H
#define CCLIP_MODELS_CONVERT_PARTS_H

#include "models/model.h"
#include "models/model_files.h"

/* The weights alone: every tensor of `model` under the names of the layout. */
cclip_status cclip_convert_weights(const struct cclip_model *model, const char *layout,
                                   const char *path);

/* Puts the vocabulary into `folder`: the files of the source where it has some, else written from the
 * tokenizer. `*written` tells whether there is one now. */
cclip_status cclip_convert_vocabulary(const struct cclip_model *model, const char *folder,
                                      int *written);

/* Copies `name` from one folder to another if it is there. */
cclip_status cclip_convert_carry(const char *from, const char *to, const char *name);
/* The folder of what was opened; new memory, NULL with a message on failure. */
char *cclip_convert_source_folder(const struct cclip_model *model);

#endif
