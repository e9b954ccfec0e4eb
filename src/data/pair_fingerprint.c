/* What two processes compare to know that they learn from the same data: where samples lie, and what is said of
 * them, without folders, which may differ between machines. Pixels are not looked at. */
#include <string.h>

#include "base/file.h"
#include "data/pair_parts.h"

static uint64_t add_bytes(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *bytes = data; /* FNV-1a, 64 bits */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t add_shard(uint64_t hash, const struct cclip_pair_shard *shard)
{
    hash = add_bytes(hash, &shard->count, sizeof shard->count);
    if (!shard->path)
        return hash;
    const char *name = cclip_path_name(shard->path);
    hash = add_bytes(hash, name, strlen(name));
    return add_bytes(hash, shard->offsets, (shard->count + 1) * sizeof *shard->offsets);
}

static cclip_status add_list(uint64_t *hash, const struct cclip_file_list *list)
{
    struct cclip_sample sample;
    cclip_status status = CCLIP_OK;
    const size_t count = cclip_file_list_count(list);
    cclip_sample_open(&sample);
    for (size_t i = 0; i < count && !status; i++) {
        status = cclip_file_list_get(list, i, &sample);
        if (status)
            break;
        const char *name = sample.name.data ? cclip_path_name(sample.name.data) : "";
        *hash = add_bytes(*hash, name, strlen(name));
        for (size_t c = 0; c < sample.text_count; c++) {
            size_t length = 0;
            const char *text = cclip_sample_text(&sample, c, &length);
            *hash = add_bytes(*hash, text, length);
        }
    }
    cclip_sample_close(&sample);
    return status;
}

cclip_status cclip_pair_batches_fingerprint(const struct cclip_pair_batches *b, uint64_t *out)
{
    cclip_status status = CCLIP_OK;
    *out = 0xcbf29ce484222325u;
    for (size_t i = 0; i < b->index.shard_count; i++)
        *out = add_shard(*out, &b->index.shards[i]);
    for (size_t i = 0; i < b->index.part_count && !status; i++)
        if (b->index.parts[i].list)
            status = add_list(out, b->index.parts[i].list);
    return status;
}
