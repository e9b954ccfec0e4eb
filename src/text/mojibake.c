/* The judgement: pairs and short sequences of characters, by class, that betray a wrong decoding. It
 * was drawn up from how ftfy 6.3 judges such sequences, so that texts are repaired alike. */
#include "text/mojibake.h"

#include "text/mojibake_table.h"

/* Classes of any character, beside those of the table. */
#define ASCII_LETTER ((uint64_t)1 << 54)
#define ASCII_LOWER ((uint64_t)1 << 55)
#define STOP ((uint64_t)1 << 56) /* . , ? ! */
#define BLANK ((uint64_t)1 << 57)
#define SPACE ((uint64_t)1 << 58)
#define WORD ((uint64_t)1 << 59) /* letters, numbers, underscore */
#define NO_ASCII_LETTER ((uint64_t)1 << 60)
#define NO_NEWLINE ((uint64_t)1 << 61)
#define BEGINNING ((uint64_t)1 << 62) /* the place before the first character */
_Static_assert((int)MOJIBAKE_CLASSES <= 54, "the classes of the table take the lower bits");

#define ACCENTED (MOJIBAKE_UPPER | MOJIBAKE_LOWER)
#define MARKS (MOJIBAKE_START | MOJIBAKE_END)
#define SIGNS (MOJIBAKE_CURRENCY | MOJIBAKE_NUMERIC | MOJIBAKE_LAW)
#define ANY_SUSPECT (ACCENTED | MOJIBAKE_BOX | MARKS | SIGNS)

enum { LONGEST = 7 };

/* A text is bad where one of these sequences of classes stands. */
static const uint64_t rules[][LONGEST] = {
    { MOJIBAKE_C1 },
    /* signs that occur by themselves at best */
    { ANY_SUSPECT | MOJIBAKE_BAD, MOJIBAKE_BAD },
    { MOJIBAKE_BAD, ANY_SUSPECT },
    { ASCII_LETTER, MOJIBAKE_LOWER_COMMON | MOJIBAKE_UPPER_COMMON, MOJIBAKE_BAD },
    /* a capital or an accented letter right after what ends a word */
    { MOJIBAKE_LOWER | MOJIBAKE_LOWER_COMMON | MOJIBAKE_BOX | MOJIBAKE_END | MOJIBAKE_CURRENCY |
          MOJIBAKE_NUMERIC,
      MOJIBAKE_UPPER },
    { MOJIBAKE_BOX | MOJIBAKE_END | MOJIBAKE_CURRENCY | MOJIBAKE_NUMERIC, MOJIBAKE_LOWER },
    /* letters beside signs */
    { MOJIBAKE_LOWER | MOJIBAKE_BOX | MOJIBAKE_END, MOJIBAKE_CURRENCY },
    { SPACE, MOJIBAKE_UPPER, MOJIBAKE_CURRENCY },
    { MOJIBAKE_UPPER | MOJIBAKE_BOX, MOJIBAKE_NUMERIC | MOJIBAKE_LAW },
    { MOJIBAKE_UPPER, MOJIBAKE_DEGREE },
    { ACCENTED | MOJIBAKE_BOX | MOJIBAKE_CURRENCY | MOJIBAKE_END, MOJIBAKE_START,
      MOJIBAKE_NUMERIC },
    { ACCENTED | SIGNS | MOJIBAKE_BOX, MOJIBAKE_END, MOJIBAKE_START },
    { MOJIBAKE_CURRENCY | MOJIBAKE_NUMERIC | MOJIBAKE_BOX, MOJIBAKE_START },
    { ASCII_LOWER, MOJIBAKE_UPPER, MOJIBAKE_START | MOJIBAKE_CURRENCY },
    { ACCENTED, MARKS, WORD },
    /* boxes are drawn among themselves, and in faces */
    { MOJIBAKE_BOX, MOJIBAKE_KAOMOJI | MOJIBAKE_END },
    { ACCENTED | SIGNS | MARKS, MOJIBAKE_BOX },
    { MOJIBAKE_OE, NO_ASCII_LETTER },
    /* Windows-1252 read as such where it was UTF-8 */
    { MOJIBAKE_LATIN_LEAD, MOJIBAKE_AFTER_LATIN_LEAD },
    { MOJIBAKE_TIMES, MOJIBAKE_SQUARED },
    { MOJIBAKE_ARABIC_LEAD, MOJIBAKE_AFTER_ARABIC_LEAD, MOJIBAKE_ARABIC_LEAD,
      MOJIBAKE_AFTER_ARABIC_LEAD },
    { MOJIBAKE_A_GRAVE, MOJIBAKE_FRACTION },
    { MOJIBAKE_A_TILDE, MOJIBAKE_AFTER_A_TILDE },
    { ASCII_LOWER, MOJIBAKE_A_TILDE | MOJIBAKE_A_HAT, BLANK },
    { ASCII_LOWER, SPACE, MOJIBAKE_A_TILDE | MOJIBAKE_A_HAT, BLANK },
    { BEGINNING, MOJIBAKE_A_TILDE | MOJIBAKE_A_HAT, BLANK },
    { ASCII_LOWER | STOP | MOJIBAKE_END, MOJIBAKE_A_HAT, BLANK | MARKS },
    /* MacRoman */
    { MOJIBAKE_ROOT, MOJIBAKE_AFTER_ROOT },
    { MOJIBAKE_ALMOST, MOJIBAKE_AFTER_ALMOST },
    { MOJIBAKE_LOW_QUOTE, MOJIBAKE_A_UMLAUT, MOJIBAKE_AFTER_A_UMLAUT },
    { MOJIBAKE_LOW_QUOTE, MOJIBAKE_A_HAT_O_ACUTE, MOJIBAKE_AFTER_A_HAT },
    /* Windows-1251, Windows-1253 and Windows-1257 */
    { MOJIBAKE_VE_SMALL, MOJIBAKE_DJE },
    { MOJIBAKE_CYRILLIC_LEAD, MOJIBAKE_BETWEEN_LEADS | MOJIBAKE_MICRO, MOJIBAKE_CYRILLIC_LEAD },
    { MOJIBAKE_GHE, MOJIBAKE_SHORT_U, MOJIBAKE_VE, MOJIBAKE_DJE, MOJIBAKE_VE, NO_NEWLINE,
      ASCII_LETTER | BLANK },
    { MOJIBAKE_BETA, MOJIBAKE_EURO, MOJIBAKE_AFTER_BETA_EURO },
    { MOJIBAKE_GREEK_LEAD, MOJIBAKE_BETWEEN_LEADS, MOJIBAKE_GREEK_LEAD },
    { MOJIBAKE_A_MACRON, MOJIBAKE_EURO },
};

