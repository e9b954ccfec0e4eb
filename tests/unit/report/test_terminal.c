/* The exact text that a terminal gets for a small picture, and which terminal is which. */
#include "unit/report/pictures.h"

#include "report/terminal.h"

static void expect(struct cclip_buffer *out, const char *expected)
{
    assert_string_equal(out->data, expected);
    assert_int_equal(out->length, strlen(expected));
    cclip_buffer_close(out);
}

static void test_blocks(void **state)
{
    unsigned char pixels[] = { 255, 0, 0, 255, 0, 0, 0, 0, 255, 255, 0, 0,
                               0, 255, 0, 0, 255, 0, 0, 255, 0, 255, 0, 0 };
    const struct cclip_picture picture = view(CCLIP_MODE_RGB, pixels, 4, 2);
    struct cclip_buffer out;
    (void)state;
    cclip_buffer_open(&out, 4096);
    assert_ok(cclip_terminal_blocks(&out, &picture));
    /* a colour is said when it changes: the second character is like the first */
    expect(&out, "\x1b[38;2;255;0;0m\x1b[48;2;0;255;0m\u2580\u2580"
                 "\x1b[38;2;0;0;255m\u2580"
                 "\x1b[38;2;255;0;0m\x1b[48;2;255;0;0m\u2580\x1b[0m\n");
}

static void test_blocks_odd_height(void **state)
{
    unsigned char pixels[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    const struct cclip_picture picture = view(CCLIP_MODE_RGB, pixels, 1, 3);
    struct cclip_buffer out;
    (void)state;
    cclip_buffer_open(&out, 4096);
    assert_ok(cclip_terminal_blocks(&out, &picture));
    expect(&out, "\x1b[38;2;1;2;3m\x1b[48;2;4;5;6m\u2580\x1b[0m\n"
                 "\x1b[38;2;7;8;9m\u2580\x1b[0m\n");
}

/* Transparent: the terminal's own ground shows. Both, lower only, upper only, none; then a line of
 * nothing, which needs no colours. */
static void test_blocks_transparent(void **state)
{
    unsigned char pixels[] = { 9, 9, 9, 255, 8, 8, 8, 127, 7, 7, 7, 128, 6, 6, 6, 0,
                               5, 5, 5, 255, 4, 4, 4, 255, 3, 3, 3, 0,   2, 2, 2, 0,
                               0, 0, 0, 0,   0, 0, 0, 0,   0, 0, 0, 0,   0, 0, 0, 0 };
    const struct cclip_picture picture = view(CCLIP_MODE_RGBA, pixels, 4, 3);
    struct cclip_buffer out;
    (void)state;
    cclip_buffer_open(&out, 4096);
    assert_ok(cclip_terminal_blocks(&out, &picture));
    expect(&out, "\x1b[38;2;9;9;9m\x1b[48;2;5;5;5m\u2580"
                 "\x1b[38;2;4;4;4m\x1b[49m\u2584"
                 "\x1b[38;2;7;7;7m\u2580"
                 " \x1b[0m\n"
                 "    \n");
}

static void test_sixel(void **state)
{
    unsigned char pixels[7 * 5 * 4];
    struct cclip_picture picture = view(CCLIP_MODE_RGBA, pixels, 5, 7);
    struct cclip_buffer out;
    (void)state;
    for (size_t i = 0; i < 7 * 5; i++) /* red, but for the last column, which is transparent */
        memcpy(pixels + 4 * i, i % 5 == 4 ? "\0\0\0\0" : "\377\0\0\377", 4);
    memcpy(pixels + 4 * 5, "\0\0\377\377", 4); /* blue below the first pixel */
    cclip_buffer_open(&out, 4096);
    assert_ok(cclip_terminal_sixel(&out, &picture));
    /* five characters at most a run; bits from the top: blue is bit 1; red all six (~) or all but
     * that (0x3d + '?' = '|'); the seventh row is bit 0 of the second band (@) */
    expect(&out, "\x1bP0;1;0q\"1;1;5;7#5;2;0;0;100#180;2;100;0;0"
                 "#5A$#180|~~~-"
                 "#180!4@-\x1b\\\n");
}

/* Grays between two levels of the palette keep their mean: the error goes to the neighbours. */
static void test_sixel_dither(void **state)
{
    enum { SIDE = 24 };
    unsigned char pixels[SIDE * SIDE * 3];
    struct cclip_picture picture = view(CCLIP_MODE_RGB, pixels, SIDE, SIDE);
    struct cclip_buffer out;
    size_t light = 0, dark = 0;
    int colour = 0, run = 1;
    (void)state;
    memset(pixels, 51 * 2 + 13, sizeof pixels); /* a quarter of the way from level 2 to 3 */
    cclip_buffer_open(&out, 1 << 16);
    assert_ok(cclip_terminal_sixel(&out, &picture));
    const char *at = strstr(out.data, "60;60;60");
    assert_non_null(at);
    for (at += 8; *at && *at != '\x1b'; at++) {
        if (*at == '#')
            colour = (int)strtol(at + 1, (char **)&at, 10), at--;
        else if (*at == '!')
            run = (int)strtol(at + 1, (char **)&at, 10), at--;
        else if (*at >= '?' && *at <= '~') {
            *(colour == 129 ? &light : &dark) +=
                (size_t)run * (size_t)__builtin_popcount((unsigned)(*at - '?'));
            run = 1;
        }
    }
    cclip_buffer_close(&out);
    assert_int_equal(light + dark, SIDE * SIDE);
    assert_in_range(light, SIDE * SIDE / 4 - 16, SIDE * SIDE / 4 + 24);
}

/* Everything between the escapes, joined, decoded: the PNG file that was sent. */
static void test_kitty_chunks(void **state)
{
    enum { SIDE = 64 };
    unsigned char pixels[SIDE * SIDE * 3];
    const struct cclip_picture picture = view(CCLIP_MODE_RGB, pixels, SIDE, SIDE);
    struct cclip_buffer out;
    size_t chunks = 0, sent = 0;
    uint32_t random = 1;
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++) { /* does not compress */
        random = random * 1664525u + 1013904223u;
        pixels[i] = (unsigned char)(random >> 24);
    }
    cclip_buffer_open(&out, 1 << 20);
    assert_ok(cclip_terminal_kitty(&out, &picture, 7, 4));
    assert_memory_equal(out.data, "\x1b_Ga=T,f=100,q=2,c=7,r=4,m=1;iVBORw0KGgo", 40);
    for (const char *at = out.data; (at = strstr(at, "\x1b_G")); chunks++) {
        const char *data = strchr(at, ';') + 1, *end = strstr(data, "\x1b\\");
        assert_non_null(end);
        const size_t length = (size_t)(end - data);
        const int last = !strcmp(end, "\x1b\\\n");
        assert_true(last ? length <= 4096 : length == 4096);
        assert_int_equal(data[-2], last ? '0' : '1'); /* m= */
        sent += length;
        at = end;
    }
    assert_true(chunks > 2);
    assert_true(sent > SIDE * SIDE * 3);
    cclip_buffer_close(&out);
}

