/* Tar shards to samples: archive, keys, classes, captions and their JSON. Pictures are not decoded: they have
 * targets of their own. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards.h"

static void walk(const uint8_t *data, size_t size, const struct cclip_shard_keys *keys)
{
    struct cclip_sample_source *source;
    struct cclip_sample sample;
    if (cclip_shards_open_memory(&source, data, size, "input.tar", 0, keys))
        return;
    cclip_sample_open(&sample);
    while (!cclip_sample_next(source, &sample) && sample.name.length) {
        size_t length, sum = 0;
        for (size_t i = 0; i < sample.text_count; i++) {
            const char *text = cclip_sample_text(&sample, i, &length);
            if (text[length])
                abort();
            sum += length + 1;
        }
        if (sum != sample.texts.length || sample.label < CCLIP_NO_CLASS)
            abort();
    }
    cclip_sample_close(&sample);
    cclip_sample_source_close(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cclip_shard_keys lines = { .caption_lines = 1 };
    static const struct cclip_shard_keys named = { .image = "jpg;png;", .json_text = "captions",
                                                   .group = "caption" };
    walk(data, size, NULL);
    walk(data, size, &lines);
    walk(data, size, &named);
    return 0;
}
