#include "evaluate/suite.h"

#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "formats/csv.h"

static const char *const columns[CCLIP_SUITE_COLUMNS] = {
    [CCLIP_SUITE_PATH] = "path",
    [CCLIP_SUITE_NAME] = "name",
    [CCLIP_SUITE_KIND] = "kind",
    [CCLIP_SUITE_TASK] = "task",
    [CCLIP_SUITE_TEMPLATES] = "templates",
    [CCLIP_SUITE_CLASSNAMES] = "classnames",
    [CCLIP_SUITE_SPLIT] = "split",
    [CCLIP_SUITE_IMAGE_COLUMN] = "image_column",
    [CCLIP_SUITE_CAPTION_COLUMN] = "caption_column"
};

static const enum cclip_suite_column path_columns[] = { CCLIP_SUITE_PATH, CCLIP_SUITE_TEMPLATES,
                                                        CCLIP_SUITE_CLASSNAMES };

/* Which place of a line holds which column. */
struct header {
    enum cclip_suite_column *of; /* [count] */
    size_t count;
};

static void line_close(struct cclip_suite_line *line)
{
    for (size_t i = 0; i < CCLIP_SUITE_COLUMNS; i++)
        cclip_release(line->texts[i]);
}

void cclip_suite_list_close(struct cclip_suite_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        line_close(&list->lines[i]);
    cclip_release(list->lines);
    *list = (struct cclip_suite_list){ 0 };
}

static size_t column_named(const char *field, size_t length)
{
    size_t c = 0;
    while (c < CCLIP_SUITE_COLUMNS &&
           (strlen(columns[c]) != length || memcmp(columns[c], field, length)))
        c++;
    return c;
}

static int has_path(const struct cclip_csv *csv)
{
    size_t length;
    for (size_t i = 0; i < csv->count; i++) {
        const char *field = cclip_csv_field(csv, i, &length);
        if (column_named(field, length) == CCLIP_SUITE_PATH)
            return 1;
    }
    return 0;
}

static cclip_status read_header(struct header *out, const struct cclip_csv *csv)
{
    int seen[CCLIP_SUITE_COLUMNS] = { 0 };
    size_t length;
    out->count = csv->count;
    out->of = cclip_allocate(csv->count, sizeof *out->of);
    if (!out->of)
        return CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < csv->count; i++) {
        const char *field = cclip_csv_field(csv, i, &length);
        const size_t column = column_named(field, length);
        if (column == CCLIP_SUITE_COLUMNS)
            return cclip_fail(CCLIP_ERROR_FORMAT,
                              "%s: line %zu: a suite has no column \"%.40s\": path, name, kind, task, "
                              "templates, classnames, split, image_column, caption_column",
                              csv->name, csv->line, field);
        if (seen[column]++)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: the column \"%s\" is there twice",
                              csv->name, csv->line, columns[column]);
        out->of[i] = (enum cclip_suite_column)column;
    }
    return CCLIP_OK;
}

/* Opens the text with one separator after another until its first line has a path. */
static cclip_status open_table(struct cclip_csv *csv, const char *text, size_t length,
                               const char *name)
{
    cclip_status status = CCLIP_OK;
    for (const char *separator = "\t,;|"; *separator; separator++) {
        cclip_csv_close(csv);
        cclip_csv_open(csv, text, length, *separator, name);
        status = cclip_csv_next(csv);
        if (status || has_path(csv))
            return status;
    }
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line 1: no column \"path\"", name);
}

/* The last part of a path, without slashes behind it. */
static char *name_of_path(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin && path[begin - 1] != '/')
        begin--;
    return cclip_copy_text(path + begin, end - begin);
}

static cclip_status read_fields(struct cclip_suite_line *out, const struct cclip_csv *csv,
                                const struct header *header)
{
    size_t length;
    out->line = csv->line;
    if (csv->count > header->count)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: %zu fields, but %zu columns", csv->name,
                          csv->line, csv->count, header->count);
    for (size_t i = 0; i < csv->count; i++) {
        const char *field = cclip_csv_field(csv, i, &length);
        if (memchr(field, 0, length))
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: a zero byte in \"%s\"", csv->name,
                              csv->line, columns[header->of[i]]);
        if (length && !(out->texts[header->of[i]] = cclip_copy_text(field, length)))
            return CCLIP_ERROR_MEMORY;
    }
    if (!out->texts[CCLIP_SUITE_PATH])
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: the path of a data set expected",
                          csv->name, csv->line);
    char **name = &out->texts[CCLIP_SUITE_NAME];
    if (!*name)
        *name = name_of_path(out->texts[CCLIP_SUITE_PATH]);
    return *name ? CCLIP_OK : CCLIP_ERROR_MEMORY;
}