static void draw(struct cclip_buffer *out, cclip_terminal terminal, const char *path, size_t columns,
                 size_t rows)
{
    cclip_buffer_open(out, 1 << 20);
    assert_ok(cclip_terminal_draw(out, terminal, path, columns, rows));
}

static void test_draw(void **state)
{
    static const unsigned char two[] = { 255, 0, 0, 255, 0, 0 };
    const char *path = write_png("two.png", two, 2, 1, 3);
    struct cclip_buffer out;
    (void)state;
    draw(&out, CCLIP_TERMINAL_BLOCKS, path, 4, 4); /* it grows to 4 x 2 pixels */
    expect(&out, "\x1b[38;2;255;0;0m\x1b[48;2;255;0;0m\u2580\u2580\u2580\u2580\x1b[0m\n");
    draw(&out, CCLIP_TERMINAL_BLOCKS, path, 9, 1); /* the height is what limits it */
    expect(&out, "\x1b[38;2;255;0;0m\x1b[48;2;255;0;0m\u2580\u2580\u2580\u2580\x1b[0m\n");
    draw(&out, CCLIP_TERMINAL_SIXEL, path, 1, 9); /* 8 x 4 pixels */
    expect(&out, "\x1bP0;1;0q\"1;1;8;4#180;2;100;0;0#180!8N-\x1b\\\n");
    draw(&out, CCLIP_TERMINAL_KITTY, path, 3, 9); /* 30 x 15 pixels are 3 x 1 characters */
    assert_non_null(strstr(out.data, "c=3,r=1,m=0;"));
    cclip_buffer_close(&out);
    draw(&out, CCLIP_TERMINAL_ITERM, path, 3, 9);
    assert_non_null(strstr(out.data, ";width=3;height=1;preserveAspectRatio=1:iVBORw0KGgo"));
    assert_memory_equal(out.data, "\x1b]1337;File=inline=1;size=", 26);
    assert_string_equal(out.data + out.length - 2, "\a\n");
    cclip_buffer_close(&out);
    cclip_buffer_open(&out, 16);
    assert_ok(cclip_terminal_draw(&out, CCLIP_TERMINAL_NONE, path, 4, 4));
    assert_int_equal(out.length, 0);
    cclip_buffer_close(&out);
}

