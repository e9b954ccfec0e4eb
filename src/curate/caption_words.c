/* What kinds of words are no words: addresses and names of files. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "curate/caption_rules.h"

static int is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

/* Takes off the brackets, quotes and stops around a word. */
static void strip(const char **word, size_t *length)
{
    static const char around[] = "()[]{}<>\"'`,;:!?*|";
    while (*length && strchr(around, **word) && **word) {
        ++*word;
        --*length;
    }
    while (*length && (*word)[*length - 1] && (strchr(around, (*word)[*length - 1]) || (*word)[*length - 1] == '.'))
        --*length;
}

static int begins(const char *word, size_t length, const char *with)
{
    const size_t size = strlen(with);
    return length > size && !strncasecmp(word, with, size);
}

int cclip_word_is_url(const char *word, size_t length)
{
    strip(&word, &length);
    for (size_t i = 1; i + 3 < length; i++)
        if (!memcmp(word + i, "://", 3))
            return 1;
    return begins(word, length, "www.");
}

/* Something, one @, and a name with a dot inside. */
int cclip_word_is_email(const char *word, size_t length)
{
    strip(&word, &length);
    const char *at = memchr(word, '@', length);
    if (!at || at == word)
        return 0;
    const size_t left = length - (size_t)(at + 1 - word);
    const char *dot = memchr(at + 1, '.', left);
    return dot && dot > at + 1 && dot + 1 < word + length && !memchr(at + 1, '@', left);
}

/* Names that cameras give: a few letters, then digits in groups. */
static int is_camera_name(const char *word, size_t length)
{
    static const struct {
        const char *letters;
        size_t digits; /* at least */
    } cameras[] = { { "IMG", 3 },  { "DSC", 3 },  { "DSCN", 3 }, { "DSCF", 3 }, { "IMGP", 3 }, { "PICT", 3 },
                    { "PXL", 6 },  { "MVI", 3 },  { "GOPR", 3 }, { "SAM", 4 },  { "CIMG", 3 }, { "P", 7 },
                    { "WP", 6 },   { "IMAGE", 3 }, { "SCAN", 3 }, { "PHOTO", 3 }, { "", 8 } };
    for (size_t i = 0; i < sizeof cameras / sizeof *cameras; i++) {
        size_t at = strlen(cameras[i].letters), digits = 0;
        if (length <= at || strncasecmp(word, cameras[i].letters, at))
            continue;
        for (; at < length && (is_digit(word[at]) || strchr("_-()", word[at])) && word[at]; at++)
            digits += (size_t)is_digit(word[at]);
        if (at == length && digits >= cameras[i].digits)
            return 1;
    }
    return 0;
}

int cclip_word_is_file_name(const char *word, size_t length)
{
    static const char *const suffixes[] = { ".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif",
                                            ".tiff", ".svg", ".heic", ".avif", ".pdf", ".psd", ".eps" };
    strip(&word, &length);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        const size_t size = strlen(suffixes[i]);
        if (length > size && !strncasecmp(word + length - size, suffixes[i], size))
            return 1;
    }
    return is_camera_name(word, length);
}
