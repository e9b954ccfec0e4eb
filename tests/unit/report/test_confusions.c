/* Pairs on a page: pictures inside it, captions as text, those in red that are confused. */
#include "support/fault.h"
#include "unit/report/pictures.h"

#include "base/memory.h"
#include "report/confusions.h"

static struct cclip_picture grey(size_t width, size_t height)
{
    struct cclip_picture picture = { .mode = CCLIP_MODE_RGB, .width = width, .height = height, .stride = 3 * width };
    picture.pixels = malloc(3 * width * height);
    assert_non_null(picture.pixels);
    memset(picture.pixels, 100, 3 * width * height);
    return picture;
}

static cclip_status body(void *context)
{
    struct cclip_buffer out;
    cclip_buffer_open(&out, 1 << 20);
    const cclip_status status = cclip_confusions_add(&out, "note & more", context, 3);
    if (!status) {
        assert_non_null(strstr(out.data, "<p>note &amp; more</p>"));
        assert_non_null(strstr(out.data, "<img alt=\"\" width=\"8\" height=\"4\" src=\"data:image/jpeg;base64,/9j/"));
        assert_non_null(strstr(out.data, "<p class=\"own\"><b>0.25</b> a &lt;cat&gt;</p>"));
        assert_non_null(strstr(out.data, "<p class=\"wrong\"><b>0.5</b> a dog</p>"));
        assert_non_null(strstr(out.data, "<p class=\"next\"><b>0.125</b> a cow</p>"));
        assert_null(strstr(out.data, "(null)"));
    }
    cclip_buffer_close(&out);
    return status;
}

static void cards(void **state)
{
    struct cclip_confusion list[3] = {
        { .picture = grey(8, 4), .caption = "a <cat>", .other = "a dog", .own = 0.25f, .others = 0.5f },
        { .picture = grey(2, 4), .caption = "a hen", .other = "a cow", .own = 0.25f, .others = 0.125f },
        { .picture = grey(2, 2), .caption = "alone", .other = NULL, .own = 1, .others = -2 },
    };
    (void)state;
    assert_true(cclip_fault_each(body, list) > 3);
    for (int i = 0; i < 3; i++)
        free(list[i].picture.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cards) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
