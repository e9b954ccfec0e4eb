#include "data/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "formats/csv.h"

/* An open table with its header read. */
struct table {
    struct cclip_mapping file;
    struct cclip_csv csv;
    char *folder; /* of the table: "" or with a slash at its end */
    size_t image, text, group; /* columns; SIZE_MAX: no groups */
};

static int find_column(size_t *out, const struct cclip_csv *csv, const char *name)
{
    size_t length;
    for (size_t i = 0; i < csv->count; i++) {
        const char *field = cclip_csv_field(csv, i, &length);
        if (length == strlen(name) && !memcmp(field, name, length)) {
            *out = i;
            return 1;
        }
    }
    return 0;
}

static void table_close(struct table *table)
{
    cclip_csv_close(&table->csv);
    cclip_mapping_close(&table->file);
    cclip_release(table->folder);
}

/* Reads the first line with one separator after another until it has a column for pictures. */
static cclip_status read_header(struct table *table, const struct cclip_table_request *request)
{
    const char own[] = { request->separator, '\0' };
    const char *separators = request->separator ? own : "\t,;|";
    cclip_status status = CCLIP_OK;
    for (const char *separator = separators; *separator; separator++) {
        cclip_csv_close(&table->csv);
        cclip_csv_open(&table->csv, (const char *)table->file.data, table->file.size, *separator,
                       request->path);
        status = cclip_csv_next(&table->csv);
        if (status || find_column(&table->image, &table->csv, request->image_column))
            return status;
    }
    return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: line 1: no column \"%s\"", request->path,
                      request->image_column);
}

static cclip_status table_open(struct table *out, const struct cclip_table_request *request)
{
    *out = (struct table){ 0 };
    cclip_csv_open(&out->csv, "", 0, ',', request->path);
    cclip_status status = cclip_mapping_open(&out->file, request->path);
    if (!status)
        status = read_header(out, request);
    const size_t folder = (size_t)(cclip_path_name(request->path) - request->path);
    if (!status && !(out->folder = cclip_copy_text(request->path, folder)))
        status = CCLIP_ERROR_MEMORY;
    if (status)
        table_close(out);
    return status;
}

cclip_status cclip_table_has_column(int *out, const struct cclip_table_request *request,
                                    const char *column)
{
    struct table table;
    size_t place;
    const cclip_status status = table_open(&table, request);
    *out = !status && find_column(&place, &table.csv, column);
    if (!status)
        table_close(&table);
    return status == CCLIP_ERROR_MEMORY ? status : CCLIP_OK;
}

/* As open_clip takes it: from the current folder. A set that was moved as a whole has its pictures
 * beside the table. */
static cclip_status full_path(struct cclip_buffer *out, const struct table *table, const char *path)
{
    cclip_buffer_clear(out);
    cclip_status status = CCLIP_OK;
    if (*path != '/' && *table->folder && !cclip_is_file(path))
        status = cclip_buffer_text(out, table->folder);
    if (!status)
        status = cclip_buffer_text(out, path);
    if (!status && out->length > strlen(path) && !cclip_is_file(out->data)) {
        cclip_buffer_clear(out); /* nowhere: the message names what the table says */
        status = cclip_buffer_text(out, path);
    }
    return status;
}

/* What is done with each row that is whole. */
typedef cclip_status row_function(void *context, struct cclip_file_list *out, const char *path,
                                  const char *text, size_t length);

static cclip_status take_row(struct cclip_file_list *out, const struct table *table,
                             struct cclip_buffer *path, row_function *row, void *context)
{
    size_t length, text_length;
    const struct cclip_csv *csv = &table->csv;
    const char *image = cclip_csv_field(csv, table->image, &length);
    const char *text = cclip_csv_field(csv, table->text, &text_length);
    if (!image || !text || (table->group != SIZE_MAX && table->group >= csv->count)) {
        size_t wanted = table->image > table->text ? table->image : table->text;
        if (table->group != SIZE_MAX && table->group > wanted)
            wanted = table->group;
        return cclip_file_list_add_broken(
            out, cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: %zu fields, at least %zu expected",
                            csv->name, csv->line, csv->count, wanted + 1));
    }
    if (!length || memchr(image, 0, length))
        return cclip_file_list_add_broken(
            out, cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: the path of a picture expected",
                            csv->name, csv->line));
    cclip_status status = full_path(path, table, image);
    if (status)
        return cclip_fail_in(status, "%s: line %zu", csv->name, csv->line);
    status = row(context, out, path->data, text, text_length);
    const char *group = table->group == SIZE_MAX ? NULL : cclip_csv_field(csv, table->group, &length);
    return status || !group || !length ? status : cclip_file_list_group(out, group, length);
}

