/* HTML character references, as Python's html.unescape resolves them. */
#ifndef CCLIP_TEXT_HTML_H
#define CCLIP_TEXT_HTML_H

#include "text/unicode.h"

/* One level of unescaping. `scratch` is overwritten; the result is in `text`. */
cclip_status cclip_html_unescape(struct cclip_codepoints *text, struct cclip_codepoints *scratch);

/* What "&#<number>;" stands for; 0xffffffff where it is dropped. */
uint32_t cclip_html_numeric(uint32_t number);

/* The entity of exactly this name (with its ';' if it has one), or NULL. */
struct cclip_html_entity {
    const char *name;
    uint32_t characters[2]; /* the second is 0 if there is only one */
};
const struct cclip_html_entity *cclip_html_entity(const char *name, size_t length);

extern const struct cclip_html_entity cclip_html_entities[];
extern const size_t cclip_html_entity_count;

#endif
