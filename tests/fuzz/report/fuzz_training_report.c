/* The page of a run out of lines that a crash, a full disk or an editor may have left in any state: the same bytes as
 * metrics.jsonl and as results.jsonl. Whatever they are, a whole page comes out, without figures that are none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/training_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char end[] = "</body>\n</html>\n";
    const struct cclip_training_report about = { .title = "run", .state = "running", .goes_on = 1,
                                                 .results = (const char *)data, .results_length = size };
    struct cclip_buffer page;
    cclip_buffer_open(&page, 1 << 24);
    if (!cclip_training_report_write(&page, (const char *)data, size, &about) &&
        (page.length < sizeof end || strcmp(page.data + page.length - (sizeof end - 1), end)))
        abort();
    cclip_buffer_close(&page);
    return 0;
}
