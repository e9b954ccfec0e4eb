/* A contact sheet and pictures for terminals, each allocation failing in turn. */
#include "unit/report/pictures.h"

#include "report/contact_sheet.h"
#include "report/terminal.h"
#include "support/fault.h"

static char clear[4096], opaque[4096];

static cclip_status sheet(void *context)
{
    static const char *const labels[] = { "a", "b" };
    static const float scores[] = { 0.5f, 0.5f };
    const struct cclip_contact_card cards[] = { { clear, NULL, labels, scores, 2, "b" },
                                                { opaque, "opaque", labels, scores, 2, "c" } };
    struct cclip_contact_sheet page;
    (void)context;
    cclip_status status = cclip_contact_sheet_begin(&page, "a title");
    for (int i = 0; i < 2 && !status; i++)
        status = cclip_contact_sheet_add_card(&page, &cards[i]);
    if (!status)
        status = cclip_contact_sheet_save(&page, in_folder("page.html"));
    cclip_contact_sheet_end(&page);
    return status;
}

static cclip_status draw(void *context)
{
    struct cclip_buffer out;
    cclip_buffer_open(&out, 1 << 20);
    const cclip_status status = cclip_terminal_draw(&out, *(cclip_terminal *)context, clear, 9, 9);
    cclip_buffer_close(&out);
    return status;
}

static void test_sheet(void **state)
{
    static unsigned char pixels[300 * 300 * 4];
    (void)state;
    memset(pixels, 90, sizeof pixels);
    snprintf(clear, sizeof clear, "%s", write_png("clear.png", pixels, 300, 300, 4));
    snprintf(opaque, sizeof opaque, "%s", write_png("opaque.png", pixels, 300, 300, 3));
    assert_true(cclip_fault_each(sheet, NULL) > 10);
}

static void test_terminals(void **state)
{
    static cclip_terminal all[] = { CCLIP_TERMINAL_BLOCKS, CCLIP_TERMINAL_KITTY, CCLIP_TERMINAL_ITERM,
                                    CCLIP_TERMINAL_SIXEL };
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_true(cclip_fault_each(draw, &all[i]) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sheet), cmocka_unit_test(test_terminals) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