static void test_bad_arguments(void **state)
{
    struct cclip_buffer out;
    (void)state;
    cclip_buffer_open(&out, 4096);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_terminal_draw(&out, CCLIP_TERMINAL_BLOCKS, "/none.png", 4, 4));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_terminal_draw(&out, CCLIP_TERMINAL_BLOCKS, "/none.png", 0, 4));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_terminal_draw(&out, CCLIP_TERMINAL_BLOCKS, "/none.png", 4, 99999));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_terminal_draw(&out, (cclip_terminal)9, "/none.png", 4, 4));
    assert_int_equal(out.length, 0);
    cclip_buffer_close(&out);
}

static void test_detect(void **state)
{
    static const char *const variables[] = { "CCLIP_TERMINAL", "NO_COLOR", "TMUX", "TERM", "COLORTERM",
                                             "TERM_PROGRAM", "KITTY_WINDOW_ID", "LC_TERMINAL",
                                             "WT_SESSION" };
    static const struct {
        const char *settings[3][2];
        cclip_terminal expected;
    } cases[] = {
        { { { NULL } }, CCLIP_TERMINAL_NONE },
        { { { "TERM", "dumb" }, { "COLORTERM", "truecolor" } }, CCLIP_TERMINAL_NONE },
        { { { "TERM", "linux" } }, CCLIP_TERMINAL_NONE },
        { { { "TERM", "xterm-256color" } }, CCLIP_TERMINAL_NONE },
        { { { "TERM", "xterm-256color" }, { "COLORTERM", "truecolor" } }, CCLIP_TERMINAL_BLOCKS },
        { { { "TERM", "xterm-direct" } }, CCLIP_TERMINAL_BLOCKS },
        { { { "TERM", "xterm-256color" }, { "WT_SESSION", "6a" } }, CCLIP_TERMINAL_BLOCKS },
        { { { "TERM", "xterm-kitty" }, { "COLORTERM", "truecolor" } }, CCLIP_TERMINAL_KITTY },
        { { { "TERM", "xterm-ghostty" } }, CCLIP_TERMINAL_KITTY },
        { { { "TERM", "xterm-256color" }, { "TERM_PROGRAM", "iTerm.app" } }, CCLIP_TERMINAL_ITERM },
        { { { "TERM", "xterm-256color" }, { "TERM_PROGRAM", "WezTerm" } }, CCLIP_TERMINAL_ITERM },
        { { { "TERM", "foot" } }, CCLIP_TERMINAL_SIXEL },
        { { { "TERM", "tmux-256color" }, { "KITTY_WINDOW_ID", "1" } }, CCLIP_TERMINAL_BLOCKS },
        { { { "TERM", "xterm-kitty" }, { "NO_COLOR", "1" } }, CCLIP_TERMINAL_NONE },
        { { { "TERM", "xterm-kitty" }, { "NO_COLOR", "" } }, CCLIP_TERMINAL_KITTY },
        { { { "TERM", "xterm-kitty" }, { "CCLIP_TERMINAL", "blocks" } }, CCLIP_TERMINAL_BLOCKS },
        { { { "TERM", "xterm" }, { "CCLIP_TERMINAL", "Sixel" } }, CCLIP_TERMINAL_SIXEL },
        { { { "TERM", "foot" }, { "CCLIP_TERMINAL", "none" } }, CCLIP_TERMINAL_NONE },
        { { { "TERM", "foot" }, { "CCLIP_TERMINAL", "what?" } }, CCLIP_TERMINAL_SIXEL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t v = 0; v < sizeof variables / sizeof variables[0]; v++)
            unsetenv(variables[v]);
        for (size_t s = 0; s < 3 && cases[i].settings[s][0]; s++)
            setenv(cases[i].settings[s][0], cases[i].settings[s][1], 1);
        if (cclip_terminal_detect() != cases[i].expected)
            fail_msg("case %zu: %d instead of %d", i, (int)cclip_terminal_detect(), (int)cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),       cmocka_unit_test(test_blocks_odd_height),
        cmocka_unit_test(test_blocks_transparent), cmocka_unit_test(test_sixel),
        cmocka_unit_test(test_sixel_dither), cmocka_unit_test(test_kitty_chunks),
        cmocka_unit_test(test_draw),         cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_detect),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
