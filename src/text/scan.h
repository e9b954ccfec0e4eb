/* Cutting a cleaned text into words: the pattern of CLIP's tokenizer, without a pattern engine.
 *
 * At each place, in this order: a special string, a contraction ('s 't 're 've 'm 'll 'd), a run of
 * letters, one number, a run of anything else but white space. */
#ifndef CCLIP_TEXT_SCAN_H
#define CCLIP_TEXT_SCAN_H

#include "text/unicode.h"

enum { CCLIP_SPECIALS_MAXIMUM = 256 };

struct cclip_special {
    char *text;
    size_t length;
    int32_t id;
    int normalized; /* style hf: looked for in the cleaned text, not in the raw one */
    int in_pattern; /* ends the word before it also where it is not itself taken for a special */
};

struct cclip_scan_rules {
    const struct cclip_special *specials; /* in the pattern; those of the same start: longest first */
    size_t special_count;
    unsigned char may_start[256]; /* 1: a special may start with this byte */
    int ignore_case; /* specials and contractions without regard to case, U+017F being an s */
};

struct cclip_scanner {
    const struct cclip_scan_rules *rules;
    const char *text;
    size_t length, at;
};

struct cclip_word {
    size_t begin, length;
    int32_t special; /* index of an exactly matching special, or -1 */
};

/* 0 at the end of the text. The text must be well-formed. */
int cclip_scan_next(struct cclip_scanner *scanner, struct cclip_word *word);

#endif
