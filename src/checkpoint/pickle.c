#include "checkpoint/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

typedef struct cclip_pickle_value value;

/* What follows an operation's byte. */
enum form {
    BARE,
    SIZE_1, /* an unsigned number of 1, 2, 4 or 8 bytes */
    SIZE_2,
    SIZE_4,
    SIZE_8,
    SIGNED_4,
    DOUBLE,  /* big-endian */
    TEXT_1,  /* bytes after their length */
    TEXT_4,
    TEXT_8,
    LINES    /* two texts that end in newlines */
};

struct operand {
    int64_t number;
    double real;
    const char *text, *text2;
    size_t length, length2;
};

/* The stack machine. A mark is the height of the stack when it was set. */
struct machine {
    const char *name;
    const unsigned char *data;
    size_t size, at; /* `at`: after the present operation's byte and operand */
    size_t start;    /* of the present operation */
    struct cclip_arena *arena;
    value *pool; /* values not yet given out */
    size_t pool_left, objects;
    value **stack;
    size_t height, stack_capacity;
    size_t marks[CCLIP_LIMIT_PICKLE_DEPTH], mark_count;
    value **memo;
    size_t memo_count, memo_capacity;
    int stopped;
};

typedef cclip_status run_function(struct machine *m, const struct operand *operand, int argument);

struct operation {
    run_function *run;
    enum form form;
    int argument;
};

static cclip_status fail_here(const struct machine *m, cclip_status status, const char *format, ...)
    CCLIP_PRINTF(3, 4);

static cclip_status fail_here(const struct machine *m, cclip_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return cclip_fail(status, "%s: byte %zu: %s", m->name, m->start, text);
}

/* Values, and places in lists: together they bound what a pickle can make of memory. */
static cclip_status count_objects(struct machine *m, size_t count)
{
    if (count > CCLIP_LIMIT_PICKLE_OBJECTS - m->objects)
        return fail_here(m, CCLIP_ERROR_LIMIT, "more than %zu objects", CCLIP_LIMIT_PICKLE_OBJECTS);
    m->objects += count;
    return CCLIP_OK;
}

static cclip_status new_value(value **out, struct machine *m, enum cclip_pickle_kind kind)
{
    enum { POOL = 64 };
    const cclip_status status = count_objects(m, 1);
    if (status)
        return status;
    if (!m->pool_left) {
        m->pool = cclip_arena_take(m->arena, POOL, sizeof *m->pool);
        if (!m->pool)
            return CCLIP_ERROR_MEMORY;
        m->pool_left = POOL;
    }
    *out = &m->pool[--m->pool_left];
    memset(*out, 0, sizeof **out);
    (*out)->kind = kind;
    return CCLIP_OK;
}

static cclip_status push(struct machine *m, value *v)
{
    const cclip_status status = cclip_grow(&m->stack, &m->stack_capacity, m->height + 1,
                                           sizeof *m->stack, CCLIP_LIMIT_PICKLE_OBJECTS, m->name);
    if (!status)
        m->stack[m->height++] = v;
    return status;
}

static cclip_status push_new(value **out, struct machine *m, enum cclip_pickle_kind kind)
{
    const cclip_status status = new_value(out, m, kind);
    return status ? status : push(m, *out);
}

