/* The repair: encode the text as each single-byte encoding would, and see whether UTF-8 comes out. */
#include <string.h>

#include "base/limits.h"
#include "text/mojibake.h"
#include "text/mojibake_table.h"

enum { MOST_STEPS = 64, DEEPEST = 8, SUBSTITUTE = 0x1a };
enum { WINDOWS_1252 = 1, MAC_ROMAN = 8 }; /* places in the table of encodings */

static const unsigned char sloppy[CCLIP_ENCODINGS] = CCLIP_ENCODINGS_SLOPPY;

uint32_t cclip_c1_as_windows(uint32_t c)
{
    if (c < 0x80 || c > 0x9f)
        return c;
    for (size_t i = 0; i < cclip_mojibake_character_count; i++)
        if (cclip_mojibake_characters[i].bytes[WINDOWS_1252] == c)
            return cclip_mojibake_characters[i].c;
    return c;
}

/* Which encodings have all characters of the text: a bit each. */
static unsigned possible_encodings(const struct cclip_codepoints *text)
{
    unsigned possible = (1u << CCLIP_ENCODINGS) - 1;
    for (size_t i = 0; i < text->count && possible; i++) {
        const uint32_t c = text->data[i];
        if (c < 0x80 && c != SUBSTITUTE)
            continue;
        const struct cclip_mojibake_character *known = c < 0x80 ? NULL : cclip_mojibake_find(c);
        for (unsigned e = 0; e < CCLIP_ENCODINGS; e++)
            if (c < 0x80 ? sloppy[e] : !known || !known->bytes[e])
                possible &= ~(1u << e);
    }
    return possible;
}

static cclip_status encode(struct cclip_buffer *out, const struct cclip_codepoints *text,
                           unsigned encoding)
{
    cclip_buffer_clear(out);
    cclip_status status = cclip_buffer_reserve(out, text->count);
    for (size_t i = 0; i < text->count && !status; i++) {
        const uint32_t c = text->data[i];
        status = cclip_buffer_byte(
            out, c < 0x80 ? (int)c : cclip_mojibake_find(c)->bytes[encoding]);
    }
    return status;
}

static int in(unsigned c, unsigned low, unsigned high)
{
    return c >= low && c <= high;
}

/* A later byte that can stand beside an A0 which became a blank. */
static int beside_a0(unsigned c)
{
    return in(c, 0x80, 0x84) || in(c, 0x86, 0x9f) || in(c, 0xa1, 0xbf);
}

/* Length of a UTF-8 sequence at `p` whose byte A0 was turned into a blank; 0 if there is none. */
static size_t altered_length(const unsigned char *p, size_t left)
{
    if (left >= 2 && p[0] && p[1] == ' ' && strchr("\xc2\xc3\xc5\xce\xd0\xd9", p[0]))
        return 2;
    if (left >= 3 && in(p[0], 0xe2, 0xe3) && p[1] == ' ' && beside_a0(p[2]))
        return 3;
    if (left >= 3 && in(p[0], 0xe0, 0xe3) && beside_a0(p[1]) && p[2] == ' ')
        return 3;
    if (left < 4 || p[0] != 0xf0)
        return 0;
    size_t blanks = 0;
    for (size_t i = 1; i < 4; i++) {
        if (p[i] != ' ' && !in(p[i], 0x80, 0xbf))
            return 0;
        blanks += p[i] == ' ';
    }
    return blanks == 1 ? 4 : 0;
}

/* An a-grave that lost its second byte, before a blank that stays: but not where the blank stands
 * within a word of Portuguese, Italian or French. */
static int is_grave_word(const unsigned char *p, size_t left)
{
    static const char *const within[] = { " ", "quele", "quela", "quilo", "s " };
    if (left < 2 || p[0] != 0xc3 || p[1] != ' ')
        return 0;
    for (size_t i = 0; i < sizeof within / sizeof within[0]; i++) {
        const size_t length = strlen(within[i]);
        if (left - 2 >= length && !memcmp(p + 2, within[i], length))
            return 0;
    }
    return 1;
}

/* Undoes what programs do that turn A0 into 20. `out` gets the result if anything was altered. */
static cclip_status restore_a0(struct cclip_buffer *bytes, struct cclip_buffer *out)
{
    const unsigned char *p = (const unsigned char *)bytes->data;
    const size_t length = bytes->length;
    size_t first = 0;
    cclip_status status = CCLIP_OK;
    while (first < length && !altered_length(p + first, length - first))
        first++;
    if (first == length)
        return CCLIP_OK;
    cclip_buffer_clear(out);
    for (size_t i = 0; i < length && !status;) {
        size_t altered = 0;
        if (is_grave_word(p + i, length - i)) {
            status = cclip_buffer_append(out, "\xc3\xa0 ", 3);
            i += 2;
            continue;
        }
        altered = altered_length(p + i, length - i);
        for (size_t k = 0; k < (altered ? altered : 1) && !status; k++)
            status = cclip_buffer_byte(out, altered && p[i + k] == ' ' ? 0xa0 : p[i + k]);
        i += altered ? altered : 1;
    }
    const struct cclip_buffer kept = *bytes;
    *bytes = *out;
    *out = kept;
    return status;
}

