#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

#include "base/limits.h"
#include "base/memory.h"

cclip_status cclip_codepoints_reserve(struct cclip_codepoints *text, size_t count)
{
    /* Composition and repair may lengthen a text; the longest canonical decomposition is 4. */
    return cclip_grow(&text->data, &text->capacity, count, sizeof *text->data,
                      4 * CCLIP_LIMIT_TEXT_BYTES, "characters of a text");
}

cclip_status cclip_codepoints_add(struct cclip_codepoints *text, uint32_t c)
{
    const cclip_status status = cclip_codepoints_reserve(text, text->count + 1);
    if (!status)
        text->data[text->count++] = c;
    return status;
}

cclip_status cclip_codepoints_append(struct cclip_codepoints *text, const uint32_t *data,
                                     size_t count)
{
    const cclip_status status = cclip_codepoints_reserve(text, text->count + count);
    if (!status && count) {
        memcpy(text->data + text->count, data, count * sizeof *data);
        text->count += count;
    }
    return status;
}

void cclip_codepoints_close(struct cclip_codepoints *text)
{
    cclip_release(text->data);
    *text = (struct cclip_codepoints){ 0 };
}

void cclip_codepoints_swap(struct cclip_codepoints *a, struct cclip_codepoints *b)
{
    const struct cclip_codepoints kept = *a;
    *a = *b;
    *b = kept;
}

static int continues(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
    return 1;
}

size_t cclip_utf8_decode(uint32_t *out, const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    *out = 0xfffd;
    if (!left)
        return 0;
    if (p[0] < 0x80) {
        *out = p[0];
        return 1;
    }
    const size_t length = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (!length || left < length || !continues(text + 1, length - 1))
        return 0;
    uint32_t c = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        c = c << 6 | (p[i] & 0x3fu);
    if ((length == 3 && c < 0x800) || (length == 4 && (c < 0x10000 || c > 0x10ffff)))
        return 0;
    *out = c;
    return length;
}

size_t cclip_utf8_encode(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length; --i > 0; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> length & 0xff) | c);
    return length;
}

cclip_status cclip_codepoints_from_utf8(struct cclip_codepoints *out, const char *text,
                                        size_t length)
{
    out->count = 0;
    const cclip_status status = cclip_codepoints_reserve(out, length);
    if (status)
        return status;
    for (size_t i = 0; i < length;) {
        const size_t size = cclip_utf8_decode(&out->data[out->count], text + i, length - i);
        if (!size)
            return cclip_fail(CCLIP_ERROR_FORMAT, "byte %zu of the text (0x%02x) is not UTF-8", i,
                              (unsigned char)text[i]);
        out->count++;
        i += size;
    }
    return CCLIP_OK;
}

cclip_status cclip_codepoints_to_utf8(struct cclip_buffer *out, const uint32_t *text, size_t count)
{
    cclip_status status = cclip_buffer_reserve(out, out->length + count);
    for (size_t i = 0; i < count && !status; i++) {
        char bytes[4];
        status = cclip_buffer_append(out, bytes, cclip_utf8_encode(bytes, text[i]));
    }
    return status;
}

int cclip_is_surrogate(uint32_t c)
{
    return c >= 0xd800 && c < 0xe000;
}

int cclip_is_white_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

int cclip_is_strip_space(uint32_t c)
{
    return (c >= 0x1c && c <= 0x1f) || cclip_is_white_space(c);
}

enum cclip_character_class cclip_character_class(uint32_t c)
{
    if (cclip_is_white_space(c))
        return CCLIP_CLASS_SPACE;
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
        return CCLIP_CLASS_LETTER;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return CCLIP_CLASS_NUMBER;
    return CCLIP_CLASS_OTHER;
}

uint32_t cclip_upper(uint32_t c)
{
    return (uint32_t)utf8proc_toupper((utf8proc_int32_t)c);
}

struct range {
    uint32_t first, last;
};

static int in_ranges(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return 1;
    return 0;
}

