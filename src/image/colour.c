#include "image/colour.h"

#include <string.h>
#include <strings.h>

/* The sixteen names of HTML, and a few more that backgrounds are called by. */
static const struct {
    const char *name;
    unsigned char colour[3];
} names[] = {
    { "white", { 255, 255, 255 } },  { "black", { 0, 0, 0 } },       { "gray", { 128, 128, 128 } },
    { "grey", { 128, 128, 128 } },   { "silver", { 192, 192, 192 } }, { "red", { 255, 0, 0 } },
    { "green", { 0, 128, 0 } },      { "blue", { 0, 0, 255 } },      { "yellow", { 255, 255, 0 } },
    { "orange", { 255, 165, 0 } },   { "purple", { 128, 0, 128 } },  { "pink", { 255, 192, 203 } },
    { "brown", { 165, 42, 42 } },    { "cyan", { 0, 255, 255 } },    { "aqua", { 0, 255, 255 } },
    { "magenta", { 255, 0, 255 } },  { "fuchsia", { 255, 0, 255 } }, { "lime", { 0, 255, 0 } },
    { "maroon", { 128, 0, 0 } },     { "navy", { 0, 0, 128 } },      { "olive", { 128, 128, 0 } },
    { "teal", { 0, 128, 128 } },
};

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

static int parse_hex(unsigned char colour[3], const char *text)
{
    const size_t length = strlen(text), digits = length / 3;
    if (length != 3 && length != 6)
        return 0;
    for (size_t i = 0; i < 3; i++) {
        const int high = hex_digit(text[i * digits]), low = hex_digit(text[i * digits + digits - 1]);
        if (high < 0 || low < 0)
            return 0;
        colour[i] = (unsigned char)(high * 16 + low);
    }
    return 1;
}

cclip_status cclip_colour_parse(int *has_colour, unsigned char colour[3], const char *text)
{
    unsigned char parsed[3];
    if (!strcasecmp(text, "none")) {
        *has_colour = 0;
        return CCLIP_OK;
    }
    int known = text[0] == '#' && parse_hex(parsed, text + 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !known; i++)
        if (!strcasecmp(text, names[i].name)) {
            memcpy(parsed, names[i].colour, 3);
            known = 1;
        }
    if (!known)
        return cclip_fail(CCLIP_ERROR_ARGUMENT,
                          "\"%.64s\" is not a colour: expected none, a name such as white, #rgb or #rrggbb",
                          text);
    memcpy(colour, parsed, 3);
    *has_colour = 1;
    return CCLIP_OK;
}
