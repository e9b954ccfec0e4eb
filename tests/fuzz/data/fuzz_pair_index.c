/* A tar shard as a file to train from: its headers looked through, then each sample read where it lies. What the look
 * found must be readable in any order, or be that sample's problem. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/pair_index.h"

static void read_all(const struct cclip_pair_index *index)
{
    struct cclip_sample sample;
    struct cclip_buffer scratch;
    cclip_sample_open(&sample);
    cclip_buffer_open(&scratch, CCLIP_PAIR_BYTES);
    for (size_t i = index->count; i-- > 0;) {
        size_t length;
        if (cclip_pair_index_read(index, i, &sample, &scratch))
            abort(); /* only running out of memory may end in a status */
        if (!sample.problem.status && (!sample.name.length || !cclip_pair_caption(&sample, i, &length)))
            abort();
    }
    cclip_buffer_close(&scratch);
    cclip_sample_close(&sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_pair_index index;
    char path[64];
    const int file = memfd_create("input.tar", 0);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const struct cclip_pair_source source = { .path = path, .layout = CCLIP_PAIRS_SHARDS,
                                              .group_key = "caption" };
    if (!cclip_pair_index_open(&index, &source, 1, 1)) {
        read_all(&index);
        cclip_pair_index_close(&index);
    }
    close(file);
    return 0;
}
