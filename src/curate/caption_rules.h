/* Captions as they come from the web, made fit to learn from: each rule changes a caption or refuses it.
 *
 * The rules are those of published corpora, said in our own way: texts of a few characters out (LAION-400M,
 * Schuhmann et al., 2021), limits in words and characters (DataComp, Gadre et al., 2023), and what
 * alternative texts are full of: entities, mark-up, addresses, names of files. */
#ifndef CCLIP_CURATE_CAPTION_RULES_H
#define CCLIP_CURATE_CAPTION_RULES_H

#include "base/buffer.h"
#include "text/unicode.h"

enum cclip_caption_rule {
    CCLIP_CAPTION_ENTITIES, /* these change a caption, in this order */
    CCLIP_CAPTION_TAGS,
    CCLIP_CAPTION_URLS,
    CCLIP_CAPTION_EMAILS,
    CCLIP_CAPTION_FILE_NAMES,
    CCLIP_CAPTION_WHITE_SPACE,
    CCLIP_CAPTION_NOT_UTF8, /* these refuse one */
    CCLIP_CAPTION_EMPTY,
    CCLIP_CAPTION_TOO_SHORT,
    CCLIP_CAPTION_TOO_LONG,
    CCLIP_CAPTION_NOT_TEXT,
    CCLIP_CAPTION_REPEATED, /* by whoever knows all captions */
    CCLIP_CAPTION_RULES,
    CCLIP_CAPTION_CHANGES = CCLIP_CAPTION_NOT_UTF8 /* how many change */
};

struct cclip_caption_rule_info {
    const char *name; /* "html_entities" */
    const char *what; /* for a reader: "HTML entities are resolved" */
};
const struct cclip_caption_rule_info *cclip_caption_rule_info(enum cclip_caption_rule rule);
/* CCLIP_CAPTION_RULES for a name that is none. */
enum cclip_caption_rule cclip_caption_rule_named(const char *name);

struct cclip_caption_settings {
    unsigned off;                 /* bit r: rule r is not applied */
    size_t min_chars, max_chars;  /* characters; of a script of whole words (CJK) one counts as two */
    double min_letters;           /* share of letters among all that is not white space */
};

/* Scratch, kept from caption to caption. Zero-initialise to open. */
struct cclip_caption_cleaner {
    struct cclip_codepoints points, scratch;
    struct cclip_buffer before;
};
void cclip_caption_cleaner_close(struct cclip_caption_cleaner *cleaner);

struct cclip_caption_verdict {
    unsigned changed;                /* bit r: rule r changed it */
    enum cclip_caption_rule refused; /* CCLIP_CAPTION_RULES: it was not */
};
/* `out` becomes the cleaned caption. */
cclip_status cclip_caption_clean(struct cclip_buffer *out, struct cclip_caption_verdict *verdict,
                                 struct cclip_caption_cleaner *cleaner, const char *text, size_t length,
                                 const struct cclip_caption_settings *settings);

/* A word alone, punctuation around it included: is it what the rule takes out? */
int cclip_word_is_url(const char *word, size_t length);
int cclip_word_is_email(const char *word, size_t length);
int cclip_word_is_file_name(const char *word, size_t length);

#endif
