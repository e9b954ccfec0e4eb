/* Tables of text: CSV as in RFC 4180, and the same with tabs or semicolons.
 *
 * A field in double quotes may hold separators, line ends and doubled quotes; a quote inside a field
 * that does not begin with one is a character like any other. Empty lines are skipped, a byte-order
 * mark is dropped, lines end with LF or CRLF. */
#ifndef CCLIP_FORMATS_CSV_H
#define CCLIP_FORMATS_CSV_H

#include <stddef.h>
#include "base/buffer.h"
#include "base/status.h"

struct cclip_csv {
    const char *text, *name; /* the caller's */
    size_t length, at;
    char separator;
    size_t line, next_line; /* where the row at hand begins, from 1; where the next one does */
    struct cclip_buffer bytes; /* of the row's fields, each with a zero after it */
    size_t *starts, count, capacity;
};

/* `text` must stay; `name` is used in messages. Close in any case. */
void cclip_csv_open(struct cclip_csv *out, const char *text, size_t length, char separator,
                    const char *name);
void cclip_csv_close(struct cclip_csv *csv);

/* Reads a row into `count` fields; count 0 after the last one. */
cclip_status cclip_csv_next(struct cclip_csv *csv);

/* A field of the row at hand, valid until the next one; NULL beyond the last. It may hold zeros. */
const char *cclip_csv_field(const struct cclip_csv *csv, size_t index, size_t *length);

#endif
