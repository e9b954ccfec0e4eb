#include "data/shards.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "data/brace.h"
#include "data/shard_group.h"
#include "formats/json.h"
#include "formats/tar.h"

struct shards {
    struct cclip_sample_source source;
    struct cclip_names paths;
    size_t next_path;
    struct cclip_tar *tar; /* of the shard at hand */
    const char *shard;     /* its name */
    char *memory_name;     /* of a shard in memory */
    struct cclip_tar_member member; /* begun, but not read yet; no name: none, or the end */
    const char *extension;          /* of it, inside its name */
    struct cclip_shard_group group; /* the sample being read */
    struct cclip_buffer scratch, from_json;
    struct cclip_shard_keys keys;
};

int cclip_is_shard_name(const char *path)
{
    static const char *const suffixes[] = { ".tar", ".tar.gz", ".tgz" };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (cclip_path_has_suffix(path, suffixes[i]))
            return 1;
    return strchr(path, '{') && !cclip_is_file(path);
}

cclip_status cclip_shards_check(const struct cclip_names *shards)
{
    size_t missing = 0, first = 0;
    for (size_t i = 0; i < shards->count; i++)
        if (access(shards->names[i], R_OK) && !missing++)
            first = i;
    if (!missing || !access(shards->names[first], R_OK))
        return CCLIP_OK;
    const cclip_status status = cclip_fail_errno(shards->names[first], "cannot open");
    return missing == 1 ? status
                        : cclip_fail_in(status, "%zu of %zu shards are missing", missing,
                                        shards->count);
}

cclip_status cclip_shards_find(struct cclip_names *out, const char *path)
{
    *out = (struct cclip_names){ 0 };
    cclip_status status = cclip_is_file(path) /* a name with braces in it, say */
                              ? cclip_names_add(out, path, strlen(path))
                              : cclip_brace_expand(out, path);
    return status ? status : cclip_shards_check(out);
}

static cclip_status read_whole(struct shards *s, struct cclip_buffer *out)
{
    cclip_buffer_clear(out);
    cclip_status status = cclip_tar_read(s->tar, out);
    return status ? status : cclip_buffer_append(out, "", 0); /* never NULL */
}

static cclip_status take_picture(struct shards *s, struct cclip_sample *out)
{
    if (out->name.length)
        return CCLIP_OK; /* of several formats the first one counts */
    const cclip_status status = cclip_buffer_format(&out->name, "%s: %s", s->shard, s->member.name);
    return status ? status : read_whole(s, &out->picture);
}

static cclip_status take_class(struct shards *s, struct cclip_sample *out)
{
    cclip_status status = read_whole(s, &s->scratch);
    if (status)
        return status;
    char *end;
    const long value = strtol(s->scratch.data, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    if (end == s->scratch.data || *end || value < 0 || value > INT32_MAX)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: %s: the number of a class expected", s->shard,
                          s->member.name);
    out->label = (int32_t)value;
    return CCLIP_OK;
}

static size_t trimmed(const char **text, size_t length)
{
    while (length && isspace((unsigned char)**text)) {
        ++*text;
        length--;
    }
    while (length && isspace((unsigned char)(*text)[length - 1]))
        length--;
    return length;
}

static cclip_status take_captions(struct shards *s, struct cclip_sample *out)
{
    cclip_status status = read_whole(s, &s->scratch);
    const char *text = s->scratch.data;
    if (status || !s->keys.caption_lines)
        return status ? status : cclip_sample_add_text(out, text, s->scratch.length);
    const char *end = text + s->scratch.length;
    while (text < end && !status) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop ? stop : end;
        const char *line = text;
        const size_t length = trimmed(&line, (size_t)(stop - text));
        if (length)
            status = cclip_sample_add_text(out, line, length);
        text = stop + 1;
    }
    return status;
}

static cclip_status keep_json(struct shards *s, struct cclip_sample *out)
{
    (void)out;
    return read_whole(s, &s->from_json);
}

/* Is the extension one of "jpg;png"? */
static int is_listed(const char *list, const char *extension)
{
    const size_t length = strlen(extension);
    while (*list) {
        const size_t item = strcspn(list, ";");
        if (item == length && !strncasecmp(list, extension, length))
            return 1;
        list += item + (list[item] == ';');
    }
    return 0;
}

