#include "data/data_set.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "data/file_list.h"
#include "data/shards.h"
#include "data/table.h"

enum { SMALL_FILE = 4096 };

static cclip_status add_class(struct cclip_names *out, const char *line, size_t length,
                              const char *path, size_t number)
{
    while (length && isspace((unsigned char)*line)) {
        line++;
        length--;
    }
    while (length && isspace((unsigned char)line[length - 1]))
        length--;
    if (!length)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: a class name expected", path, number);
    if (out->count == CCLIP_LIMIT_LABELS)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: more than %zu classes", path, CCLIP_LIMIT_LABELS);
    return cclip_names_add(out, line, length);
}

cclip_status cclip_class_names_read(struct cclip_names *out, const char *path)
{
    struct cclip_buffer text;
    *out = (struct cclip_names){ 0 };
    cclip_status status = cclip_file_read(&text, path, CCLIP_LIMIT_JSON_FILE);
    size_t length = status ? 0 : text.length;
    while (length && isspace((unsigned char)text.data[length - 1]))
        length--;
    size_t at = length >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3) ? 3 : 0;
    for (size_t number = 1; !status && at < length; number++) {
        const char *line = text.data + at, *end = memchr(line, '\n', length - at);
        const size_t size = end ? (size_t)(end - line) : length - at;
        status = add_class(out, line, size, path, number);
        at += size + 1;
    }
    if (!status && !out->count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no class names", path);
    cclip_buffer_close(&text);
    if (status)
        cclip_names_close(out);
    return status;
}

/* "folder/name" if such a file is there, in new memory; NULL in `out` where it is not. */
static cclip_status find_file(char **out, const char *folder, const char *name)
{
    *out = cclip_path_join(folder, name);
    if (!*out)
        return CCLIP_ERROR_MEMORY;
    if (cclip_is_file(*out))
        return CCLIP_OK;
    cclip_release(*out);
    *out = NULL;
    return CCLIP_OK;
}

/* Reads a small text file of a folder into `out`, without the white space at its end; "" where there
 * is none. */
static cclip_status read_note(char *out, size_t size, const char *folder, const char *name)
{
    struct cclip_buffer text;
    char *path;
    *out = '\0';
    cclip_status status = find_file(&path, folder, name);
    if (status || !path)
        return status;
    status = cclip_file_read(&text, path, size - 1);
    if (!status) {
        memcpy(out, text.data, text.length + 1);
        size_t length = text.length;
        while (length && isspace((unsigned char)out[length - 1]))
            out[--length] = '\0';
    }
    cclip_buffer_close(&text);
    cclip_release(path);
    return status;
}

static const struct {
    const char *word;
    enum cclip_data_task task; /* AUTO: known, but not measured */
} types[] = { { "", CCLIP_DATA_CLASSES },
              { "classification", CCLIP_DATA_CLASSES },
              { "retrieval", CCLIP_DATA_CAPTIONS },
              { "multilabel", CCLIP_DATA_AUTO } };

/* What dataset_type.txt says; a folder without one holds classes. */
static cclip_status read_type(enum cclip_data_task *out, const char *folder)
{
    static const char name[] = "dataset_type.txt";
    char word[SMALL_FILE];
    const cclip_status status = read_note(word, sizeof word, folder, name);
    if (status)
        return status;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(word, types[i].word))
            continue;
        *out = types[i].task;
        return *out ? CCLIP_OK
                    : cclip_fail(CCLIP_ERROR_UNSUPPORTED, "%s/%s: sets with several labels a picture "
                                                          "are not measured", folder, name);
    }
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s/%s: \"%.40s\": classification or retrieval expected",
                      folder, name, word);
}

/* The number in nshards.txt. */
static cclip_status read_shard_count(long *out, const char *folder, const char *split)
{
    struct cclip_buffer text;
    char path[CCLIP_LIMIT_PATH], *end;
    *out = 0;
    const int length = snprintf(path, sizeof path, "%s/%s/nshards.txt", folder, split);
    if (length < 0 || (size_t)length >= sizeof path)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: a path too long", folder);
    cclip_status status = cclip_file_read(&text, path, SMALL_FILE);
    if (!status) {
        *out = strtol(text.data, &end, 10);
        while (isspace((unsigned char)*end))
            end++;
        if (*end || *out < 1 || (unsigned long)*out > CCLIP_LIMIT_SHARDS)
            status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: a number of shards expected, 1 to %zu", path,
                                CCLIP_LIMIT_SHARDS);
    }
    cclip_buffer_close(&text);
    return status;
}

