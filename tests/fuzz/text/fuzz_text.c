/* Any bytes as a text: cleaned, encoded and decoded in each style; what must hold is checked. */
#include <stdint.h>
#include <stdlib.h>

#include "text/tokenizer.h"
#include "unit/text/small_tokenizer.h"

enum { STYLES = 4 };

static void check(const struct cclip_tokenizer *tokenizer, struct cclip_text_encoder *encoder,
                  const char *text, size_t size)
{
    struct cclip_buffer out;
    const struct cclip_pretoken *pieces;
    const int32_t *ids;
    size_t count, end = 0;
    cclip_buffer_open(&out, (size_t)1 << 30);
    if (!cclip_text_clean(encoder, &out, text, size) && out.data) {
        if (cclip_text_pretokenize(encoder, &pieces, &count, out.data, out.length))
            abort();
        for (size_t i = 0; i < count; i++) { /* in order, apart, none empty */
            if (pieces[i].begin < end || !pieces[i].length)
                abort();
            end = pieces[i].begin + pieces[i].length;
        }
        if (end > out.length)
            abort();
    }
    cclip_buffer_clear(&out);
    if (!cclip_text_tokenize(encoder, &ids, &count, text, size, 77, 1)) {
        if (count < 2 || count > 77 || ids[0] != SMALL_START || ids[count - 1] != SMALL_END ||
            cclip_text_decode(tokenizer, &out, ids, count))
            abort();
    }
    cclip_buffer_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cclip_text_options options[STYLES] = {
        { .style = CCLIP_STYLE_OPENAI },
        { .style = CCLIP_STYLE_OPENAI, .no_ftfy = 1 },
        { .style = CCLIP_STYLE_OPEN_CLIP, .cleaning = CCLIP_CLEANING_CANONICALIZE },
        { .style = CCLIP_STYLE_HF },
    };
    static struct cclip_tokenizer *tokenizers[STYLES];
    static struct cclip_text_encoder *encoders[STYLES]; /* kept: a full cache must do no harm */
    for (int i = 0; i < STYLES; i++) {
        if (!tokenizers[i] && small_open(&tokenizers[i], &options[i]))
            return 0;
        if (!encoders[i] && cclip_text_encoder_open(&encoders[i], tokenizers[i]))
            return 0;
        check(tokenizers[i], encoders[i], (const char *)data, size);
    }
    return 0;
}
