#include "text/repair.h"

cclip_status cclip_repair(struct cclip_codepoints *text, struct cclip_codepoints *scratch)
{
    (void)text;
    (void)scratch;
    return CCLIP_OK;
}
