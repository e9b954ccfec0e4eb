/* The calls of the public headers that no other test makes from C: the tokenizer's, names of checkpoints, the bytes of
 * a picture, converting, measuring, and pages of pictures, all with the model that ships. */
#include "support/unit.h"

#include <unistd.h>

#include <cclip/cclip.h>

#include "support/paths.h"

static cclip_model *model;
static cclip_session *session;
static cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
static char top[] = "/tmp/cclip-functions-XXXXXX";

static const char *in_top(const char *name)
{
    static char path[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(path, sizeof path, top, name);
    return path;
}

static void test_session_model(void **state)
{
    (void)state;
    assert_ptr_equal(cclip_session_model(session), model);
}

static void test_info_version(void **state)
{
    (void)state;
    cclip_model_info other = { .version = 999 };
    cclip_session *opened = (void *)1;
    cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_model_get_info(model, &other));
    options.version = 0;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_session_open(&opened, model, &options));
    assert_null(opened);
}

/* A text that BPE and cleaning leave as it is comes back, and a short buffer gets what fits. */
static void test_tokenizer(void **state)
{
    static const char text[] = "a red apple";
    const cclip_tokenizer *tokenizer;
    int32_t ids[16];
    size_t count, length;
    char words[64], few[4];
    (void)state;
    assert_ok(cclip_model_get_tokenizer(model, &tokenizer));
    assert_int_equal(cclip_tokenizer_vocabulary_size(tokenizer), info.vocabulary_size);
    assert_ok(cclip_tokenizer_encode(tokenizer, ids, 16, &count, text, strlen(text), 0, 0));
    assert_true(count > 2 && count <= 16);
    assert_int_equal(ids[0], cclip_tokenizer_start_id(tokenizer));
    assert_int_equal(ids[count - 1], cclip_tokenizer_end_id(tokenizer));
    assert_ok(cclip_tokenizer_decode(tokenizer, words, sizeof words, &length, ids + 1, count - 2));
    assert_int_equal(length, strlen(words));
    assert_true(length > strlen(text) && !strncmp(words, text, strlen(text)));
    size_t again;
    assert_ok(cclip_tokenizer_decode(tokenizer, few, sizeof few, &again, ids + 1, count - 2));
    assert_int_equal(again, length);
    assert_string_equal(few, "a r");
    assert_fails(CCLIP_ERROR_LIMIT, cclip_tokenizer_encode(tokenizer, ids, 16, &count, text, strlen(text), 3, 0));
    assert_ok(cclip_tokenizer_encode(tokenizer, ids, 16, &count, text, strlen(text), 3, 1));
    assert_int_equal(count, 3);
    assert_int_equal(ids[2], cclip_tokenizer_end_id(tokenizer));
}

static void test_hub_find(void **state)
{
    char path[CCLIP_TEST_PATH_SIZE], few[4];
    (void)state;
    assert_ok(cclip_hub_find(path, sizeof path, top));
    assert_string_equal(path, top);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_hub_find(few, sizeof few, top));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_hub_find(path, sizeof path, ""));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_hub_find(path, sizeof path, "no-such-model"));
    assert_non_null(strstr(cclip_error_message(), "no-such-model"));
    assert_ok(cclip_hub_find(path, sizeof path, NULL));
    assert_string_equal(path, info.path);
}

/* Bytes before normalisation and floats after it say the same. */
static void test_preprocess_bytes(void **state)
{
    const cclip_preprocessing *p = &info.preprocessing;
    const size_t plane = p->height * p->width;
    const char *path = cclip_test_in_source("share/demo/apple.webp");
    uint8_t *bytes = malloc(3 * plane);
    float *floats = malloc(3 * plane * sizeof *floats);
    (void)state;
    assert_true(bytes && floats);
    assert_ok(cclip_preprocess_file_u8(bytes, path, p));
    assert_ok(cclip_preprocess_file(floats, path, p));
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < plane; i++) {
            const float wanted = ((float)bytes[3 * i + c] / 255.0f - p->mean[c]) / p->std[c];
            assert_true(floats[c * plane + i] == wanted);
        }
    free(bytes);
    free(floats);
}

static void test_convert(void **state)
{
    cclip_model *copy;
    cclip_model_info same = { .version = CCLIP_MODEL_INFO_VERSION };
    char path[CCLIP_TEST_PATH_SIZE];
    (void)state;
    cclip_test_join(path, sizeof path, top, "converted");
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_checkpoint_convert(NULL, path, (cclip_checkpoint_format)9, NULL));
    assert_ok(cclip_checkpoint_convert(NULL, path, CCLIP_FORMAT_OPEN_CLIP, NULL));
    assert_ok(cclip_model_open(&copy, path, NULL));
    assert_ok(cclip_model_get_info(copy, &same));
    assert_int_equal(same.parameters, info.parameters);
    assert_true(same.logit_scale == info.logit_scale);
    cclip_model_close(&copy);
    assert_int_not_equal(cclip_checkpoint_convert(NULL, path, CCLIP_FORMAT_OPEN_CLIP, NULL), CCLIP_OK);
}

