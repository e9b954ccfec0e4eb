/* What goes to stdout: JSON lines, aligned tables, bars. A write that fails is noticed. */
#ifndef CCLIP_CLI_OUTPUT_H
#define CCLIP_CLI_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/printable.h"

/* JSON text made piece by piece. The first failure is kept in `status`; later calls do nothing.
 * A key is NULL inside an array and for the outermost value. */
struct cclip_emitter {
    struct cclip_buffer text;
    int comma; /* the next value needs one in front */
    cclip_status status;
};
void cclip_emitter_open(struct cclip_emitter *e);
void cclip_emitter_close(struct cclip_emitter *e);
void cclip_emit_begin(struct cclip_emitter *e, const char *key, char bracket); /* '{' or '[' */
void cclip_emit_end(struct cclip_emitter *e, char bracket);                    /* '}' or ']' */
void cclip_emit_text(struct cclip_emitter *e, const char *key, const char *text, size_t length);
void cclip_emit_string(struct cclip_emitter *e, const char *key, const char *text);
void cclip_emit_integer(struct cclip_emitter *e, const char *key, int64_t value);
void cclip_emit_number(struct cclip_emitter *e, const char *key,
                       double value); /* 9 digits; NaN: null */
void cclip_emit_bool(struct cclip_emitter *e, const char *key, int value);
void cclip_emit_floats(struct cclip_emitter *e, const char *key, const float *values, size_t count);
/* Ends the line, writes it to stdout and begins anew. */
cclip_status cclip_emit_line(struct cclip_emitter *e);

/* Text to stdout; fails when stdout does (a full disk). */
cclip_status cclip_print(const char *format, ...) CCLIP_PRINTF(1, 2);
cclip_status cclip_print_bytes(const void *data, size_t size);
/* Flushes stdout at the end of the program. */
cclip_status cclip_output_finish(void);

/* Fails where a file could not be created: for results that are written after long work. */
cclip_status cclip_output_check(const char *path);

/* A table with columns as wide as their longest cell; '<' or '>' a column says the alignment. */
struct cclip_table {
    const char *alignment;
    char **cells;
    size_t columns, count, capacity;
    cclip_status status;
};
void cclip_table_open(struct cclip_table *table, const char *alignment);
void cclip_table_cell(struct cclip_table *table, const char *format, ...) CCLIP_PRINTF(2, 3);
cclip_status cclip_table_print(struct cclip_table *table);
void cclip_table_close(struct cclip_table *table);

/* A bar of at most `width` cells for a share in [0, 1], in blocks where the locale is UTF-8. */
void cclip_bar(char *out, size_t size, double share, int width);
/* A tick or a cross, one character wide; + or - where the locale is not UTF-8. */
const char *cclip_mark(int good);

#endif
