/* Repair of text that went through wrong hands: what ftfy's fix_text does with its defaults. */
#ifndef CCLIP_TEXT_REPAIR_H
#define CCLIP_TEXT_REPAIR_H

#include "text/unicode.h"

cclip_status cclip_repair(struct cclip_codepoints *text, struct cclip_codepoints *scratch);

#endif
