#include "formats/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/printable.h"

/* A cclip_json is a json_t under another name, so that jansson stays inside this file. */
static json_t *inside(const cclip_json *value)
{
    return (json_t *)(size_t)value;
}

static cclip_json *outside(json_t *value)
{
    return (cclip_json *)value;
}

cclip_status cclip_json_parse(cclip_json **out, const char *text, size_t length, const char *name)
{
    json_error_t error;
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    *out = outside(json_loadb(text, length, flags, &error));
    if (*out)
        return CCLIP_OK;
    if (json_error_code(&error) == json_error_out_of_memory)
        return cclip_fail_memory(length);
    if (!memchr(text, '\n', length)) /* a line of many, say, whose number is in the name */
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: column %d (byte %d): %s", name, error.column,
                          error.position, error.text);
    return cclip_fail(CCLIP_ERROR_FORMAT, "%s: line %d, column %d (byte %d): %s", name, error.line,
                      error.column, error.position, error.text);
}

cclip_status cclip_json_read_file(cclip_json **out, const char *path)
{
    *out = NULL;
    struct cclip_buffer text;
    cclip_status status = cclip_file_read(&text, path, CCLIP_LIMIT_JSON_FILE);
    if (!status && !text.length)
        status = cclip_fail(CCLIP_ERROR_FORMAT, "%s: is empty (0 bytes)", path);
    if (!status) {
        const size_t mark = text.length >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3) ? 3 : 0;
        status = cclip_json_parse(out, text.data + mark, text.length - mark, path);
    }
    cclip_buffer_close(&text);
    return status;
}

void cclip_json_close(cclip_json **root)
{
    json_decref(inside(*root));
    *root = NULL;
}

cclip_json *cclip_json_get(const cclip_json *object, const char *key)
{
    return outside(json_object_get(inside(object), key));
}

cclip_json *cclip_json_at(const cclip_json *array, size_t index)
{
    return outside(json_array_get(inside(array), index));
}

size_t cclip_json_length(const cclip_json *value)
{
    return json_is_object(inside(value)) ? json_object_size(inside(value))
                                         : json_array_size(inside(value));
}

int cclip_json_is_object(const cclip_json *value)
{
    return json_is_object(inside(value));
}

int cclip_json_is_array(const cclip_json *value)
{
    return json_is_array(inside(value));
}

int cclip_json_is_string(const cclip_json *value)
{
    return json_is_string(inside(value));
}

int cclip_json_is_number(const cclip_json *value)
{
    return json_is_number(inside(value));
}

int cclip_json_is_integer(const cclip_json *value)
{
    return json_is_integer(inside(value));
}

int cclip_json_is_true(const cclip_json *value)
{
    return json_is_true(inside(value));
}

int cclip_json_is_null(const cclip_json *value)
{
    return !value || json_is_null(inside(value));
}

double cclip_json_number(const cclip_json *value, double fallback)
{
    return json_is_number(inside(value)) ? json_number_value(inside(value)) : fallback;
}

int64_t cclip_json_integer(const cclip_json *value, int64_t fallback)
{
    return json_is_integer(inside(value)) ? json_integer_value(inside(value)) : fallback;
}

int cclip_json_bool(const cclip_json *value, int fallback)
{
    return json_is_boolean(inside(value)) ? json_is_true(inside(value)) : fallback;
}

const char *cclip_json_string(const cclip_json *value, size_t *length)
{
    if (length)
        *length = json_string_length(inside(value));
    return json_string_value(inside(value));
}

static int load_position(struct cclip_json_iterator *iterator)
{
    if (!iterator->position)
        return 0;
    iterator->key = json_object_iter_key(iterator->position);
    iterator->key_length = strlen(iterator->key);
    iterator->value = outside(json_object_iter_value(iterator->position));
    return 1;
}

