/* From text to token ids and back: byte-level byte-pair encoding as CLIP models use it, in the three
 * dialects that checkpoints were trained with.
 *
 * openai     repair (ftfy), HTML unescaping twice, white space, lower case; then the pattern
 * open_clip  the same with its own special strings and white-space rule; other cleanings by name
 * hf         the fast tokenizer of transformers: form C, white space, lower case without context
 *
 * docs/tokenizer.md says what each step does. */
#ifndef CCLIP_TEXT_TOKENIZER_H
#define CCLIP_TEXT_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/status.h"

enum cclip_text_style {
    CCLIP_STYLE_AUTO, /* as the files say: a merge list alone is openai, anything else hf */
    CCLIP_STYLE_OPENAI,
    CCLIP_STYLE_OPEN_CLIP,
    CCLIP_STYLE_HF
};

/* What happens to a text before it is cut into words. */
enum cclip_text_cleaning {
    CCLIP_CLEANING_AUTO,         /* lower; for style hf none (transformers' normaliser alone) */
    CCLIP_CLEANING_LOWER,        /* repair, unescape, white space, lower case */
    CCLIP_CLEANING_WHITESPACE,   /* the same without lower case */
    CCLIP_CLEANING_CANONICALIZE, /* lower, and ASCII punctuation taken out: SigLIP's */
    CCLIP_CLEANING_NONE
};

struct cclip_text_options {
    enum cclip_text_style style;
    int no_ftfy; /* leaves the repair out */
    enum cclip_text_cleaning cleaning;
};

struct cclip_tokenizer;    /* immutable after open, shared by threads */
struct cclip_text_encoder; /* scratch and word cache: one a thread */

/* `path`: OpenAI's merge list (plain or gzip), vocab.json with merges.txt beside it, merges.txt,
 * tokenizer.json, or a folder that holds one of these. `options` may be NULL. */
cclip_status cclip_text_tokenizer_open(struct cclip_tokenizer **out, const char *path,
                                       const struct cclip_text_options *options);
/* Byte-level tokens in the order of their ids, as GGUF files have them; the merges are found again
 * from the tokens. `name` of messages is "vocabulary". */
cclip_status cclip_text_tokenizer_open_tokens(struct cclip_tokenizer **out,
                                              const char *const *tokens, const size_t *lengths,
                                              size_t count,
                                              const struct cclip_text_options *options);
/* A vocabulary of bytes, bytes that end a word, a token a merge, and the two special tokens, in this
 * order. A merge joins two tokens before its own. */
cclip_status cclip_text_tokenizer_open_merges(struct cclip_tokenizer **out,
                                              const uint32_t (*pairs)[2], size_t count,
                                              const struct cclip_text_options *options);
void cclip_text_tokenizer_close(struct cclip_tokenizer **tokenizer);

enum cclip_text_style cclip_text_style(const struct cclip_tokenizer *tokenizer);
size_t cclip_text_vocabulary_size(const struct cclip_tokenizer *tokenizer); /* largest id + 1 */
size_t cclip_text_merge_count(const struct cclip_tokenizer *tokenizer);
int32_t cclip_text_start_id(const struct cclip_tokenizer *tokenizer);
int32_t cclip_text_end_id(const struct cclip_tokenizer *tokenizer);
int32_t cclip_text_pad_id(const struct cclip_tokenizer *tokenizer);

/* The tokenizer must outlive its encoders. */
cclip_status cclip_text_encoder_open(struct cclip_text_encoder **out,
                                     const struct cclip_tokenizer *tokenizer);
void cclip_text_encoder_close(struct cclip_text_encoder **encoder);

/* For single texts: the encoder that was given back last, so that its memory and word cache are not
 * made anew for each; another one while it is lent. The tokenizer keeps one, for any thread. */
cclip_status cclip_text_encoder_borrow(struct cclip_text_encoder **out,
                                       const struct cclip_tokenizer *tokenizer);
void cclip_text_encoder_return(struct cclip_text_encoder **encoder);

/* Ids without start and end. `*ids` belongs to the encoder and lives until its next call. */
cclip_status cclip_text_encode(struct cclip_text_encoder *encoder, const int32_t **ids,
                               size_t *count, const char *text, size_t length);
/* Start, ids, end; no padding. More than `context` (0: no limit) is CCLIP_ERROR_LIMIT, unless
 * `truncate`: then the first `context`, the last of them replaced by the end token. */
cclip_status cclip_text_tokenize(struct cclip_text_encoder *encoder, const int32_t **ids,
                                 size_t *count, const char *text, size_t length, size_t context,
                                 int truncate);
/* Appends to `out`; bytes that are not UTF-8 become U+FFFD, each end of a word a space. */
cclip_status cclip_text_decode(const struct cclip_tokenizer *tokenizer, struct cclip_buffer *out,
                               const int32_t *ids, size_t count);

/* The steps of encoding, for tests and tools. Cleaned text is appended to `out` (lone surrogates in
 * their three-byte form); for style hf special strings are not cut out first. */
cclip_status cclip_text_clean(struct cclip_text_encoder *encoder, struct cclip_buffer *out,
                              const char *text, size_t length);
struct cclip_pretoken {
    size_t begin, length;
};
/* The pieces of an already cleaned text; `*pieces` lives until the encoder's next call. */
cclip_status cclip_text_pretokenize(struct cclip_text_encoder *encoder,
                                    const struct cclip_pretoken **pieces, size_t *count,
                                    const char *cleaned, size_t length);

/* Writes vocab.json, merges.txt and tokenizer_config.json as transformers and open_clip read them. */
cclip_status cclip_text_write_vocabulary(const struct cclip_tokenizer *tokenizer,
                                         const char *folder);
/* The same; `context` (0: not said) becomes model_max_length. */
cclip_status cclip_text_write_vocabulary_for(const struct cclip_tokenizer *tokenizer,
                                             const char *folder, size_t context);

#endif
