#include "base/printable.h"

#include <stdio.h>
#include <string.h>

size_t cclip_utf8_length(const char *text, size_t left)
{
    static const struct {
        unsigned char first, last, low, high; /* lead bytes; range of the second byte */
        size_t length;
    } forms[] = { { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
                  { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
                  { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
                  { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 } };
    const unsigned char *bytes = (const unsigned char *)text;
    if (bytes[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
            continue;
        if (left < forms[i].length || bytes[1] < forms[i].low || bytes[1] > forms[i].high)
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((bytes[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* Characters that some terminals act upon, or that end a line: by their UTF-8, as ranges of the last
 * byte. */
static int is_control(const char *text, size_t length)
{
    static const struct {
        const char *lead;
        size_t length;
        unsigned char first, last;
    } ranges[] = {
        { "", 0, 0x00, 0x1f },         { "", 0, 0x7f, 0x7f },
        { "\xc2", 1, 0x80, 0x9f },     /* the second set of control characters */
        { "\xd8", 1, 0x9c, 0x9c },     /* Arabic letter mark */
        { "\xe2\x80", 2, 0x8e, 0x8f }, /* marks of direction */
        { "\xe2\x80", 2, 0xa8, 0xae }, /* line ends, embeddings and overrides of direction */
        { "\xe2\x81", 2, 0xa6, 0xa9 }, /* isolates of direction */
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const unsigned char last = (unsigned char)text[length - 1];
        if (ranges[i].length + 1 == length && !memcmp(text, ranges[i].lead, length - 1) &&
            last >= ranges[i].first && last <= ranges[i].last)
            return 1;
    }
    return 0;
}

const char *cclip_printable(char *out, size_t size, const char *text)
{
    size_t left = strlen(text), at = 0;
    while (left) {
        const size_t character = cclip_utf8_length(text, left);
        const int hidden = !character || is_control(text, character);
        const size_t taken = character ? character : 1, written = hidden ? 4 * taken : taken;
        if (at + written >= size)
            break;
        for (size_t i = 0; i < taken && hidden; i++)
            snprintf(out + at + 4 * i, 5, "\\x%02x", (unsigned char)text[i]);
        if (!hidden)
            memcpy(out + at, text, taken);
        at += written;
        text += taken;
        left -= taken;
    }
    out[at] = '\0';
    return out;
}