/* The lowest place that may be popped: what lies under the last mark is out of reach. */
static size_t floor_of(const struct machine *m)
{
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

/* `count` values must stand above the last mark. */
static cclip_status need(const struct machine *m, size_t count)
{
    return m->height - floor_of(m) >= count
               ? CCLIP_OK
               : fail_here(m, CCLIP_ERROR_FORMAT, "the pickle's stack is too short");
}

/* Removes the last mark; `*first` is the place of the first value above it. */
static cclip_status take_mark(size_t *first, struct machine *m)
{
    if (!m->mark_count)
        return fail_here(m, CCLIP_ERROR_FORMAT, "the pickle's mark is missing");
    *first = m->marks[--m->mark_count];
    return CCLIP_OK;
}

static int has_items(const value *v)
{
    return v->kind == CCLIP_PICKLE_LIST || v->kind == CCLIP_PICKLE_DICT || v->kind == CCLIP_PICKLE_CALL ||
           v->kind == CCLIP_PICKLE_PERSISTENT;
}

static cclip_status append(struct machine *m, value *to, value *const *items, size_t count)
{
    const cclip_status status = count_objects(m, count);
    const size_t wanted = to->as.list.count + count;
    if (status || !count)
        return status;
    if (wanted > to->as.list.capacity) {
        const size_t twice = 2 * to->as.list.capacity, capacity = wanted > twice ? wanted : twice;
        value **grown = cclip_arena_take(m->arena, capacity, sizeof *grown);
        if (!grown)
            return CCLIP_ERROR_MEMORY;
        if (to->as.list.count)
            memcpy(grown, to->as.list.items, to->as.list.count * sizeof *grown);
        to->as.list.items = grown;
        to->as.list.capacity = capacity;
    }
    memcpy(to->as.list.items + to->as.list.count, items, count * sizeof *items);
    to->as.list.count = wanted;
    return CCLIP_OK;
}

/* --- operations --- */

static cclip_status run_ignored(struct machine *m, const struct operand *operand, int argument)
{
    (void)m;
    (void)operand;
    (void)argument;
    return CCLIP_OK;
}

static cclip_status run_protocol(struct machine *m, const struct operand *operand, int argument)
{
    (void)argument;
    if (operand->number < 2 || operand->number > 5)
        return fail_here(m, CCLIP_ERROR_UNSUPPORTED, "pickle protocol %d; 2 to 5 are read",
                         (int)operand->number);
    return CCLIP_OK;
}

static cclip_status run_stop(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    if (m->height != 1 || m->mark_count)
        return fail_here(m, CCLIP_ERROR_FORMAT, "the pickle ends with %zu values instead of one",
                         m->height);
    m->stopped = 1;
    return CCLIP_OK;
}

static cclip_status run_mark(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    if (m->mark_count == CCLIP_LIMIT_PICKLE_DEPTH)
        return fail_here(m, CCLIP_ERROR_LIMIT, "nested deeper than %d", CCLIP_LIMIT_PICKLE_DEPTH);
    m->marks[m->mark_count++] = m->height;
    return CCLIP_OK;
}

static cclip_status run_pop(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    const cclip_status status = need(m, 1);
    if (!status)
        m->height--;
    return status;
}

static cclip_status run_pop_mark(struct machine *m, const struct operand *operand, int argument)
{
    size_t first = 0;
    (void)operand;
    (void)argument;
    const cclip_status status = take_mark(&first, m);
    if (!status)
        m->height = first;
    return status;
}

static cclip_status run_none(struct machine *m, const struct operand *operand, int argument)
{
    value *v;
    (void)operand;
    (void)argument;
    return push_new(&v, m, CCLIP_PICKLE_NONE);
}

static cclip_status run_bool(struct machine *m, const struct operand *operand, int argument)
{
    value *v;
    (void)operand;
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_BOOL);
    if (!status)
        v->as.integer = argument;
    return status;
}

static cclip_status run_integer(struct machine *m, const struct operand *operand, int argument)
{
    value *v;
    (void)argument;
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_INTEGER);
    if (!status)
        v->as.integer = operand->number;
    return status;
}

static cclip_status run_text(struct machine *m, const struct operand *operand, int argument)
{
    value *v;
    const cclip_status status = push_new(&v, m, (enum cclip_pickle_kind)argument);
    if (status)
        return status;
    v->as.text.text = operand->text;
    v->as.text.length = operand->length;
    return CCLIP_OK;
}

/* An integer of any length, two's complement. What does not fit 64 bits (the state of a random number
 * generator, say) is kept as its bytes. */
static cclip_status run_long(struct machine *m, const struct operand *operand, int argument)
{
    const unsigned char *p = (const unsigned char *)operand->text;
    struct operand number = { 0 };
    uint64_t bits = operand->length && p[operand->length - 1] & 0x80 ? UINT64_MAX : 0;
    (void)argument;
    if (operand->length > 8)
        return run_text(m, operand, CCLIP_PICKLE_BYTES);
    for (size_t i = operand->length; i--;)
        bits = bits << 8 | p[i];
    memcpy(&number.number, &bits, sizeof bits);
    return run_integer(m, &number, 0);
}

