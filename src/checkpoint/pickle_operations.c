/* What each operation of a pickle does to the stack: it builds plain values, and that is all. */
#include "checkpoint/pickle_machine.h"

#include <string.h>

#include "base/memory.h"

typedef struct cclip_pickle_value value;
typedef struct cclip_pickle_machine machine;
typedef const struct cclip_pickle_operand operand_of;

/* Values, and places in lists: together they bound what a pickle can make of memory. */
static cclip_status count_objects(machine *m, size_t count)
{
    if (count > CCLIP_LIMIT_PICKLE_OBJECTS - m->objects)
        return cclip_pickle_fail(m, CCLIP_ERROR_LIMIT, "more than %zu objects",
                                 CCLIP_LIMIT_PICKLE_OBJECTS);
    m->objects += count;
    return CCLIP_OK;
}

static cclip_status new_value(value **out, machine *m, enum cclip_pickle_kind kind)
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

static cclip_status push(machine *m, value *v)
{
    const cclip_status status = cclip_grow(&m->stack, &m->stack_capacity, m->height + 1,
                                           sizeof *m->stack, CCLIP_LIMIT_PICKLE_OBJECTS, m->name);
    if (!status)
        m->stack[m->height++] = v;
    return status;
}

static cclip_status push_new(value **out, machine *m, enum cclip_pickle_kind kind)
{
    const cclip_status status = new_value(out, m, kind);
    return status ? status : push(m, *out);
}

/* The lowest place that may be popped: what lies under the last mark is out of reach. */
static size_t floor_of(const machine *m)
{
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

/* `count` values must stand above the last mark. */
static cclip_status need(const machine *m, size_t count)
{
    return m->height - floor_of(m) >= count
               ? CCLIP_OK
               : cclip_pickle_fail(m, CCLIP_ERROR_FORMAT, "the pickle's stack is too short");
}

/* Removes the last mark; `*first` is the place of the first value above it. */
static cclip_status take_mark(size_t *first, machine *m)
{
    if (!m->mark_count)
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT, "the pickle's mark is missing");
    *first = m->marks[--m->mark_count];
    return CCLIP_OK;
}

static cclip_status append(machine *m, value *to, value *const *items, size_t count)
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

static cclip_status run_ignored(machine *m, operand_of *operand, int argument)
{
    (void)m;
    (void)operand;
    (void)argument;
    return CCLIP_OK;
}

static cclip_status run_protocol(machine *m, operand_of *operand, int argument)
{
    (void)argument;
    if (operand->number < 2 || operand->number > 5)
        return cclip_pickle_fail(m, CCLIP_ERROR_UNSUPPORTED, "pickle protocol %d; 2 to 5 are read",
                         (int)operand->number);
    return CCLIP_OK;
}

static cclip_status run_stop(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    (void)argument;
    if (m->height != 1 || m->mark_count)
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                 "the pickle ends with %zu values instead of one", m->height);
    m->stopped = 1;
    return CCLIP_OK;
}

static cclip_status run_mark(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    (void)argument;
    if (m->mark_count == CCLIP_LIMIT_PICKLE_DEPTH)
        return cclip_pickle_fail(m, CCLIP_ERROR_LIMIT, "nested deeper than %d",
                                 CCLIP_LIMIT_PICKLE_DEPTH);
    m->marks[m->mark_count++] = m->height;
    return CCLIP_OK;
}

static cclip_status run_pop(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    (void)argument;
    const cclip_status status = need(m, 1);
    if (!status)
        m->height--;
    return status;
}

static cclip_status run_pop_mark(machine *m, operand_of *operand, int argument)
{
    size_t first = 0;
    (void)operand;
    (void)argument;
    const cclip_status status = take_mark(&first, m);
    if (!status)
        m->height = first;
    return status;
}

static cclip_status run_none(machine *m, operand_of *operand, int argument)
{
    value *v;
    (void)operand;
    (void)argument;
    return push_new(&v, m, CCLIP_PICKLE_NONE);
}

static cclip_status run_bool(machine *m, operand_of *operand, int argument)
{
    value *v;
    (void)operand;
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_BOOL);
    if (!status)
        v->as.integer = argument;
    return status;
}

static cclip_status run_integer(machine *m, operand_of *operand, int argument)
{
    value *v;
    (void)argument;
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_INTEGER);
    if (!status)
        v->as.integer = operand->number;
    return status;
}