static int is_picture(const struct shards *s)
{
    if (s->keys.image)
        return is_listed(s->keys.image, s->extension);
    return !strchr(s->extension, '.') && cclip_is_picture_name(s->extension - 1); /* not .mask.png */
}

/* One member into its sample. What is wrong with it is the sample's problem, unless the archive
 * itself is damaged: then the next header says so. */
static cclip_status take_member(struct shards *s, struct cclip_sample *out)
{
    const struct {
        const char *extension; /* NULL: not wanted */
        cclip_status (*take)(struct shards *s, struct cclip_sample *out);
    } takers[] = {
        { "cls", take_class },
        { s->keys.json_text ? NULL : s->keys.text ? s->keys.text : "txt", take_captions },
        { "json", keep_json },
    };
    cclip_status status = is_picture(s) ? take_picture(s, out) : CCLIP_OK;
    for (size_t i = 0; i < sizeof takers / sizeof *takers && !status; i++)
        if (takers[i].extension && !strcasecmp(s->extension, takers[i].extension))
            status = takers[i].take(s, out);
    if (status == CCLIP_ERROR_LIMIT)
        status = cclip_fail_in(status, "%s: %s", s->shard, s->member.name);
    return status ? cclip_sample_spoil(out, status) : CCLIP_OK;
}

/* A text, or those of a list. */
static cclip_status add_texts(struct cclip_sample *out, const cclip_json *value)
{
    size_t length;
    const char *text = cclip_json_string(value, &length);
    cclip_status status = text ? cclip_sample_add_text(out, text, length) : CCLIP_OK;
    for (size_t i = 0; !text && i < cclip_json_length(value) && !status; i++) {
        const char *item = cclip_json_string(cclip_json_at(value, i), &length);
        if (item)
            status = cclip_sample_add_text(out, item, length);
    }
    return status;
}

static cclip_status json_captions(const struct shards *s, struct cclip_sample *out,
                                  const cclip_json *root)
{
    if (s->keys.json_text)
        return add_texts(out, cclip_json_get(root, s->keys.json_text));
    if (out->text_count)
        return CCLIP_OK;
    const cclip_status status = add_texts(out, cclip_json_get(root, "caption"));
    return status || out->text_count ? status : add_texts(out, cclip_json_get(root, "captions"));
}

/* 3, 3.0 and "3" are one group; true, null, lists and objects are none. */
static cclip_status json_group(const struct shards *s, struct cclip_sample *out,
                               const cclip_json *root)
{
    size_t length;
    const cclip_json *value = s->keys.group ? cclip_json_get(root, s->keys.group) : NULL;
    const char *text = cclip_json_string(value, &length);
    if (text)
        return cclip_buffer_append(&out->group, text, length);
    return cclip_json_is_number(value)
               ? cclip_buffer_format(&out->group, "%.17g", cclip_json_number(value, 0))
               : CCLIP_OK;
}

static cclip_status take_json(struct shards *s, struct cclip_sample *out)
{
    cclip_json *root;
    cclip_status status =
        cclip_json_parse(&root, s->from_json.data, s->from_json.length, out->name.data);
    if (status)
        return cclip_sample_spoil(out, status);
    status = json_captions(s, out, root);
    if (!status)
        status = json_group(s, out, root);
    cclip_json_close(&root);
    return status ? cclip_sample_spoil(out, status) : CCLIP_OK;
}

static cclip_status next_shard(struct shards *s)
{
    cclip_tar_close(&s->tar);
    if (s->next_path == s->paths.count)
        return CCLIP_OK;
    s->shard = s->paths.names[s->next_path++];
    return cclip_tar_open(&s->tar, s->shard);
}

/* The next member that belongs to a sample, over the ends of shards; its name is NULL after the
 * last one. `crossed` tells that it lies in another shard than the one before. */