const struct cclip_mojibake_character *cclip_mojibake_find(uint32_t c)
{
    size_t low = 0, high = cclip_mojibake_character_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (cclip_mojibake_characters[middle].c == c)
            return &cclip_mojibake_characters[middle];
        if (cclip_mojibake_characters[middle].c < c)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static uint64_t ascii_classes(uint32_t c)
{
    const int lower = c >= 'a' && c <= 'z', letter = lower || (c >= 'A' && c <= 'Z');
    uint64_t classes = letter ? ASCII_LETTER : NO_ASCII_LETTER;
    if (lower)
        classes |= ASCII_LOWER;
    if (letter || (c >= '0' && c <= '9') || c == '_')
        classes |= WORD;
    if (c == '.' || c == ',' || c == '?' || c == '!')
        classes |= STOP;
    if (c == ' ')
        classes |= BLANK | MOJIBAKE_LATER;
    if (cclip_is_strip_space(c))
        classes |= SPACE;
    return c == '\n' ? classes : classes | NO_NEWLINE;
}

uint64_t cclip_mojibake_classes(uint32_t c)
{
    if (c < 0x80)
        return ascii_classes(c);
    const struct cclip_mojibake_character *known = cclip_mojibake_find(c);
    const enum cclip_character_class class = cclip_character_class(c);
    uint64_t classes = NO_ASCII_LETTER | NO_NEWLINE | (known ? known->classes : 0);
    if (class == CCLIP_CLASS_LETTER || class == CCLIP_CLASS_NUMBER)
        classes |= WORD;
    return class == CCLIP_CLASS_SPACE ? classes | SPACE : classes;
}

static int matches(const uint64_t *window, size_t rule)
{
    for (size_t i = 0; i < LONGEST && rules[rule][i]; i++)
        if (!(window[i] & rules[rule][i]))
            return 0;
    return 1;
}

int cclip_mojibake_is_bad(const uint32_t *text, size_t count)
{
    uint64_t window[LONGEST] = { 0 };
    uint64_t firsts = 0;
    for (size_t rule = 0; rule < sizeof rules / sizeof rules[0]; rule++)
        firsts |= rules[rule][0];
    window[LONGEST - 1] = BEGINNING;
    for (size_t i = 0; i < count + LONGEST - 1; i++) {
        for (size_t k = 0; k + 1 < LONGEST; k++)
            window[k] = window[k + 1];
        window[LONGEST - 1] = i < count ? cclip_mojibake_classes(text[i]) : 0;
        if (!(window[0] & firsts))
            continue;
        for (size_t rule = 0; rule < sizeof rules / sizeof rules[0]; rule++)
            if ((rules[rule][0] & window[0]) && matches(window, rule))
                return 1;
    }
    return 0;
}
