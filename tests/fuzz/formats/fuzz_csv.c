/* Tables: the first byte is the separator. What is read is written again with every field in quotes, and must
 * come back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/csv.h"

enum { ROOM = 1 << 22 };

static cclip_status quote(struct cclip_buffer *out, const char *text, size_t length)
{
    cclip_status status = cclip_buffer_byte(out, '"');
    for (size_t i = 0; i < length && !status; i++)
        status = cclip_buffer_append(out, text[i] == '"' ? "\"\"" : text + i, text[i] == '"' ? 2 : 1);
    return status ? status : cclip_buffer_byte(out, '"');
}

/* All rows with quotes around each field; less than 0 when the text is broken. */
static int rewrite(struct cclip_buffer *out, const char *text, size_t size, char separator)
{
    struct cclip_csv csv;
    cclip_status status;
    cclip_csv_open(&csv, text, size, separator, "input");
    while (!(status = cclip_csv_next(&csv)) && csv.count) {
        for (size_t i = 0; i < csv.count; i++) {
            size_t length;
            const char *field = cclip_csv_field(&csv, i, &length);
            if (field[length] || (i && cclip_buffer_byte(out, separator)) || quote(out, field, length))
                abort();
        }
        if (cclip_buffer_byte(out, '\n'))
            abort();
    }
    cclip_csv_close(&csv);
    return status ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cclip_buffer once, twice;
    if (!size || size > ROOM / 8 || data[0] == '"' || data[0] == '\n' || data[0] == '\r')
        return 0;
    cclip_buffer_open(&once, ROOM);
    cclip_buffer_open(&twice, ROOM);
    if (!rewrite(&once, (const char *)data + 1, size - 1, (char)data[0]) && once.length) {
        if (rewrite(&twice, once.data, once.length, (char)data[0]) || once.length != twice.length ||
            memcmp(once.data, twice.data, once.length))
            abort();
    }
    cclip_buffer_close(&once);
    cclip_buffer_close(&twice);
    return 0;
}
