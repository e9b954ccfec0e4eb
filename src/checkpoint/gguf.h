/* The key-value pairs of a GGUF file (versions 2 and 3, little-endian). */
#ifndef CCLIP_CHECKPOINT_GGUF_H
#define CCLIP_CHECKPOINT_GGUF_H

#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

struct cclip_gguf;

/* A text as the file has it: not zero-terminated, points into the mapped file. */
struct cclip_gguf_text {
    const char *text;
    size_t length;
};

int cclip_gguf_has(const struct cclip_gguf *gguf, const char *key);
/* Absent gives the fallback; another type than asked for is CCLIP_ERROR_FORMAT naming the key. */
cclip_status cclip_gguf_unsigned(uint64_t *out, const struct cclip_gguf *gguf, const char *key,
                                 uint64_t fallback);
cclip_status cclip_gguf_number(double *out, const struct cclip_gguf *gguf, const char *key,
                               double fallback);
cclip_status cclip_gguf_bool(int *out, const struct cclip_gguf *gguf, const char *key,
                             int fallback);
cclip_status cclip_gguf_string(struct cclip_gguf_text *out, const struct cclip_gguf *gguf,
                               const char *key); /* absent: text NULL */
/* Arrays: length 0 when absent. */
cclip_status cclip_gguf_numbers(double *out, size_t capacity, size_t *length,
                                const struct cclip_gguf *gguf, const char *key);
/* `*out` is new memory (cclip_release), the texts point into the file. */
cclip_status cclip_gguf_strings(struct cclip_gguf_text **out, size_t *length,
                                const struct cclip_gguf *gguf, const char *key);

#endif