/* folder/split/0.tar and so on, as many as nshards.txt says. */
cclip_status cclip_evaluation_shards(struct cclip_names *out, const char *folder, const char *split)
{
    char path[CCLIP_LIMIT_PATH];
    long count;
    *out = (struct cclip_names){ 0 };
    cclip_status status = read_shard_count(&count, folder, split);
    for (long i = 0; i < count && !status; i++) {
        const int length = snprintf(path, sizeof path, "%s/%s/%ld.tar", folder, split, i);
        if (length < 0 || (size_t)length >= sizeof path)
            status = cclip_fail(CCLIP_ERROR_LIMIT, "%s: a path too long", folder);
        else
            status = cclip_names_add(out, path, (size_t)length);
    }
    if (status)
        cclip_names_close(out);
    return status;
}

static cclip_status read_classes(struct cclip_data_set *out,
                                 const struct cclip_data_request *request, const char *own)
{
    if (out->task != CCLIP_DATA_CLASSES)
        return CCLIP_OK;
    const char *path = request->classnames ? request->classnames : own;
    if (path)
        return cclip_class_names_read(&out->classes, path);
    return cclip_fail(CCLIP_ERROR_NOT_FOUND,
                      "%s: no class names: neither classnames.txt nor a list of your own",
                      request->path);
}

/* Several captions of a picture stand in lines. */
static const struct cclip_shard_keys by_lines = { .caption_lines = 1 };

/* Layout 1: {split}/nshards.txt and shards, classnames.txt, templates, dataset_type.txt. */
static cclip_status open_evaluation_folder(struct cclip_data_set *out,
                                           const struct cclip_data_request *request)
{
    struct cclip_names shards = { 0 };
    char *classes = NULL;
    cclip_status status = CCLIP_OK;
    if (!out->task)
        status = read_type(&out->task, request->path);
    if (!status)
        status = find_file(&classes, request->path, "classnames.txt");
    if (!status)
        status = read_classes(out, request, classes);
    if (!status && out->task == CCLIP_DATA_CLASSES)
        status = find_file(&out->templates, request->path, "zeroshot_classification_templates.txt");
    if (!status)
        status = cclip_evaluation_shards(&shards, request->path, request->split);
    if (!status)
        status = cclip_shards_check(&shards);
    if (!status)
        status = cclip_shards_open(&out->source, &shards, &by_lines);
    cclip_names_close(&shards);
    cclip_release(classes);
    return status;
}

/* Layout 2: tar files alone. */
static cclip_status open_tar_files(struct cclip_data_set *out,
                                   const struct cclip_data_request *request)
{
    struct cclip_names shards = { 0 };
    cclip_status status = CCLIP_OK;
    out->task_assumed = !out->task && !request->classnames;
    if (!out->task)
        out->task = request->classnames ? CCLIP_DATA_CLASSES : CCLIP_DATA_CAPTIONS;
    status = read_classes(out, request, NULL);
    if (!status)
        status = cclip_shards_find(&shards, request->path);
    if (!status)
        status = cclip_shards_open(&out->source, &shards, &by_lines);
    cclip_names_close(&shards);
    return status;
}

static int is_class_folder(const char *path)
{
    return cclip_path_name(path)[0] != '.' && cclip_is_folder(path);
}

/* The sub-folders as classes; their names too, where the caller has no list of them. */
static cclip_status add_class_folders(struct cclip_data_set *out, struct cclip_file_list *list,
                                      const struct cclip_data_request *request)
{
    struct cclip_names names;
    size_t count = 0;
    cclip_status status = cclip_folder_list(&names, request->path);
    for (size_t i = 0; i < names.count && !status; i++) {
        char *path = cclip_path_join(request->path, names.names[i]);
        if (!path)
            status = CCLIP_ERROR_MEMORY;
        else if (is_class_folder(path)) {
            status = cclip_file_list_add_folder(list, path, (int32_t)count++);
            if (!status && !request->classnames)
                status = cclip_names_add(&out->classes, names.names[i], strlen(names.names[i]));
        }
        cclip_release(path);
    }
    cclip_names_close(&names);
    if (!status && request->classnames && out->classes.count != count)
        status = cclip_fail(CCLIP_ERROR_MISMATCH, "%s: %zu class names, but %s has %zu folders",
                            request->classnames, out->classes.count, request->path, count);
    return status;
}

