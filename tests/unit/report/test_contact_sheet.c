/* What stands on a contact sheet: pictures inside it, bars, the truth, counts, escaped names. */
#include "unit/report/pictures.h"

#include <signal.h>
#include <sys/resource.h>

#include "report/contact_sheet.h"
#include "report/thumbnail.h"

static const char *const labels[] = { "cat & dog", "<bird>" };
static const float scores[] = { 0.75f, 0.25f };

static void add(struct cclip_contact_sheet *sheet, const char *path, const char *title, const char *truth)
{
    const struct cclip_contact_card card = { path, title, labels, scores, 2, truth };
    assert_ok(cclip_contact_sheet_add_card(sheet, &card));
}

static void save(struct cclip_buffer *page, const struct cclip_contact_sheet *sheet)
{
    const char *path = in_folder("page.html");
    assert_ok(cclip_contact_sheet_save(sheet, path));
    assert_ok(cclip_file_read(page, path, 1 << 24));
}

static size_t times(const struct cclip_buffer *page, const char *text)
{
    size_t count = 0;
    for (const char *at = page->data; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static const char *picture(const char *name)
{
    static const unsigned char pixels[] = { 10, 20, 30, 40, 50, 60 };
    return write_png(name, pixels, 2, 1, 3);
}

static void test_page(void **state)
{
    struct cclip_contact_sheet sheet;
    struct cclip_buffer page;
    (void)state;
    assert_ok(cclip_contact_sheet_begin(&sheet, "A <page>"));
    add(&sheet, picture("a.png"), "first", "cat & dog");
    add(&sheet, picture("b\"\xff.png"), NULL, "<bird>");
    add(&sheet, picture("c.png"), "third", "neither");
    add(&sheet, picture("d.png"), "fourth", NULL);
    save(&page, &sheet);
    cclip_contact_sheet_end(&sheet);
    assert_memory_equal(page.data, "<!DOCTYPE html>\n", 16);
    assert_string_equal(page.data + page.length - 16, "</body>\n</html>\n");
    assert_int_equal(times(&page, "<title>A &lt;page&gt;</title>"), 1);
    assert_int_equal(times(&page, "<article class=\"right\">"), 1);
    assert_int_equal(times(&page, "<article class=\"wrong\">"), 2);
    assert_int_equal(times(&page, "<article class=\"open\">"), 1);
    assert_int_equal(times(&page, "<b>1 of 3</b> with the right label first (33.3\u00a0%)"), 1);
    assert_int_equal(times(&page, "<img loading=\"lazy\" width=\"2\" height=\"1\""), 4);
    assert_int_equal(times(&page, "src=\"data:image/jpeg;base64,/9j/"), 4);
    assert_int_equal(times(&page, "width:75.0%"), 4);
    assert_int_equal(times(&page, "25.0\u00a0%"), 4);
    assert_int_equal(times(&page, "<li class=\"truth\"><span class=\"label\">cat &amp; dog<"), 1);
    assert_int_equal(times(&page, "<li class=\"truth\"><span class=\"label\">&lt;bird&gt;<"), 1);
    assert_int_equal(times(&page, "<p class=\"missed\">right: <b>neither</b></p>"), 1);
    assert_int_equal(times(&page, ">b&quot;\ufffd.png</h2>"), 1); /* the file's name where there is no title */
    assert_int_equal(times(&page, "<bird>"), 0);
    assert_int_equal(times(&page, "http"), 0); /* nothing comes from elsewhere */
    cclip_buffer_close(&page);
}

/* Drawings that would vanish on one of the two grounds are told apart; opaque pictures never are. */
static void test_plates(void **state)
{
    static const unsigned char black[] = { 9, 9, 9, 255, 255, 255, 255, 0 }, white[] = { 255, 250, 255, 99 },
                               green[] = { 0, 180, 0, 255 };
    struct cclip_contact_sheet sheet;
    struct cclip_buffer page;
    (void)state;
    assert_ok(cclip_contact_sheet_begin(&sheet, "t"));
    add(&sheet, write_png("black.png", black, 2, 1, 4), NULL, NULL);
    add(&sheet, write_png("white.png", white, 1, 1, 4), NULL, NULL);
    add(&sheet, write_png("green.png", green, 1, 1, 4), NULL, NULL);
    add(&sheet, write_png("opaque.png", black, 2, 1, 3), NULL, NULL);
    save(&page, &sheet);
    cclip_contact_sheet_end(&sheet);
    assert_int_equal(times(&page, "<img class=\"dark\""), 1);
    assert_int_equal(times(&page, "<img class=\"light\""), 1);
    assert_int_equal(times(&page, "<img loading"), 2);
    assert_int_equal(times(&page, "src=\"data:image/png;base64,iVBORw0KGgo"), 3);
    cclip_buffer_close(&page);
}

/* Without any truth nothing is counted and nothing can be chosen. */
static void test_no_truth(void **state)
{
    struct cclip_contact_sheet sheet;
    struct cclip_buffer page;
    (void)state;
    assert_ok(cclip_contact_sheet_begin(&sheet, "t"));
    add(&sheet, picture("a.png"), NULL, NULL);
    save(&page, &sheet);
    cclip_contact_sheet_end(&sheet);
    assert_int_equal(times(&page, "<p class=\"summary\">1 picture</p>"), 1);
    assert_int_equal(times(&page, "<fieldset>"), 0);
    assert_int_equal(times(&page, "class=\"truth\""), 0);
    cclip_buffer_close(&page);
}

/* All right: no choice to offer. */
static void test_all_right(void **state)
{
    struct cclip_contact_sheet sheet;
    struct cclip_buffer page;
    (void)state;
    assert_ok(cclip_contact_sheet_begin(&sheet, "t"));
    add(&sheet, picture("a.png"), NULL, "cat & dog");
    save(&page, &sheet);
    cclip_contact_sheet_end(&sheet);
    assert_int_equal(times(&page, "<b>1 of 1</b> with the right label first (100.0\u00a0%)"), 1);
    assert_int_equal(times(&page, "<fieldset>"), 0);
    cclip_buffer_close(&page);
}

static void test_failures_leave_the_sheet(void **state)
{
    const struct cclip_contact_card missing = { "/none.png", NULL, labels, scores, 2, NULL };
    struct cclip_contact_sheet sheet;
    (void)state;
    assert_ok(cclip_contact_sheet_begin(&sheet, "t"));
    add(&sheet, picture("a.png"), NULL, NULL);
    const size_t length = sheet.cards.length;
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_contact_sheet_add_card(&sheet, &missing));
    assert_non_null(strstr(cclip_error_message(), "/none.png"));
    assert_int_equal(sheet.cards.length, length);
    assert_int_equal(sheet.count, 1);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_contact_sheet_save(&sheet, "/none/page.html"));
    cclip_contact_sheet_end(&sheet);
}

