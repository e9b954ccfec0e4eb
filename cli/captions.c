#include "cli/captions.h"

#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/console.h"
#include "cli/inputs.h"
#include "cli/lines.h"
#include "formats/csv.h"
#include "formats/json.h"
#include "formats/tar.h"

enum { JSON_TIMES = 6 }; /* a character of a JSON string takes up to six bytes a byte */

static cclip_status take_json(const struct cclip_caption_reader *reader,
                              struct cclip_caption *caption)
{
    cclip_json *root = NULL;
    caption->status = cclip_json_parse(&root, caption->text, caption->length, "JSON");
    if (caption->status == CCLIP_ERROR_MEMORY)
        return caption->status;
    const cclip_json *value = root;
    if (cclip_json_is_object(root) && !(value = cclip_json_get(root, "caption")))
        value = cclip_json_get(root, "text");
    if (!caption->status && !cclip_json_is_string(value))
        caption->status =
            cclip_fail(CCLIP_ERROR_FORMAT, "expected a JSON string, or an object with "
                                           "the string \"caption\" or \"text\"");
    caption->text = caption->status ? NULL : cclip_json_string(value, &caption->length);
    const cclip_status status = reader->take(reader->context, caption);
    cclip_json_close(&root);
    return status;
}

static cclip_status take_line(const struct cclip_caption_reader *reader,
                              struct cclip_caption *caption, int jsonl)
{
    if (caption->line == 1 && caption->length >= 3 && !memcmp(caption->text, "\xef\xbb\xbf", 3)) {
        caption->text += 3; /* a byte-order mark */
        caption->length -= 3;
    }
    if (!caption->length)
        return CCLIP_OK;
    const char *zero = memchr(caption->text, 0, caption->length);
    if (zero)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: byte %zu is zero: not a text file",
                          caption->file, caption->line, (size_t)(zero - caption->text) + 1);
    return jsonl ? take_json(reader, caption) : reader->take(reader->context, caption);
}

static cclip_status read_lines(const struct cclip_caption_reader *reader, const char *path,
                               int jsonl)
{
    struct cclip_lines lines;
    struct cclip_caption caption = { .file = cclip_inputs_name(path), .line = 1 };
    const size_t maximum = CCLIP_LIMIT_TEXT_BYTES * (jsonl ? JSON_TIMES : 1);
    cclip_status status = cclip_lines_open(&lines, path, maximum);
    for (; !status; caption.line++) {
        status = cclip_lines_next(&lines, &caption.text, &caption.length);
        if (status == CCLIP_ERROR_LIMIT)
            cclip_fail_in(status, "%s: line %zu", caption.file, caption.line);
        if (status || !caption.text)
            break;
        caption.status = CCLIP_OK;
        const size_t line = caption.line;
        status = take_line(reader, &caption, jsonl);
        caption.line = line;
    }
    cclip_lines_close(&lines);
    return status;
}

/* Reads the first row with one separator after another until it has the column. */
static cclip_status find_column(const struct cclip_caption_reader *reader, struct cclip_csv *csv,
                                const struct cclip_mapping *file, const char *path, size_t *column)
{
    const char own[] = { reader->separator, '\0' };
    const char *separators = reader->separator ? own : "\t,;|";
    for (; *separators; separators++) {
        size_t length;
        cclip_csv_close(csv);
        cclip_csv_open(csv, (const char *)file->data, file->size, *separators, path);
        const cclip_status status = cclip_csv_next(csv);
        if (status)
            return status;
        for (*column = 0; *column < csv->count; ++*column) {
            const char *name = cclip_csv_field(csv, *column, &length);
            if (length == strlen(reader->column) && !memcmp(name, reader->column, length))
                return CCLIP_OK;
        }
    }
    return cclip_fail(CCLIP_ERROR_NOT_FOUND, "%s: line 1: no column \"%s\"", path, reader->column);
}

static cclip_status read_rows(const struct cclip_caption_reader *reader, struct cclip_csv *csv,
                              const struct cclip_mapping *file, size_t column)
{
    enum { FORGOTTEN = 1 << 24 }; /* bytes that are read before their memory is given back */
    cclip_status status;
    size_t known = 0;
    while (!(status = cclip_csv_next(csv)) && csv->count && !cclip_interrupted()) {
        struct cclip_caption caption = { .file = csv->name, .line = csv->line };
        caption.text = cclip_csv_field(csv, column, &caption.length);
        if (!caption.text)
            caption.status = cclip_fail(CCLIP_ERROR_FORMAT, "%zu fields, at least %zu expected",
                                        csv->count, column + 1);
        if ((status = reader->take(reader->context, &caption)))
            return status;
        if (csv->at - known > FORGOTTEN) {
            cclip_mapping_forget(file, known, csv->at - known);
            known = csv->at;
        }
    }
    return status;
}

static cclip_status read_table(const struct cclip_caption_reader *reader, const char *path)
{
    struct cclip_mapping file;
    struct cclip_csv csv;
    size_t column = 0;
    cclip_status status = cclip_mapping_open(&file, path);
    if (status)
        return status;
    cclip_csv_open(&csv, "", 0, ',', path);
    status = find_column(reader, &csv, &file, path, &column);
    if (!status)
        status = read_rows(reader, &csv, &file, column);
    cclip_csv_close(&csv);
    cclip_mapping_close(&file);
    return status;
}

static cclip_status take_member(const struct cclip_caption_reader *reader, const char *path,
                                const char *name, struct cclip_tar *tar, struct cclip_buffer *text)
{
    struct cclip_caption caption = { .file = path, .member = name };
    cclip_buffer_clear(text);
    caption.status = cclip_tar_read(tar, text);
    if (caption.status && caption.status != CCLIP_ERROR_LIMIT)
        return caption.status;
    caption.text = text->data;
    caption.length = text->length;
    return caption.status || caption.length ? reader->take(reader->context, &caption) : CCLIP_OK;
}

static cclip_status read_shard(const struct cclip_caption_reader *reader, const char *path)
{
    struct cclip_tar *tar;
    struct cclip_tar_member member;
    struct cclip_buffer text;
    cclip_buffer_open(&text, CCLIP_LIMIT_TEXT_BYTES);
    cclip_status status = cclip_tar_open(&tar, path);
    while (!status && !cclip_interrupted() && !(status = cclip_tar_next(tar, &member)) &&
           member.name)
        if (cclip_path_has_suffix(member.name, ".txt"))
            status = take_member(reader, path, member.name, tar, &text);
    cclip_tar_close(&tar);
    cclip_buffer_close(&text);
    return status;
}

cclip_status cclip_captions_read(const struct cclip_caption_reader *reader, const char *path)
{
    if (cclip_path_has_suffix(path, ".csv") || cclip_path_has_suffix(path, ".tsv"))
        return read_table(reader, path);
    if (cclip_path_has_suffix(path, ".tar"))
        return read_shard(reader, path);
    return read_lines(reader, path, reader->jsonl || cclip_path_has_suffix(path, ".jsonl"));
}
