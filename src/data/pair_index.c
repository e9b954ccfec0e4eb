/* Finding all samples: the layouts of sources, and the look through tar files. Reading them is
 * pair_read.c's. */
#include "data/pair_index.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "data/data_set.h"
#include "data/shard_group.h"
#include "data/shards.h"
#include "data/table.h"
#include "formats/tar.h"

enum { FIRST_OFFSETS = 1024, TAR_BLOCK = 512 };
#define EVALUATION_SPLIT "test"

static cclip_status add_shard(struct cclip_pair_index *index, struct cclip_pair_shard shard)
{
    const cclip_status status =
        cclip_grow(&index->shards, &index->shard_capacity, index->shard_count + 1,
                   sizeof *index->shards, CCLIP_LIMIT_SAMPLES, "shards");
    if (status)
        return status;
    shard.source = index->part_count - 1;
    index->shards[index->shard_count++] = shard;
    return CCLIP_OK;
}

/* gzip's first two bytes. Samples are read where they lie, which a compressed stream does not allow. */
static cclip_status check_shard(const char *path)
{
    unsigned char start[2] = { 0, 0 };
    FILE *file = fopen(path, "rb");
    if (!file)
        return cclip_fail_errno(path, "cannot open");
    const size_t length = fread(start, 1, sizeof start, file);
    fclose(file);
    if (length == 2 && start[0] == 0x1f && start[1] == 0x8b)
        return cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s: a compressed shard: to train from it, unpack it "
                                                   "first (gunzip)", path);
    return CCLIP_OK;
}

/* They are read until the index is closed, when the caller's may be gone. */
static cclip_status copy_keys(struct cclip_pair_part *part, const struct cclip_pair_source *source)
{
    const struct {
        const char *text;
        const char **place;
    } keys[CCLIP_PAIR_KEYS] = { { source->image_key, &part->keys.image },
                                { source->text_key, &part->keys.text },
                                { source->json_text_key, &part->keys.json_text },
                                { source->group_key, &part->keys.group } };
    for (size_t i = 0; i < CCLIP_PAIR_KEYS; i++) {
        if (!keys[i].text)
            continue;
        part->key_texts[i] = cclip_copy_text(keys[i].text, strlen(keys[i].text));
        if (!part->key_texts[i])
            return CCLIP_ERROR_MEMORY;
        *keys[i].place = part->key_texts[i];
    }
    return CCLIP_OK;
}

static cclip_status add_tar_files(struct cclip_pair_index *index, struct cclip_pair_part *part,
                                  const struct cclip_pair_source *source)
{
    cclip_status status = copy_keys(part, source);
    if (!status)
        status = cclip_is_folder(source->path)
                     ? cclip_evaluation_shards(&part->paths, source->path, EVALUATION_SPLIT)
                     : cclip_shards_find(&part->paths, source->path);
    for (size_t i = 0; i < part->paths.count && !status; i++) {
        status = check_shard(part->paths.names[i]);
        if (!status)
            status = add_shard(index, (struct cclip_pair_shard){ .path = part->paths.names[i] });
    }
    return status;
}

/* Runs of a list; their samples are known at once. */
static cclip_status add_list(struct cclip_pair_index *index, const struct cclip_pair_part *part)
{
    const size_t count = cclip_file_list_count(part->list);
    cclip_status status = CCLIP_OK;
    for (size_t at = 0; at < count && !status; at += CCLIP_PAIR_LIST_SHARD) {
        const size_t left = count - at;
        const struct cclip_pair_shard shard = {
            .count = left < CCLIP_PAIR_LIST_SHARD ? left : CCLIP_PAIR_LIST_SHARD
        };
        status = add_shard(index, shard);
    }
    return status;
}

static cclip_status add_table(struct cclip_pair_part *part, const struct cclip_pair_source *source)
{
    struct cclip_table_request request = {
        .path = source->path,
        .image_column = source->image_column ? source->image_column : "filepath",
        .text_column = source->caption_column ? source->caption_column : "title",
        .group_column = source->group_key,
        .separator = source->separator,
    };
    if (cclip_is_picture_name(source->path))
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: a picture, where training data was expected: a "
                                              "folder, tar shards or a table", source->path);
    if (source->pictures_alone) /* any column will do */
        request.text_column = request.image_column;
    return cclip_table_read(part->list, &request);
}

static enum cclip_pair_layout layout_of(const struct cclip_pair_source *source)
{
    if (source->layout)
        return source->layout;
    if (source->pictures_alone && cclip_is_folder(source->path) &&
        cclip_is_evaluation_folder(source->path, EVALUATION_SPLIT))
        return CCLIP_PAIRS_SHARDS;
    if (cclip_is_folder(source->path))
        return CCLIP_PAIRS_FOLDER;
    return cclip_is_shard_name(source->path) ? CCLIP_PAIRS_SHARDS : CCLIP_PAIRS_TABLE;
}

