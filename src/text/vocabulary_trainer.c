#include "text/vocabulary_trainer.h"

#include "base/limits.h"

cclip_status cclip_vocabulary_trainer_open(struct cclip_vocabulary_trainer *out,
                                           const struct cclip_text_options *options)
{
    *out = (struct cclip_vocabulary_trainer){ .options = *options };
    cclip_word_counts_open(&out->counts);
    cclip_buffer_open(&out->word, 16 * CCLIP_LIMIT_TEXT_BYTES);
    cclip_status status = cclip_text_tokenizer_open_merges(&out->bytes, NULL, 0, options);
    return status ? status : cclip_text_encoder_open(&out->encoder, out->bytes);
}

void cclip_vocabulary_trainer_close(struct cclip_vocabulary_trainer *trainer)
{
    cclip_text_encoder_close(&trainer->encoder);
    cclip_text_tokenizer_close(&trainer->bytes);
    cclip_word_counts_close(&trainer->counts);
    cclip_buffer_close(&trainer->word);
}

/* Without merges each id is a byte of a word, from 256 on its last one, or a special token, which
 * is no word. */
cclip_status cclip_vocabulary_trainer_add(struct cclip_vocabulary_trainer *trainer,
                                          const char *text, size_t length)
{
    const int32_t *ids;
    size_t count, begin = 0;
    cclip_status status = cclip_text_encode(trainer->encoder, &ids, &count, text, length);
    cclip_buffer_clear(&trainer->word);
    if (!status)
        status = cclip_buffer_reserve(&trainer->word, count);
    if (status)
        return status;
    char *bytes = trainer->word.data;
    for (size_t i = 0; i < count; i++)
        bytes[i] = (char)(ids[i] & 0xff);
    for (size_t i = 0; i < count && !status; i++) {
        if (ids[i] < CCLIP_BYTE_TOKENS / 2)
            continue;
        if (ids[i] < CCLIP_BYTE_TOKENS) {
            status = cclip_word_counts_add(&trainer->counts, bytes + begin, i + 1 - begin);
            trainer->words++;
        }
        begin = i + 1;
    }
    trainer->captions++;
    return status;
}

cclip_status cclip_vocabulary_trainer_learn(struct cclip_tokenizer **out, uint64_t *tokens,
                                            const struct cclip_vocabulary_trainer *trainer,
                                            const struct cclip_merge_training *training)
{
    struct cclip_trained_merges merges;
    *out = NULL;
    cclip_status status = cclip_train_merges(&merges, &trainer->counts, training);
    if (!status)
        status = cclip_text_tokenizer_open_merges(out, (const uint32_t(*)[2])merges.pairs,
                                                  merges.count, &trainer->options);
    *tokens = merges.tokens;
    cclip_trained_merges_close(&merges);
    return status;
}