/* Derived property Cased. utf8proc has no derived properties: to the letters with case come
 * Other_Lowercase and Other_Uppercase. */
static int is_cased(uint32_t c)
{
    static const struct range others[] = {
        { 0xaa, 0xaa },       { 0xba, 0xba },       { 0x2b0, 0x2b8 },     { 0x2c0, 0x2c1 },
        { 0x2e0, 0x2e4 },     { 0x345, 0x345 },     { 0x37a, 0x37a },     { 0x1d2c, 0x1d6a },
        { 0x1d78, 0x1d78 },   { 0x1d9b, 0x1dbf },   { 0x2071, 0x2071 },   { 0x207f, 0x207f },
        { 0x2090, 0x209c },   { 0x2160, 0x217f },   { 0x24b6, 0x24e9 },   { 0x2c7c, 0x2c7d },
        { 0xa69c, 0xa69d },   { 0xa770, 0xa770 },   { 0xa7f8, 0xa7f9 },   { 0xab5c, 0xab5f },
        { 0x10780, 0x10780 }, { 0x10783, 0x10785 }, { 0x10787, 0x107b0 }, { 0x107b2, 0x107ba },
        { 0x1f130, 0x1f149 }, { 0x1f150, 0x1f169 }, { 0x1f170, 0x1f189 }
    };
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT ||
           in_ranges(c, others, sizeof others / sizeof others[0]);
}

/* Derived property Case_Ignorable: Mn, Me, Cf, Lm, Sk and the word-breaking marks. */
static int is_case_ignorable(uint32_t c)
{
    static const struct range marks[] = {
        { 0x27, 0x27 },     { 0x2e, 0x2e },     { 0x3a, 0x3a },     { 0xb7, 0xb7 },
        { 0x387, 0x387 },   { 0x55f, 0x55f },   { 0x5f4, 0x5f4 },   { 0x2018, 0x2019 },
        { 0x2024, 0x2024 }, { 0x2027, 0x2027 }, { 0xfe13, 0xfe13 }, { 0xfe52, 0xfe52 },
        { 0xfe55, 0xfe55 }, { 0xff07, 0xff07 }, { 0xff0e, 0xff0e }, { 0xff1a, 0xff1a }
    };
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return 1;
    default:
        return in_ranges(c, marks, sizeof marks / sizeof marks[0]);
    }
}

/* Final_Sigma of the Unicode Standard, section 3.13: a cased letter before, none after, with
 * case-ignorable characters looked through. `before` is carried along by the caller, and the look
 * ahead ends at the next sigma, so that a text takes linear time. */
static int sigma_is_final(const struct cclip_codepoints *text, size_t at, int before)
{
    size_t i = at + 1;
    if (!before)
        return 0;
    while (i < text->count && is_case_ignorable(text->data[i]))
        i++;
    return i == text->count || !is_cased(text->data[i]);
}

cclip_status cclip_codepoints_lower(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                                    int contexts)
{
    cclip_status status = cclip_codepoints_reserve(scratch, text->count);
    int cased_before = 0;
    scratch->count = 0;
    for (size_t i = 0; i < text->count && !status; i++) {
        const uint32_t c = text->data[i];
        uint32_t lower = c;
        if (c == 0x130) { /* the only character whose lower case is two */
            status = cclip_codepoints_add(scratch, 'i');
            lower = 0x307;
        } else if (c == 0x3a3) {
            lower = contexts && sigma_is_final(text, i, cased_before) ? 0x3c2 : 0x3c3;
        } else if (!cclip_is_surrogate(c)) {
            lower = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
        }
        if (!status)
            status = cclip_codepoints_add(scratch, lower);
        if (!is_case_ignorable(c))
            cased_before = is_cased(c);
    }
    cclip_codepoints_swap(text, scratch);
    return status;
}

