#include "curate/caption_rules.h"

#include <ctype.h>
#include <string.h>

#include "base/limits.h"
#include "text/html.h"

enum { TAG_MOST = 1000, ENTITY_ROUNDS = 2, WIDE = 0x2e80 };

/* Where a caption is while it is being changed. */
struct caption {
    struct cclip_buffer *text;            /* the caption */
    struct cclip_caption_cleaner *cleaner; /* cleaner->before: as it was before the rule at hand */
};

/* Texts that were escaped twice ("&amp;quot;") are common. */
static cclip_status resolve_entities(struct caption *c)
{
    struct cclip_caption_cleaner *work = c->cleaner;
    cclip_status status = CCLIP_OK;
    if (!memchr(work->before.data, '&', work->before.length))
        return CCLIP_OK;
    status = cclip_codepoints_from_utf8(&work->points, work->before.data, work->before.length);
    for (int i = 0; i < ENTITY_ROUNDS && !status; i++)
        status = cclip_html_unescape(&work->points, &work->scratch);
    cclip_buffer_clear(c->text);
    return status ? status : cclip_codepoints_to_utf8(c->text, work->points.data, work->points.count);
}

/* The length of a tag that begins here; 0: none does. "<3" and "a < b" are none. */
static size_t tag_length(const char *text, size_t left)
{
    if (left < 3 || *text != '<' || !(isalpha((unsigned char)text[1]) || text[1] == '/' || text[1] == '!'))
        return 0;
    const char *end = memchr(text, '>', left < TAG_MOST ? left : TAG_MOST);
    return end ? (size_t)(end + 1 - text) : 0;
}

static cclip_status remove_tags(struct caption *c)
{
    const char *text = c->cleaner->before.data, *end = text + c->cleaner->before.length;
    cclip_status status = CCLIP_OK;
    cclip_buffer_clear(c->text);
    while (text < end && !status) {
        const size_t tag = tag_length(text, (size_t)(end - text));
        status = cclip_buffer_byte(c->text, tag ? ' ' : *text);
        text += tag ? tag : 1;
    }
    return status;
}

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* All but the words of one kind. */
static cclip_status remove_words(struct caption *c, int (*is_it)(const char *word, size_t length))
{
    const char *text = c->cleaner->before.data, *end = text + c->cleaner->before.length;
    cclip_status status = CCLIP_OK;
    cclip_buffer_clear(c->text);
    while (text < end && !status) {
        size_t length = 1;
        const int space = is_space(*text);
        while (text + length < end && is_space(text[length]) == space)
            length++;
        if (space || !is_it(text, length))
            status = cclip_buffer_append(c->text, text, length);
        text += length;
    }
    return status;
}

static cclip_status remove_urls(struct caption *c)
{
    return remove_words(c, cclip_word_is_url);
}

static cclip_status remove_emails(struct caption *c)
{
    return remove_words(c, cclip_word_is_email);
}

static cclip_status remove_file_names(struct caption *c)
{
    return remove_words(c, cclip_word_is_file_name);
}

/* Runs of white space and of control characters become one space, and none is left at the ends. */
static cclip_status collapse_space(struct caption *c)
{
    const char *text = c->cleaner->before.data, *end = text + c->cleaner->before.length;
    cclip_status status = CCLIP_OK;
    int waiting = 0;
    cclip_buffer_clear(c->text);
    while (text < end && !status) {
        uint32_t point;
        const size_t length = cclip_utf8_decode(&point, text, (size_t)(end - text));
        if (cclip_is_white_space(point) || point < 0x20 || point == 0x7f) {
            waiting = c->text->length > 0;
        } else {
            if (waiting)
                status = cclip_buffer_byte(c->text, ' ');
            if (!status)
                status = cclip_buffer_append(c->text, text, length);
            waiting = 0;
        }
        text += length;
    }
    return status;
}

static const struct {
    struct cclip_caption_rule_info info;
    cclip_status (*change)(struct caption *c);
} rules[CCLIP_CAPTION_RULES] = {
    [CCLIP_CAPTION_ENTITIES] = { { "html_entities", "HTML entities are resolved" }, resolve_entities },
    [CCLIP_CAPTION_TAGS] = { { "html_tags", "HTML tags are taken out" }, remove_tags },
    [CCLIP_CAPTION_URLS] = { { "urls", "web addresses are taken out" }, remove_urls },
    [CCLIP_CAPTION_EMAILS] = { { "emails", "e-mail addresses are taken out" }, remove_emails },
    [CCLIP_CAPTION_FILE_NAMES] = { { "file_names", "names of files, IMG_1234.jpg say, are taken out" },
                                   remove_file_names },
    [CCLIP_CAPTION_WHITE_SPACE] = { { "white_space", "runs of white space become one space" },
                                    collapse_space },
    [CCLIP_CAPTION_NOT_UTF8] = { { "not_utf8", "a caption that is not UTF-8 is refused" }, NULL },
    [CCLIP_CAPTION_EMPTY] = { { "empty", "a caption of which nothing is left is refused" }, NULL },
    [CCLIP_CAPTION_TOO_SHORT] = { { "too_short", "a caption of too few characters is refused" }, NULL },
    [CCLIP_CAPTION_TOO_LONG] = { { "too_long", "a caption of too many characters is refused" }, NULL },
    [CCLIP_CAPTION_NOT_TEXT] = { { "not_text",
                                   "a caption of too few letters (emoji, numbers, signs) is refused" }, NULL },
    [CCLIP_CAPTION_REPEATED] = { { "repeated", "a caption of too many pictures is refused" }, NULL },
};