static cclip_status run_text(machine *m, operand_of *operand, int argument)
{
    value *v;
    const cclip_status status = push_new(&v, m, (enum cclip_pickle_kind)argument);
    if (status)
        return status;
    v->as.text.text = operand->text;
    v->as.text.length = operand->length;
    return CCLIP_OK;
}

/* An integer of any length, two's complement. What does not fit 64 bits (the state of a random
 * number generator, say) is kept as its bytes. */
static cclip_status run_long(machine *m, operand_of *operand, int argument)
{
    const unsigned char *p = (const unsigned char *)operand->text;
    struct cclip_pickle_operand number = { 0 };
    uint64_t bits = operand->length && p[operand->length - 1] & 0x80 ? UINT64_MAX : 0;
    (void)argument;
    if (operand->length > 8)
        return run_text(m, operand, CCLIP_PICKLE_BYTES);
    for (size_t i = operand->length; i--;)
        bits = bits << 8 | p[i];
    memcpy(&number.number, &bits, sizeof bits);
    return run_integer(m, &number, 0);
}

static cclip_status run_number(machine *m, operand_of *operand, int argument)
{
    value *v;
    (void)argument;
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_NUMBER);
    if (!status)
        v->as.number = operand->real;
    return status;
}

static cclip_status run_empty(machine *m, operand_of *operand, int argument)
{
    value *v;
    (void)operand;
    return push_new(&v, m, (enum cclip_pickle_kind)argument);
}

/* Replaces the stack from `first` on by one value that holds it. */
static cclip_status gather(machine *m, enum cclip_pickle_kind kind, size_t first)
{
    value *v;
    cclip_status status = new_value(&v, m, kind);
    if (!status)
        status = append(m, v, first < m->height ? &m->stack[first] : NULL, m->height - first);
    if (status)
        return status;
    m->height = first;
    return push(m, v);
}

/* A tuple of the last `argument` values. */
static cclip_status run_tuple(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    const cclip_status status = need(m, (size_t)argument);
    return status ? status : gather(m, CCLIP_PICKLE_LIST, m->height - (size_t)argument);
}

static cclip_status check_pairs(const machine *m, enum cclip_pickle_kind kind, size_t count)
{
    if (kind == CCLIP_PICKLE_DICT && count % 2)
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT, "a dictionary's key without a value");
    return CCLIP_OK;
}

static cclip_status run_gather_mark(machine *m, operand_of *operand, int argument)
{
    size_t first = 0;
    (void)operand;
    cclip_status status = take_mark(&first, m);
    if (!status)
        status = check_pairs(m, (enum cclip_pickle_kind)argument, m->height - first);
    return status ? status : gather(m, (enum cclip_pickle_kind)argument, first);
}

/* Appends the stack from `first` on to the LIST or DICT under it. */
static cclip_status append_above(machine *m, enum cclip_pickle_kind kind, size_t first)
{
    cclip_status status = check_pairs(m, kind, m->height - first);
    if (status)
        return status;
    if (first <= floor_of(m) || m->stack[first - 1]->kind != kind)
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT, "members for something that is no %s",
                         kind == CCLIP_PICKLE_DICT ? "dictionary" : "list");
    status = append(m, m->stack[first - 1], m->stack + first, m->height - first);
    if (!status)
        m->height = first;
    return status;
}

static cclip_status run_append(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    const size_t count = argument == CCLIP_PICKLE_DICT ? 2 : 1;
    const cclip_status status = need(m, count + 1);
    return status ? status : append_above(m, (enum cclip_pickle_kind)argument, m->height - count);
}

static cclip_status run_append_mark(machine *m, operand_of *operand, int argument)
{
    size_t first = 0;
    (void)operand;
    const cclip_status status = take_mark(&first, m);
    return status ? status : append_above(m, (enum cclip_pickle_kind)argument, first);
}

static cclip_status push_global(machine *m, const char *module, size_t module_length,
                                const char *name, size_t name_length)
{
    value *v;
    const struct cclip_pickle_global *global =
        cclip_pickle_find_global(module, module_length, name, name_length);
    if (!global)
        return cclip_pickle_fail(
            m, CCLIP_ERROR_UNSUPPORTED,
            "wants %.*s.%.*s, which is not among what weights are made of; nothing was executed",
            module_length < 150 ? (int)module_length : 150, module,
            name_length < 150 ? (int)name_length : 150, name);
    const cclip_status status = push_new(&v, m, CCLIP_PICKLE_GLOBAL);
    if (!status)
        v->as.global = global;
    return status;
}