static cclip_status run_number(struct machine *m, const struct operand *operand, int argument)
{
    value *v;
    (void)argument;
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_NUMBER);
    if (!status)
        v->as.number = operand->real;
    return status;
}

static cclip_status run_empty(struct machine *m, const struct operand *operand, int argument)
{
    value *v;
    (void)operand;
    return push_new(&v, m, (enum cclip_pickle_kind)argument);
}

/* Replaces the stack from `first` on by one value that holds it. */
static cclip_status gather(struct machine *m, enum cclip_pickle_kind kind, size_t first)
{
    value *v;
    cclip_status status = new_value(&v, m, kind);
    if (!status)
        status = append(m, v, m->stack + first, m->height - first);
    if (status)
        return status;
    m->height = first;
    return push(m, v);
}

/* A tuple of the last `argument` values. */
static cclip_status run_tuple(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    const cclip_status status = need(m, (size_t)argument);
    return status ? status : gather(m, CCLIP_PICKLE_LIST, m->height - (size_t)argument);
}

static cclip_status check_pairs(const struct machine *m, enum cclip_pickle_kind kind, size_t count)
{
    if (kind == CCLIP_PICKLE_DICT && count % 2)
        return fail_here(m, CCLIP_ERROR_FORMAT, "a dictionary's key without a value");
    return CCLIP_OK;
}

static cclip_status run_gather_mark(struct machine *m, const struct operand *operand, int argument)
{
    size_t first = 0;
    (void)operand;
    cclip_status status = take_mark(&first, m);
    if (!status)
        status = check_pairs(m, (enum cclip_pickle_kind)argument, m->height - first);
    return status ? status : gather(m, (enum cclip_pickle_kind)argument, first);
}

/* Appends the stack from `first` on to the LIST or DICT under it. */
static cclip_status append_above(struct machine *m, enum cclip_pickle_kind kind, size_t first)
{
    cclip_status status = check_pairs(m, kind, m->height - first);
    if (status)
        return status;
    if (first <= floor_of(m) || m->stack[first - 1]->kind != kind)
        return fail_here(m, CCLIP_ERROR_FORMAT, "members for something that is no %s",
                         kind == CCLIP_PICKLE_DICT ? "dictionary" : "list");
    status = append(m, m->stack[first - 1], m->stack + first, m->height - first);
    if (!status)
        m->height = first;
    return status;
}

static cclip_status run_append(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    const size_t count = argument == CCLIP_PICKLE_DICT ? 2 : 1;
    const cclip_status status = need(m, count + 1);
    return status ? status : append_above(m, (enum cclip_pickle_kind)argument, m->height - count);
}

static cclip_status run_append_mark(struct machine *m, const struct operand *operand, int argument)
{
    size_t first = 0;
    (void)operand;
    const cclip_status status = take_mark(&first, m);
    return status ? status : append_above(m, (enum cclip_pickle_kind)argument, first);
}

static cclip_status push_global(struct machine *m, const char *module, size_t module_length,
                                const char *name, size_t name_length)
{
    value *v;
    const struct cclip_pickle_global *global =
        cclip_pickle_find_global(module, module_length, name, name_length);
    if (!global)
        return fail_here(m, CCLIP_ERROR_UNSUPPORTED,
                         "wants %.*s.%.*s, which is not among what weights are made of; nothing was executed",
                         module_length < 150 ? (int)module_length : 150, module,
                         name_length < 150 ? (int)name_length : 150, name);
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_GLOBAL);
    if (!status)
        v->as.global = global;
    return status;
}

static cclip_status run_global(struct machine *m, const struct operand *operand, int argument)
{
    (void)argument;
    return push_global(m, operand->text, operand->length, operand->text2, operand->length2);
}