/* Where the disk is full the page that was there stays, and no other file is left. */
static void test_written_whole_or_not_at_all(void **state)
{
    const struct rlimit full = { 1000, RLIM_INFINITY }, free_again = { RLIM_INFINITY, RLIM_INFINITY };
    struct cclip_contact_sheet sheet;
    struct cclip_names names;
    struct cclip_buffer page;
    (void)state;
    const char *path = in_folder("full.html");
    assert_ok(cclip_file_write(path, "before", 6));
    assert_ok(cclip_contact_sheet_begin(&sheet, "t"));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    const cclip_status status = cclip_contact_sheet_save(&sheet, path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &free_again), 0);
    assert_int_equal(status, CCLIP_ERROR_IO);
    assert_non_null(strstr(cclip_error_message(), "full.html"));
    cclip_contact_sheet_end(&sheet);
    assert_ok(cclip_file_read(&page, path, 1 << 20));
    assert_string_equal(page.data, "before");
    cclip_buffer_close(&page);
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++)
        assert_true(!strstr(names.names[i], "full.html") || !strcmp(names.names[i], "full.html"));
    cclip_names_close(&names);
}

/* Large ones shrink, small ones stay; proportions stay; transparency makes a PNG. */
static void test_thumbnail(void **state)
{
    static unsigned char pixels[600 * 300 * 4];
    const struct cclip_thumbnail_size box = { 100, 100, 0 }, grow = { 100, 100, 1 };
    struct cclip_picture out;
    struct cclip_buffer file;
    const char *type;
    (void)state;
    memset(pixels, 200, sizeof pixels);
    const char *path = write_png("large.png", pixels, 600, 300, 4);
    assert_ok(cclip_thumbnail_read(&out, path, &box));
    assert_true(out.width == 100 && out.height == 50 && out.mode == CCLIP_MODE_RGBA);
    assert_true(out.pixels[0] == 200 && out.pixels[3] == 200);
    cclip_buffer_open(&file, 1 << 20);
    assert_ok(cclip_thumbnail_encode(&file, &out, &type));
    assert_string_equal(type, "image/png");
    cclip_buffer_close(&file);
    cclip_picture_close(&out);

    path = write_png("narrow.png", pixels, 2, 600, 3);
    assert_ok(cclip_thumbnail_read(&out, path, &box));
    assert_true(out.width == 1 && out.height == 100 && out.mode == CCLIP_MODE_RGB);
    cclip_picture_close(&out);

    path = write_png("small.png", pixels, 10, 20, 3);
    assert_ok(cclip_thumbnail_read(&out, path, &box));
    assert_true(out.width == 10 && out.height == 20);
    cclip_picture_close(&out);
    assert_ok(cclip_thumbnail_read(&out, path, &grow));
    assert_true(out.width == 50 && out.height == 100);
    cclip_picture_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_plates),
        cmocka_unit_test(test_no_truth),
        cmocka_unit_test(test_all_right),
        cmocka_unit_test(test_failures_leave_the_sheet),
        cmocka_unit_test(test_written_whole_or_not_at_all),
        cmocka_unit_test(test_thumbnail),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
