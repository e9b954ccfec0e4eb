/* Shards: the bytes of a kept sample are copied from its first header to the next sample's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/limits.h"
#include "curate/corpus_write.h"
#include "data/shard_group.h"
#include "formats/json.h"
#include "formats/tar.h"

enum { BLOCK = 512, SIZE_AT = 124, SIZE_DIGITS = 11, SUM_AT = 148, SUM_BYTES = 8 };

static const char zeros[2 * BLOCK];

static size_t rounded(size_t size)
{
    return (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* A header with another size: octal digits, and the sum of all bytes with blanks in its own place. */
static cclip_status append_header(struct cclip_buffer *out, const char *header, size_t size)
{
    char copy[BLOCK], digits[24];
    unsigned sum = 0;
    memcpy(copy, header, BLOCK);
    snprintf(digits, sizeof digits, "%0*zo", SIZE_DIGITS, size);
    memcpy(copy + SIZE_AT, digits, SIZE_DIGITS + 1);
    memset(copy + SUM_AT, ' ', SUM_BYTES);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)copy[i];
    snprintf(digits, sizeof digits, "%06o", sum);
    memcpy(copy + SUM_AT, digits, 7);
    return cclip_buffer_append(out, copy, BLOCK);
}

/* A sample being copied: what lies before `copied` is in `out`. */
struct copy {
    struct cclip_buffer *out;
    const char *bytes;
    size_t size, copied;
};

static cclip_status copy_until(struct copy *c, size_t end)
{
    const cclip_status status = cclip_buffer_append(c->out, c->bytes + c->copied, end - c->copied);
    c->copied = end;
    return status;
}

/* The member that ends at `end` and had `had` bytes gets other ones. */
static cclip_status replace(struct copy *c, size_t end, size_t had, const char *data, size_t length)
{
    const size_t begin = end - had;
    if (end > c->size || had > end || begin < BLOCK + c->copied)
        return cclip_fail(CCLIP_ERROR_FORMAT, "a member of a tar file is not where its header says");
    cclip_status status = copy_until(c, begin - BLOCK);
    if (!status)
        status = append_header(c->out, c->bytes + begin - BLOCK, length);
    if (!status)
        status = cclip_buffer_append(c->out, data, length);
    if (!status)
        status = cclip_buffer_append(c->out, zeros, rounded(length) - length);
    c->copied = rounded(end) < c->size ? rounded(end) : c->size;
    return status;
}

static int is_blank(const char *text, size_t length)
{
    while (length && strchr(" \t\r\n\v\f", *text) && *text) {
        text++;
        length--;
    }
    return !length;
}

/* The .json with another caption: where the old one was, "caption", or the first of "captions" with a text. */
static cclip_status change_json(struct cclip_buffer *out, const struct cclip_buffer *json, const char *name,
                                const char *caption, size_t length)
{
    cclip_json *root;
    cclip_status status = cclip_json_parse(&root, json->data, json->length, name);
    if (status)
        return status;
    const cclip_json *list = cclip_json_get(root, "captions");
    if (cclip_json_is_string(cclip_json_get(root, "caption"))) {
        status = cclip_json_set(root, "caption", cclip_json_new_string(caption, length));
    } else {
        cclip_json *changed = cclip_json_new_array();
        int done = 0;
        for (size_t i = 0; i < cclip_json_length(list) && !status; i++) {
            size_t size;
            const char *text = cclip_json_string(cclip_json_at(list, i), &size);
            const int here = text && !done && !is_blank(text, size);
            done |= here;
            if (text)
                status = cclip_json_append(changed, here ? cclip_json_new_string(caption, length)
                                                         : cclip_json_new_string(text, size));
        }
        if (status)
            cclip_json_close(&changed);
        else
            status = cclip_json_set(root, "captions", changed);
    }
    if (!status)
        status = cclip_json_write(out, root, 0);
    cclip_json_close(&root);
    return status;
}

/* Where the caption's member lies. */
struct found {
    size_t end, length; /* length SIZE_MAX: there is none */
};

static cclip_status find_members(struct found *txt, struct found *json, struct cclip_buffer *json_text,
                                 const struct copy *c, const char *name)
{
    struct cclip_tar *tar;
    struct cclip_tar_member member;
    struct cclip_buffer data;
    cclip_buffer_open(&data, CCLIP_LIMIT_TEXT_BYTES);
    cclip_status status = cclip_tar_open_memory(&tar, c->bytes, c->size, name, 0);
    while (!status && !(status = cclip_tar_next(tar, &member)) && member.name) {
        const char *extension;
        size_t key;
        if (!cclip_shard_key(member.name, &key, &extension))
            continue;
        const int is_txt = !strcasecmp(extension, "txt"), is_json = !strcasecmp(extension, "json");
        if (!is_txt && !is_json)
            continue;
        cclip_buffer_clear(&data);
        status = cclip_tar_read(tar, &data);
        *(is_txt ? txt : json) = (struct found){ (size_t)member.end, data.length };
        if (!status && is_json) {
            cclip_buffer_clear(json_text);
            status = cclip_buffer_append(json_text, data.data, data.length);
        }
    }
    cclip_tar_close(&tar);
    cclip_buffer_close(&data);
    return status;
}

