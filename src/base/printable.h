/* Text from outside on its way to a terminal or into a message of one line. */
#ifndef CCLIP_BASE_PRINTABLE_H
#define CCLIP_BASE_PRINTABLE_H

#include <stddef.h>

/* Bytes of the UTF-8 character at `text`, 0 if it is none (overlong forms and surrogates too).
 * `left` is at least 1. */
size_t cclip_utf8_length(const char *text, size_t left);

/* A copy in which every byte that could move the cursor, end the line, turn the writing direction or
 * that is no UTF-8 reads \xNN. Cut to `size` bytes with its final zero, between characters. Returns `out`. */
const char *cclip_printable(char *out, size_t size, const char *text);

#endif
