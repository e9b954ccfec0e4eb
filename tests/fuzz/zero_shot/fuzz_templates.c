/* A file of templates: either an error with a message, or templates that each have a place for a label. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "zero_shot/templates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_templates *templates = NULL;
    struct cclip_buffer out;
    if (cclip_template_list_parse(&templates, (const char *)data, size, "fuzz")) {
        if (templates || !*cclip_error_message())
            abort();
        return 0;
    }
    cclip_buffer_open(&out, (size_t)1 << 24);
    for (size_t i = 0; i < templates->list.count; i++) {
        cclip_buffer_clear(&out);
        if (!cclip_template_expand(&out, templates->list.names[i], "\x01", 1) &&
            (!out.data || !strchr(out.data, '\x01')))
            abort();
    }
    cclip_buffer_close(&out);
    cclip_template_list_close(&templates);
    return 0;
}
