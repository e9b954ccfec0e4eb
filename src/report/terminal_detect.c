/* Which way of drawing a terminal knows, from what it puts into the environment. Asking the terminal
 * itself would need a reply on standard input, which may be anything. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "report/terminal.h"

static const char *value_of(const char *variable)
{
    const char *value = getenv(variable);
    return value ? value : "";
}

static const char *const names[] = { [CCLIP_TERMINAL_NONE] = "none",
                                     [CCLIP_TERMINAL_BLOCKS] = "blocks",
                                     [CCLIP_TERMINAL_KITTY] = "kitty",
                                     [CCLIP_TERMINAL_ITERM] = "iterm",
                                     [CCLIP_TERMINAL_SIXEL] = "sixel" };
enum { NAMES = sizeof names / sizeof names[0] };

/* First match wins. `part` "" : the variable is set to anything. */
static const struct {
    const char *variable, *part;
    cclip_terminal terminal;
} signs[] = {
    { "NO_COLOR", "", CCLIP_TERMINAL_NONE },
    /* Inside a multiplexer graphics would get lost; it passes colours on. */
    { "TMUX", "", CCLIP_TERMINAL_BLOCKS },
    { "TERM", "tmux", CCLIP_TERMINAL_BLOCKS },
    { "TERM", "screen", CCLIP_TERMINAL_BLOCKS },
    { "KITTY_WINDOW_ID", "", CCLIP_TERMINAL_KITTY },
    { "TERM", "kitty", CCLIP_TERMINAL_KITTY },
    { "TERM", "ghostty", CCLIP_TERMINAL_KITTY },
    { "TERM_PROGRAM", "ghostty", CCLIP_TERMINAL_KITTY },
    { "TERM_PROGRAM", "iTerm.app", CCLIP_TERMINAL_ITERM },
    { "TERM_PROGRAM", "WezTerm", CCLIP_TERMINAL_ITERM },
    { "TERM_PROGRAM", "mintty", CCLIP_TERMINAL_ITERM },
    { "LC_TERMINAL", "iTerm2", CCLIP_TERMINAL_ITERM },
    { "TERM", "foot", CCLIP_TERMINAL_SIXEL },
    { "TERM", "mlterm", CCLIP_TERMINAL_SIXEL },
    { "TERM", "sixel", CCLIP_TERMINAL_SIXEL },
    { "COLORTERM", "truecolor", CCLIP_TERMINAL_BLOCKS },
    { "COLORTERM", "24bit", CCLIP_TERMINAL_BLOCKS },
    { "TERM", "direct", CCLIP_TERMINAL_BLOCKS },
    { "WT_SESSION", "", CCLIP_TERMINAL_BLOCKS },
};

cclip_terminal cclip_terminal_detect(void)
{
    const char *wanted = value_of("CCLIP_TERMINAL"), *term = value_of("TERM");
    for (size_t i = 0; i < NAMES; i++)
        if (!strcasecmp(wanted, names[i]))
            return (cclip_terminal)i;
    if (!*term || !strcmp(term, "dumb") || !strcmp(term, "linux"))
        return CCLIP_TERMINAL_NONE;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const char *value = value_of(signs[i].variable);
        if (*value && strstr(value, signs[i].part))
            return signs[i].terminal;
    }
    return CCLIP_TERMINAL_NONE;
}
