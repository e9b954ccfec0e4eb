/* The steps of ftfy's fix_text, in its order, until a round changes nothing. */
#include "text/repair.h"

#include <string.h>

#include "base/limits.h"
#include "text/html.h"
#include "text/mojibake.h"

enum { MOST_ROUNDS = 64, LONGEST_SEGMENT = 1000000, LONGEST_ENTITY = 24 };

void cclip_repair_work_close(struct cclip_repair_work *work)
{
    cclip_codepoints_close(&work->segment);
    cclip_codepoints_close(&work->before);
    cclip_codepoints_close(&work->whole);
    cclip_buffer_close(&work->bytes);
}

static int is_alphanumeric(uint32_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* "&name;" in capitals counts as the capital of what "&Name;" stands for in small letters, unless
 * HTML itself knows its beginning. */
static cclip_status add_capital(struct cclip_codepoints *out, const char *name, size_t length,
                                int *known)
{
    static const struct {
        uint32_t small;
        const char *capitals;
    } longer[] = { { 0xdf, "SS" },   { 0xfb00, "FF" },  { 0xfb01, "FI" },
                   { 0xfb02, "FL" }, { 0xfb03, "FFI" }, { 0xfb04, "FFL" } };
    char small[LONGEST_ENTITY + 2];
    cclip_status status = CCLIP_OK;
    *known = 0;
    for (size_t i = 0; i < length; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            return CCLIP_OK;
        small[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
        if (i && cclip_html_entity(name, i + 1))
            return CCLIP_OK;
    }
    const struct cclip_html_entity *entity = cclip_html_entity(small, length);
    *known = entity != NULL;
    for (size_t i = 0; entity && i < 2 && entity->characters[i] && !status; i++) {
        const uint32_t c = entity->characters[i];
        size_t k = 0;
        while (k < sizeof longer / sizeof longer[0] && longer[k].small != c)
            k++;
        if (k == sizeof longer / sizeof longer[0])
            status = c == 0x149 ? cclip_codepoints_append(out, (const uint32_t[]){ 0x2bc, 'N' }, 2)
                                : cclip_codepoints_add(out, cclip_upper(c));
        for (const char *p = k < sizeof longer / sizeof longer[0] ? longer[k].capitals : "";
             *p && !status; p++)
            status = cclip_codepoints_add(out, (unsigned char)*p);
    }
    return status;
}

/* "#123" or "#x1f", all of `name`; 0 if it is something else. */
static int read_number(uint32_t *number, const char *name, size_t length)
{
    const int hexadecimal = length > 1 && (name[1] | 0x20) == 'x';
    size_t i = hexadecimal ? 2 : 1;
    uint32_t value = 0;
    if (name[0] != '#' || i >= length)
        return 0;
    for (; i < length; i++) {
        const int digit = name[i] >= '0' && name[i] <= '9';
        const int letter = hexadecimal && (name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'f';
        if (!digit && !letter)
            return 0;
        if (value <= 0x110000)
            value = value * (hexadecimal ? 16 : 10) +
                    (uint32_t)(digit ? name[i] - '0' : (name[i] | 0x20) - 'a' + 10);
    }
    *number = value;
    return 1;
}

/* One entity with its semicolon; `*known` 0 leaves the text as it is. */
static cclip_status add_entity(struct cclip_codepoints *out, const char *name, size_t length,
                               int *known)
{
    uint32_t number;
    *known = 1;
    if (read_number(&number, name, length - 1)) {
        const uint32_t c = cclip_html_numeric(number);
        *known = c != ';'; /* a semicolon counts as a sign that it was not resolved */
        return c == 0xffffffff || !*known ? CCLIP_OK : cclip_codepoints_add(out, c);
    }
    const struct cclip_html_entity *entity = cclip_html_entity(name, length);
    if (entity)
        return cclip_codepoints_append(out, entity->characters, entity->characters[1] ? 2 : 1);
    return add_capital(out, name, length, known);
}

/* How long the name after '&' is, with its semicolon; 0 if it is none. */
static size_t entity_name(char *name, const uint32_t *text, size_t left)
{
    size_t length = 0, letters = 0;
    while (length < left && letters <= LONGEST_ENTITY &&
           (is_alphanumeric(text[length]) || (!length && text[0] == '#'))) {
        letters += text[length] != '#';
        name[length] = (char)text[length];
        length++;
    }
    if (!letters || letters > LONGEST_ENTITY || length == left || text[length] != ';')
        return 0;
    name[length] = ';';
    return length + 1;
}

static cclip_status unescape(struct cclip_codepoints *text, struct cclip_codepoints *scratch)
{
    cclip_status status = CCLIP_OK;
    scratch->count = 0;
    for (size_t i = 0; i < text->count && !status;) {
        char name[LONGEST_ENTITY + 3];
        int known = 0;
        const size_t length = text->data[i] != '&'
                                  ? 0
                                  : entity_name(name, text->data + i + 1, text->count - i - 1);
        if (length)
            status = add_entity(scratch, name, length, &known);
        if (!known && !status)
            status = cclip_codepoints_add(scratch, text->data[i]);
        i += known ? length + 1 : 1;
    }
    cclip_codepoints_swap(text, scratch);
    return status;
}

/* Ligatures that no language needs, as their letters. */
static const char *ligature(uint32_t c)
{
    static const struct {
        uint32_t c;
        const char *letters;
    } ligatures[] = {
        { 0x132, "IJ" },          { 0x133, "ij" },         { 0x149, "\xca\xbcn" },
        { 0x1c4, "D\xc5\xbd" },   { 0x1c5, "D\xc5\xbe" },  { 0x1c6, "d\xc5\xbe" },
        { 0x1c7, "LJ" },          { 0x1c8, "Lj" },         { 0x1c9, "lj" },
        { 0x1ca, "NJ" },          { 0x1cb, "Nj" },         { 0x1cc, "nj" },
        { 0x1f1, "DZ" },          { 0x1f2, "Dz" },         { 0x1f3, "dz" },
        { 0xfb00, "ff" },         { 0xfb01, "fi" },        { 0xfb02, "fl" },
        { 0xfb03, "ffi" },        { 0xfb04, "ffl" },       { 0xfb05, "\xc5\xbft" },
        { 0xfb06, "st" }
    };
    if (c < 0x132 || (c > 0x1f3 && c < 0xfb00) || c > 0xfb06)
        return NULL;
    for (size_t i = 0; i < sizeof ligatures / sizeof ligatures[0]; i++)
        if (ligatures[i].c == c)
            return ligatures[i].letters;
    return NULL;
}

static cclip_status add_letters(struct cclip_codepoints *out, const char *letters)
{
    cclip_status status = CCLIP_OK;
    while (*letters && !status) {
        uint32_t c;
        letters += cclip_utf8_decode(&c, letters, strlen(letters));
        status = cclip_codepoints_add(out, c);
    }
    return status;
}

static uint32_t straight_quote(uint32_t c)
{
    if (c == 0x2bc || (c >= 0x2018 && c <= 0x201b))
        return '\'';
    return c >= 0x201c && c <= 0x201f ? '"' : c;
}

/* C1 controls, ligatures, full and half width: one character becomes others. */
static cclip_status replace_characters(struct cclip_codepoints *text,
                                       struct cclip_codepoints *scratch)
{
    cclip_status status = CCLIP_OK;
    scratch->count = 0;
    for (size_t i = 0; i < text->count && !status; i++) {
        const uint32_t c = cclip_c1_as_windows(text->data[i]);
        const char *letters = ligature(c);
        if (letters)
            status = add_letters(scratch, letters);
        else if (c == 0x3000 || (c >= 0xff01 && c <= 0xffef))
            status = cclip_codepoints_compatible(scratch, c);
        else
            status = cclip_codepoints_add(scratch, c);
    }
    cclip_codepoints_swap(text, scratch);
    return status;
}

/* Straight quotes, one kind of line break, surrogates joined or replaced; none of it lengthens. */
static void replace_in_place(struct cclip_codepoints *text)
{
    size_t out = 0;
    for (size_t i = 0; i < text->count; i++) {
        uint32_t c = straight_quote(text->data[i]);
        const uint32_t next = i + 1 < text->count ? text->data[i + 1] : 0;
        if (c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029) {
            i += c == '\r' && next == '\n';
            c = '\n';
        } else if (c >= 0xd800 && c < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
            i++;
        } else if (cclip_is_surrogate(c)) {
            c = 0xfffd;
        }
        text->data[out++] = c;
    }
    text->count = out;
}

/* Length of an escape sequence that colours text or moves the cursor: ESC [ digits ; letter. */
static size_t escape_length(const uint32_t *text, size_t left)
{
    size_t i = 2;
    if (left < 3 || text[0] != 0x1b || text[1] != '[')
        return 0;
    while (i < left && ((text[i] >= '0' && text[i] <= '9') || text[i] == ';'))
        i++;
    return i < left && (text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z' ? i + 1 : 0;
}

static int is_removed_control(uint32_t c)
{
    if (c < 0x20)
        return c != '\t' && c != '\n' && c != '\f' && c != '\r';
    return c == 0x7f || (c >= 0x206a && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffc);
}

static void remove_escapes(struct cclip_codepoints *text)
{
    size_t out = 0;
    for (size_t i = 0; i < text->count;) {
        const size_t escape = escape_length(text->data + i, text->count - i);
        if (!escape)
            text->data[out++] = text->data[i];
        i += escape ? escape : 1;
    }
    text->count = out;
}

static void remove_controls(struct cclip_codepoints *text)
{
    size_t out = 0;
    for (size_t i = 0; i < text->count; i++)
        if (!is_removed_control(text->data[i]))
            text->data[out++] = text->data[i];
    text->count = out;
}

static cclip_status one_round(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                              struct cclip_repair_work *work, int entities)
{
    cclip_status status = entities ? unescape(text, scratch) : CCLIP_OK;
    if (!status)
        status = cclip_mojibake_fix(text, scratch, &work->bytes);
    if (!status)
        status = replace_characters(text, scratch);
    if (status)
        return status;
    replace_in_place(text);
    remove_escapes(text);
    remove_controls(text);
    return cclip_codepoints_compose(text, scratch);
}

static cclip_status repair_segment(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                                   struct cclip_repair_work *work, int entities)
{
    cclip_status status = CCLIP_OK;
    for (int round = 0; round < MOST_ROUNDS && !status; round++) {
        work->before.count = 0;
        status = cclip_codepoints_append(&work->before, text->data, text->count);
        if (!status)
            status = one_round(text, scratch, work, entities);
        if (text->count == work->before.count &&
            (!text->count ||
             !memcmp(text->data, work->before.data, text->count * sizeof *text->data)))
            break;
    }
    return status;
}

static size_t segment_length(const uint32_t *text, size_t left, int *has_tag)
{
    size_t i = 0;
    *has_tag = 0;
    while (i < left && i < LONGEST_SEGMENT) {
        *has_tag |= text[i] == '<';
        if (text[i++] == '\n')
            break;
    }
    return i;
}

cclip_status cclip_repair(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                          struct cclip_repair_work *work)
{
    cclip_status status = CCLIP_OK;
    int entities = 1;
    work->bytes.maximum = 16 * CCLIP_LIMIT_TEXT_BYTES;
    work->whole.count = 0;
    for (size_t i = 0; i < text->count && !status;) {
        int has_tag;
        const size_t length = segment_length(text->data + i, text->count - i, &has_tag);
        if (has_tag) /* real HTML: from here on its entities are left alone */
            entities = 0;
        work->segment.count = 0;
        status = cclip_codepoints_append(&work->segment, text->data + i, length);
        if (!status)
            status = repair_segment(&work->segment, scratch, work, entities);
        if (!status)
            status = cclip_codepoints_append(&work->whole, work->segment.data, work->segment.count);
        i += length;
    }
    if (!status)
        cclip_codepoints_swap(text, &work->whole);
    return status;
}
