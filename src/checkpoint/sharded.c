/* A checkpoint in several files. "model.safetensors.index.json" says under "weight_map" which shard
 * has which tensor; the shards lie beside it. Map and shards must agree in both directions: an
 * index of one download with a shard of another must not load. */
#include "checkpoint/checkpoint_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/json.h"

/* A shard is a file beside the index: a name that leads elsewhere is refused. */
static cclip_status check_shard_name(const char *index_path, const char *tensor,
                                     const cclip_json *value)
{
    size_t length;
    const char *name = cclip_json_string(value, &length);
    if (!name || !length || strlen(name) != length)
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: weight_map: tensor \"%s\": a file name was expected", index_path,
                          tensor);
    if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: weight_map: tensor \"%s\": \"%s\" is not a file beside the index",
                          index_path, tensor, name);
    return CCLIP_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The shards' names, each once, sorted; they point into `map`. New memory. */
static cclip_status list_shards(const char ***out, size_t *count, const cclip_json *map,
                                const char *index_path)
{
    const size_t length = cclip_json_length(map);
    *count = 0;
    *out = NULL;
    if (!cclip_json_is_object(map) || !length)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: \"weight_map\" must name a file for each tensor",
                          index_path);
    if (length > CCLIP_LIMIT_TENSORS)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: %zu tensors; at most %zu are accepted",
                          index_path, length, CCLIP_LIMIT_TENSORS);
    const char **names = *out = cclip_allocate(length, sizeof *names);
    if (!names)
        return CCLIP_ERROR_MEMORY;
    struct cclip_json_iterator it;
    size_t n = 0;
    for (int valid = cclip_json_first(&it, map); valid; valid = cclip_json_next(&it)) {
        const cclip_status status = check_shard_name(index_path, it.key, it.value);
        if (status)
            return status;
        names[n++] = cclip_json_string(it.value, NULL);
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (!*count || strcmp(names[*count - 1], names[i]))
            names[(*count)++] = names[i];
    return CCLIP_OK;
}

static cclip_status add_shard(struct cclip_checkpoint *checkpoint, const char *name)
{
    const size_t folder = (size_t)(cclip_path_name(checkpoint->path) - checkpoint->path);
    char *parent = cclip_copy_text(checkpoint->path, folder);
    char *path = !parent  ? NULL
                 : folder ? cclip_path_join(parent, name)
                          : cclip_copy_text(name, strlen(name));
    cclip_status status = path ? cclip_checkpoint_add_file(checkpoint, path) : CCLIP_ERROR_MEMORY;
    if (status == CCLIP_ERROR_NOT_FOUND)
        status = cclip_fail_in(status, "%s", checkpoint->path);
    cclip_release(path);
    cclip_release(parent);
    return status;
}

/* Every tensor found must be listed, in the shard where it was found. */
static cclip_status check_found(const struct cclip_checkpoint *checkpoint, const cclip_json *map)
{
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct cclip_checkpoint_entry *entry = &checkpoint->entries[i];
        const char *path = checkpoint->files[entry->file].path;
        const char *listed = cclip_json_string(cclip_json_get(map, entry->name), NULL);
        if (!listed)
            return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: tensor \"%s\" is not listed in %s", path,
                              entry->name, checkpoint->path);
        if (strcmp(listed, cclip_path_name(path)))
            return cclip_fail(CCLIP_ERROR_MISMATCH,
                              "%s: tensor \"%s\" is in this file, but %s says that it is in \"%s\"",
                              path, entry->name, checkpoint->path, listed);
    }
    return CCLIP_OK;
}

/* Every tensor listed must be found. */
static cclip_status check_listed(const struct cclip_checkpoint *checkpoint, const cclip_json *map)
{
    struct cclip_json_iterator it;
    const char **names = cclip_checkpoint_sorted_names(checkpoint);
    if (!names)
        return CCLIP_ERROR_MEMORY;
    cclip_status status = CCLIP_OK;
    for (int valid = cclip_json_first(&it, map); valid && !status; valid = cclip_json_next(&it))
        if (!bsearch(&it.key, names, checkpoint->count, sizeof *names, compare_names))
            status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: tensor \"%s\" is not in \"%s\"",
                                checkpoint->path, it.key, cclip_json_string(it.value, NULL));
    cclip_release(names);
    return status;
}

cclip_status cclip_checkpoint_open_sharded(struct cclip_checkpoint **out, const char *index_path)
{
    cclip_json *root = NULL;
    const char **shards = NULL;
    size_t count = 0;
    cclip_status status = cclip_checkpoint_new(out, index_path);
    if (!status)
        status = cclip_json_read_file(&root, index_path);
    const cclip_json *map = cclip_json_get(root, "weight_map");
    if (!status)
        status = list_shards(&shards, &count, map, index_path);
    for (size_t i = 0; i < count && !status; i++)
        status = add_shard(*out, shards[i]);
    if (!status)
        status = cclip_checkpoint_check_names(*out);
    if (!status)
        status = check_found(*out, map);
    if (!status)
        status = check_listed(*out, map);
    cclip_release(shards);
    cclip_json_close(&root);
    if (status)
        cclip_checkpoint_close(out);
    return status;
}
