#include "cli/output.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/console.h"
#include "formats/json.h"

enum { LINE_MAXIMUM = 1 << 30, CELLS_MAXIMUM = 1 << 24 };

void cclip_emitter_open(struct cclip_emitter *e)
{
    memset(e, 0, sizeof(*e));
    cclip_buffer_open(&e->text, LINE_MAXIMUM);
}

void cclip_emitter_close(struct cclip_emitter *e)
{
    cclip_buffer_close(&e->text);
}

/* The comma and the key in front of a value. */
static void lead(struct cclip_emitter *e, const char *key)
{
    if (!e->status && e->comma)
        e->status = cclip_buffer_text(&e->text, ", ");
    e->comma = 1;
    if (e->status || !key)
        return;
    e->status = cclip_json_quote(&e->text, key, strlen(key));
    if (!e->status)
        e->status = cclip_buffer_text(&e->text, ": ");
}

void cclip_emit_begin(struct cclip_emitter *e, const char *key, char bracket)
{
    lead(e, key);
    if (!e->status)
        e->status = cclip_buffer_byte(&e->text, bracket);
    e->comma = 0;
}

void cclip_emit_end(struct cclip_emitter *e, char bracket)
{
    if (!e->status)
        e->status = cclip_buffer_byte(&e->text, bracket);
    e->comma = 1;
}

void cclip_emit_text(struct cclip_emitter *e, const char *key, const char *text, size_t length)
{
    lead(e, key);
    if (!e->status)
        e->status = cclip_json_quote(&e->text, text, length);
}

void cclip_emit_string(struct cclip_emitter *e, const char *key, const char *text)
{
    cclip_emit_text(e, key, text, strlen(text));
}

void cclip_emit_integer(struct cclip_emitter *e, const char *key, int64_t value)
{
    lead(e, key);
    if (!e->status)
        e->status = cclip_buffer_format(&e->text, "%lld", (long long)value);
}

void cclip_emit_number(struct cclip_emitter *e, const char *key, double value)
{
    lead(e, key);
    if (e->status)
        return;
    e->status = isfinite(value) ? cclip_buffer_format(&e->text, "%.9g", value)
                                : cclip_buffer_text(&e->text, "null");
}

void cclip_emit_bool(struct cclip_emitter *e, const char *key, int value)
{
    lead(e, key);
    if (!e->status)
        e->status = cclip_buffer_text(&e->text, value ? "true" : "false");
}

void cclip_emit_floats(struct cclip_emitter *e, const char *key, const float *values, size_t count)
{
    cclip_emit_begin(e, key, '[');
    for (size_t i = 0; i < count; i++)
        cclip_emit_number(e, NULL, (double)values[i]);
    cclip_emit_end(e, ']');
}

cclip_status cclip_emit_line(struct cclip_emitter *e)
{
    if (!e->status)
        e->status = cclip_buffer_byte(&e->text, '\n');
    if (!e->status)
        e->status = cclip_print_bytes(e->text.data, e->text.length);
    cclip_buffer_clear(&e->text);
    e->comma = 0;
    return e->status;
}

static cclip_status check_stdout(int failed)
{
    return failed ? cclip_fail_errno("standard output", "write") : CCLIP_OK;
}

cclip_status cclip_print_bytes(const void *data, size_t size)
{
    cclip_console_make_room();
    return check_stdout(fwrite(data, 1, size, stdout) != size);
}

cclip_status cclip_print(const char *format, ...)
{
    va_list arguments;
    cclip_console_make_room();
    va_start(arguments, format);
    const int written = vprintf(format, arguments);
    va_end(arguments);
    return check_stdout(written < 0);
}

cclip_status cclip_output_finish(void)
{
    return check_stdout(fflush(stdout) != 0 || ferror(stdout));
}

cclip_status cclip_output_check(const char *path)
{
    struct cclip_writer writer;
    const cclip_status status = cclip_writer_open(&writer, path);
    cclip_writer_close(&writer);
    return status;
}

void cclip_table_open(struct cclip_table *table, const char *alignment)
{
    memset(table, 0, sizeof(*table));
    table->alignment = alignment;
    table->columns = strlen(alignment);
}

void cclip_table_cell(struct cclip_table *table, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    if (table->status)
        return;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    table->status = cclip_grow(&table->cells, &table->capacity, table->count + 1,
                               sizeof(*table->cells), CELLS_MAXIMUM, "table cells");
    if (table->status)
        return;
    char *copy =
        cclip_copy_text(text, length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1);
    if (!copy)
        table->status = CCLIP_ERROR_MEMORY;
    else
        table->cells[table->count++] = copy;
}

/* Cells on a screen: one a character, which is near enough for what stands in our tables. */
static int display_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* No blanks at a line's end: what comes behind the last cell with a text is left out. */
static cclip_status print_row(const struct cclip_table *table, size_t row, const int *widths)
{
    char *const *cells = table->cells + row * table->columns;
    cclip_status status = CCLIP_OK;
    size_t last = table->columns - 1;
    while (last && !cells[last][0])
        last--;
    for (size_t column = 0; column <= last && !status; column++) {
        const char *text = cells[column];
        const int padding = widths[column] - display_width(text);
        if (table->alignment[column] == '>')
            status = cclip_print("%*s%s", padding, "", text);
        else
            status = cclip_print("%s%*s", text, column == last ? 0 : padding, "");
        if (!status)
            status = cclip_print("%s", column == last ? "\n" : "  ");
    }
    return status;
}

cclip_status cclip_table_print(struct cclip_table *table)
{
    enum { COLUMNS_MAXIMUM = 16 };
    int widths[COLUMNS_MAXIMUM] = { 0 };
    for (size_t i = 0; i < table->count; i++) {
        const int width = display_width(table->cells[i]);
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    for (size_t row = 0; row < table->count / table->columns && !table->status; row++)
        table->status = print_row(table, row, widths);
    return table->status;
}

void cclip_table_close(struct cclip_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        cclip_release(table->cells[i]);
    cclip_release(table->cells);
    memset(table, 0, sizeof(*table));
}

/* As the C library decides it, but without setlocale, which would change how numbers are read. */
static int locale_is_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
    }
    return 0;
}

void cclip_bar(char *out, size_t size, double share, int width)
{
    static const char *const parts[] = { "",       "\u258f", "\u258e", "\u258d",
                                         "\u258c", "\u258b", "\u258a", "\u2589" };
    const int blocks = locale_is_utf8();
    const int eighths = (int)(share * width * 8 + 0.5);
    size_t length = 0;
    out[0] = 0;
    for (int i = 0; i < (blocks ? eighths / 8 : (eighths + 4) / 8) && length + 4 < size; i++)
        length += (size_t)snprintf(out + length, size - length, "%s", blocks ? "\u2588" : "#");
    if (blocks && length + 4 < size)
        snprintf(out + length, size - length, "%s", parts[eighths % 8]);
}

const char *cclip_mark(int good)
{
    if (!locale_is_utf8())
        return good ? "+" : "-";
    return good ? "\u2713" : "\u2717";
}
