/* Tables: kept rows as they stand, but for a caption that changed or a path that would lead nowhere. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "curate/corpus_write.h"
#include "data/table.h"

struct table_copy {
    const struct cclip_corpus_choice *choice;
    size_t first; /* sample of row 0 */
    struct cclip_writer *out;
    struct cclip_buffer row;
    int elsewhere; /* the new table lies in another folder */
};

/* The folder of a file that need not be there, without links; NULL where there is none. */
static char *real_folder(const char *path)
{
    const size_t length = (size_t)(cclip_path_name(path) - path);
    char *folder = length ? cclip_copy_text(path, length) : cclip_copy_text(".", 1);
    char *real = folder ? realpath(folder, NULL) : NULL;
    cclip_release(folder);
    return real;
}

static int lies_elsewhere(const char *a, const char *b)
{
    char *x = real_folder(a), *y = real_folder(b);
    const int same = x && y && !strcmp(x, y);
    free(x);
    free(y);
    return !same;
}

static cclip_status append_field(struct cclip_buffer *out, const char *field, size_t length, char separator)
{
    int quote = length && *field == '"';
    for (size_t i = 0; i < length; i++)
        quote |= field[i] == separator || field[i] == '\n' || field[i] == '\r';
    if (!quote)
        return cclip_buffer_append(out, field, length);
    cclip_status status = cclip_buffer_byte(out, '"');
    for (size_t i = 0; i < length && !status; i++) {
        if (field[i] == '"')
            status = cclip_buffer_byte(out, '"');
        if (!status)
            status = cclip_buffer_byte(out, field[i]);
    }
    return status ? status : cclip_buffer_byte(out, '"');
}

static cclip_status write_changed(struct table_copy *copy, const struct cclip_table_line *line,
                                  const char *path, const char *caption, size_t length)
{
    cclip_status status = CCLIP_OK;
    cclip_buffer_clear(&copy->row);
    for (size_t i = 0; i < line->count && !status; i++) {
        const int is_path = path && i == line->image, is_caption = caption && i == line->caption;
        if (i)
            status = cclip_buffer_byte(&copy->row, line->separator);
        if (!status)
            status = append_field(&copy->row, is_path ? path : is_caption ? caption : line->fields[i],
                                  is_path ? strlen(path) : is_caption ? length : line->lengths[i],
                                  line->separator);
    }
    if (!status)
        status = cclip_buffer_byte(&copy->row, '\n');
    return status ? status : cclip_writer_write(copy->out, copy->row.data, copy->row.length);
}

static cclip_status take_line(void *context, const struct cclip_table_line *line)
{
    struct table_copy *copy = context;
    const struct cclip_corpus_choice *choice = copy->choice;
    const int header = line->row == SIZE_MAX;
    const size_t sample = header ? 0 : copy->first + line->row;
    size_t length = 0;
    if (!header && !choice->keep(choice->user, sample))
        return CCLIP_OK;
    const char *caption = header || !choice->caption ? NULL : choice->caption(choice->user, sample, &length);
    char *path = line->beside_table && copy->elsewhere ? realpath(line->path, NULL) : NULL;
    cclip_status status;
    if (caption || path) {
        status = write_changed(copy, line, path, caption, length);
    } else {
        status = cclip_writer_write(copy->out, line->text, line->length);
        if (!status && line->length && line->text[line->length - 1] != '\n')
            status = cclip_writer_write(copy->out, "\n", 1);
    }
    free(path);
    return status;
}

cclip_status cclip_corpus_write_table(const struct cclip_corpus_choice *choice, size_t source,
                                      struct cclip_writer *out, const char *final)
{
    const struct cclip_pair_source *from = &choice->sources[source];
    struct cclip_table_request request = {
        .path = from->path,
        .image_column = from->image_column ? from->image_column : "filepath",
        .text_column = from->caption_column ? from->caption_column : "title",
        .separator = from->separator,
    };
    struct table_copy copy = { .choice = choice,
                               .first = choice->index->parts[source].first,
                               .out = out,
                               .elsewhere = lies_elsewhere(from->path, final) };
    if (from->pictures_alone)
        request.text_column = request.image_column;
    cclip_buffer_open(&copy.row, CCLIP_LIMIT_TABLE_ROW);
    const cclip_status status = cclip_table_each_line(&request, take_line, &copy);
    cclip_buffer_close(&copy.row);
    return status;
}