static cclip_status run_global(machine *m, operand_of *operand, int argument)
{
    (void)argument;
    return push_global(m, operand->text, operand->length, operand->text2, operand->length2);
}

static cclip_status run_stack_global(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    (void)argument;
    const cclip_status status = need(m, 2);
    if (status)
        return status;
    const value *module = m->stack[m->height - 2], *name = m->stack[m->height - 1];
    if (module->kind != CCLIP_PICKLE_TEXT || name->kind != CCLIP_PICKLE_TEXT)
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                 "a class is named by something that is no text");
    m->height -= 2;
    return push_global(m, module->as.text.text, module->as.text.length, name->as.text.text,
                       name->as.text.length);
}

/* OrderedDict() or OrderedDict([(key, value), ...]) */
static cclip_status make_dict(machine *m, const value *arguments)
{
    value *dict;
    cclip_status status = new_value(&dict, m, CCLIP_PICKLE_DICT);
    const value *pairs = cclip_pickle_item(arguments, 0);
    if (!status && (arguments->as.list.count > 1 || (pairs && pairs->kind != CCLIP_PICKLE_LIST)))
        status = cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                   "an OrderedDict of something other than pairs");
    for (size_t i = 0; pairs && !status && i < pairs->as.list.count; i++) {
        const value *pair = pairs->as.list.items[i];
        if (pair->kind != CCLIP_PICKLE_LIST || pair->as.list.count != 2)
            status = cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                       "an OrderedDict of something other than pairs");
        else
            status = append(m, dict, pair->as.list.items, 2);
    }
    if (status)
        return status;
    m->height -= 2;
    return push(m, dict);
}

/* A call, of a function or of a class: written down, not made. */
static cclip_status run_call(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    (void)argument;
    const cclip_status status = need(m, 2);
    if (status)
        return status;
    const value *callable = m->stack[m->height - 2], *arguments = m->stack[m->height - 1];
    if (callable->kind != CCLIP_PICKLE_GLOBAL || arguments->kind != CCLIP_PICKLE_LIST)
        return cclip_pickle_fail(m, CCLIP_ERROR_UNSUPPORTED,
                                 "a call of something that is not named by the pickle");
    if (callable->as.global->role == CCLIP_ROLE_ORDERED_DICT)
        return make_dict(m, arguments);
    return gather(m, CCLIP_PICKLE_CALL, m->height - 2);
}

/* An object's state. A dictionary's own attributes (a state_dict's _metadata) do not matter. */
static cclip_status run_build(machine *m, operand_of *operand, int argument)
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
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                 "a state for something that is no new object");
    return append(m, object, &state, 1);
}

static cclip_status run_persistent(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    (void)argument;
    cclip_status status = need(m, 1);
    if (status)
        return status;
    value *id = m->stack[m->height - 1], *v;
    if (id->kind != CCLIP_PICKLE_LIST)
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT, "a persistent id that is no tuple");
    status = new_value(&v, m, CCLIP_PICKLE_PERSISTENT);
    if (!status)
        status = append(m, v, id->as.list.items, id->as.list.count);
    if (!status)
        m->stack[m->height - 1] = v;
    return status;
}

/* Writers number their memo from 0 on, one number a value: a number beyond the pickle's own length
 * is a lie that would only cost memory. */