static cclip_status run_stack_global(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    const cclip_status status = need(m, 2);
    if (status)
        return status;
    const value *module = m->stack[m->height - 2], *name = m->stack[m->height - 1];
    if (module->kind != CCLIP_PICKLE_TEXT || name->kind != CCLIP_PICKLE_TEXT)
        return fail_here(m, CCLIP_ERROR_FORMAT, "a class is named by something that is no text");
    m->height -= 2;
    return push_global(m, module->as.text.text, module->as.text.length, name->as.text.text,
                       name->as.text.length);
}

/* OrderedDict() or OrderedDict([(key, value), ...]) */
static cclip_status make_dict(struct machine *m, const value *arguments)
{
    value *dict;
    cclip_status status = new_value(&dict, m, CCLIP_PICKLE_DICT);
    const value *pairs = cclip_pickle_item(arguments, 0);
    if (!status && (arguments->as.list.count > 1 || (pairs && pairs->kind != CCLIP_PICKLE_LIST)))
        status = fail_here(m, CCLIP_ERROR_FORMAT, "an OrderedDict of something other than pairs");
    for (size_t i = 0; pairs && !status && i < pairs->as.list.count; i++) {
        const value *pair = pairs->as.list.items[i];
        if (pair->kind != CCLIP_PICKLE_LIST || pair->as.list.count != 2)
            status = fail_here(m, CCLIP_ERROR_FORMAT, "an OrderedDict of something other than pairs");
        else
            status = append(m, dict, pair->as.list.items, 2);
    }
    if (status)
        return status;
    m->height -= 2;
    return push(m, dict);
}

/* A call, of a function or of a class: written down, not made. */
static cclip_status run_call(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    const cclip_status status = need(m, 2);
    if (status)
        return status;
    const value *callable = m->stack[m->height - 2], *arguments = m->stack[m->height - 1];
    if (callable->kind != CCLIP_PICKLE_GLOBAL || arguments->kind != CCLIP_PICKLE_LIST)
        return fail_here(m, CCLIP_ERROR_UNSUPPORTED, "a call of something that is not named by the pickle");
    if (callable->as.global->role == CCLIP_ROLE_ORDERED_DICT)
        return make_dict(m, arguments);
    return gather(m, CCLIP_PICKLE_CALL, m->height - 2);
}

/* An object's state. A dictionary's own attributes (a state_dict's _metadata) do not matter. */
static cclip_status run_build(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    const cclip_status status = need(m, 2);
    if (status)
        return status;
    value *object = m->stack[m->height - 2], *state = m->stack[m->height - 1];
    m->height--;
    if (object->kind == CCLIP_PICKLE_DICT)
        return CCLIP_OK;
    if (object->kind != CCLIP_PICKLE_CALL || object->as.list.count != 2)
        return fail_here(m, CCLIP_ERROR_FORMAT, "a state for something that is no new object");
    return append(m, object, &state, 1);
}

static cclip_status run_persistent(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    cclip_status status = need(m, 1);
    if (status)
        return status;
    value *id = m->stack[m->height - 1], *v;
    if (id->kind != CCLIP_PICKLE_LIST)
        return fail_here(m, CCLIP_ERROR_FORMAT, "a persistent id that is no tuple");
    status = new_value(&v, m, CCLIP_PICKLE_PERSISTENT);
    if (!status)
        status = append(m, v, id->as.list.items, id->as.list.count);
    if (!status)
        m->stack[m->height - 1] = v;
    return status;
}

/* Writers number their memo from 0 on, one number a value: a number beyond the pickle's own length is
 * a lie that would only cost memory. */
static cclip_status put(struct machine *m, size_t index)
{
    cclip_status status = need(m, 1);
    if (!status && index >= m->size)
        status = fail_here(m, CCLIP_ERROR_FORMAT, "memo number %zu in a pickle of %zu bytes", index, m->size);
    if (!status)
        status = cclip_grow(&m->memo, &m->memo_capacity, index + 1, sizeof *m->memo,
                            CCLIP_LIMIT_PICKLE_OBJECTS, m->name);
    if (status)
        return status;
    for (; m->memo_count <= index; m->memo_count++)
        m->memo[m->memo_count] = NULL;
    m->memo[index] = m->stack[m->height - 1];
    return CCLIP_OK;
}