/* Layout 3: a folder a class. */
static cclip_status open_class_folders(struct cclip_data_set *out,
                                       const struct cclip_data_request *request)
{
    struct cclip_file_list *list = NULL;
    cclip_status status = CCLIP_OK;
    if (out->task == CCLIP_DATA_CAPTIONS)
        return cclip_fail(CCLIP_ERROR_MISMATCH, "%s: a folder of class folders has no captions",
                          request->path);
    out->task = CCLIP_DATA_CLASSES;
    if (request->classnames)
        status = cclip_class_names_read(&out->classes, request->classnames);
    if (!status)
        status = cclip_file_list_open(&list);
    if (!status)
        status = add_class_folders(out, list, request);
    if (!status && !cclip_file_list_count(list))
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND,
                            "%s: neither %s/nshards.txt nor class folders with pictures",
                            request->path, request->split);
    if (!status)
        out->source = cclip_file_list_source(&list);
    cclip_file_list_close(&list);
    return status;
}

/* A column of class names, where a table has one and none for captions; else NULL. */
static cclip_status find_class_column(const char **out, const struct cclip_table_request *table)
{
    const char *const names[] = { table->text_column, "label", "class" };
    cclip_status status = CCLIP_OK;
    *out = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
        int found;
        status = cclip_table_has_column(&found, table, names[i]);
        if (!found)
            continue;
        *out = i ? names[i] : NULL;
        break;
    }
    return status;
}

/* Layout 4: a table of paths and texts. */
static cclip_status open_table(struct cclip_data_set *out, const struct cclip_data_request *request)
{
    struct cclip_table_request table = { .path = request->path,
                                         .image_column = request->image_column,
                                         .text_column = request->caption_column,
                                         .separator = request->separator };
    struct cclip_file_list *list = NULL;
    const char *column = NULL;
    if (cclip_is_picture_name(request->path))
        return cclip_fail(CCLIP_ERROR_FORMAT,
                          "%s: a picture, where a data set was expected: a folder, a tar file or a table",
                          request->path);
    cclip_status status =
        out->task == CCLIP_DATA_CAPTIONS ? CCLIP_OK : find_class_column(&column, &table);
    if (!out->task)
        out->task = column || request->classnames ? CCLIP_DATA_CLASSES : CCLIP_DATA_CAPTIONS;
    if (column)
        table.text_column = column;
    if (!status)
        status = cclip_file_list_open(&list);
    if (!status && out->task == CCLIP_DATA_CLASSES && request->classnames)
        status = cclip_class_names_read(&out->classes, request->classnames);
    if (!status)
        status = out->task == CCLIP_DATA_CLASSES
                     ? cclip_table_read_classes(list, &out->classes, &table)
                     : cclip_table_read(list, &table);
    if (!status && out->task == CCLIP_DATA_CAPTIONS)
        status = cclip_file_list_merge(list);
    if (!status)
        out->source = cclip_file_list_source(&list);
    cclip_file_list_close(&list);
    return status;
}

/* A folder with nshards.txt, or with any other file of that layout: then what is missing is named. */
int cclip_is_evaluation_folder(const char *folder, const char *split)
{
    static const char *const marks[] = { "classnames.txt", "dataset_type.txt" };
    char path[CCLIP_LIMIT_PATH];
    snprintf(path, sizeof path, "%s/%s/nshards.txt", folder, split);
    int found = cclip_is_file(path);
    for (size_t i = 0; i < sizeof marks / sizeof *marks && !found; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, marks[i]);
        found = cclip_is_file(path);
    }
    return found;
}

cclip_status cclip_data_set_open(struct cclip_data_set *out,
                                 const struct cclip_data_request *request)
{
    cclip_status status;
    *out = (struct cclip_data_set){ .task = request->task };
    if (cclip_is_folder(request->path))
        status = cclip_is_evaluation_folder(request->path, request->split)
                     ? open_evaluation_folder(out, request)
                     : open_class_folders(out, request);
    else
        status = cclip_is_shard_name(request->path) ? open_tar_files(out, request)
                                            : open_table(out, request);
    if (status)
        cclip_data_set_close(out);
    return status;
}

void cclip_data_set_close(struct cclip_data_set *set)
{
    cclip_sample_source_close(&set->source);
    cclip_names_close(&set->classes);
    cclip_release(set->templates);
    set->templates = NULL;
}
