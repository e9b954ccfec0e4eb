/* Which reader a file wants, told by its first bytes; and the names of what is none of ours. */
#ifndef CCLIP_CHECKPOINT_SIGNATURES_H
#define CCLIP_CHECKPOINT_SIGNATURES_H

#include "checkpoint/checkpoint_parts.h"

/* Fails with what the file is instead, where that is known. */
cclip_status cclip_checkpoint_find_reader(cclip_checkpoint_reader **out,
                                          const struct cclip_mapping *mapping, const char *path);

#endif