cclip_status cclip_sample_with_caption(struct cclip_buffer *out, const void *bytes, size_t size,
                                       const char *name, const char *caption, size_t length)
{
    struct copy c = { out, bytes, size, 0 };
    struct found txt = { 0, SIZE_MAX }, json = { 0, SIZE_MAX };
    struct cclip_buffer before, after;
    cclip_buffer_open(&before, CCLIP_LIMIT_TEXT_BYTES);
    cclip_buffer_open(&after, 2 * CCLIP_LIMIT_TEXT_BYTES);
    cclip_status status = find_members(&txt, &json, &before, &c, name);
    if (!status && txt.length != SIZE_MAX) {
        status = replace(&c, txt.end, txt.length, caption, length);
    } else if (!status && json.length != SIZE_MAX) {
        status = change_json(&after, &before, name, caption, length);
        if (!status)
            status = replace(&c, json.end, json.length, after.data, after.length);
    }
    if (!status)
        status = copy_until(&c, size);
    cclip_buffer_close(&before);
    cclip_buffer_close(&after);
    return status == CCLIP_ERROR_MEMORY || !status ? status : cclip_fail_in(status, "%s", name);
}

/* The bytes of one sample. */
static cclip_status read_sample(struct cclip_buffer *out, int file, const struct cclip_pair_shard *shard,
                                size_t number)
{
    const uint64_t begin = shard->offsets[number];
    const size_t size = (size_t)(shard->offsets[number + 1] - begin);
    cclip_buffer_clear(out);
    cclip_status status = cclip_buffer_reserve(out, size);
    while (!status && out->length < size) {
        const ssize_t got = pread(file, out->data + out->length, size - out->length,
                                  (off_t)(begin + out->length));
        if (got > 0)
            out->length += (size_t)got;
        else if (!got)
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: ends at byte %llu, within a sample", shard->path,
                                (unsigned long long)(begin + out->length));
        else if (errno != EINTR)
            status = cclip_fail_errno(shard->path, "cannot read");
    }
    return status;
}

static cclip_status write_sample(const struct cclip_corpus_choice *choice, size_t sample,
                                 const struct cclip_pair_shard *shard, const struct cclip_buffer *bytes,
                                 struct cclip_buffer *changed, struct cclip_writer *out)
{
    size_t length = 0;
    const char *caption = choice->caption ? choice->caption(choice->user, sample, &length) : NULL;
    const struct cclip_buffer *result = bytes;
    cclip_status status = CCLIP_OK;
    if (caption) {
        cclip_buffer_clear(changed);
        status = cclip_sample_with_caption(changed, bytes->data, bytes->length, shard->path, caption, length);
        result = changed;
    }
    if (!status)
        status = cclip_writer_write(out, result->data, result->length);
    /* The last sample of a shard that ends early may stop within a block. */
    return status ? status : cclip_writer_write(out, zeros, rounded(result->length) - result->length);
}

cclip_status cclip_corpus_write_shard(const struct cclip_corpus_choice *choice, size_t number,
                                      struct cclip_writer *out)
{
    const struct cclip_pair_shard *shard = &choice->index->shards[number];
    struct cclip_buffer bytes, changed;
    cclip_buffer_open(&bytes, CCLIP_PAIR_BYTES);
    cclip_buffer_open(&changed, CCLIP_PAIR_BYTES + 2 * CCLIP_LIMIT_TEXT_BYTES);
    const int file = open(shard->path, O_RDONLY | O_CLOEXEC);
    cclip_status status = file < 0 ? cclip_fail_errno(shard->path, "cannot open") : CCLIP_OK;
    for (size_t i = 0; i < shard->count && !status; i++) {
        if (!choice->keep(choice->user, shard->first + i))
            continue;
        status = read_sample(&bytes, file, shard, i);
        if (!status)
            status = write_sample(choice, shard->first + i, shard, &bytes, &changed, out);
    }
    if (!status)
        status = cclip_writer_write(out, zeros, sizeof zeros); /* the end of an archive */
    if (file >= 0)
        close(file);
    cclip_buffer_close(&bytes);
    cclip_buffer_close(&changed);
    return status;
}