int cclip_json_first(struct cclip_json_iterator *iterator, const cclip_json *object)
{
    *iterator = (struct cclip_json_iterator){ .object = object };
    iterator->position = json_object_iter(inside(object));
    return load_position(iterator);
}

int cclip_json_next(struct cclip_json_iterator *iterator)
{
    iterator->position = json_object_iter_next(inside(iterator->object), iterator->position);
    return load_position(iterator);
}

cclip_json *cclip_json_new_object(void)
{
    return outside(json_object());
}

cclip_json *cclip_json_new_array(void)
{
    return outside(json_array());
}

cclip_json *cclip_json_new_string(const char *text, size_t length)
{
    return outside(json_stringn(text, length));
}

cclip_json *cclip_json_new_number(double value)
{
    return outside(json_real(value));
}

cclip_json *cclip_json_new_integer(int64_t value)
{
    return outside(json_integer(value));
}

cclip_json *cclip_json_new_bool(int value)
{
    return outside(json_boolean(value));
}

cclip_json *cclip_json_new_null(void)
{
    return outside(json_null());
}

cclip_status cclip_json_set(cclip_json *object, const char *key, cclip_json *value)
{
    if (json_object_set_new(inside(object), key, inside(value)))
        return cclip_fail(CCLIP_ERROR_MEMORY, "JSON: cannot set \"%s\"", key);
    return CCLIP_OK;
}

cclip_status cclip_json_append(cclip_json *array, cclip_json *value)
{
    if (json_array_append_new(inside(array), inside(value)))
        return cclip_fail(CCLIP_ERROR_MEMORY, "JSON: cannot append");
    return CCLIP_OK;
}

struct write_target {
    struct cclip_buffer *out;
    cclip_status status;
};

static int write_piece(const char *data, size_t size, void *context)
{
    struct write_target *target = context;
    if (!target->status) /* jansson goes on after a key that could not be written */
        target->status = cclip_buffer_append(target->out, data, size);
    return target->status ? -1 : 0;
}

/* Whether all numbers survive 15 digits, as those do that a person has typed: 0.1 is written "0.1"
 * then. As deep as the document, which parsing limits. */
static int are_short(const json_t *value)
{
    if (json_is_real(value)) {
        char text[32];
        snprintf(text, sizeof text, "%.15g", json_real_value(value));
        return strtod(text, NULL) == json_real_value(value);
    }
    const char *key;
    json_t *object = (json_t *)(size_t)value, *member;
    json_object_foreach(object, key, member)
        if (!are_short(member))
            return 0;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!are_short(json_array_get(value, i)))
            return 0;
    return 1;
}

cclip_status cclip_json_write(struct cclip_buffer *out, const cclip_json *value, int indent)
{
    struct write_target target = { .out = out };
    const size_t digits = are_short(inside(value)) ? 15 : 17;
    const size_t style = indent ? JSON_INDENT((size_t)indent) : 0;
    if (json_dump_callback(inside(value), write_piece, &target,
                           style | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits)) &&
        !target.status)
        return cclip_fail(CCLIP_ERROR_MEMORY, "JSON: cannot be written");
    return target.status;
}

cclip_status cclip_json_quote(struct cclip_buffer *out, const char *text, size_t length)
{
    cclip_status status = cclip_buffer_byte(out, '"');
    for (size_t i = 0; i < length && !status;) {
        const unsigned char c = (unsigned char)text[i];
        const size_t size = cclip_utf8_length(text + i, length - i);
        if (!size)
            status = cclip_buffer_format(out, "\\udc%02x", c);
        else if (c == '"' || c == '\\')
            status = cclip_buffer_format(out, "\\%c", c);
        else if (c == '\n')
            status = cclip_buffer_text(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            status = cclip_buffer_format(out, "\\u%04x", c);
        else
            status = cclip_buffer_append(out, text + i, size);
        i += size ? size : 1;
    }
    return status ? status : cclip_buffer_byte(out, '"');
}
