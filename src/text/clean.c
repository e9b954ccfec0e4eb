#include "text/clean.h"

#include "text/html.h"
#include "text/repair.h"

static void strip(struct cclip_codepoints *text)
{
    size_t begin = 0, end = text->count;
    while (end > 0 && cclip_is_strip_space(text->data[end - 1]))
        end--;
    while (begin < end && cclip_is_strip_space(text->data[begin]))
        begin++;
    for (size_t i = begin; i < end && begin; i++)
        text->data[i - begin] = text->data[i];
    text->count = end - begin;
}

static void collapse(struct cclip_codepoints *text, int (*is_space)(uint32_t))
{
    size_t out = 0;
    int before = 0;
    for (size_t i = 0; i < text->count; i++) {
        const int space = is_space(text->data[i]);
        if (!space || !before)
            text->data[out++] = space ? ' ' : text->data[i];
        before = space;
    }
    text->count = out;
}

/* SigLIP's: underscores separate, other ASCII punctuation goes. */
static void drop_punctuation(struct cclip_codepoints *text)
{
    size_t out = 0;
    for (size_t i = 0; i < text->count; i++) {
        const uint32_t c = text->data[i];
        const int punctuation = (c > ' ' && c < '0') || (c > '9' && c < 'A') ||
                                (c > 'Z' && c < 'a') || (c > 'z' && c < 0x7f);
        if (c == '_')
            text->data[out++] = ' ';
        else if (!punctuation)
            text->data[out++] = c;
    }
    text->count = out;
}

static void tidy_space(struct cclip_codepoints *text, enum cclip_space_rule rule)
{
    strip(text);
    collapse(text, rule == CCLIP_SPACE_OPENAI ? cclip_is_white_space : cclip_is_strip_space);
    strip(text);
}

cclip_status cclip_clean(struct cclip_codepoints *text, struct cclip_codepoints *scratch,
                         struct cclip_repair_work *work, const struct cclip_clean_rules *rules)
{
    cclip_status status = CCLIP_OK;
    if (rules->cleaning == CCLIP_CLEANING_NONE)
        return CCLIP_OK;
    if (rules->repair)
        status = cclip_repair(text, scratch, work);
    if (!status)
        status = cclip_html_unescape(text, scratch);
    if (!status)
        status = cclip_html_unescape(text, scratch);
    if (status)
        return status;
    strip(text);
    if (rules->cleaning == CCLIP_CLEANING_CANONICALIZE) {
        drop_punctuation(text);
        status = cclip_codepoints_lower(text, scratch, 1);
        tidy_space(text, CCLIP_SPACE_OPEN_CLIP);
        return status;
    }
    tidy_space(text, rules->space);
    return rules->cleaning == CCLIP_CLEANING_LOWER ? cclip_codepoints_lower(text, scratch, 1)
                                                   : CCLIP_OK;
}

cclip_status cclip_clean_hugging_face(struct cclip_codepoints *text,
                                      struct cclip_codepoints *scratch)
{
    cclip_status status = cclip_codepoints_compose(text, scratch);
    if (status)
        return status;
    collapse(text, cclip_is_white_space);
    return cclip_codepoints_lower(text, scratch, 0);
}