static cclip_status add_source(struct cclip_pair_index *index, const struct cclip_pair_source *source)
{
    const enum cclip_pair_layout layout = layout_of(source);
    struct cclip_pair_part *part = &index->parts[index->part_count++];
    part->first_shard = index->shard_count;
    part->pictures_alone = source->pictures_alone;
    cclip_status status = CCLIP_OK;
    if (layout == CCLIP_PAIRS_SHARDS) {
        status = add_tar_files(index, part, source);
    } else {
        part->captions_beside = layout == CCLIP_PAIRS_FOLDER && !source->pictures_alone;
        status = cclip_file_list_open(&part->list);
        if (!status)
            status = layout == CCLIP_PAIRS_FOLDER
                         ? cclip_file_list_add_folder(part->list, source->path, CCLIP_NO_CLASS)
                         : add_table(part, source);
        if (!status)
            status = add_list(index, part);
    }
    part->shard_count = index->shard_count - part->first_shard;
    return status;
}

/* The samples of one tar file while it is looked through. */
struct scan {
    struct cclip_pair_shard *shard;
    size_t capacity;
    struct cclip_shard_group sample; /* at hand */
    struct cclip_shard_group links;  /* behind it: to what comes next where that has their key */
    uint64_t links_begin;
    uint64_t end; /* of the last sample's last member: what may be damaged behind it is not read */
};

static cclip_status add_offset(struct scan *scan, uint64_t offset)
{
    struct cclip_pair_shard *shard = scan->shard;
    const size_t wanted = shard->count + 2;
    const cclip_status status =
        cclip_grow(&shard->offsets, &scan->capacity, wanted < FIRST_OFFSETS ? FIRST_OFFSETS : wanted,
                   sizeof *shard->offsets, CCLIP_LIMIT_SAMPLES, "samples");
    if (!status)
        shard->offsets[shard->count++] = offset;
    return status;
}

