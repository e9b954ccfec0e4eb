/* Lists of inputs: files of a folder tree, lines of a file. One block of memory for all texts, so
 * that a million names take little more than their bytes. */
#ifndef CCLIP_CLI_INPUTS_H
#define CCLIP_CLI_INPUTS_H

#include <stddef.h>

#include "base/buffer.h"

struct cclip_inputs {
    struct cclip_buffer bytes; /* each text and a zero after it */
    size_t *starts;
    size_t count, capacity;
    size_t skipped; /* folders that could not be read; each was named */
};

void cclip_inputs_open(struct cclip_inputs *inputs);
void cclip_inputs_close(struct cclip_inputs *inputs);
cclip_status cclip_inputs_add(struct cclip_inputs *inputs, const char *text, size_t length);
/* Valid until the next add. */
const char *cclip_inputs_at(const struct cclip_inputs *inputs, size_t index);
size_t cclip_inputs_length(const struct cclip_inputs *inputs, size_t index);

/* The lines of `path` ("-": standard input), without line ends and byte-order mark; empty ones too
 * if `keep_empty`. */
cclip_status cclip_inputs_lines(struct cclip_inputs *inputs, const char *path, int keep_empty);

/* A folder's pictures by suffix, recursively, sorted; names that begin with '.' and folders behind
 * symbolic links are left out. For a file: its lines are paths. */
cclip_status cclip_inputs_pictures(struct cclip_inputs *inputs, const char *path);

/* What messages call a list: "-" is standard input. */
const char *cclip_inputs_name(const char *path);

/* Adds the parts of a comma-separated list, without the blanks around them; empty parts are left
 * out. */
cclip_status cclip_inputs_split(struct cclip_inputs *inputs, const char *list);

/* The texts as an array of pointers, for the library; NULL on failure. Released by the caller. */
const char **cclip_inputs_pointers(const struct cclip_inputs *inputs, size_t first, size_t count);

#endif
