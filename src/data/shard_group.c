#include "data/shard_group.h"

#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/limits.h"

/* Each new member is held against all of them: more would take a hostile file's time. */
#define EXTENSIONS_MAXIMUM ((size_t)1 << 16)

int cclip_shard_key(const char *name, size_t *key_length, const char **extension)
{
    const char *base = cclip_path_name(name);
    const char *dot = strchr(base, '.');
    if (!dot || dot == base || !dot[1])
        return 0;
    *key_length = (size_t)(dot - name);
    *extension = dot + 1;
    return 1;
}

void cclip_shard_group_open(struct cclip_shard_group *out)
{
    cclip_buffer_open(&out->key, 2 * CCLIP_LIMIT_PATH);
    cclip_buffer_open(&out->extensions, EXTENSIONS_MAXIMUM);
}

void cclip_shard_group_close(struct cclip_shard_group *group)
{
    cclip_buffer_close(&group->key);
    cclip_buffer_close(&group->extensions);
}

void cclip_shard_group_clear(struct cclip_shard_group *group)
{
    cclip_buffer_clear(&group->key);
    cclip_buffer_clear(&group->extensions);
}

static int has_key(const struct cclip_shard_group *group, const char *key, size_t length)
{
    return length == group->key.length && !memcmp(key, group->key.data, length);
}

static int has_extension(const struct cclip_shard_group *group, const char *extension)
{
    for (size_t at = 0; at < group->extensions.length;) {
        const char *one = group->extensions.data + at;
        if (!strcasecmp(one, extension))
            return 1;
        at += strlen(one) + 1;
    }
    return 0;
}

int cclip_shard_group_has_key_of(const struct cclip_shard_group *group, const char *name)
{
    const char *extension;
    size_t length;
    return cclip_shard_key(name, &length, &extension) && has_key(group, name, length);
}

int cclip_shard_group_takes(const struct cclip_shard_group *group, const char *name)
{
    const char *extension;
    size_t length;
    return cclip_shard_key(name, &length, &extension) && has_key(group, name, length) &&
           !has_extension(group, extension);
}

cclip_status cclip_shard_group_add(struct cclip_shard_group *group, const char *name)
{
    const char *extension;
    size_t length;
    cclip_status status = CCLIP_OK;
    if (!cclip_shard_key(name, &length, &extension))
        return CCLIP_OK;
    if (!has_key(group, name, length) || has_extension(group, extension)) {
        cclip_shard_group_clear(group);
        status = cclip_buffer_append(&group->key, name, length);
    }
    if (!status)
        status = cclip_buffer_append(&group->extensions, extension, strlen(extension) + 1);
    if (status == CCLIP_ERROR_LIMIT)
        status = cclip_fail(status, "%.200s: a name that is too long, or too many members in one sample", name);
    return status;
}
