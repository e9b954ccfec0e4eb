/* Any bytes as a caption: what is UTF-8 stays UTF-8, nothing grows beyond its entities, and what was cleaned is
 * hardly changed again. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "curate/caption_rules.h"

static int is_utf8(const struct cclip_buffer *text)
{
    uint32_t point;
    size_t size;
    for (size_t i = 0; i < text->length; i += size)
        if (!(size = cclip_utf8_decode(&point, text->data + i, text->length - i)))
            return 0;
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cclip_caption_settings usual = { 0, 2, 1000, 0.4 };
    struct cclip_caption_cleaner cleaner = { 0 };
    struct cclip_caption_verdict verdict;
    struct cclip_buffer out, again;
    cclip_buffer_open(&out, 2 * CCLIP_LIMIT_TEXT_BYTES);
    cclip_buffer_open(&again, 2 * CCLIP_LIMIT_TEXT_BYTES);
    if (!cclip_caption_clean(&out, &verdict, &cleaner, (const char *)data, size, &usual) && out.length) {
        if (verdict.refused != CCLIP_CAPTION_NOT_UTF8 && (!is_utf8(&out) || out.length > 4 * size))
            abort();
        if (verdict.refused < CCLIP_CAPTION_CHANGES || verdict.changed >> CCLIP_CAPTION_CHANGES)
            abort();
        if (cclip_caption_clean(&again, &verdict, &cleaner, out.data, out.length, &usual) == CCLIP_OK &&
            verdict.changed >> CCLIP_CAPTION_WHITE_SPACE == 1 && verdict.changed == 1u << CCLIP_CAPTION_WHITE_SPACE)
            abort(); /* white space is in order already */
    }
    cclip_caption_cleaner_close(&cleaner);
    cclip_buffer_close(&out);
    cclip_buffer_close(&again);
    return 0;
}
