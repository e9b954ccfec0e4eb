/* A page of figures: text is escaped, intervals stand where they should, every allocation may fail. */
#include "support/unit.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "report/figures_page.h"
#include "support/fault.h"

static char path[] = "/tmp/cclip-page-XXXXXX";

static cclip_status make(void *context)
{
    static const char *const heads[] = { "group", "value" }, *const cells[] = { "<b> & \"c\"", "25 %" };
    const struct cclip_drawn_interval inside = { -1, 1, 0, -0.5, 0.5 }, beyond = { 0, 1, 2, 0.5, 3 };
    const struct cclip_drawn_interval none = { 0, 1, 0.5, (double)NAN, 1 };
    struct cclip_figures_page page;
    (void)context;
    cclip_status status = cclip_figures_page_begin(&page, "A & B", "said < shown");
    if (!status)
        status = cclip_figures_page_section(&page, "First", "note", heads, 2);
    if (!status)
        status = cclip_figures_page_row(&page, cells, 2, &inside);
    if (!status)
        status = cclip_figures_page_section(&page, "Second", "note", heads, 2);
    if (!status)
        status = cclip_figures_page_row(&page, cells, 2, &beyond);
    if (!status)
        status = cclip_figures_page_row(&page, cells, 2, &none);
    if (!status)
        status = cclip_figures_page_save(&page, path);
    cclip_figures_page_end(&page);
    return status;
}

static size_t times(const char *text, const char *part)
{
    size_t count = 0;
    while ((text = strstr(text, part))) {
        count++;
        text += strlen(part);
    }
    return count;
}

static void test_page(void **state)
{
    struct cclip_buffer text;
    (void)state;
    assert_ok(make(NULL));
    assert_ok(cclip_file_read(&text, path, 1 << 20));
    assert_int_equal(times(text.data, "<td>&lt;b&gt; &amp; &quot;c&quot;</td>"), 3);
    assert_null(strstr(text.data, "<b>"));
    assert_int_equal(times(text.data, "<h1>A &amp; B</h1>"), 1);
    assert_int_equal(times(text.data, "<table>"), 2);
    assert_int_equal(times(text.data, "</table>"), 2);
    assert_int_equal(times(text.data, "<svg"), 2);
    assert_int_equal(times(text.data, "class=\"bar\" x=\"250\" y=\"20\" width=\"500\""), 1);
    assert_int_equal(times(text.data, "class=\"dot\" x=\"494\""), 1);
    assert_int_equal(times(text.data, "class=\"bar\" x=\"500\" y=\"20\" width=\"500\""), 1); /* cut at the end */
    assert_int_equal(times(text.data, "http"), 0); /* needs nothing from elsewhere */
    cclip_buffer_close(&text);
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(make, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_page), cmocka_unit_test(test_allocations) };
    const int file = mkstemp(path);
    if (file < 0)
        return 1;
    close(file);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
