/* From the options of a run to what the data room is asked for. */
#ifndef CCLIP_API_TRAIN_DATA_H
#define CCLIP_API_TRAIN_DATA_H

#include <cclip/train.h>
#include "data/pair_batches.h"

enum { CCLIP_TRAIN_SOURCES = 64 };

/* Sources by "a::b" and their factors by "1::2" or NULL; the rest by the options. */
struct cclip_train_sources {
    struct cclip_pair_source list[CCLIP_TRAIN_SOURCES];
    char *paths; /* the text that the paths point into */
    size_t count;
};
cclip_status cclip_train_sources_open(struct cclip_train_sources *out,
                                      const cclip_train_options *options, const char *data,
                                      const char *factors);
void cclip_train_sources_close(struct cclip_train_sources *sources);

/* "scale=0.4,1" ...: open_clip's keys of --aug-cfg, and more. What is not named keeps open_clip's
 * defaults. */
cclip_status cclip_train_augmentation(struct cclip_augmentation *out,
                                      const cclip_train_options *options);

#endif
