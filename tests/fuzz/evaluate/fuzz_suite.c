/* Tables of data sets. What was read has a path and a name in every line. */
#include <stdint.h>
#include <stdlib.h>

#include "evaluate/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_suite_list list;
    if (cclip_suite_parse(&list, (const char *)data, size, "suite"))
        return 0;
    for (size_t i = 0; i < list.count; i++)
        if (!list.lines[i].texts[CCLIP_SUITE_PATH] || !list.lines[i].texts[CCLIP_SUITE_NAME])
            abort();
    cclip_suite_list_close(&list);
    return 0;
}
