#include "text/scan.h"

#include <string.h>

/* Classes of the 128 ASCII characters and, for all others, WIDE: look at the character. */
enum { OTHER = CCLIP_CLASS_OTHER, LETTER = CCLIP_CLASS_LETTER, NUMBER = CCLIP_CLASS_NUMBER,
       SPACE = CCLIP_CLASS_SPACE, WIDE };
#define O OTHER
#define L LETTER
#define N NUMBER
#define S SPACE
#define W WIDE
static const unsigned char classes[256] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, N, N, N, N, N, N, N, N, N, N, O, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W
};
#undef O
#undef L
#undef N
#undef S
#undef W

/* Class and size of the character at `at`, which is inside the text. */
static unsigned class_at(const struct cclip_scanner *s, size_t at, size_t *size)
{
    const unsigned class = classes[(unsigned char)s->text[at]];
    uint32_t c;
    *size = 1;
    if (class != WIDE)
        return class;
    *size = cclip_utf8_decode(&c, s->text + at, s->length - at);
    if (!*size) {
        *size = 1;
        return OTHER;
    }
    /* The only mark whose other case is a letter: without regard to case the reference's pattern
     * takes it for neither a letter nor another character, and passes over it. */
    if (c == 0x345 && s->rules->ignore_case)
        return SPACE;
    return cclip_character_class(c);
}

static size_t run_of(const struct cclip_scanner *s, size_t at, unsigned class)
{
    while (at < s->length) {
        size_t size;
        const unsigned found = classes[(unsigned char)s->text[at]];
        if (found == class) {
            at++;
            continue;
        }
        if (found != WIDE || class_at(s, at, &size) != class)
            break;
        at += size;
    }
    return at;
}

/* How many bytes of the text match `wanted` (lower-case ASCII or exact), 0 if it does not. */
static size_t match(const struct cclip_scanner *s, size_t at, const char *wanted, size_t length)
{
    const size_t begin = at;
    for (size_t i = 0; i < length; i++) {
        if (at == s->length)
            return 0;
        unsigned char c = (unsigned char)s->text[at];
        const unsigned char w = (unsigned char)wanted[i];
        if (s->rules->ignore_case && (w | 0x20) == 's' && c == 0xc5 && at + 1 < s->length &&
            (unsigned char)s->text[at + 1] == 0xbf) { /* U+017F, long s */
            at += 2;
            continue;
        }
        if (c != w && !(s->rules->ignore_case && classes[c] == LETTER && classes[w] == LETTER &&
                        (c | 0x20) == (w | 0x20)))
            return 0;
        at++;
    }
    return at - begin;
}

static size_t match_special(const struct cclip_scanner *s, int32_t *exact)
{
    for (size_t i = 0; i < s->rules->special_count; i++) {
        const struct cclip_special *special = &s->rules->specials[i];
        if (!special->in_pattern && !special->normalized)
            continue;
        const size_t length = match(s, s->at, special->text, special->length);
        if (!length)
            continue;
        if (length == special->length && !memcmp(s->text + s->at, special->text, length))
            *exact = (int32_t)i;
        return length;
    }
    return 0;
}

static size_t match_contraction(const struct cclip_scanner *s)
{
    static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t length = match(s, s->at, endings[i], strlen(endings[i]));
        if (length)
            return length;
    }
    return 0;
}

static size_t word_length(const struct cclip_scanner *s, unsigned class, size_t size,
                          int32_t *special)
{
    size_t length = 0;
    const char first = s->text[s->at];
    if (s->rules->may_start[(unsigned char)first])
        length = match_special(s, special);
    if (!length && first == '\'')
        length = match_contraction(s);
    if (length)
        return length;
    return class == NUMBER ? size : run_of(s, s->at + size, class) - s->at;
}

int cclip_scan_next(struct cclip_scanner *s, struct cclip_word *word)
{
    size_t size = 0;
    unsigned class = SPACE;
    while (s->at < s->length && (class = class_at(s, s->at, &size)) == SPACE)
        s->at += size;
    if (s->at >= s->length)
        return 0;
    word->begin = s->at;
    word->special = -1;
    word->length = word_length(s, class, size, &word->special);
    s->at += word->length;
    return 1;
}
