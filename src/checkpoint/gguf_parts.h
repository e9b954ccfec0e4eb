/* The parts of a GGUF file, for the two files that read it: gguf.c the key-value pairs,
 * gguf_reader.c the rest. All numbers are little-endian. */
#ifndef CCLIP_CHECKPOINT_GGUF_PARTS_H
#define CCLIP_CHECKPOINT_GGUF_PARTS_H

#include "checkpoint/gguf.h"

/* A place in the file, and its end. */
struct cclip_gguf_cursor {
    const char *path;
    const unsigned char *start, *at, *end;
};

/* Each says what was expected when the file ends before it. */
cclip_status cclip_gguf_take_number(uint64_t *out, struct cclip_gguf_cursor *cursor, size_t bytes,
                                    const char *what);
cclip_status cclip_gguf_take_text(struct cclip_gguf_text *out, struct cclip_gguf_cursor *cursor,
                                  const char *what);

/* Reads `count` pairs. The cursor's path must outlive them. */
cclip_status cclip_gguf_read_pairs(struct cclip_gguf **out, struct cclip_gguf_cursor *cursor,
                                   uint64_t count);

#endif
