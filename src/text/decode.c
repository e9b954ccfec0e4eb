/* From ids back to text. */
#include <string.h>

#include "base/limits.h"
#include "text/tokenizer_parts.h"

/* The bytes that a token's symbols stand for; a character that is no symbol stands for itself. */
static cclip_status add_bytes(struct cclip_buffer *out, const char *token, size_t length)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < length && !status;) {
        uint32_t c;
        const size_t size = cclip_utf8_decode(&c, token + i, length - i);
        const int byte = size ? cclip_symbol_byte(c) : -1;
        if (byte >= 0)
            status = cclip_buffer_byte(out, byte);
        else
            status = cclip_buffer_append(out, token + i, size ? size : 1);
        i += size ? size : 1;
    }
    return status;
}

/* How many bytes one replacement character stands for: the longest start of a character. */
static size_t malformed_length(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t wanted = p[0] < 0xc2 || p[0] > 0xf4 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    const unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    const unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    size_t length = 1;
    if (wanted > 1 && left > 1 && p[1] >= low && p[1] <= high)
        for (length = 2; length < wanted && length < left && (p[length] & 0xc0) == 0x80;)
            length++;
    return length;
}

/* Bytes to text: malformed ones replaced, then each end of a word a space. */
static cclip_status add_text(struct cclip_buffer *out, const char *bytes, size_t length)
{
    cclip_status status = CCLIP_OK;
    for (size_t i = 0; i < length && !status;) {
        uint32_t c;
        size_t size = cclip_utf8_decode(&c, bytes + i, length - i);
        if (!size || cclip_is_surrogate(c)) {
            size = malformed_length(bytes + i, length - i);
            status = cclip_buffer_append(out, "\xef\xbf\xbd", 3);
        } else if (length - i >= CCLIP_WORD_END_LENGTH &&
                   !memcmp(bytes + i, CCLIP_WORD_END, CCLIP_WORD_END_LENGTH)) {
            size = CCLIP_WORD_END_LENGTH;
            status = cclip_buffer_byte(out, ' ');
        } else {
            status = cclip_buffer_append(out, bytes + i, size);
        }
        i += size;
    }
    return status;
}

cclip_status cclip_text_decode(const struct cclip_tokenizer *tokenizer, struct cclip_buffer *out,
                               const int32_t *ids, size_t count)
{
    const struct cclip_vocabulary *v = &tokenizer->vocabulary;
    struct cclip_buffer bytes;
    cclip_status status = CCLIP_OK;
    cclip_buffer_open(&bytes, 16 * CCLIP_LIMIT_TEXT_BYTES);
    for (size_t i = 0; i < count && !status; i++) {
        size_t length;
        if (ids[i] < 0 || (size_t)ids[i] >= v->count || !v->tokens[ids[i]].length) {
            status = cclip_fail(CCLIP_ERROR_ARGUMENT, "token %zu: the vocabulary has no id %d",
                                i + 1, (int)ids[i]);
            break;
        }
        const char *token = cclip_vocabulary_text(v, (size_t)ids[i], &length);
        status = add_bytes(&bytes, token, length);
    }
    if (!status)
        status = add_text(out, bytes.data, bytes.length);
    cclip_buffer_close(&bytes);
    return status;
}
