#include <cclip/tokenizer.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "text/tokenizer.h"

void cclip_tokenizer_options_init(cclip_tokenizer_options *options)
{
    *options = (cclip_tokenizer_options)CCLIP_TOKENIZER_OPTIONS_INIT;
}

cclip_status cclip_tokenizer_open(cclip_tokenizer **out, const char *path,
                                  const cclip_tokenizer_options *options)
{
    struct cclip_text_options inner = { .style = CCLIP_STYLE_AUTO };
    *out = NULL;
    if (options && options->version != CCLIP_TOKENIZER_OPTIONS_VERSION)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "tokenizer options: version %u is not known",
                          (unsigned)options->version);
    if (options && (unsigned)options->style > CCLIP_TOKENIZER_HF)
        return cclip_fail(CCLIP_ERROR_ARGUMENT, "tokenizer options: style %d is not known", (int)options->style);
    if (options) {
        inner.style = (enum cclip_text_style)options->style;
        inner.no_ftfy = options->no_ftfy;
    }
    return cclip_text_tokenizer_open(out, path, &inner);
}

void cclip_tokenizer_close(cclip_tokenizer **tokenizer)
{
    cclip_text_tokenizer_close(tokenizer);
}

size_t cclip_tokenizer_vocabulary_size(const cclip_tokenizer *tokenizer)
{
    return cclip_text_vocabulary_size(tokenizer);
}

int32_t cclip_tokenizer_start_id(const cclip_tokenizer *tokenizer)
{
    return cclip_text_start_id(tokenizer);
}

int32_t cclip_tokenizer_end_id(const cclip_tokenizer *tokenizer)
{
    return cclip_text_end_id(tokenizer);
}

cclip_status cclip_tokenizer_encode(const cclip_tokenizer *tokenizer, int32_t *ids,
                                    size_t capacity, size_t *count, const char *text,
                                    size_t length, size_t context, int truncate)
{
    struct cclip_text_encoder *encoder = NULL;
    const int32_t *found = NULL;
    *count = 0;
    cclip_status status = cclip_text_encoder_borrow(&encoder, tokenizer);
    if (!status)
        status = cclip_text_tokenize(encoder, &found, count, text, length, context, truncate);
    if (!status && *count && capacity)
        memcpy(ids, found, (*count < capacity ? *count : capacity) * sizeof *ids);
    cclip_text_encoder_return(&encoder);
    return status;
}

cclip_status cclip_tokenizer_decode(const cclip_tokenizer *tokenizer, char *text, size_t capacity,
                                    size_t *length, const int32_t *ids, size_t count)
{
    struct cclip_buffer out;
    cclip_buffer_open(&out, CCLIP_LIMIT_TEXT_BYTES);
    const cclip_status status = cclip_text_decode(tokenizer, &out, ids, count);
    *length = status ? 0 : out.length;
    if (!status && capacity) {
        const size_t fits = out.length < capacity ? out.length : capacity - 1;
        if (fits)
            memcpy(text, out.data, fits);
        text[fits] = '\0';
    }
    cclip_buffer_close(&out);
    return status;
}
