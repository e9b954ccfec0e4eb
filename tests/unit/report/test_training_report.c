/* What stands on the page of a run: curves in one chart for both towers, gaps, last figures, reloading. */
#include "support/fault.h"
#include "support/unit.h"

#include "report/chart.h"
#include "report/training_report.h"

static const char lines[] =
    "{\"step\": 0, \"loss\": 4, \"lr\": 0.001, \"update_image\": 0.1, \"update_text\": 0.01}\n"
    "{\"step\": 10, \"loss\": null, \"lr\": 0.001, \"update_image\": 0.1, \"update_text\": 0.01}\n"
    "no json\n"
    "{\"step\": 10, \"loss\": 99}\n"
    "{\"step\": 20, \"loss\": 2, \"lr\": 0.001, \"update_image\": 0.04, \"update_text\": 0.01}\n"
    "{\"step\": 30, \"lo";

/* Sets at some steps only; a line of the past, one cut short. */
static const char results[] =
    "{\"step\": 9, \"epoch\": 1, \"clip_val_loss\": 2, \"image_to_text_R@1\": 0.25, \"text_to_image_R@1\": 0.5}\n"
    "{\"step\": 9, \"epoch\": 1, \"clip_val_loss\": 99}\n"
    "{\"step\": 19, \"epoch\": 2, \"clip_val_loss\": null, \"a<b-zeroshot-val-top1\": 0.125}\n"
    "{\"step\": 29, \"epoch\": 3, \"clip_val_loss\": 1, \"image_to_text_R@1\": 0.5, \"text_to_image_R@1\": 0.75}\n"
    "{\"step\": 39, \"clip";

static size_t times(const struct cclip_buffer *page, const char *text)
{
    size_t count = 0;
    for (const char *at = page->data; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static void write_page(struct cclip_buffer *page, const char *metrics, int goes_on)
{
    const struct cclip_training_report about = { .title = "a <run>", .state = "running", .goes_on = goes_on,
                                                 .total = 40 };
    cclip_buffer_open(page, 1 << 20);
    assert_ok(cclip_training_report_write(page, metrics, strlen(metrics), &about));
    assert_memory_equal(page->data, "<!DOCTYPE html>\n", 16);
    assert_string_equal(page->data + page->length - 16, "</body>\n</html>\n");
}

static void test_page(void **state)
{
    struct cclip_buffer page;
    (void)state;
    write_page(&page, lines, 1);
    assert_int_equal(times(&page, "<title>a &lt;run&gt;</title>"), 1);
    assert_int_equal(times(&page, "http-equiv=\"refresh\" content=\"10\""), 1);
    assert_int_equal(times(&page, "running: 21 of 40 steps"), 1);
    assert_int_equal(times(&page, "<figure>"), 6);
    assert_int_equal(times(&page, "<path class=\"curve c0\""), 6);
    assert_int_equal(times(&page, "<path class=\"curve c1\""), 2); /* the text tower's */
    assert_int_equal(times(&page, "text tower's</th><td>4</td>"), 1);
    assert_int_equal(times(&page, ">loss</th><td>2</td>"), 1);
    assert_int_equal(times(&page, ">logit scale</th><td>\u2013</td>"), 1);
    /* The loss has a gap, and goes from the upper left to the lower right. */
    assert_int_equal(times(&page, "d=\"M62.0 19.2M590.0 202.8\""), 1);
    assert_int_equal(times(&page, "nan"), 0);
    assert_int_equal(times(&page, "http:"), 0);
    assert_int_equal(times(&page, "https:"), 0);
    cclip_buffer_close(&page);
    write_page(&page, lines, 0);
    assert_int_equal(times(&page, "refresh"), 0);
    cclip_buffer_close(&page);
}

/* Nothing yet, one point, and numbers without sense. */
static void test_odd_runs(void **state)
{
    static const char senseless[] = "{\"step\": 1e300, \"loss\": 1}\n{\"step\": 2, \"loss\": -1e308, "
                                    "\"update_text\": -5, \"update_image\": 1e-320}\n";
    static const char *const odd[] = { "", "\n", "{\"step\": 3, \"loss\": 0}", "[1]\n5\n", senseless };
    struct cclip_buffer page;
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        write_page(&page, odd[i], 0);
        assert_int_equal(times(&page, "nan"), 0);
        assert_int_equal(times(&page, "inf"), 0);
        cclip_buffer_close(&page);
    }
}

/* What the run was judged by: a chart a kind and a set, whose curve is whole though lines lack it, and last figures. */
static void test_evaluations(void **state)
{
    const struct cclip_training_report about = { .title = "run", .state = "stopped", .total = 40, .results = results,
                                                 .results_length = sizeof results - 1,
                                                 .samples = "<section>here</section>\n" };
    struct cclip_buffer page;
    (void)state;
    cclip_buffer_open(&page, 1 << 20);
    assert_ok(cclip_training_report_write(&page, lines, sizeof lines - 1, &about));
    assert_int_equal(times(&page, "stopped: 21 of 40 steps"), 1);
    assert_int_equal(times(&page, "http-equiv"), 0);
    assert_int_equal(times(&page, "<figure>"), 9);
    assert_int_equal(times(&page, "<figcaption>Loss, held-out pairs</figcaption>"), 1);
    assert_int_equal(times(&page, "<figcaption>R@1, held-out pairs <span class=\"key k0\">image to text</span>"), 1);
    assert_int_equal(times(&page, "<figcaption>a&lt;b</figcaption>"), 1);
    assert_int_equal(times(&page, "d=\"M62.0 19.2h0L590.0 202.8\""), 1); /* from step 9 to 29 */
    assert_int_equal(times(&page, ">clip_val_loss</th><td>1</td>"), 1);
    assert_int_equal(times(&page, ">a&lt;b-zeroshot-val-top1</th><td>0.125</td>"), 1);
    assert_true(strstr(page.data, "</main>\n<section>here</section>\n<table>") != NULL);
    cclip_buffer_close(&page);
}

/* A long run's page is no larger than a short one's: columns are averaged. */
static void test_long_run(void **state)
{
    enum { STEPS = 20000 };
    struct cclip_buffer page, metrics;
    (void)state;
    cclip_buffer_open(&metrics, 1 << 22);
    for (int i = 0; i < STEPS; i++)
        assert_ok(cclip_buffer_format(&metrics, "{\"step\": %d, \"loss\": %d}\n", i, i % 2));
    write_page(&page, metrics.data, 0);
    assert_true(page.length < 20000);
    assert_int_equal(times(&page, ">loss</th><td>1</td>"), 1);
    cclip_buffer_close(&metrics);
    cclip_buffer_close(&page);
}

static cclip_status body(void *context)
{
    const struct cclip_training_report about = { .title = "run", .state = "running", .goes_on = 1, .total = 40,
                                                 .results = results, .results_length = sizeof results - 1 };
    struct cclip_buffer page;
    (void)context;
    cclip_buffer_open(&page, 1 << 20);
    const cclip_status status = cclip_training_report_write(&page, lines, sizeof lines - 1, &about);
    cclip_buffer_close(&page);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(body, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_page), cmocka_unit_test(test_odd_runs),
                                        cmocka_unit_test(test_evaluations),
                                        cmocka_unit_test(test_long_run),
                                        cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
