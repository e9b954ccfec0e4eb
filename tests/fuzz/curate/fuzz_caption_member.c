/* Any bytes as a sample of a tar file that gets another caption. */
#include <stdint.h>

#include "curate/corpus_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_buffer out;
    cclip_buffer_open(&out, (size_t)1 << 26);
    (void)cclip_sample_with_caption(&out, data, size, "sample", "another caption", 15);
    cclip_buffer_close(&out);
    return 0;
}