static void test_bench(void **state)
{
    cclip_bench_result result = { .version = CCLIP_BENCH_RESULT_VERSION };
    (void)state;
    for (int kind = CCLIP_BENCH_IMAGES; kind <= CCLIP_BENCH_TEXTS; kind++) {
        assert_ok(cclip_bench(&result, session, (cclip_bench_kind)kind, 2, 8, 0.01));
        assert_true(result.per_second > 0 && result.gflops > 0 && result.peak_gflops > 0);
        const double share = 100 * result.gflops / result.peak_gflops;
        assert_true(share > result.percent_of_peak * 0.999 && share < result.percent_of_peak * 1.001);
    }
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_bench(&result, session, CCLIP_BENCH_IMAGES, 0, 8, 0.01));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_bench(&result, session, CCLIP_BENCH_TEXTS, 1, 1, 0.01));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_bench(&result, session, (cclip_bench_kind)7, 1, 0, 0.01));
    result.version = 0;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_bench(&result, session, CCLIP_BENCH_IMAGES, 1, 8, 0.01));
    assert_non_null(strstr(cclip_error_message(), "version"));
}

/* A page with its picture inside, a label that would be markup, and nothing to load. */
static void test_contact_sheet(void **state)
{
    static const char *const labels[] = { "apple", "<b>pear" };
    const float scores[] = { 0.75f, 0.25f };
    const char *path = in_top("sheet.html");
    cclip_contact_sheet *sheet;
    (void)state;
    assert_ok(cclip_contact_sheet_open(&sheet, "Fruit"));
    assert_ok(cclip_contact_sheet_add(sheet, cclip_test_in_source("share/demo/apple.webp"), NULL, labels, scores, 2,
                                      "apple"));
    assert_fails(CCLIP_ERROR_NOT_FOUND,
                 cclip_contact_sheet_add(sheet, "/no/such/picture", NULL, labels, scores, 2, NULL));
    assert_ok(cclip_contact_sheet_write(sheet, path));
    cclip_contact_sheet_close(&sheet);
    assert_null(sheet);
    cclip_contact_sheet_close(&sheet);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *page = calloc(1, (size_t)1 << 22);
    assert_non_null(page);
    assert_true(fread(page, 1, ((size_t)1 << 22) - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(page, "Fruit"));
    assert_non_null(strstr(page, "data:image/"));
    assert_non_null(strstr(page, "&lt;b&gt;pear"));
    assert_null(strstr(page, "<b>pear"));
    free(page);
}

struct sink {
    size_t length;
    int stop;
};

static int take(void *user, const char *text, size_t length)
{
    struct sink *sink = user;
    sink->length += length;
    assert_true(length > 0 && text);
    return sink->stop;
}

static void test_terminal_picture(void **state)
{
    const char *path = cclip_test_in_source("share/demo/apple.webp");
    (void)state;
    for (int t = CCLIP_TERMINAL_NONE; t <= CCLIP_TERMINAL_SIXEL; t++) {
        struct sink sink = { 0, 0 };
        assert_ok(cclip_terminal_picture(take, &sink, (cclip_terminal)t, path, 8, 4));
        assert_int_equal(sink.length > 0, t != CCLIP_TERMINAL_NONE);
    }
    struct sink stops = { 0, 1 };
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_terminal_picture(take, &stops, CCLIP_TERMINAL_BLOCKS, path, 8, 4));
}

static int open_all(void **state)
{
    (void)state;
    return !mkdtemp(top) || cclip_model_open(&model, NULL, NULL) || cclip_model_get_info(model, &info) ||
           cclip_session_open(&session, model, NULL);
}

static int close_all(void **state)
{
    char command[sizeof top + 16];
    (void)state;
    cclip_session_close(&session);
    cclip_model_close(&model);
    snprintf(command, sizeof command, "rm -rf '%s'", top);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_model),  cmocka_unit_test(test_info_version),
        cmocka_unit_test(test_tokenizer),      cmocka_unit_test(test_hub_find),
        cmocka_unit_test(test_preprocess_bytes), cmocka_unit_test(test_convert),
        cmocka_unit_test(test_bench),          cmocka_unit_test(test_contact_sheet),
        cmocka_unit_test(test_terminal_picture),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