static cclip_status need_column(size_t *out, const struct table *table, const char *name)
{
    if (find_column(out, &table->csv, name))
        return CCLIP_OK;
    return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: line 1: no column \"%s\"", table->csv.name, name);
}

static cclip_status each_row(struct cclip_file_list *out, const struct cclip_table_request *request,
                             row_function *row, void *context)
{
    struct table table;
    struct cclip_buffer path;
    cclip_buffer_open(&path, 2 * CCLIP_LIMIT_PATH);
    cclip_status status = table_open(&table, request);
    if (status)
        return status;
    table.group = SIZE_MAX;
    status = need_column(&table.text, &table, request->text_column);
    if (!status && request->group_column)
        status = need_column(&table.group, &table, request->group_column);
    while (!status && !(status = cclip_csv_next(&table.csv)) && table.csv.count)
        status = take_row(out, &table, &path, row, context);
    cclip_buffer_close(&path);
    table_close(&table);
    return status;
}

static cclip_status add_caption(void *context, struct cclip_file_list *out, const char *path,
                                const char *text, size_t length)
{
    (void)context;
    return cclip_file_list_add(out, path, CCLIP_NO_CLASS, text, length);
}

cclip_status cclip_table_read(struct cclip_file_list *out,
                              const struct cclip_table_request *request)
{
    return each_row(out, request, add_caption, NULL);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static cclip_status note_name(void *context, struct cclip_file_list *out, const char *path,
                              const char *text, size_t length)
{
    (void)out;
    (void)path;
    return length ? cclip_names_add(context, text, length) : CCLIP_OK;
}

/* Every name once, sorted. */
static void make_unique(struct cclip_names *names)
{
    size_t kept = 0;
    if (names->count)
        qsort(names->names, names->count, sizeof *names->names, compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept && !strcmp(names->names[kept - 1], names->names[i]))
            cclip_release(names->names[i]);
        else
            names->names[kept++] = names->names[i];
    }
    names->count = kept;
}

static cclip_status collect_names(struct cclip_names *classes,
                                  const struct cclip_table_request *request)
{
    struct cclip_file_list *unused = NULL; /* rows that are broken are met again */
    cclip_status status = cclip_file_list_open(&unused);
    if (!status)
        status = each_row(unused, request, note_name, classes);
    cclip_file_list_close(&unused);
    make_unique(classes);
    if (!status && !classes->count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no row names a class in column \"%s\"",
                            request->path, request->text_column);
    return status;
}

/* The names sorted, with their places: thousands of rows are looked up. */
struct lookup {
    struct named {
        const char *name;
        int32_t label;
    } *named;
    size_t count;
    const char *table, *column;
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static cclip_status lookup_open(struct lookup *out, const struct cclip_names *classes)
{
    out->named = cclip_allocate(classes->count, sizeof *out->named);
    if (!out->named)
        return CCLIP_ERROR_MEMORY;
    out->count = classes->count;
    for (size_t i = 0; i < classes->count; i++)
        out->named[i] = (struct named){ classes->names[i], (int32_t)i };
    if (out->count)
        qsort(out->named, out->count, sizeof *out->named, compare_named);
    return CCLIP_OK;
}

static int find_class(int32_t *out, const struct lookup *lookup, const char *text)
{
    const struct named key = { text, 0 };
    const struct named *found =
        bsearch(&key, lookup->named, lookup->count, sizeof key, compare_named);
    char *end;
    const long number = strtol(text, &end, 10);
    if (found)
        *out = found->label;
    else if (end != text && !*end && number >= 0 && (size_t)number < lookup->count)
        *out = (int32_t)number;
    else
        return 0;
    return 1;
}

static cclip_status add_labelled(void *context, struct cclip_file_list *out, const char *path,
                                 const char *text, size_t length)
{
    const struct lookup *lookup = context;
    int32_t label;
    (void)length;
    if (find_class(&label, lookup, text))
        return cclip_file_list_add(out, path, label, NULL, 0);
    return cclip_file_list_add_broken(
        out, cclip_fail(CCLIP_ERROR_FORMAT, "%s: %s: \"%s\" in column \"%s\" is none of the classes",
                        lookup->table, path, text, lookup->column));
}

cclip_status cclip_table_read_classes(struct cclip_file_list *out, struct cclip_names *classes,
                                      const struct cclip_table_request *request)
{
    struct lookup lookup = { .table = request->path, .column = request->text_column };
    cclip_status status = classes->count ? CCLIP_OK : collect_names(classes, request);
    if (!status)
        status = lookup_open(&lookup, classes);
    if (!status)
        status = each_row(out, request, add_labelled, &lookup);
    cclip_release(lookup.named);
    return status;
}

static cclip_status add_cells(struct cclip_names *out, const struct cclip_csv *csv)
{
    size_t length;
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < csv->count && !status; i++) {
        const char *field = cclip_csv_field(csv, i, &length);
        if (memchr(field, 0, length))
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: a zero byte in field %zu", csv->name,
                              csv->line, i + 1);
        status = cclip_names_add(out, field, length);
    }
    return status;
}