static uint64_t end_of(const struct cclip_tar_member *member)
{
    return (member->end + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

/* A link is nothing to train from, and makes no sample; where bytes are copied it goes with its sample. */
static cclip_status take_link(struct scan *scan, const struct cclip_tar_member *member)
{
    if (cclip_shard_group_takes(&scan->sample, member->name)) {
        scan->end = end_of(member);
        return CCLIP_OK;
    }
    if (!cclip_shard_group_takes(&scan->links, member->name))
        scan->links_begin = member->offset;
    return cclip_shard_group_add(&scan->links, member->name);
}

static cclip_status take_file(struct scan *scan, const struct cclip_tar_member *member)
{
    const int begins = !cclip_shard_group_takes(&scan->sample, member->name);
    const int linked = cclip_shard_group_has_key_of(&scan->links, member->name);
    scan->end = end_of(member);
    cclip_shard_group_clear(&scan->links);
    cclip_status status = cclip_shard_group_add(&scan->sample, member->name);
    if (!status && begins)
        status = add_offset(scan, linked ? scan->links_begin : member->offset);
    return status;
}

static cclip_status take_header(struct scan *scan, const struct cclip_tar_member *member)
{
    const char *extension;
    size_t length;
    if (!cclip_shard_key(member->name, &length, &extension))
        return CCLIP_OK;
    const cclip_status status = member->is_link ? take_link(scan, member) : take_file(scan, member);
    return status == CCLIP_ERROR_LIMIT ? cclip_fail_in(status, "%s", scan->shard->path) : status;
}

/* What is damaged is told, and its samples before the damage are used. */
static cclip_status keep_damage(struct cclip_pair_shard *shard, cclip_status status)
{
    if (!status || status == CCLIP_ERROR_MEMORY)
        return status;
    struct cclip_failure *damage = cclip_allocate(1, sizeof *damage);
    if (!damage)
        return CCLIP_ERROR_MEMORY;
    cclip_failure_take(damage, cclip_fail_in(status, "damaged shard, %zu samples before the damage",
                                             shard->count));
    shard->damage = damage;
    return CCLIP_OK;
}

static uint64_t file_size(const char *path)
{
    struct stat what;
    return stat(path, &what) ? 0 : (uint64_t)what.st_size;
}

static cclip_status scan_shard(struct cclip_pair_shard *shard)
{
    struct scan scan = { .shard = shard };
    struct cclip_tar_member member;
    struct cclip_tar *tar;
    cclip_shard_group_open(&scan.sample);
    cclip_shard_group_open(&scan.links);
    cclip_status status = cclip_tar_open_headers(&tar, shard->path);
    while (!status && !(status = cclip_tar_next(tar, &member)) && member.name)
        status = take_header(&scan, &member);
    cclip_tar_close(&tar);
    cclip_shard_group_close(&scan.sample);
    cclip_shard_group_close(&scan.links);
    status = keep_damage(shard, status);
    if (!status && shard->count) {
        const uint64_t size = file_size(shard->path);
        shard->offsets[shard->count] = size < scan.end ? size : scan.end;
    }
    return status;
}

static cclip_status scan_some(void *context, size_t begin, size_t end, int worker)
{
    struct cclip_pair_index *index = context;
    cclip_status status = CCLIP_OK;
    (void)worker;
    for (size_t i = begin; i < end && !status; i++)
        if (index->shards[i].path)
            status = scan_shard(&index->shards[i]);
    return status;
}

static cclip_status scan_all(struct cclip_pair_index *index, int threads)
{
    struct cclip_thread_pool *pool = NULL;
    const size_t most = index->shard_count < CCLIP_LIMIT_THREADS ? index->shard_count
                                                                 : CCLIP_LIMIT_THREADS;
    cclip_status status = CCLIP_OK;
    if (threads > 1 && most > 1)
        status = cclip_thread_pool_open(&pool, (size_t)threads < most ? threads : (int)most);
    if (!status)
        status = cclip_parallel(pool, index->shard_count, 1, scan_some, index);
    cclip_thread_pool_close(&pool);
    return status;
}

/* A folder of pictures alone is told at once, not picture by picture. */
static cclip_status check_captions_beside(const struct cclip_file_list *list, const char *folder)
{
    struct cclip_sample sample;
    struct cclip_buffer path;
    int found = 0;
    cclip_status status = CCLIP_OK;
    cclip_sample_open(&sample);
    cclip_buffer_open(&path, 2 * CCLIP_LIMIT_PATH);
    for (size_t i = 0; i < cclip_file_list_count(list) && !found && !status; i++) {
        status = cclip_file_list_get(list, i, &sample);
        if (!status && !sample.problem.status)
            status = cclip_pair_caption_path(&path, sample.picture.data);
        found = !status && path.length && cclip_is_file(path.data);
    }
    if (!status && !found)
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: none of %zu pictures has a caption beside it (dog.jpg, "
                                                   "dog.txt)",
                            folder, cclip_file_list_count(list));
    cclip_buffer_close(&path);
    cclip_sample_close(&sample);
    return status;
}

/* Numbers the samples through; a source without any is refused. */
static cclip_status number(struct cclip_pair_index *index, const struct cclip_pair_source *sources)
{
    for (size_t p = 0; p < index->part_count; p++) {
        struct cclip_pair_part *part = &index->parts[p];
        part->first = index->count;
        for (size_t i = 0; i < part->shard_count; i++) {
            struct cclip_pair_shard *shard = &index->shards[part->first_shard + i];
            shard->first = index->count;
            index->count += shard->count;
        }
        part->count = index->count - part->first;
        if (part->count && part->captions_beside) {
            const cclip_status status = check_captions_beside(part->list, sources[p].path);
            if (status)
                return status;
        }
        if (part->count)
            continue;
        if (part->shard_count == 1 && index->shards[part->first_shard].damage)
            return cclip_failure_raise(index->shards[part->first_shard].damage);
        if (part->pictures_alone)
            return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no pictures", sources[p].path);
        return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: no samples to train from%s", sources[p].path,
                          part->captions_beside ? " (pictures with captions beside them: dog.jpg, dog.txt)"
                                                : "");
    }
    return CCLIP_OK;
}

cclip_status cclip_pair_index_open(struct cclip_pair_index *out,
                                   const struct cclip_pair_source *sources, size_t count, int threads)
{
    *out = (struct cclip_pair_index){ 0 };
    out->parts = cclip_allocate_zero(count, sizeof *out->parts);
    cclip_status status = out->parts ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < count && !status; i++)
        status = add_source(out, &sources[i]);
    if (!status)
        status = scan_all(out, threads);
    if (!status)
        status = number(out, sources);
    if (status)
        cclip_pair_index_close(out);
    return status;
}

void cclip_pair_index_close(struct cclip_pair_index *index)
{
    for (size_t i = 0; i < index->shard_count; i++) {
        cclip_release(index->shards[i].offsets);
        cclip_release(index->shards[i].damage);
    }
    for (size_t i = 0; i < index->part_count; i++) {
        cclip_names_close(&index->parts[i].paths);
        cclip_file_list_close(&index->parts[i].list);
        for (size_t k = 0; k < CCLIP_PAIR_KEYS; k++)
            cclip_release(index->parts[i].key_texts[k]);
    }
    cclip_release(index->shards);
    cclip_release(index->parts);
    *index = (struct cclip_pair_index){ 0 };
}
