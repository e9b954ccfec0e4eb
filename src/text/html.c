#include "text/html.h"

#include <string.h>

enum { LONGEST_NAME = 33 }; /* 32 characters and the semicolon */

const struct cclip_html_entity *cclip_html_entity(const char *name, size_t length)
{
    size_t low = 0, high = cclip_html_entity_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct cclip_html_entity *entity = &cclip_html_entities[middle];
        int order = strncmp(name, entity->name, length);
        if (!order)
            order = entity->name[length] ? -1 : 0;
        if (!order)
            return entity;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* 0x80..0x9f mean what Windows-1252 has there, as browsers do; 0 where it has nothing. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152,
    0, 0x17d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161,
    0x203a, 0x153, 0, 0x17e, 0x178
};

uint32_t cclip_html_numeric(uint32_t number)
{
    const uint32_t dropped = 0xffffffff;
    if (number == 0 || cclip_is_surrogate(number) || number > 0x10ffff)
        return 0xfffd;
    if (number >= 0x80 && number <= 0x9f)
        return windows_1252[number - 0x80] ? windows_1252[number - 0x80] : number;
    if ((number < 0x20 && number != '\t' && number != '\n' && number != '\f' && number != '\r') ||
        number == 0x7f || (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) == 0xfffe)
        return dropped;
    return number;
}

static int digit_value(uint32_t c, uint32_t base)
{
    if (c >= '0' && c <= '9')
        return (int)(c - '0');
    if (base == 16 && ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
        return (int)((c | 0x20) - 'a' + 10);
    return -1;
}

/* "#123;", "#x1F;" at `text`; how many characters it has, 0 if it is no such reference. */
static size_t read_numeric(uint32_t *number, const uint32_t *text, size_t left)
{
    size_t i = 1;
    uint32_t base = 10, value = 0;
    if (left > 1 && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        i = 2;
    }
    const size_t first = i;
    for (; i < left && digit_value(text[i], base) >= 0; i++)
        value = value > 0x110000 ? value : value * base + (uint32_t)digit_value(text[i], base);
    *number = value;
    if (i == first)
        return 0;
    return i < left && text[i] == ';' ? i + 1 : i;
}

static int ends_name(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\f' || c == ' ' || c == '<' || c == '&' || c == '#' ||
           c == ';';
}

/* The longest name that is known at the start of `text`: whole with its semicolon, else an old one
 * that counts without. */
static const struct cclip_html_entity *read_name(size_t *used, const uint32_t *text, size_t left)
{
    char name[LONGEST_NAME + 1];
    size_t length = 0;
    while (length < left && length < LONGEST_NAME - 1 && !ends_name(text[length]) &&
           text[length] && text[length] < 0x80) {
        name[length] = (char)text[length];
        length++;
    }
    if (length < left && length && text[length] == ';')
        name[length++] = ';';
    for (; length > 1; length--) {
        const struct cclip_html_entity *entity = cclip_html_entity(name, length);
        if (entity) {
            *used = length;
            return entity;
        }
    }
    return NULL;
}

static cclip_status unescape_one(struct cclip_codepoints *out, size_t *used, const uint32_t *text,
                                 size_t left)
{
    uint32_t number;
    if (left && text[0] == '#' && (*used = read_numeric(&number, text, left))) {
        const uint32_t c = cclip_html_numeric(number);
        return c == 0xffffffff ? CCLIP_OK : cclip_codepoints_add(out, c);
    }
    const struct cclip_html_entity *entity = left ? read_name(used, text, left) : NULL;
    if (entity)
        return cclip_codepoints_append(out, entity->characters, entity->characters[1] ? 2 : 1);
    *used = 0;
    return cclip_codepoints_add(out, '&');
}

cclip_status cclip_html_unescape(struct cclip_codepoints *text, struct cclip_codepoints *scratch)
{
    cclip_status status = CCLIP_OK;
    size_t first = 0;
    while (first < text->count && text->data[first] != '&')
        first++;
    if (first == text->count)
        return CCLIP_OK;
    scratch->count = 0;
    status = cclip_codepoints_append(scratch, text->data, first);
    for (size_t i = first; i < text->count && !status;) {
        const uint32_t c = text->data[i++];
        size_t used = 0;
        if (c == '&')
            status = unescape_one(scratch, &used, text->data + i, text->count - i);
        else
            status = cclip_codepoints_add(scratch, c);
        i += used;
    }
    cclip_codepoints_swap(text, scratch);
    return status;
}