static cclip_status add_path(struct cclip_table_rows *out, const struct table *table,
                             struct cclip_buffer *path)
{
    size_t length;
    const char *image = cclip_csv_field(&table->csv, table->image, &length);
    if (!length)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: the path of a picture expected",
                          table->csv.name, table->csv.line);
    const cclip_status status = full_path(path, table, image);
    return status ? cclip_fail_in(status, "%s: line %zu", table->csv.name, table->csv.line)
                  : cclip_names_add(&out->paths, path->data, path->length);
}

static cclip_status add_whole_row(struct cclip_table_rows *out, const struct table *table,
                                  struct cclip_buffer *path, int with_paths)
{
    const struct cclip_csv *csv = &table->csv;
    if (csv->count != out->columns.count)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: %zu fields, %zu expected", csv->name,
                          csv->line, csv->count, out->columns.count);
    const cclip_status status = add_cells(&out->cells, csv);
    out->count += !status;
    return status || !with_paths ? status : add_path(out, table, path);
}

cclip_status cclip_table_read_rows(struct cclip_table_rows *out,
                                   const struct cclip_table_request *request, int with_paths)
{
    struct table table;
    struct cclip_buffer path;
    *out = (struct cclip_table_rows){ 0 };
    cclip_status status = table_open(&table, request);
    if (status)
        return status;
    cclip_buffer_open(&path, 2 * CCLIP_LIMIT_PATH);
    status = add_cells(&out->columns, &table.csv);
    while (!status && !(status = cclip_csv_next(&table.csv)) && table.csv.count)
        status = add_whole_row(out, &table, &path, with_paths);
    if (!status && !out->count)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: no rows", request->path);
    cclip_buffer_close(&path);
    table_close(&table);
    if (status)
        cclip_table_rows_close(out);
    return status;
}

void cclip_table_rows_close(struct cclip_table_rows *rows)
{
    cclip_names_close(&rows->columns);
    cclip_names_close(&rows->cells);
    cclip_names_close(&rows->paths);
    rows->count = 0;
}

/* The fields of a line as pointers. */
struct line_fields {
    const char **fields;
    size_t *lengths, fields_capacity, lengths_capacity;
    struct cclip_buffer path;
};

static cclip_status take_line(struct line_fields *f, const struct table *table, size_t row, size_t begin,
                              cclip_table_line_function *each, void *context)
{
    const struct cclip_csv *csv = &table->csv;
    struct cclip_table_line line = { .row = row,
                                     .text = csv->text + begin,
                                     .length = csv->at - begin,
                                     .count = csv->count,
                                     .image = table->image,
                                     .caption = table->text,
                                     .separator = csv->separator };
    cclip_status status = cclip_grow(&f->fields, &f->fields_capacity, csv->count, sizeof *f->fields,
                                     CCLIP_LIMIT_TABLE_COLUMNS, "columns");
    if (!status)
        status = cclip_grow(&f->lengths, &f->lengths_capacity, csv->count, sizeof *f->lengths,
                            CCLIP_LIMIT_TABLE_COLUMNS, "columns");
    for (size_t i = 0; i < csv->count && !status; i++)
        f->fields[i] = cclip_csv_field(csv, i, &f->lengths[i]);
    line.fields = f->fields;
    line.lengths = f->lengths;
    if (!status && row != SIZE_MAX && table->image < csv->count && f->lengths[table->image]) {
        const char *path = f->fields[table->image];
        status = full_path(&f->path, table, path);
        line.path = f->path.data;
        line.beside_table = !status && strcmp(path, line.path) != 0;
    }
    return status ? cclip_fail_in(status, "%s: line %zu", csv->name, csv->line) : each(context, &line);
}

cclip_status cclip_table_each_line(const struct cclip_table_request *request,
                                   cclip_table_line_function *each, void *context)
{
    struct table table;
    struct line_fields fields = { 0 };
    cclip_status status = table_open(&table, request);
    if (status)
        return status;
    cclip_buffer_open(&fields.path, 2 * CCLIP_LIMIT_PATH);
    if (!find_column(&table.text, &table.csv, request->text_column))
        status = cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: line 1: no column \"%s\"", request->path,
                            request->text_column);
    size_t begin = 0;
    for (size_t row = SIZE_MAX; !status && table.csv.count; row++) {
        status = take_line(&fields, &table, row, begin, each, context);
        begin = table.csv.at;
        if (!status)
            status = cclip_csv_next(&table.csv);
    }
    cclip_release((void *)fields.fields);
    cclip_release(fields.lengths);
    cclip_buffer_close(&fields.path);
    table_close(&table);
    return status;
}