static cclip_status next_member(struct shards *s, int *crossed)
{
    size_t key_length;
    *crossed = 0;
    for (;;) {
        s->member.name = NULL;
        if (!s->tar) {
            *crossed = 1;
            const cclip_status opened = next_shard(s);
            if (opened || !s->tar)
                return opened;
        }
        const cclip_status status = cclip_tar_next(s->tar, &s->member);
        if (status)
            return status;
        if (!s->member.name)
            cclip_tar_close(&s->tar);
        else if (cclip_shard_key(s->member.name, &key_length, &s->extension))
            return CCLIP_OK;
    }
}

static cclip_status finish_sample(struct shards *s, struct cclip_sample *out)
{
    cclip_status status = CCLIP_OK;
    const int has_picture = out->name.length > 0;
    if (!has_picture)
        status = cclip_buffer_format(&out->name, "%s: %s", s->shard, s->group.key.data);
    const int asked = !out->text_count || s->keys.json_text || s->keys.group;
    if (!status && asked && s->from_json.length)
        status = take_json(s, out);
    if (!status && !has_picture)
        status = cclip_sample_spoil(
            out, cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no picture in this sample", out->name.data));
    return status;
}

static cclip_status next(struct cclip_sample_source *source, struct cclip_sample *out)
{
    struct shards *s = (struct shards *)source;
    cclip_status status = CCLIP_OK;
    int crossed = 0;
    if (!s->member.name)
        status = next_member(s, &crossed);
    if (status || !s->member.name)
        return status;
    const char *shard = s->shard;
    cclip_shard_group_clear(&s->group);
    cclip_buffer_clear(&s->from_json);
    do {
        status = cclip_shard_group_add(&s->group, s->member.name);
        if (!status)
            status = take_member(s, out);
        else if (status == CCLIP_ERROR_LIMIT)
            status = cclip_fail_in(status, "%s", shard);
        if (!status)
            status = next_member(s, &crossed);
    } while (!status && s->member.name && !crossed &&
             cclip_shard_group_takes(&s->group, s->member.name));
    const char *reached = s->shard;
    s->shard = shard; /* the name of the sample's own shard, should it still have to be spelled */
    if (!status)
        status = finish_sample(s, out);
    s->shard = reached;
    return status;
}

static void close_shards(struct cclip_sample_source *source)
{
    struct shards *s = (struct shards *)source;
    cclip_tar_close(&s->tar);
    cclip_names_close(&s->paths);
    cclip_shard_group_close(&s->group);
    cclip_buffer_close(&s->scratch);
    cclip_buffer_close(&s->from_json);
    cclip_release(s->memory_name);
    cclip_release(s);
}

static struct shards *make(const struct cclip_shard_keys *keys)
{
    struct shards *s = cclip_allocate_zero(1, sizeof *s);
    if (!s)
        return NULL;
    s->source.next = next;
    s->source.close = close_shards;
    if (keys)
        s->keys = *keys;
    cclip_shard_group_open(&s->group);
    cclip_buffer_open(&s->scratch, CCLIP_LIMIT_TEXT_BYTES);
    cclip_buffer_open(&s->from_json, CCLIP_LIMIT_TEXT_BYTES);
    return s;
}

cclip_status cclip_shards_open(struct cclip_sample_source **out, struct cclip_names *paths,
                               const struct cclip_shard_keys *keys)
{
    struct shards *s = make(keys);
    *out = s ? &s->source : NULL;
    if (s)
        s->paths = *paths;
    else
        cclip_names_close(paths);
    *paths = (struct cclip_names){ 0 };
    return s ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

cclip_status cclip_shards_open_memory(struct cclip_sample_source **out, const void *data, size_t size,
                                      const char *name, uint64_t offset,
                                      const struct cclip_shard_keys *keys)
{
    struct shards *s = make(keys);
    *out = NULL;
    if (!s)
        return CCLIP_ERROR_MEMORY;
    s->memory_name = cclip_copy_text(name, strlen(name));
    s->shard = s->memory_name;
    const cclip_status status = s->memory_name
                                    ? cclip_tar_open_memory(&s->tar, data, size, name, offset)
                                    : CCLIP_ERROR_MEMORY;
    if (status)
        close_shards(&s->source);
    else
        *out = &s->source;
    return status;
}