static cclip_status run_put(struct machine *m, const struct operand *operand, int argument)
{
    (void)argument;
    return put(m, (size_t)operand->number);
}

static cclip_status run_memoize(struct machine *m, const struct operand *operand, int argument)
{
    (void)operand;
    (void)argument;
    return put(m, m->memo_count);
}

static cclip_status run_get(struct machine *m, const struct operand *operand, int argument)
{
    const size_t index = (size_t)operand->number;
    (void)argument;
    if (index >= m->memo_count || !m->memo[index])
        return fail_here(m, CCLIP_ERROR_FORMAT, "memo number %zu was never set", index);
    return push(m, m->memo[index]);
}

static const struct operation operations[256] = {
    [0x80] = { run_protocol, SIZE_1, 0 },
    [0x95] = { run_ignored, SIZE_8, 0 }, /* a frame: only for reading ahead */
    ['.'] = { run_stop, BARE, 0 },
    ['('] = { run_mark, BARE, 0 },
    ['0'] = { run_pop, BARE, 0 },
    ['1'] = { run_pop_mark, BARE, 0 },

    ['N'] = { run_none, BARE, 0 },
    [0x88] = { run_bool, BARE, 1 },
    [0x89] = { run_bool, BARE, 0 },
    ['J'] = { run_integer, SIGNED_4, 0 },
    ['K'] = { run_integer, SIZE_1, 0 },
    ['M'] = { run_integer, SIZE_2, 0 },
    [0x8a] = { run_long, TEXT_1, 0 },
    [0x8b] = { run_long, TEXT_4, 0 },
    ['G'] = { run_number, DOUBLE, 0 },
    ['U'] = { run_text, TEXT_1, CCLIP_PICKLE_TEXT }, /* Python 2's strings */
    ['T'] = { run_text, TEXT_4, CCLIP_PICKLE_TEXT },
    [0x8c] = { run_text, TEXT_1, CCLIP_PICKLE_TEXT },
    ['X'] = { run_text, TEXT_4, CCLIP_PICKLE_TEXT },
    [0x8d] = { run_text, TEXT_8, CCLIP_PICKLE_TEXT },
    ['C'] = { run_text, TEXT_1, CCLIP_PICKLE_BYTES },
    ['B'] = { run_text, TEXT_4, CCLIP_PICKLE_BYTES },
    [0x8e] = { run_text, TEXT_8, CCLIP_PICKLE_BYTES },
    [0x96] = { run_text, TEXT_8, CCLIP_PICKLE_BYTES },

    [')'] = { run_empty, BARE, CCLIP_PICKLE_LIST }, /* tuple, list, set */
    [']'] = { run_empty, BARE, CCLIP_PICKLE_LIST },
    [0x8f] = { run_empty, BARE, CCLIP_PICKLE_LIST },
    ['}'] = { run_empty, BARE, CCLIP_PICKLE_DICT },
    [0x85] = { run_tuple, BARE, 1 },
    [0x86] = { run_tuple, BARE, 2 },
    [0x87] = { run_tuple, BARE, 3 },
    ['t'] = { run_gather_mark, BARE, CCLIP_PICKLE_LIST },
    ['l'] = { run_gather_mark, BARE, CCLIP_PICKLE_LIST },
    [0x91] = { run_gather_mark, BARE, CCLIP_PICKLE_LIST }, /* frozenset */
    ['d'] = { run_gather_mark, BARE, CCLIP_PICKLE_DICT },
    ['a'] = { run_append, BARE, CCLIP_PICKLE_LIST },
    ['e'] = { run_append_mark, BARE, CCLIP_PICKLE_LIST },
    [0x90] = { run_append_mark, BARE, CCLIP_PICKLE_LIST }, /* to a set */
    ['s'] = { run_append, BARE, CCLIP_PICKLE_DICT },
    ['u'] = { run_append_mark, BARE, CCLIP_PICKLE_DICT },

    ['c'] = { run_global, LINES, 0 },
    [0x93] = { run_stack_global, BARE, 0 },
    ['R'] = { run_call, BARE, 0 },
    [0x81] = { run_call, BARE, 0 },
    ['b'] = { run_build, BARE, 0 },
    ['Q'] = { run_persistent, BARE, 0 },

    ['q'] = { run_put, SIZE_1, 0 },
    ['r'] = { run_put, SIZE_4, 0 },
    [0x94] = { run_memoize, BARE, 0 },
    ['h'] = { run_get, SIZE_1, 0 },
    ['j'] = { run_get, SIZE_4, 0 },
};