static unsigned combining_class(uint32_t c)
{
    return (unsigned)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* Stable counting sort of a run of marks by combining class; `scratch` has room for it. */
static void order_marks(uint32_t *marks, size_t count, uint32_t *scratch)
{
    size_t places[257] = { 0 };
    for (size_t i = 0; i < count; i++)
        places[combining_class(marks[i]) + 1]++;
    for (size_t i = 1; i < 257; i++)
        places[i] += places[i - 1];
    for (size_t i = 0; i < count; i++)
        scratch[places[combining_class(marks[i])]++] = marks[i];
    memcpy(marks, scratch, count * sizeof *marks);
}

static void order_short_run(uint32_t *marks, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const uint32_t c = marks[i];
        const unsigned class = combining_class(c);
        size_t at = i;
        for (; at > 0 && combining_class(marks[at - 1]) > class; at--)
            marks[at] = marks[at - 1];
        marks[at] = c;
    }
}

static void order_canonically(struct cclip_codepoints *text, uint32_t *scratch)
{
    enum { SHORT = 16 };
    for (size_t i = 0; i < text->count; i++) {
        size_t end = i;
        while (end < text->count && combining_class(text->data[end]))
            end++;
        if (end - i > SHORT)
            order_marks(text->data + i, end - i, scratch);
        else if (end > i + 1)
            order_short_run(text->data + i, end - i);
        i = end;
    }
}

static cclip_status decompose(struct cclip_codepoints *out, uint32_t c, utf8proc_option_t options)
{
    enum { LONGEST = 32 }; /* the longest compatibility decomposition is 18 */
    utf8proc_int32_t parts[LONGEST];
    int boundary = 0;
    if (cclip_is_surrogate(c))
        return cclip_codepoints_add(out, c);
    const utf8proc_ssize_t count =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, LONGEST, options, &boundary);
    cclip_status status = count < 0 || count > LONGEST ? cclip_codepoints_add(out, c) : CCLIP_OK;
    for (utf8proc_ssize_t i = 0; i < count && count <= LONGEST && !status; i++)
        status = cclip_codepoints_add(out, (uint32_t)parts[i]);
    return status;
}

/* Composes `text`, already decomposed and in canonical order. */
static void compose(struct cclip_codepoints *text)
{
    const utf8proc_ssize_t count =
        utf8proc_normalize_utf32((utf8proc_int32_t *)text->data, (utf8proc_ssize_t)text->count,
                                 UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (count >= 0)
        text->count = (size_t)count;
}

/* Latin-1 and ASCII are in form C already, and nothing below U+0300 composes with what precedes. */
static int needs_composing(const struct cclip_codepoints *text)
{
    for (size_t i = 0; i < text->count; i++)
        if (text->data[i] >= 0x300)
            return 1;
    return 0;
}

cclip_status cclip_codepoints_compose(struct cclip_codepoints *text,
                                      struct cclip_codepoints *scratch)
{
    if (!needs_composing(text))
        return CCLIP_OK;
    cclip_status status = cclip_codepoints_reserve(scratch, text->count);
    scratch->count = 0;
    for (size_t i = 0; i < text->count && !status; i++)
        status = text->data[i] < 0xc0 ? cclip_codepoints_add(scratch, text->data[i])
                                      : decompose(scratch, text->data[i], UTF8PROC_DECOMPOSE);
    if (!status)
        status = cclip_codepoints_reserve(text, scratch->count);
    if (status)
        return status;
    order_canonically(scratch, text->data);
    compose(scratch);
    cclip_codepoints_swap(text, scratch);
    return CCLIP_OK;
}

cclip_status cclip_codepoints_compatible(struct cclip_codepoints *out, uint32_t c)
{
    struct cclip_codepoints part = { 0 };
    cclip_status status = decompose(&part, c, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    if (!status) {
        order_short_run(part.data, combining_class(part.data[0]) ? part.count : 0);
        compose(&part);
        status = cclip_codepoints_append(out, part.data, part.count);
    }
    cclip_codepoints_close(&part);
    return status;
}
