#include "curate/corpus_write.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/memory.h"

int cclip_corpus_is_table(const struct cclip_corpus_choice *choice)
{
    const struct cclip_pair_part *part = choice->index->parts;
    return choice->index->part_count == 1 && !part->paths.count && !cclip_is_folder(choice->sources->path);
}

/* What a source or a shard is called in the new folder: the last part of its path, without slashes at its
 * end. In new memory; NULL with a message on failure. */
static char *name_of(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    char *copy = cclip_copy_text(path, length);
    if (copy) {
        const char *name = cclip_path_name(copy);
        memmove(copy, name, strlen(name) + 1);
    }
    return copy;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static cclip_status add_name(struct cclip_names *names, const char *path)
{
    char *name = name_of(path);
    const cclip_status status = name ? cclip_names_add(names, name, strlen(name)) : CCLIP_ERROR_MEMORY;
    cclip_release(name);
    return status;
}

cclip_status cclip_corpus_check_names(const struct cclip_corpus_choice *choice)
{
    const struct cclip_pair_index *index = choice->index;
    struct cclip_names names = { 0 };
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < index->shard_count && !status; i++)
        if (index->shards[i].path)
            status = add_name(&names, index->shards[i].path);
    for (size_t i = 0; i < index->part_count && !status; i++)
        if (!index->parts[i].paths.count)
            status = add_name(&names, choice->sources[i].path);
    if (!status && names.count)
        qsort(names.names, names.count, sizeof *names.names, compare_texts);
    for (size_t i = 1; i < names.count && !status; i++)
        if (!strcmp(names.names[i - 1], names.names[i]))
            status = cclip_fail(CCLIP_ERROR_ARGUMENT, "\"%s\": two files of the corpus have this name, and "
                                                      "would be written to one folder", names.names[i]);
    cclip_names_close(&names);
    return status;
}

/* A file of the new folder, named like `path`. */
static cclip_status open_named(struct cclip_writer *out, char **final, const char *folder,
                               const char *final_folder, const char *path)
{
    char *name = name_of(path), *target = name ? cclip_path_join(folder, name) : NULL;
    *out = (struct cclip_writer){ 0 };
    *final = target ? cclip_path_join(final_folder, name) : NULL;
    const cclip_status status = *final ? cclip_writer_open(out, target) : CCLIP_ERROR_MEMORY;
    cclip_release(name);
    cclip_release(target);
    return status;
}

static cclip_status write_shards(const struct cclip_corpus_choice *choice, size_t source,
                                 const char *folder, const char *final)
{
    const struct cclip_pair_part *part = &choice->index->parts[source];
    cclip_status status = CCLIP_OK;
    for (size_t i = part->first_shard; i < part->first_shard + part->shard_count && !status; i++) {
        struct cclip_writer out;
        char *name;
        status = open_named(&out, &name, folder, final, choice->index->shards[i].path);
        if (!status)
            status = cclip_corpus_write_shard(choice, i, &out);
        if (!status)
            status = cclip_writer_commit(&out);
        cclip_writer_close(&out);
        cclip_release(name);
    }
    return status;
}

static cclip_status write_table(const struct cclip_corpus_choice *choice, size_t source,
                                const char *folder, const char *final)
{
    struct cclip_writer out;
    char *name;
    cclip_status status = open_named(&out, &name, folder, final, choice->sources[source].path);
    if (!status)
        status = cclip_corpus_write_table(choice, source, &out, name);
    if (!status)
        status = cclip_writer_commit(&out);
    cclip_writer_close(&out);
    cclip_release(name);
    return status;
}

/* A single folder becomes the new one; of several each keeps its name. */
static cclip_status write_folder(const struct cclip_corpus_choice *choice, size_t source,
                                 const char *folder)
{
    if (choice->index->part_count == 1)
        return cclip_corpus_write_folder(choice, source, folder);
    char *name = name_of(choice->sources[source].path);
    char *path = name ? cclip_path_join(folder, name) : NULL;
    cclip_status status = path ? cclip_folder_make(path) : CCLIP_ERROR_MEMORY;
    if (!status)
        status = cclip_corpus_write_folder(choice, source, path);
    cclip_release(name);
    cclip_release(path);
    return status;
}

cclip_status cclip_corpus_write(const struct cclip_corpus_choice *choice, const char *folder,
                                const char *final)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < choice->index->part_count && !status; i++) {
        if (choice->index->parts[i].paths.count)
            status = write_shards(choice, i, folder, final);
        else if (cclip_is_folder(choice->sources[i].path))
            status = write_folder(choice, i, folder);
        else
            status = write_table(choice, i, folder, final);
    }
    return status;
}