/* --- operands --- */

static cclip_status fail_end(const struct machine *m)
{
    return fail_here(m, CCLIP_ERROR_FORMAT, "the pickle ends within an operation (%zu bytes in all)", m->size);
}

static cclip_status read_size(uint64_t *out, struct machine *m, size_t bytes)
{
    *out = 0;
    if (m->size - m->at < bytes)
        return fail_end(m);
    for (size_t i = 0; i < bytes; i++)
        *out |= (uint64_t)m->data[m->at++] << (8 * i);
    return CCLIP_OK;
}

static cclip_status read_double(double *out, struct machine *m)
{
    uint64_t bits = 0;
    if (m->size - m->at < 8)
        return fail_end(m);
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | m->data[m->at++];
    memcpy(out, &bits, sizeof bits);
    return CCLIP_OK;
}

static cclip_status read_text(struct operand *out, struct machine *m, size_t length_bytes)
{
    uint64_t length;
    const cclip_status status = read_size(&length, m, length_bytes);
    if (status)
        return status;
    if (length > m->size - m->at)
        return fail_here(m, CCLIP_ERROR_FORMAT, "a text of %llu bytes, but only %zu are left",
                         (unsigned long long)length, m->size - m->at);
    out->text = (const char *)m->data + m->at;
    out->length = (size_t)length;
    m->at += (size_t)length;
    return CCLIP_OK;
}

static cclip_status read_line(const char **text, size_t *length, struct machine *m)
{
    const unsigned char *from = m->data + m->at, *end = memchr(from, '\n', m->size - m->at);
    if (!end)
        return fail_end(m);
    *text = (const char *)from;
    *length = (size_t)(end - from);
    m->at += *length + 1;
    return CCLIP_OK;
}

static cclip_status read_operand(struct operand *out, struct machine *m, enum form form)
{
    static const size_t bytes[] = { [SIZE_1] = 1,   [SIZE_2] = 2, [SIZE_4] = 4, [SIZE_8] = 8,
                                    [SIGNED_4] = 4, [TEXT_1] = 1, [TEXT_4] = 4, [TEXT_8] = 8 };
    uint64_t number = 0;
    cclip_status status = CCLIP_OK;
    *out = (struct operand){ 0 };
    switch (form) {
    case BARE:
        break;
    case DOUBLE:
        return read_double(&out->real, m);
    case TEXT_1:
    case TEXT_4:
    case TEXT_8:
        return read_text(out, m, bytes[form]);
    case LINES:
        status = read_line(&out->text, &out->length, m);
        return status ? status : read_line(&out->text2, &out->length2, m);
    default:
        status = read_size(&number, m, bytes[form]);
        out->number = form == SIGNED_4 ? (int32_t)(uint32_t)number : (int64_t)number;
    }
    return status;
}

static cclip_status run(struct machine *m)
{
    while (!m->stopped) {
        struct operand operand;
        m->start = m->at;
        if (m->at == m->size)
            return fail_here(m, CCLIP_ERROR_FORMAT, "the pickle ends without its stop: is it cut short?");
        const struct operation *operation = &operations[m->data[m->at]];
        if (!operation->run)
            return fail_here(m, CCLIP_ERROR_UNSUPPORTED,
                             "operation 0x%02x is not among those that weights need", m->data[m->at]);
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
    struct machine m = { .name = name, .data = data, .size = size, .arena = &out->arena };
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

const struct cclip_pickle_value *cclip_pickle_get(const struct cclip_pickle_value *dict, const char *key)
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
