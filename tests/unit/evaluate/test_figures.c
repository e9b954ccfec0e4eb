/* The line of JSON: CLIP_benchmark's keys in its order, numbers that come back the same. */
#include "support/unit.h"

#include <math.h>

#include "evaluate/figures.h"
#include "formats/json.h"
#include "support/fault.h"

static const struct cclip_figures_about about = {
    .dataset = "a \"set\"", .model = "ViT-B-32", .pretrained = "file\xff.pt", .task = "zeroshot_retrieval",
    .language = "en"
};

static const char line[] =
    "{\"dataset\": \"a \\\"set\\\"\", \"model\": \"ViT-B-32\", \"pretrained\": \"file\\udcff.pt\", "
    "\"task\": \"zeroshot_retrieval\", \"metrics\": {\"image_retrieval_recall@10\": 1.0, "
    "\"acc1\": 0.3333333333333333, \"acc5\": null, \"tiny\": 1e-07}, \"language\": \"en\"}";

static cclip_status write(void *context)
{
    struct cclip_figures figures = { 0 };
    struct cclip_buffer *out = context;
    cclip_buffer_open(out, 10000);
    cclip_status status = cclip_figures_add(&figures, "image_retrieval_recall@%zu", 10, 1);
    if (!status)
        status = cclip_figures_add(&figures, "acc1", 0, 1.0 / 3);
    if (!status)
        status = cclip_figures_add(&figures, "acc5", 0, (double)NAN);
    if (!status)
        status = cclip_figures_add(&figures, "tiny", 0, 1e-7);
    if (!status)
        status = cclip_figures_write(out, &figures, &about);
    if (status)
        cclip_buffer_close(out);
    cclip_figures_close(&figures);
    return status;
}

static void test_line(void **state)
{
    struct cclip_buffer out;
    cclip_json *root;
    (void)state;
    assert_ok(write(&out));
    assert_string_equal(out.data, line);
    char *odd = strstr(out.data, "\\udcff"); /* which no strict reader takes, and Python does */
    memcpy(odd, "\\u00ff", 6);
    assert_ok(cclip_json_parse(&root, out.data, out.length, "line"));
    assert_true(cclip_json_number(cclip_json_get(cclip_json_get(root, "metrics"), "acc1"), 0) == 1.0 / 3);
    cclip_json_close(&root);
    cclip_buffer_close(&out);
}

/* Intervals stand behind what CLIP_benchmark's readers know. */
static void test_intervals(void **state)
{
    struct cclip_figures figures = { 0 };
    struct cclip_buffer out;
    struct cclip_figures_about more = about;
    (void)state;
    more.kind = "emoji";
    more.samples = 8;
    more.resamples = 100;
    more.confidence = 0.9;
    cclip_buffer_open(&out, 10000);
    assert_ok(cclip_figures_add(&figures, "acc1", 0, 0.5));
    figures.list[0].low = 0.25;
    figures.list[0].high = 1;
    assert_ok(cclip_figures_add(&figures, "acc5", 0, (double)NAN));
    assert_ok(cclip_figures_write(&out, &figures, &more));
    assert_string_equal(strstr(out.data, "\"metrics\""),
                        "\"metrics\": {\"acc1\": 0.5, \"acc5\": null}, \"language\": \"en\", \"kind\": \"emoji\", "
                        "\"samples\": 8, \"intervals\": {\"acc1\": [0.25, 1.0], \"acc5\": [null, null]}, "
                        "\"confidence\": 0.9, \"resamples\": 100}");
    cclip_figures_close(&figures);
    cclip_buffer_close(&out);
}

static cclip_status write_and_close(void *context)
{
    struct cclip_buffer out;
    const cclip_status status = write(&out);
    (void)context;
    cclip_buffer_close(&out);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(write_and_close, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_line), cmocka_unit_test(test_intervals),
                                        cmocka_unit_test(test_allocations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
