/* A vocabulary from captions: they are cleaned and cut into words as the tokenizer does it, by the
 * tokenizer itself, and only the words and their counts are kept. */
#ifndef CCLIP_TEXT_VOCABULARY_TRAINER_H
#define CCLIP_TEXT_VOCABULARY_TRAINER_H

#include "text/tokenizer.h"
#include "text/train_merges.h"

enum {
    CCLIP_SPECIAL_TOKENS = 2,
    CCLIP_VOCABULARY_MINIMUM = CCLIP_BYTE_TOKENS + CCLIP_SPECIAL_TOKENS
};

struct cclip_vocabulary_trainer {
    struct cclip_text_options options;
    struct cclip_tokenizer *bytes; /* without merges: what it gives are the bytes of words */
    struct cclip_text_encoder *encoder;
    struct cclip_word_counts counts;
    struct cclip_buffer word;
    uint64_t captions, words;
};

/* Close in any case. */
cclip_status cclip_vocabulary_trainer_open(struct cclip_vocabulary_trainer *out,
                                           const struct cclip_text_options *options);
void cclip_vocabulary_trainer_close(struct cclip_vocabulary_trainer *trainer);

/* Counts the words of a caption. One that the tokenizer refuses is an error, and counts for
 * nothing. */
cclip_status cclip_vocabulary_trainer_add(struct cclip_vocabulary_trainer *trainer,
                                          const char *text, size_t length);

/* Learns from the captions so far; more may follow. `tokens`: of all captions, encoded with the
 * result, without start and end. */
cclip_status cclip_vocabulary_trainer_learn(struct cclip_tokenizer **out, uint64_t *tokens,
                                            const struct cclip_vocabulary_trainer *trainer,
                                            const struct cclip_merge_training *training);

#endif
