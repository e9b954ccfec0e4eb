/** @file
 * From text to token ids and back; a vocabulary from captions. */
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

/**
 * Writes the folder `folder` with vocab.json, merges.txt and tokenizer_config.json, as transformers,
 * open_clip and cclip_tokenizer_open read them. `context` is the most tokens that a model takes of a
 * text (0: not said). The folder must not exist or be empty, and appears only when it is complete.
 */
CCLIP_API cclip_status cclip_tokenizer_write(const cclip_tokenizer *tokenizer, const char *folder,
                                             size_t context);

/** Counts the words of captions and learns a vocabulary from them. For one thread at a time. */
typedef struct cclip_tokenizer_trainer cclip_tokenizer_trainer;

/** How a vocabulary is learned. */
typedef struct cclip_tokenizer_training_options {
    uint32_t version; /**< CCLIP_TOKENIZER_TRAINING_OPTIONS_VERSION */
    cclip_tokenizer_style style; /**< cleaning of captions; AUTO: HF, as written files are read */
    int no_ftfy; /**< 1: leaves out the repair of broken Unicode (styles openai and open_clip) */
    size_t size; /**< tokens: 512 for bytes, one a merge, two special ones; at least 514 */
    uint64_t minimum_count; /**< a pair that occurs less often is not merged; default 2 */
    int (*progress)(void *user, size_t done, size_t total); /**< merges; nonzero cancels */
    void *user; /**< handed to `progress` */
} cclip_tokenizer_training_options;

/** Goes into `version` of cclip_tokenizer_training_options. */
#define CCLIP_TOKENIZER_TRAINING_OPTIONS_VERSION 1
/** The defaults, as an initialiser: 49,408 tokens, as OpenAI's models have. */
#define CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT                                                      \
    { CCLIP_TOKENIZER_TRAINING_OPTIONS_VERSION, CCLIP_TOKENIZER_AUTO, 0, 49408, 2, NULL, NULL }
/** Sets the values of CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT. */
CCLIP_API void cclip_tokenizer_training_options_init(cclip_tokenizer_training_options *options);

/** `options` may be NULL. */
CCLIP_API cclip_status
cclip_tokenizer_trainer_open(cclip_tokenizer_trainer **out,
                             const cclip_tokenizer_training_options *options);
/** Frees it and sets the pointer to NULL; NULL is fine. */
CCLIP_API void cclip_tokenizer_trainer_close(cclip_tokenizer_trainer **trainer);

/**
 * Adds a caption (`length` bytes of UTF-8). Memory is taken for distinct words only. A caption that
 * is not UTF-8 is CCLIP_ERROR_FORMAT, one of more than 16 MiB CCLIP_ERROR_LIMIT: it counts for
 * nothing, and others may follow. After CCLIP_ERROR_MEMORY the trainer is good for closing only.
 */
CCLIP_API cclip_status cclip_tokenizer_trainer_add(cclip_tokenizer_trainer *trainer,
                                                   const char *text, size_t length);

/** What a trainer has seen, and how well its vocabulary fits. */
typedef struct cclip_tokenizer_training_info {
    uint32_t version; /**< CCLIP_TOKENIZER_TRAINING_INFO_VERSION, set by the caller */
    uint64_t captions; /**< added */
    uint64_t words; /**< in them */
    uint64_t distinct_words; /**< of these */
    uint64_t tokens; /**< of all captions with this vocabulary, without start and end tokens */
    size_t merges; /**< learned; fewer than asked for when no pair was left */
} cclip_tokenizer_training_info;

/** Goes into `version` of cclip_tokenizer_training_info. */
#define CCLIP_TOKENIZER_TRAINING_INFO_VERSION 1

/**
 * Learns a vocabulary by byte-pair encoding from the captions added so far; more may be added later.
 * The same captions in any order give the same vocabulary. Where fewer pairs than asked for occur
 * `minimum_count` times it is smaller, and its size says so. No words at all is
 * CCLIP_ERROR_ARGUMENT. `info` may be NULL. The caller closes `*out`.
 */
CCLIP_API cclip_status cclip_tokenizer_trainer_learn(cclip_tokenizer **out,
                                                     cclip_tokenizer_training_info *info,
                                                     const cclip_tokenizer_trainer *trainer);

#ifdef __cplusplus
}
#endif
#endif
