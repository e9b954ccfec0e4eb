/* What a tokenizer is made of; for the files of this room that read, write and apply it. */
#ifndef CCLIP_TEXT_TOKENIZER_PARTS_H
#define CCLIP_TEXT_TOKENIZER_PARTS_H

#include "formats/json.h"
#include "text/clean.h"
#include "text/merge.h"
#include "text/scan.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

struct cclip_tokenizer {
    enum cclip_text_style style;
    struct cclip_vocabulary vocabulary;
    struct cclip_clean_rules clean;
    int hugging_face; /* after cleaning: the fast tokenizer's own rules */
    enum cclip_merge_order order;
    int32_t start, end, pad, unknown; /* CCLIP_NO_ID: there is none */
    struct cclip_special *specials;
    size_t special_count, special_capacity;
    int raw_specials_by_angle; /* those of the raw text all begin with '<' */
    struct cclip_scan_rules scan;  /* with special strings */
    struct cclip_scan_rules plain; /* without */
    struct cclip_text_encoder *_Atomic spare; /* of cclip_text_encoder_borrow */
};

/* What the files beside a vocabulary say; texts are owned. */
struct cclip_text_settings {
    struct cclip_text_options options;
    char *start, *end, *pad, *unknown; /* special strings, or NULL */
    int no_start;                      /* a frame was given, without a start token */
    int hugging_face;                  /* transformers' files were there */
    int wrapped; /* open_clip's wrapper of a transformers tokenizer: its cleaning, then theirs */
};
void cclip_text_settings_close(struct cclip_text_settings *settings);

/* Sources: fill vocabulary and, where the file has them, specials. */
cclip_status cclip_read_merge_list(struct cclip_tokenizer *tokenizer, const char *path);
cclip_status cclip_read_vocabulary(struct cclip_tokenizer *tokenizer, const char *vocabulary_path,
                                   const char *merges_path);
cclip_status cclip_read_tokenizer_json(struct cclip_tokenizer *tokenizer,
                                       struct cclip_text_settings *settings, const char *path);
cclip_status cclip_read_tokens(struct cclip_tokenizer *tokenizer, const char *const *tokens,
                               const size_t *lengths, size_t count);
cclip_status cclip_read_pairs(struct cclip_tokenizer *tokenizer, const uint32_t (*pairs)[2],
                              size_t count);
/* tokenizer_config.json, special_tokens_map.json, open_clip_config.json of a folder. */
cclip_status cclip_read_settings(struct cclip_text_settings *settings, const char *folder);

cclip_status cclip_tokenizer_add_special(struct cclip_tokenizer *tokenizer, const char *text,
                                         size_t length, int32_t id, int normalized);

#endif
