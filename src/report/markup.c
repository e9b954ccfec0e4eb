#include "report/markup.h"

#include <stdint.h>
#include <string.h>

/* Length of the UTF-8 sequence at `at`, or 0: shortest forms only, no surrogates, up to U+10FFFF. A
 * string ends in a zero, which is no continuation, so that nothing behind it is read. */
static size_t sequence_length(const unsigned char *at)
{
    static const struct {
        unsigned char mask, lead, length;
        uint32_t least;
    } forms[] = { { 0x80, 0x00, 1, 0 }, { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 },
                  { 0xf8, 0xf0, 4, 0x10000 } };
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if ((at[0] & forms[f].mask) != forms[f].lead)
            continue;
        uint32_t code = at[0] & (unsigned char)~forms[f].mask;
        for (size_t i = 1; i < forms[f].length; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (at[i] & 0x3f);
        }
        const int surrogate = code >= 0xd800 && code <= 0xdfff;
        return code >= forms[f].least && code <= 0x10ffff && !surrogate ? forms[f].length : 0;
    }
    return 0;
}

static const char *entity_of(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* C0, DEL and C1, which HTML does not allow. */
static int is_control(const unsigned char *at)
{
    return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

cclip_status cclip_markup_text(struct cclip_buffer *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    cclip_status status = CCLIP_OK;
    while (*at && !status) {
        const size_t length = sequence_length(at);
        const char *entity = entity_of(*at);
        if (!length || is_control(at))
            status = cclip_buffer_text(out, "\xef\xbf\xbd");
        else if (entity)
            status = cclip_buffer_text(out, entity);
        else
            status = cclip_buffer_append(out, at, length);
        at += length ? length : 1;
    }
    return status;
}

cclip_status cclip_base64(struct cclip_buffer *out, const void *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    const size_t length = (size + 2) / 3 * 4;
    if (length > out->maximum - out->length)
        return cclip_fail(CCLIP_ERROR_LIMIT, "base64 of %zu bytes is over the limit of %zu", size,
                          out->maximum);
    const cclip_status status = cclip_buffer_reserve(out, out->length + length);
    if (status)
        return status;
    char *to = out->data + out->length;
    for (size_t i = 0; i < size; i += 3, to += 4) {
        const size_t left = size - i;
        const uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                              (left > 2 ? in[i + 2] : 0);
        to[0] = digits[bits >> 18];
        to[1] = digits[bits >> 12 & 63];
        to[2] = left > 1 ? digits[bits >> 6 & 63] : '=';
        to[3] = left > 2 ? digits[bits & 63] : '=';
    }
    out->length += length;
    out->data[out->length] = '\0';
    return CCLIP_OK;
}

int cclip_permille(float share)
{
    if (!(share > 0)) /* NaN too */
        return 0;
    return share >= 1 ? 1000 : (int)(share * 1000 + 0.5f);
}