static cclip_status put(machine *m, size_t index)
{
    cclip_status status = need(m, 1);
    if (!status && index >= m->size)
        status = cclip_pickle_fail(m, CCLIP_ERROR_FORMAT,
                                   "memo number %zu in a pickle of %zu bytes", index, m->size);
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

static cclip_status run_put(machine *m, operand_of *operand, int argument)
{
    (void)argument;
    return put(m, (size_t)operand->number);
}

static cclip_status run_memoize(machine *m, operand_of *operand, int argument)
{
    (void)operand;
    (void)argument;
    return put(m, m->memo_count);
}

static cclip_status run_get(machine *m, operand_of *operand, int argument)
{
    const size_t index = (size_t)operand->number;
    (void)argument;
    if (index >= m->memo_count || !m->memo[index])
        return cclip_pickle_fail(m, CCLIP_ERROR_FORMAT, "memo number %zu was never set", index);
    return push(m, m->memo[index]);
}

const struct cclip_pickle_operation cclip_pickle_operations[256] = {
    [0x80] = { run_protocol, CCLIP_FORM_SIZE_1, 0 },
    [0x95] = { run_ignored, CCLIP_FORM_SIZE_8, 0 }, /* a frame: only for reading ahead */
    ['.'] = { run_stop, CCLIP_FORM_BARE, 0 },
    ['('] = { run_mark, CCLIP_FORM_BARE, 0 },
    ['0'] = { run_pop, CCLIP_FORM_BARE, 0 },
    ['1'] = { run_pop_mark, CCLIP_FORM_BARE, 0 },

    ['N'] = { run_none, CCLIP_FORM_BARE, 0 },
    [0x88] = { run_bool, CCLIP_FORM_BARE, 1 },
    [0x89] = { run_bool, CCLIP_FORM_BARE, 0 },
    ['J'] = { run_integer, CCLIP_FORM_SIGNED_4, 0 },
    ['K'] = { run_integer, CCLIP_FORM_SIZE_1, 0 },
    ['M'] = { run_integer, CCLIP_FORM_SIZE_2, 0 },
    [0x8a] = { run_long, CCLIP_FORM_TEXT_1, 0 },
    [0x8b] = { run_long, CCLIP_FORM_TEXT_4, 0 },
    ['G'] = { run_number, CCLIP_FORM_DOUBLE, 0 },
    ['U'] = { run_text, CCLIP_FORM_TEXT_1, CCLIP_PICKLE_TEXT }, /* Python 2's strings */
    ['T'] = { run_text, CCLIP_FORM_TEXT_4, CCLIP_PICKLE_TEXT },
    [0x8c] = { run_text, CCLIP_FORM_TEXT_1, CCLIP_PICKLE_TEXT },
    ['X'] = { run_text, CCLIP_FORM_TEXT_4, CCLIP_PICKLE_TEXT },
    [0x8d] = { run_text, CCLIP_FORM_TEXT_8, CCLIP_PICKLE_TEXT },
    ['C'] = { run_text, CCLIP_FORM_TEXT_1, CCLIP_PICKLE_BYTES },
    ['B'] = { run_text, CCLIP_FORM_TEXT_4, CCLIP_PICKLE_BYTES },
    [0x8e] = { run_text, CCLIP_FORM_TEXT_8, CCLIP_PICKLE_BYTES },
    [0x96] = { run_text, CCLIP_FORM_TEXT_8, CCLIP_PICKLE_BYTES },

    [')'] = { run_empty, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST }, /* tuple, list, set */
    [']'] = { run_empty, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST },
    [0x8f] = { run_empty, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST },
    ['}'] = { run_empty, CCLIP_FORM_BARE, CCLIP_PICKLE_DICT },
    [0x85] = { run_tuple, CCLIP_FORM_BARE, 1 },
    [0x86] = { run_tuple, CCLIP_FORM_BARE, 2 },
    [0x87] = { run_tuple, CCLIP_FORM_BARE, 3 },
    ['t'] = { run_gather_mark, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST },
    ['l'] = { run_gather_mark, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST },
    [0x91] = { run_gather_mark, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST }, /* frozenset */
    ['d'] = { run_gather_mark, CCLIP_FORM_BARE, CCLIP_PICKLE_DICT },
    ['a'] = { run_append, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST },
    ['e'] = { run_append_mark, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST },
    [0x90] = { run_append_mark, CCLIP_FORM_BARE, CCLIP_PICKLE_LIST }, /* to a set */
    ['s'] = { run_append, CCLIP_FORM_BARE, CCLIP_PICKLE_DICT },
    ['u'] = { run_append_mark, CCLIP_FORM_BARE, CCLIP_PICKLE_DICT },

    ['c'] = { run_global, CCLIP_FORM_LINES, 0 },
    [0x93] = { run_stack_global, CCLIP_FORM_BARE, 0 },
    ['R'] = { run_call, CCLIP_FORM_BARE, 0 },
    [0x81] = { run_call, CCLIP_FORM_BARE, 0 },
    ['b'] = { run_build, CCLIP_FORM_BARE, 0 },
    ['Q'] = { run_persistent, CCLIP_FORM_BARE, 0 },

    ['q'] = { run_put, CCLIP_FORM_SIZE_1, 0 },
    ['r'] = { run_put, CCLIP_FORM_SIZE_4, 0 },
    [0x94] = { run_memoize, CCLIP_FORM_BARE, 0 },
    ['h'] = { run_get, CCLIP_FORM_SIZE_1, 0 },
    ['j'] = { run_get, CCLIP_FORM_SIZE_4, 0 },
};