static int is_lost(unsigned c)
{
    return c == SUBSTITUTE || c == '?';
}

static int is_later_or_substitute(unsigned c)
{
    return c == SUBSTITUTE || in(c, 0x80, 0xbf);
}

static int is_half(const unsigned char *p, unsigned low, unsigned high)
{
    return p[0] == 0xed && in(p[1], low, high) && (is_lost(p[2]) || in(p[2], 0x80, 0xbf));
}

/* Length of a UTF-8 sequence at `p` of which bytes were lost for a question mark or a substitute. */
static size_t lossy_length(const unsigned char *p, size_t left)
{
    if (left >= 2 && ((in(p[0], 0xc2, 0xdf) && p[1] == SUBSTITUTE) ||
                      (in(p[0], 0xc2, 0xc3) && p[1] == '?')))
        return 2;
    if (left >= 6 && is_half(p, 0xa0, 0xaf) && is_half(p + 3, 0xb0, 0xbf) &&
        (is_lost(p[2]) || is_lost(p[5])))
        return 6;
    if (left >= 3 && in(p[0], 0xe0, 0xef) && ((is_lost(p[1]) && is_later_or_substitute(p[2])) ||
                                              (is_later_or_substitute(p[1]) && is_lost(p[2]))))
        return 3;
    if (left >= 4 && in(p[0], 0xf0, 0xf4)) {
        size_t marks = 0, substitutes = 0;
        for (size_t i = 1; i < 4; i++) {
            marks += p[i] == '?';
            substitutes += p[i] == SUBSTITUTE;
            if (!is_lost(p[i]) && !in(p[i], 0x80, 0xbf))
                return p[0] == SUBSTITUTE;
        }
        if (marks == 1 || (!marks && substitutes))
            return 4;
    }
    return p[0] == SUBSTITUTE;
}

static cclip_status replace_lossy(struct cclip_buffer *bytes, struct cclip_buffer *out)
{
    const unsigned char *p = (const unsigned char *)bytes->data;
    cclip_status status = CCLIP_OK;
    cclip_buffer_clear(out);
    for (size_t i = 0; i < bytes->length && !status;) {
        const size_t lossy = lossy_length(p + i, bytes->length - i);
        status = lossy ? cclip_buffer_append(out, "\xef\xbf\xbd", 3)
                       : cclip_buffer_byte(out, p[i]);
        i += lossy ? lossy : 1;
    }
    const struct cclip_buffer kept = *bytes;
    *bytes = *out;
    *out = kept;
    return status;
}

/* One character of UTF-8, or of its variants: surrogate pairs of three bytes each, C0 80 for NUL. */
static size_t decode_one(uint32_t *c, const unsigned char *p, size_t left)
{
    uint32_t low;
    if (left >= 2 && p[0] == 0xc0 && p[1] == 0x80) {
        *c = 0;
        return 2;
    }
    const size_t size = cclip_utf8_decode(c, (const char *)p, left);
    if (!size || !cclip_is_surrogate(*c))
        return size;
    if (*c < 0xdc00 && cclip_utf8_decode(&low, (const char *)p + 3, left - 3) == 3 &&
        low >= 0xdc00 && low < 0xe000) {
        *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
        return 6;
    }
    return 0;
}

/* Sets `*valid` to 0 where the bytes are not UTF-8. */
static cclip_status decode(struct cclip_codepoints *out, const struct cclip_buffer *bytes,
                           int *valid)
{
    const unsigned char *p = (const unsigned char *)bytes->data;
    cclip_status status = cclip_codepoints_reserve(out, bytes->length);
    out->count = 0;
    *valid = 1;
    for (size_t i = 0; i < bytes->length && !status && *valid;) {
        uint32_t c;
        const size_t size = decode_one(&c, p + i, bytes->length - i);
        *valid = size > 0;
        if (size)
            status = cclip_codepoints_add(out, c);
        i += size;
    }
    return status;
}

