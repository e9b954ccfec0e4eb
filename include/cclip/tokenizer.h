/** @file
 * From text to token ids and back. */
#ifndef CCLIP_TOKENIZER_H
#define CCLIP_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>
#include <cclip/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A vocabulary with its rules. Immutable after open; shared by threads. */
typedef struct cclip_tokenizer cclip_tokenizer;

/** Whose cleaning and special tokens to follow. */
typedef enum cclip_tokenizer_style {
    CCLIP_TOKENIZER_AUTO = 0, /**< as the files say */
    CCLIP_TOKENIZER_OPENAI = 1,
    CCLIP_TOKENIZER_OPEN_CLIP = 2,
    CCLIP_TOKENIZER_HF = 3
} cclip_tokenizer_style;

/** How a vocabulary is opened. */
typedef struct cclip_tokenizer_options {
    uint32_t version; /**< CCLIP_TOKENIZER_OPTIONS_VERSION */
    cclip_tokenizer_style style; /**< default: as the files say */
    int no_ftfy; /**< 1: leaves out the repair of broken Unicode (styles openai and open_clip) */
} cclip_tokenizer_options;

/** Goes into `version` of cclip_tokenizer_options. */
#define CCLIP_TOKENIZER_OPTIONS_VERSION 1
/** The defaults, as an initialiser. */
#define CCLIP_TOKENIZER_OPTIONS_INIT { CCLIP_TOKENIZER_OPTIONS_VERSION, CCLIP_TOKENIZER_AUTO, 0 }
/** Sets the values of CCLIP_TOKENIZER_OPTIONS_INIT. */
CCLIP_API void cclip_tokenizer_options_init(cclip_tokenizer_options *options);

/**
 * Reads a vocabulary: OpenAI's merge list (plain or .gz), vocab.json with merges.txt beside it,
 * tokenizer.json, or a folder that holds one of these. `options` may be NULL.
 */
CCLIP_API cclip_status cclip_tokenizer_open(cclip_tokenizer **out, const char *path,
                                            const cclip_tokenizer_options *options);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_tokenizer_close(cclip_tokenizer **tokenizer);

/** How many tokens there are; ids are below it. */
CCLIP_API size_t cclip_tokenizer_vocabulary_size(const cclip_tokenizer *tokenizer);
/** Id of the token every text begins with. */
CCLIP_API int32_t cclip_tokenizer_start_id(const cclip_tokenizer *tokenizer);
/** Id of the token every text ends with. */
CCLIP_API int32_t cclip_tokenizer_end_id(const cclip_tokenizer *tokenizer);

/**
 * The ids of `text` (`length` bytes of UTF-8) with start and end token, not padded. At most
 * `capacity` are written to `ids`; `*count` is how many there are. A text of more than `context`
 * tokens (0: no limit) is CCLIP_ERROR_LIMIT unless `truncate` is 1: then the first `context` are
 * kept and the last of them becomes the end token.
 */
CCLIP_API cclip_status cclip_tokenizer_encode(const cclip_tokenizer *tokenizer, int32_t *ids,
                                              size_t capacity, size_t *count, const char *text,
                                              size_t length, size_t context, int truncate);

/**
 * The text of `ids`, UTF-8, zero-terminated. `*length` is its length, also when `capacity` bytes
 * are too few; then only what fits is written.
 */
CCLIP_API cclip_status cclip_tokenizer_decode(const cclip_tokenizer *tokenizer, char *text,
                                              size_t capacity, size_t *length, const int32_t *ids,
                                              size_t count);

#ifdef __cplusplus
}
#endif
#endif
