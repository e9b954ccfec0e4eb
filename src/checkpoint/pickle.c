#include "checkpoint/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/pickle_machine.h"

typedef struct cclip_pickle_value value;
typedef struct cclip_pickle_machine machine;

cclip_status cclip_pickle_fail(const struct cclip_pickle_machine *m, cclip_status status,
                               const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return cclip_fail(status, "%s: byte %zu: %s", m->name, m->start, text);
}

static int has_items(const value *v)
{
    return v->kind == CCLIP_PICKLE_LIST || v->kind == CCLIP_PICKLE_DICT ||
           v->kind == CCLIP_PICKLE_CALL || v->kind == CCLIP_PICKLE_PERSISTENT;
}

/* --- operands --- */

static cclip_status fail_end(const machine *m)
{
    return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                             "the pickle ends within an operation (%zu bytes in all)", m->size);
}

static cclip_status read_size(uint64_t *out, machine *m, size_t bytes)
{
    *out = 0;
    if (m->size - m->at < bytes)
        return fail_end(m);
    for (size_t i = 0; i < bytes; i++)
        *out |= (uint64_t)m->data[m->at++] << (8 * i);
    return CCLIP_OK;
}

static cclip_status read_double(double *out, machine *m)
{
    uint64_t bits = 0;
    if (m->size - m->at < 8)
        return fail_end(m);
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | m->data[m->at++];
    memcpy(out, &bits, sizeof bits);
    return CCLIP_OK;
}

static cclip_status read_text(struct cclip_pickle_operand *out, machine *m, size_t length_bytes)
{
    uint64_t length;
    const cclip_status status = read_size(&length, m, length_bytes);
    if (status)
        return status;
    if (length > m->size - m->at)
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                 "a text of %llu bytes, but only %zu are left",
                                 (unsigned long long)length, m->size - m->at);
    out->text = (const char *)m->data + m->at;
    out->length = (size_t)length;
    m->at += (size_t)length;
    return CCLIP_OK;
}

static cclip_status read_line(const char **text, size_t *length, machine *m)
{
    const unsigned char *from = m->data + m->at, *end = memchr(from, '\n', m->size - m->at);
    if (!end)
        return fail_end(m);
    *text = (const char *)from;
    *length = (size_t)(end - from);
    m->at += *length + 1;
    return CCLIP_OK;
}

static cclip_status read_operand(struct cclip_pickle_operand *out, machine *m,
                                 enum cclip_pickle_form form)
{
    static const size_t bytes[] = {
        [CCLIP_FORM_SIZE_1] = 1, [CCLIP_FORM_SIZE_2] = 2,   [CCLIP_FORM_SIZE_4] = 4,
        [CCLIP_FORM_SIZE_8] = 8, [CCLIP_FORM_SIGNED_4] = 4, [CCLIP_FORM_TEXT_1] = 1,
        [CCLIP_FORM_TEXT_4] = 4, [CCLIP_FORM_TEXT_8] = 8
    };
    uint64_t number = 0;
    cclip_status status = CCLIP_OK;
    *out = (struct cclip_pickle_operand){ 0 };
    switch (form) {
    case CCLIP_FORM_BARE:
        break;
    case CCLIP_FORM_DOUBLE:
        return read_double(&out->real, m);
    case CCLIP_FORM_TEXT_1:
    case CCLIP_FORM_TEXT_4:
    case CCLIP_FORM_TEXT_8:
        return read_text(out, m, bytes[form]);
    case CCLIP_FORM_LINES:
        status = read_line(&out->text, &out->length, m);
        return status ? status : read_line(&out->text2, &out->length2, m);
    default:
        status = read_size(&number, m, bytes[form]);
        out->number = form == CCLIP_FORM_SIGNED_4 ? (int32_t)(uint32_t)number : (int64_t)number;
    }
    return status;
}

static cclip_status run(machine *m)
{
    while (!m->stopped) {
        struct cclip_pickle_operand operand;
        m->start = m->at;
        if (m->at == m->size)
            return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                     "the pickle ends without its stop: is it cut short?");
        const struct cclip_pickle_operation *operation = &cclip_pickle_operations[m->data[m->at]];
        if (!operation->run)
            return cclip_pickle_fail(m, CCLIP_ERROR_UNSUPPORTED,
                                     "operation 0x%02x is not among those that weights need",
                                     m->data[m->at]);
        m->at++;
        cclip_status status = read_operand(&operand, m, operation->form);
        if (!status)
            status = operation->run(m, &operand, operation->argument);
        if (status)
            return status;
    }
    return CCLIP_OK;
}

/* --- the finished graph --- */

/* Each value is walked once; one met again while it is being walked contains itself. */
static cclip_status check_graph(value *v, int depth, const char *name)
{
    if (v->seen == 1)
        return cclip_fail(CCLIP_ERROR_FORMAT, "%s: an object that contains itself", name);
    if (v->seen || !has_items(v))
        return CCLIP_OK;
    if (depth == CCLIP_LIMIT_PICKLE_DEPTH)
        return cclip_fail(CCLIP_ERROR_LIMIT, "%s: objects nested deeper than %d", name,
                          CCLIP_LIMIT_PICKLE_DEPTH);
    cclip_status status = CCLIP_OK;
    v->seen = 1;
    for (size_t i = 0; i < v->as.list.count && !status; i++)
        status = check_graph(v->as.list.items[i], depth + 1, name);
    v->seen = 2;
    return status;
}

cclip_status cclip_pickle_read(struct cclip_pickle *out, const void *data, size_t size,
                               const char *name)
{
    *out = (struct cclip_pickle){ 0 };
    machine m = { .name = name, .data = data, .size = size, .arena = &out->arena };
    cclip_status status = run(&m);
    if (!status)
        status = check_graph(m.stack[0], 0, name);
    if (!status)
        out->root = m.stack[0];
    cclip_release(m.stack);
    cclip_release(m.memo);
    if (status)
        cclip_pickle_close(out);
    return status;
}

void cclip_pickle_close(struct cclip_pickle *pickle)
{
    cclip_arena_close(&pickle->arena);
    *pickle = (struct cclip_pickle){ 0 };
}

int cclip_pickle_is_text(const struct cclip_pickle_value *v, const char *text)
{
    return v && v->kind == CCLIP_PICKLE_TEXT && v->as.text.length == strlen(text) &&
           !memcmp(v->as.text.text, text, v->as.text.length);
}

const struct cclip_pickle_value *cclip_pickle_get(const struct cclip_pickle_value *dict,
                                                  const char *key)
{
    if (!dict || dict->kind != CCLIP_PICKLE_DICT)
        return NULL;
    for (size_t i = dict->as.list.count; i >= 2; i -= 2)
        if (cclip_pickle_is_text(dict->as.list.items[i - 2], key))
            return dict->as.list.items[i - 1];
    return NULL;
}

const struct cclip_pickle_value *cclip_pickle_item(const struct cclip_pickle_value *v, size_t index)
{
    if (!v || v->kind == CCLIP_PICKLE_DICT || !has_items(v) || index >= v->as.list.count)
        return NULL;
    return v->as.list.items[index];
}
