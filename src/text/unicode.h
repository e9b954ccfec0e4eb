/* Characters: UTF-8 in and out, classes, lower case, canonical composition.
 *
 * A text is UTF-8 in which lone surrogates may also stand, in the three-byte form ED A0..BF 80..BF
 * that generalised UTF-8 gives them; other malformed bytes are an error. Inside, where characters
 * are moved about, it is an array of code points. */
#ifndef CCLIP_TEXT_UNICODE_H
#define CCLIP_TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/status.h"

struct cclip_codepoints {
    uint32_t *data;
    size_t count, capacity;
};

cclip_status cclip_codepoints_reserve(struct cclip_codepoints *text, size_t count);
cclip_status cclip_codepoints_add(struct cclip_codepoints *text, uint32_t c);
cclip_status cclip_codepoints_append(struct cclip_codepoints *text, const uint32_t *data,
                                     size_t count);
void cclip_codepoints_close(struct cclip_codepoints *text);
void cclip_codepoints_swap(struct cclip_codepoints *a, struct cclip_codepoints *b);

/* The character at `text`, and how many bytes it has; 0 bytes where it is malformed. */
size_t cclip_utf8_decode(uint32_t *out, const char *text, size_t left);
size_t cclip_utf8_encode(char out[4], uint32_t c); /* surrogates in their three-byte form */

/* Replaces `out`. Malformed bytes give CCLIP_ERROR_FORMAT with their offset. */
cclip_status cclip_codepoints_from_utf8(struct cclip_codepoints *out, const char *text,
                                        size_t length);
cclip_status cclip_codepoints_to_utf8(struct cclip_buffer *out, const uint32_t *text, size_t count);

enum cclip_character_class {
    CCLIP_CLASS_OTHER = 0,
    CCLIP_CLASS_LETTER, /* general category L* */
    CCLIP_CLASS_NUMBER, /* N* */
    CCLIP_CLASS_SPACE,  /* White_Space: what \s matches */
};
enum cclip_character_class cclip_character_class(uint32_t c);
int cclip_is_white_space(uint32_t c); /* White_Space */
/* What str.strip and str.split of Python take off: White_Space and U+001C..U+001F. */
int cclip_is_strip_space(uint32_t c);
int cclip_is_surrogate(uint32_t c);
uint32_t cclip_upper(uint32_t c); /* one to one */

/* Full lower case in place of `text`. With `contexts` a capital sigma at the end of a word becomes
 * U+03C2, as str.lower does; without, always U+03C3. */
cclip_status cclip_codepoints_lower(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                                    int contexts);
/* Normalisation form C, in place. */
cclip_status cclip_codepoints_compose(struct cclip_codepoints *text,
                                      struct cclip_codepoints *scratch);
/* The compatibility decomposition, composed (form KC), of one character, appended to `out`. */
cclip_status cclip_codepoints_compatible(struct cclip_codepoints *out, uint32_t c);

#endif
