/* Text into HTML. */
#ifndef CCLIP_REPORT_MARKUP_H
#define CCLIP_REPORT_MARKUP_H

#include <stddef.h>
#include "base/buffer.h"

/* Appends `text`, fit for an element's content and for a quoted attribute. File names are bytes:
 * what is no UTF-8, and control characters, become U+FFFD. */
cclip_status cclip_markup_text(struct cclip_buffer *out, const char *text);

/* Appends base64 of `size` bytes, without line ends. */
cclip_status cclip_base64(struct cclip_buffer *out, const void *data, size_t size);

/* A share in [0, 1] in tenths of a percent, 0 to 1000: printed as a whole number and one digit it
 * has a point in every locale. What is no number is 0. */
int cclip_permille(float share);

#endif
