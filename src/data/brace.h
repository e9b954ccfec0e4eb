/* Shard lists as people write them: "train-{000..127}.tar", "{a,b}.tar". */
#ifndef CCLIP_DATA_BRACE_H
#define CCLIP_DATA_BRACE_H

#include "base/file.h"

/* Appends all that `pattern` stands for, in order; the last brace turns fastest. A range of numbers keeps
 * the width of its wider end when either begins with a zero, and may go down. What is no range and
 * no list stays as it stands. */
cclip_status cclip_brace_expand(struct cclip_names *out, const char *pattern);

#endif