const struct cclip_caption_rule_info *cclip_caption_rule_info(enum cclip_caption_rule rule)
{
    return &rules[rule].info;
}

enum cclip_caption_rule cclip_caption_rule_named(const char *name)
{
    int rule = 0;
    while (rule < CCLIP_CAPTION_RULES && strcmp(name, rules[rule].info.name))
        rule++;
    return (enum cclip_caption_rule)rule;
}

void cclip_caption_cleaner_close(struct cclip_caption_cleaner *cleaner)
{
    cclip_codepoints_close(&cleaner->points);
    cclip_codepoints_close(&cleaner->scratch);
    cclip_buffer_close(&cleaner->before);
    *cleaner = (struct cclip_caption_cleaner){ 0 };
}

/* What a caption is made of. */
struct measure {
    size_t chars, letters, dark; /* dark: not white space */
    int not_utf8;
};

static struct measure measure_text(const char *text, size_t length)
{
    struct measure m = { 0 };
    for (size_t i = 0; i < length;) {
        uint32_t point;
        const size_t size = cclip_utf8_decode(&point, text + i, length - i);
        if (!size || cclip_is_surrogate(point)) { /* three bytes that no UTF-8 has, but some write */
            m.not_utf8 = 1;
            return m;
        }
        const enum cclip_character_class class = cclip_character_class(point);
        m.chars += 1 + (class == CCLIP_CLASS_LETTER && point >= WIDE);
        m.letters += class == CCLIP_CLASS_LETTER;
        m.dark += class != CCLIP_CLASS_SPACE;
        i += size;
    }
    return m;
}

static enum cclip_caption_rule judge(const struct cclip_buffer *text,
                                     const struct cclip_caption_settings *s)
{
    const struct measure m = measure_text(text->data, text->length);
    const int broken[CCLIP_CAPTION_RULES] = {
        [CCLIP_CAPTION_NOT_UTF8] = m.not_utf8,
        [CCLIP_CAPTION_EMPTY] = !m.dark,
        [CCLIP_CAPTION_TOO_SHORT] = m.chars < s->min_chars,
        [CCLIP_CAPTION_TOO_LONG] = m.chars > s->max_chars,
        [CCLIP_CAPTION_NOT_TEXT] = (double)m.letters < s->min_letters * (double)m.dark,
    };
    for (int rule = CCLIP_CAPTION_CHANGES; rule < CCLIP_CAPTION_RULES; rule++)
        if (broken[rule] && !(s->off >> rule & 1))
            return (enum cclip_caption_rule)rule;
    return CCLIP_CAPTION_RULES;
}

/* One rule; notes whether it changed anything. */
static cclip_status apply(struct caption *c, int rule, unsigned *changed)
{
    struct cclip_buffer *before = &c->cleaner->before;
    cclip_buffer_clear(before);
    cclip_status status = cclip_buffer_append(before, c->text->data, c->text->length);
    if (!status)
        status = rules[rule].change(c);
    if (!status && (before->length != c->text->length ||
                    memcmp(before->data, c->text->data, before->length)))
        *changed |= 1u << rule;
    return status;
}

cclip_status cclip_caption_clean(struct cclip_buffer *out, struct cclip_caption_verdict *verdict,
                                 struct cclip_caption_cleaner *cleaner, const char *text, size_t length,
                                 const struct cclip_caption_settings *settings)
{
    struct caption c = { out, cleaner };
    *verdict = (struct cclip_caption_verdict){ 0, CCLIP_CAPTION_RULES };
    if (!cleaner->before.maximum)
        cclip_buffer_open(&cleaner->before, 2 * CCLIP_LIMIT_TEXT_BYTES);
    cclip_buffer_clear(out);
    cclip_status status = cclip_buffer_append(out, text, length);
    if (!status && measure_text(out->data, out->length).not_utf8) {
        if (!(settings->off >> CCLIP_CAPTION_NOT_UTF8 & 1))
            verdict->refused = CCLIP_CAPTION_NOT_UTF8;
        return CCLIP_OK; /* nothing can be said of its characters */
    }
    for (int rule = 0; rule < CCLIP_CAPTION_CHANGES && !status; rule++)
        if (!(settings->off >> rule & 1))
            status = apply(&c, rule, &verdict->changed);
    if (!status)
        verdict->refused = judge(out, settings);
    return status;
}
