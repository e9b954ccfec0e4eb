/* Text that was encoded with one encoding and decoded with another: finding it and undoing it. */
#ifndef CCLIP_TEXT_MOJIBAKE_H
#define CCLIP_TEXT_MOJIBAKE_H

#include "text/unicode.h"

/* Does the text hold a sequence that hardly occurs but by a wrong decoding? */
int cclip_mojibake_is_bad(const uint32_t *text, size_t count);

/* Undoes wrong decodings, one inside the other too, as long as each step is convincing. `bytes` is
 * scratch, opened. */
cclip_status cclip_mojibake_fix(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                                struct cclip_buffer *bytes);

/* A C1 control character that Windows-1252 has something for becomes that. */
uint32_t cclip_c1_as_windows(uint32_t c);

#endif
