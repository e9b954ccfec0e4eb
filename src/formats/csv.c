#include "formats/csv.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

void cclip_csv_open(struct cclip_csv *out, const char *text, size_t length, char separator,
                    const char *name)
{
    *out = (struct cclip_csv){ .text = text,
                               .name = name,
                               .length = length,
                               .separator = separator,
                               .line = 1,
                               .next_line = 1 };
    out->at = length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    cclip_buffer_open(&out->bytes, CCLIP_LIMIT_TABLE_ROW);
}

void cclip_csv_close(struct cclip_csv *csv)
{
    cclip_buffer_close(&csv->bytes);
    cclip_release(csv->starts);
    csv->starts = NULL;
    csv->count = csv->capacity = 0;
}

static int line_ends(const struct cclip_csv *csv, size_t at)
{
    return csv->text[at] == '\n' ||
           (csv->text[at] == '\r' && at + 1 < csv->length && csv->text[at + 1] == '\n');
}

/* How far a field is looked through: a byte more than a row may have, so that one without an end is
 * refused by the buffer and not read to the end of a file of any size. */
static size_t furthest(const struct cclip_csv *csv)
{
    const size_t left = csv->length - csv->at;
    return csv->at + (left <= CCLIP_LIMIT_TABLE_ROW ? left : CCLIP_LIMIT_TABLE_ROW + 1);
}

static size_t plain_length(const struct cclip_csv *csv)
{
    const size_t most = furthest(csv);
    size_t end = csv->at;
    while (end < most && csv->text[end] != csv->separator && !line_ends(csv, end))
        end++;
    return end - csv->at;
}

/* From the opening quote to behind the closing one. */
static cclip_status quoted_part(struct cclip_csv *csv)
{
    csv->at++;
    for (;;) {
        const char *begin = csv->text + csv->at;
        const size_t most = furthest(csv) - csv->at;
        const char *quote = memchr(begin, '"', most);
        if (!quote && most < csv->length - csv->at)
            return cclip_buffer_append(&csv->bytes, begin, most); /* says that it is too long */
        if (!quote)
            return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %zu: a quote that is never closed",
                              csv->name, csv->line);
        const size_t length = (size_t)(quote - begin);
        for (const char *p = begin; (p = memchr(p, '\n', (size_t)(quote - p))); p++)
            csv->next_line++;
        csv->at += length + 1;
        const int doubled = csv->at < csv->length && csv->text[csv->at] == '"';
        const cclip_status status =
            cclip_buffer_append(&csv->bytes, begin, length + (doubled ? 1 : 0));
        if (status || !doubled)
            return status;
        csv->at++;
    }
}

static cclip_status read_field(struct cclip_csv *csv)
{
    cclip_status status = cclip_grow(&csv->starts, &csv->capacity, csv->count + 1,
                                     sizeof *csv->starts, CCLIP_LIMIT_TABLE_COLUMNS, "columns");
    if (status)
        return status;
    csv->starts[csv->count++] = csv->bytes.length;
    if (csv->at < csv->length && csv->text[csv->at] == '"')
        status = quoted_part(csv);
    if (status)
        return status;
    const size_t length = plain_length(csv); /* after a closing quote: what some writers leave there */
    status = cclip_buffer_append(&csv->bytes, csv->text + csv->at, length);
    csv->at += length;
    return status ? status : cclip_buffer_byte(&csv->bytes, 0);
}

/* Takes a line end, if the text goes on with one. */
static int take_line_end(struct cclip_csv *csv)
{
    if (csv->at == csv->length || !line_ends(csv, csv->at))
        return 0;
    csv->at += csv->text[csv->at] == '\r' ? 2 : 1;
    csv->next_line++;
    return 1;
}

cclip_status cclip_csv_next(struct cclip_csv *csv)
{
    cclip_status status = CCLIP_OK;
    csv->count = 0;
    cclip_buffer_clear(&csv->bytes);
    while (take_line_end(csv))
        ;
    csv->line = csv->next_line;
    if (csv->at == csv->length)
        return CCLIP_OK;
    for (int more = 1; more && !status;) {
        status = read_field(csv);
        more = !status && csv->at < csv->length && csv->text[csv->at] == csv->separator;
        csv->at += more ? 1 : 0;
    }
    if (!status)
        (void)take_line_end(csv);
    /* What the buffer and the list say does not name the place. */
    return status == CCLIP_ERROR_LIMIT
               ? cclip_fail_in(status, "%s: line %zu", csv->name, csv->line)
               : status;
}

const char *cclip_csv_field(const struct cclip_csv *csv, size_t index, size_t *length)
{
    if (index >= csv->count)
        return NULL;
    const size_t end = index + 1 < csv->count ? csv->starts[index + 1] : csv->bytes.length;
    *length = end - csv->starts[index] - 1;
    return csv->bytes.data + csv->starts[index];
}
