/* Reading one sample of an index, wherever it lies. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "data/pair_index.h"
#include "data/shards.h"

size_t cclip_pair_index_shard(const struct cclip_pair_index *index, size_t sample)
{
    size_t low = 0, high = index->shard_count; /* the last shard that begins at the sample or before */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (index->shards[middle].first <= sample)
            low = middle;
        else
            high = middle;
    }
    return low; /* shards without samples begin where the next one does: passed over */
}

static cclip_status read_bytes(struct cclip_buffer *out, const char *path, uint64_t offset, size_t size)
{
    cclip_buffer_clear(out);
    cclip_status status = cclip_buffer_reserve(out, size);
    if (status == CCLIP_ERROR_LIMIT)
        return cclip_fail(status, "%s: byte %llu: a sample of %zu bytes is over the limit of %zu", path,
                          (unsigned long long)offset, size, out->maximum);
    const int file = status ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!status && file < 0)
        status = cclip_fail_errno(path, "cannot open");
    while (!status && out->length < size) {
        const ssize_t got = pread(file, out->data + out->length, size - out->length,
                                  (off_t)(offset + out->length));
        if (got > 0)
            out->length += (size_t)got;
        else if (!got)
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: ends at byte %llu, within a sample", path,
                                (unsigned long long)(offset + out->length));
        else if (errno != EINTR)
            status = cclip_fail_errno(path, "cannot read");
    }
    if (file >= 0)
        close(file);
    return status;
}

/* The bytes from the sample's first header to the next sample's are a small archive of their own. */
static cclip_status read_from_tar(const struct cclip_pair_shard *shard,
                                  const struct cclip_shard_keys *keys, size_t number,
                                  struct cclip_sample *out, struct cclip_buffer *scratch)
{
    const uint64_t begin = shard->offsets[number], end = shard->offsets[number + 1];
    struct cclip_sample_source *source = NULL;
    if (end <= begin || end - begin > SIZE_MAX / 2)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %llu: the file is not what it was", shard->path,
                          (unsigned long long)begin);
    cclip_status status = read_bytes(scratch, shard->path, begin, (size_t)(end - begin));
    if (!status)
        status = cclip_shards_open_memory(&source, scratch->data, scratch->length, shard->path,
                                          begin, keys);
    if (!status)
        status = cclip_sample_next(source, out);
    cclip_sample_source_close(&source);
    if (!status && !out->name.length)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: byte %llu: the file is not what it was", shard->path,
                            (unsigned long long)begin);
    return status;
}

cclip_status cclip_pair_caption_path(struct cclip_buffer *out, const char *picture)
{
    const char *dot = strrchr(cclip_path_name(picture), '.');
    cclip_buffer_clear(out);
    const cclip_status status = cclip_buffer_append(out, picture, (size_t)(dot - picture));
    return status ? status : cclip_buffer_text(out, ".txt");
}

static cclip_status read_caption_beside(struct cclip_sample *out, struct cclip_buffer *scratch)
{
    const char *picture = out->picture.data;
    struct cclip_buffer text;
    cclip_status status = cclip_pair_caption_path(scratch, picture);
    if (!status && !cclip_is_file(scratch->data))
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no caption: %s is not there", picture,
                          cclip_path_name(scratch->data));
    if (status)
        return status;
    status = cclip_file_read(&text, scratch->data, CCLIP_LIMIT_TEXT_BYTES);
    if (!status)
        status = cclip_sample_add_text(out, text.data, text.length);
    cclip_buffer_close(&text);
    return status;
}

static int is_blank(const struct cclip_sample *sample, size_t index)
{
    size_t length;
    const char *text = cclip_sample_text(sample, index, &length);
    while (length && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    return !length;
}

const char *cclip_pair_caption(const struct cclip_sample *sample, size_t index, size_t *length)
{
    for (size_t i = 0; i < sample->text_count; i++) {
        const size_t at = (index + i) % sample->text_count;
        if (!is_blank(sample, at))
            return cclip_sample_text(sample, at, length);
    }
    return NULL;
}

cclip_status cclip_pair_index_read(const struct cclip_pair_index *index, size_t sample,
                                   struct cclip_sample *out, struct cclip_buffer *scratch)
{
    const struct cclip_pair_shard *shard = &index->shards[cclip_pair_index_shard(index, sample)];
    const struct cclip_pair_part *part = &index->parts[shard->source];
    cclip_status status = CCLIP_OK;
    size_t length;
    cclip_sample_clear(out);
    if (shard->path)
        status = read_from_tar(shard, &part->keys, sample - shard->first, out, scratch);
    else
        status = cclip_file_list_get(part->list, sample - part->first, out);
    if (!status && !out->problem.status && part->captions_beside)
        status = read_caption_beside(out, scratch);
    if (!status && !out->problem.status && !part->pictures_alone && !cclip_pair_caption(out, 0, &length))
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: %s", out->name.data,
                            out->text_count ? "an empty caption" : "no caption");
    return status ? cclip_sample_spoil(out, status) : CCLIP_OK;
}