/* Results are told apart by their names. */
static cclip_status check_name(const struct cclip_suite_list *list,
                               const struct cclip_suite_line *line, const char *file)
{
    const char *name = line->texts[CCLIP_SUITE_NAME];
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->lines[i].texts[CCLIP_SUITE_NAME], name))
            return cclip_fail(CCLIP_ERROR_FORMAT,
                              "%s: line %zu: the name \"%.80s\" is there already, in line %zu", file,
                              line->line, name, list->lines[i].line);
    return CCLIP_OK;
}

static cclip_status add_line(struct cclip_suite_list *out, const struct cclip_csv *csv,
                             const struct header *header)
{
    struct cclip_suite_line line = { 0 };
    cclip_status status = read_fields(&line, csv, header);
    if (!status)
        status = check_name(out, &line, csv->name);
    if (!status)
        status = cclip_grow(&out->lines, &out->capacity, out->count + 1, sizeof *out->lines,
                            CCLIP_LIMIT_SUITE, "data sets of a suite");
    if (status)
        line_close(&line);
    else
        out->lines[out->count++] = line;
    return status;
}

cclip_status cclip_suite_parse(struct cclip_suite_list *out, const char *text, size_t length,
                               const char *name)
{
    struct cclip_csv csv;
    struct header header = { 0 };
    *out = (struct cclip_suite_list){ 0 };
    cclip_csv_open(&csv, text, length, ',', name);
    cclip_status status = open_table(&csv, text, length, name);
    if (!status)
        status = read_header(&header, &csv);
    while (!status && !(status = cclip_csv_next(&csv)) && csv.count)
        status = add_line(out, &csv, &header);
    if (!status && !out->count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no data set", name);
    cclip_csv_close(&csv);
    cclip_release(header.of);
    if (status)
        cclip_suite_list_close(out);
    return status;
}

/* Brace patterns are no files: a pattern counts as there when the folder in front of the braces is. */
static int is_there(const char *path)
{
    char folder[CCLIP_LIMIT_PATH];
    const char *brace = strchr(path, '{');
    if (cclip_is_file(path) || cclip_is_folder(path) || !brace)
        return cclip_is_file(path) || cclip_is_folder(path);
    size_t length = (size_t)(brace - path);
    while (length && path[length - 1] != '/')
        length--;
    if (!length || length >= sizeof folder)
        return 0;
    memcpy(folder, path, length);
    folder[length] = '\0';
    return cclip_is_folder(folder);
}

static cclip_status find_paths(struct cclip_suite_list *list, const char *file)
{
    char *folder = cclip_copy_text(file, (size_t)(cclip_path_name(file) - file));
    cclip_status status = folder ? CCLIP_OK : CCLIP_ERROR_MEMORY;
    for (size_t i = 0; i < list->count && !status && *folder; i++) {
        for (size_t c = 0; c < sizeof path_columns / sizeof *path_columns && !status; c++) {
            char **path = &list->lines[i].texts[path_columns[c]];
            if (!*path || **path == '/' || is_there(*path))
                continue;
            char *moved = cclip_path_join(folder, *path);
            if (!moved) {
                status = CCLIP_ERROR_MEMORY;
            } else if (is_there(moved)) {
                cclip_release(*path);
                *path = moved;
            } else {
                cclip_release(moved); /* nowhere: the message names what the table says */
            }
        }
    }
    cclip_release(folder);
    return status;
}

cclip_status cclip_suite_read(struct cclip_suite_list *out, const char *path)
{
    struct cclip_buffer text;
    *out = (struct cclip_suite_list){ 0 };
    cclip_status status = cclip_file_read(&text, path, CCLIP_LIMIT_JSON_FILE);
    if (!status)
        status = cclip_suite_parse(out, text.data, text.length, path);
    if (!status)
        status = find_paths(out, path);
    cclip_buffer_close(&text);
    if (status)
        cclip_suite_list_close(out);
    return status;
}
