/* What is done to a text before it is cut into words. */
#ifndef CCLIP_TEXT_CLEAN_H
#define CCLIP_TEXT_CLEAN_H

#include "text/repair.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

/* What the two families of cleaning do with white space differs in U+001C..U+001F alone. */
enum cclip_space_rule {
    CCLIP_SPACE_OPENAI,   /* strip, runs of White_Space to one space, strip */
    CCLIP_SPACE_OPEN_CLIP /* " ".join(text.split()) */
};

struct cclip_clean_rules {
    enum cclip_text_cleaning cleaning; /* never AUTO */
    enum cclip_space_rule space;
    int repair; /* ftfy */
};

cclip_status cclip_clean(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                         struct cclip_repair_work *work, const struct cclip_clean_rules *rules);
/* The normaliser of transformers' fast tokenizer: form C, runs of white space, lower case. */
cclip_status cclip_clean_hugging_face(struct cclip_codepoints *text,
                                      struct cclip_codepoints *scratch);

#endif
