/* Repair of text that went through wrong hands: what ftfy's fix_text does with its defaults. */
#ifndef CCLIP_TEXT_REPAIR_H
#define CCLIP_TEXT_REPAIR_H

#include "text/unicode.h"

/* Scratch, kept from text to text. Zero-initialise to open. */
struct cclip_repair_work {
    struct cclip_codepoints segment, before, whole;
    struct cclip_buffer bytes;
};
void cclip_repair_work_close(struct cclip_repair_work *work);

cclip_status cclip_repair(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                          struct cclip_repair_work *work);

#endif
