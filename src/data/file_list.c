#include "data/file_list.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/memory.h"

enum { FOLDER_DEPTH = 64 };
static const size_t no_text = SIZE_MAX;

/* Where an entry's bytes begin. A broken one has its message where others have their path. */
struct entry {
    size_t path, text, text_length;
    int32_t label;
    cclip_status problem;
    size_t group, group_length; /* what the sample shares with others, or no_text */
    size_t head; /* the entry whose sample it belongs to: itself, or an earlier one */
    size_t next; /* of the same sample; 0: none */
};

struct cclip_file_list {
    struct cclip_sample_source source;
    struct cclip_buffer bytes;
    struct entry *entries;
    size_t count, capacity, at;
};

static cclip_status next(struct cclip_sample_source *source, struct cclip_sample *out);

static void close_source(struct cclip_sample_source *source)
{
    struct cclip_file_list *list = (struct cclip_file_list *)source;
    cclip_file_list_close(&list);
}

cclip_status cclip_file_list_open(struct cclip_file_list **out)
{
    struct cclip_file_list *list = cclip_allocate_zero(1, sizeof *list);
    *out = list;
    if (!list)
        return CCLIP_ERROR_MEMORY;
    list->source.next = next;
    list->source.close = close_source;
    cclip_buffer_open(&list->bytes, CCLIP_LIMIT_TEXT_FILE * 4);
    return CCLIP_OK;
}

void cclip_file_list_close(struct cclip_file_list **out)
{
    struct cclip_file_list *list = *out;
    if (!list)
        return;
    cclip_buffer_close(&list->bytes);
    cclip_release(list->entries);
    cclip_release(list);
    *out = NULL;
}

static cclip_status keep(struct cclip_file_list *list, size_t *place, const char *text,
                         size_t length)
{
    *place = list->bytes.length;
    const cclip_status status = cclip_buffer_append(&list->bytes, text, length);
    return status ? status : cclip_buffer_byte(&list->bytes, 0);
}

static cclip_status add_entry(struct cclip_file_list *list, struct entry entry, const char *path,
                              const char *text)
{
    cclip_status status = cclip_grow(&list->entries, &list->capacity, list->count + 1,
                                     sizeof *list->entries, CCLIP_LIMIT_SAMPLES, "samples");
    entry.head = list->count;
    entry.text = entry.group = no_text;
    if (!status)
        status = keep(list, &entry.path, path, strlen(path));
    if (!status && text)
        status = keep(list, &entry.text, text, entry.text_length);
    if (status)
        return status;
    list->entries[list->count++] = entry;
    list->source.total = list->count;
    return CCLIP_OK;
}

cclip_status cclip_file_list_add(struct cclip_file_list *list, const char *path, int32_t label,
                                 const char *text, size_t length)
{
    return add_entry(list, (struct entry){ .label = label, .text_length = length }, path, text);
}

cclip_status cclip_file_list_group(struct cclip_file_list *list, const char *group, size_t length)
{
    struct entry *entry = &list->entries[list->count - 1];
    const cclip_status status = keep(list, &entry->group, group, length);
    entry->group_length = length;
    return status;
}

cclip_status cclip_file_list_add_broken(struct cclip_file_list *list, cclip_status problem)
{
    struct cclip_failure failure;
    cclip_failure_take(&failure, problem);
    return add_entry(list, (struct entry){ .label = CCLIP_NO_CLASS, .problem = problem },
                     failure.message, NULL);
}

size_t cclip_file_list_count(const struct cclip_file_list *list)
{
    return list->count;
}

/* For sorting: what an entry is compared by, and where it stands. */
struct place {
    const char *path;
    size_t index;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    const int order = strcmp(x->path, y->path);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

cclip_status cclip_file_list_merge(struct cclip_file_list *list)
{
    struct place *places = cclip_allocate(list->count, sizeof *places);
    if (!places)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < list->count; i++)
        places[i] = (struct place){ list->bytes.data + list->entries[i].path, i };
    if (list->count)
        qsort(places, list->count, sizeof *places, compare_places);
    size_t samples = list->count > 0;
    for (size_t i = 1; i < list->count; i++) {
        struct entry *entry = &list->entries[places[i].index];
        struct entry *before = &list->entries[places[i - 1].index];
        if (entry->problem || before->problem || strcmp(places[i].path, places[i - 1].path)) {
            samples++;
            continue;
        }
        entry->head = before->head;
        before->next = places[i].index;
    }
    list->source.total = samples;
    cclip_release(places);
    return CCLIP_OK;
}

struct cclip_sample_source *cclip_file_list_source(struct cclip_file_list **list)
{
    struct cclip_sample_source *source = &(*list)->source;
    *list = NULL;
    return source;
}

static cclip_status fill(const struct cclip_file_list *list, size_t index, struct cclip_sample *out)
{
    const struct entry *entry = &list->entries[index];
    const char *path = list->bytes.data + entry->path;
    cclip_status status = cclip_buffer_text(&out->name, path);
    if (status || entry->problem)
        return status ? status
                      : cclip_sample_spoil(out, cclip_fail(entry->problem, "%s", path));
    status = cclip_buffer_text(&out->picture, path);
    out->picture_is_path = 1;
    out->label = entry->label;
    if (!status && entry->group != no_text)
        status = cclip_buffer_append(&out->group, list->bytes.data + entry->group, entry->group_length);
    for (; !status; entry = &list->entries[entry->next]) {
        if (entry->text != no_text)
            status = cclip_sample_add_text(out, list->bytes.data + entry->text, entry->text_length);
        if (!entry->next)
            break;
    }
    return status;
}

/* A path or a caption beyond its limit is this sample's problem. */
cclip_status cclip_file_list_get(const struct cclip_file_list *list, size_t index,
                                 struct cclip_sample *out)
{
    cclip_sample_clear(out);
    const cclip_status status = fill(list, index, out);
    return status == CCLIP_ERROR_LIMIT ? cclip_sample_spoil(out, status) : status;
}

static cclip_status next(struct cclip_sample_source *source, struct cclip_sample *out)
{
    struct cclip_file_list *list = (struct cclip_file_list *)source;
    while (list->at < list->count && list->entries[list->at].head != list->at)
        list->at++;
    if (list->at == list->count)
        return CCLIP_OK;
    return cclip_file_list_get(list, list->at++, out);
}

static int is_real_folder(const char *path)
{
    struct stat what;
    return !lstat(path, &what) && S_ISDIR(what.st_mode);
}

/* Recursion on the depth of folders, which is limited. */
static cclip_status add_folder(struct cclip_file_list *list, const char *folder, int32_t label,
                               int depth)
{
    struct cclip_names names;
    if (depth == FOLDER_DEPTH)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %d folders deep", folder, FOLDER_DEPTH);
    cclip_status status = cclip_folder_list(&names, folder);
    for (size_t i = 0; !status && i < names.count; i++) {
        if (names.names[i][0] == '.')
            continue;
        char *path = cclip_path_join(folder, names.names[i]);
        if (!path)
            status = CCLIP_ERROR_MEMORY;
        else if (is_real_folder(path))
            status = add_folder(list, path, label, depth + 1);
        else if (cclip_is_picture_name(path))
            status = cclip_file_list_add(list, path, label, NULL, 0);
        cclip_release(path);
    }
    cclip_names_close(&names);
    return status;
}

cclip_status cclip_file_list_add_folder(struct cclip_file_list *list, const char *folder,
                                        int32_t label)
{
    return add_folder(list, folder, label, 0);
}
