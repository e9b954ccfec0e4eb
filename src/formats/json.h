/* JSON: reading with errors that name the file and the place, and small helpers. jansson inside. */
#ifndef CCLIP_FORMATS_JSON_H
#define CCLIP_FORMATS_JSON_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/status.h"

typedef struct cclip_json cclip_json; /* a value inside a document; NULL means "not there" */

/* Parses a whole document. `name` is used in messages. Free the root with cclip_json_close.
 * Duplicate keys are refused; depth is limited. */
cclip_status cclip_json_parse(cclip_json **out, const char *text, size_t length, const char *name);
cclip_status cclip_json_read_file(cclip_json **out, const char *path);
void cclip_json_close(cclip_json **root);

/* All accept NULL (an absent value) and a value of another type: then absent or `fallback`. */
cclip_json *cclip_json_get(const cclip_json *object, const char *key);
cclip_json *cclip_json_at(const cclip_json *array, size_t index);
size_t cclip_json_length(const cclip_json *array_or_object);
int cclip_json_is_object(const cclip_json *value);
int cclip_json_is_array(const cclip_json *value);
int cclip_json_is_string(const cclip_json *value);
int cclip_json_is_number(const cclip_json *value);
int cclip_json_is_integer(const cclip_json *value);
int cclip_json_is_true(const cclip_json *value);
int cclip_json_is_null(const cclip_json *value); /* null, or not there */
double cclip_json_number(const cclip_json *value, double fallback);
int64_t cclip_json_integer(const cclip_json *value, int64_t fallback);
int cclip_json_bool(const cclip_json *value, int fallback);
/* UTF-8, zero-terminated, owned by the document; `length` may be NULL. Strings may hold NUL. */
const char *cclip_json_string(const cclip_json *value, size_t *length);

/* Walks an object in file order: for (it = first; it; it = next) key/value. */
struct cclip_json_iterator {
    const cclip_json *object;
    void *position;
    const char *key;
    size_t key_length;
    cclip_json *value;
};
int cclip_json_first(struct cclip_json_iterator *iterator, const cclip_json *object); /* 1 = valid */
int cclip_json_next(struct cclip_json_iterator *iterator);

/* Building. A `set`/`append` takes over the value, also on failure; NULL values fail. */
cclip_json *cclip_json_new_object(void);
cclip_json *cclip_json_new_array(void);
cclip_json *cclip_json_new_string(const char *text, size_t length); /* must be UTF-8 */
cclip_json *cclip_json_new_number(double value);
cclip_json *cclip_json_new_integer(int64_t value);
cclip_json *cclip_json_new_bool(int value);
cclip_json *cclip_json_new_null(void);
cclip_status cclip_json_set(cclip_json *object, const char *key, cclip_json *value);
cclip_status cclip_json_append(cclip_json *array, cclip_json *value);

/* Text of a document; `indent` 0 is one line. Appended to `out`. */
cclip_status cclip_json_write(struct cclip_buffer *out, const cclip_json *value, int indent);

/* Appends a JSON string literal. Bytes that are not UTF-8 become \udcXX, as Python's
 * surrogateescape writes them, so that any file name survives. */
cclip_status cclip_json_quote(struct cclip_buffer *out, const char *text, size_t length);

#endif