static cclip_status try_encodings(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                                  struct cclip_buffer *bytes, int *fixed)
{
    const unsigned possible = possible_encodings(text);
    struct cclip_buffer other;
    cclip_status status = CCLIP_OK;
    cclip_buffer_open(&other, bytes->maximum);
    for (unsigned e = 0; e < CCLIP_ENCODINGS && !status && !*fixed; e++) {
        if (!(possible >> e & 1))
            continue;
        status = encode(bytes, text, e);
        if (!status && e != MAC_ROMAN) /* there an en dash before a blank looks the same */
            status = restore_a0(bytes, &other);
        if (!status && sloppy[e])
            status = replace_lossy(bytes, &other);
        if (!status)
            status = decode(scratch, bytes, fixed);
    }
    if (!status && *fixed)
        cclip_codepoints_swap(text, scratch);
    cclip_buffer_close(&other);
    return status;
}

/* How many characters from `at` look like one UTF-8 sequence, 0 if none. */
static size_t sequence_length(const struct cclip_codepoints *text, size_t at)
{
    static const uint64_t firsts[] = { MOJIBAKE_FIRST_OF_2, MOJIBAKE_FIRST_OF_3,
                                       MOJIBAKE_FIRST_OF_4 };
    const uint64_t first = cclip_mojibake_classes(text->data[at]);
    size_t later = 0;
    if (!(first & (firsts[0] | firsts[1] | firsts[2])))
        return 0;
    while (later < 3 && at + later + 1 < text->count &&
           (cclip_mojibake_classes(text->data[at + later + 1]) & MOJIBAKE_LATER))
        later++;
    for (size_t k = 0; k < 3; k++)
        if ((first & firsts[k]) && later >= k + 1)
            return k + 2;
    return 0;
}

static cclip_status fix(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                        struct cclip_buffer *bytes, int depth);

/* Appends a run of such sequences, repaired by itself if it is bad by itself. */
static cclip_status add_run(struct cclip_codepoints *out, const uint32_t *run, size_t count,
                            struct cclip_buffer *bytes, int depth)
{
    struct cclip_codepoints part = { 0 }, scratch = { 0 };
    if (depth >= DEEPEST || !cclip_mojibake_is_bad(run, count))
        return cclip_codepoints_append(out, run, count);
    cclip_status status = cclip_codepoints_append(&part, run, count);
    if (!status)
        status = fix(&part, &scratch, bytes, depth + 1);
    if (!status)
        status = cclip_codepoints_append(out, part.data, part.count);
    cclip_codepoints_close(&part);
    cclip_codepoints_close(&scratch);
    return status;
}

/* Where the whole text does not decode: repairs what looks like UTF-8 within it. */
static cclip_status fix_within(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                               struct cclip_buffer *bytes, int depth)
{
    cclip_status status = CCLIP_OK;
    size_t i = 0;
    scratch->count = 0;
    while (i < text->count && !status) {
        const int follows =
            i && (cclip_mojibake_classes(text->data[i - 1]) & MOJIBAKE_LATER_STRICT);
        size_t length, end = i;
        while (!follows && end < text->count && (length = sequence_length(text, end)) > 0)
            end += length;
        if (end == i)
            status = cclip_codepoints_add(scratch, text->data[i++]);
        else if (end - i == text->count)
            status = cclip_codepoints_append(scratch, text->data, text->count);
        else
            status = add_run(scratch, text->data + i, end - i, bytes, depth);
        i = end > i ? end : i;
    }
    return status;
}

static int same(const struct cclip_codepoints *a, const struct cclip_codepoints *b)
{
    return a->count == b->count &&
           (!a->count || !memcmp(a->data, b->data, a->count * sizeof *a->data));
}

static int is_ascii(const struct cclip_codepoints *text)
{
    for (size_t i = 0; i < text->count; i++)
        if (text->data[i] >= 0x80)
            return 0;
    return 1;
}

static int fix_controls(struct cclip_codepoints *text)
{
    int changed = 0;
    for (size_t i = 0; i < text->count; i++) {
        const uint32_t c = cclip_c1_as_windows(text->data[i]);
        changed |= c != text->data[i];
        text->data[i] = c;
    }
    return changed;
}

static cclip_status fix(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                        struct cclip_buffer *bytes, int depth)
{
    cclip_status status = CCLIP_OK;
    for (int step = 0; step < MOST_STEPS && !status; step++) {
        int fixed = 0;
        if (is_ascii(text) || !cclip_mojibake_is_bad(text->data, text->count))
            break;
        status = try_encodings(text, scratch, bytes, &fixed);
        if (status)
            break;
        if (fixed) {
            if (same(text, scratch))
                break;
            continue;
        }
        status = fix_within(text, scratch, bytes, depth);
        if (!status && !same(text, scratch))
            cclip_codepoints_swap(text, scratch);
        else if (!status && !fix_controls(text))
            break;
    }
    return status;
}

cclip_status cclip_mojibake_fix(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                                struct cclip_buffer *bytes)
{
    return fix(text, scratch, bytes, 0);
}
