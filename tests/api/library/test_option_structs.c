/* Every option struct: the _INIT macro and the _init function say the same, field by field, and the
 * version is the current one. LAST catches a field that was appended but is not compared here. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <cclip/cclip.h>

#define SAME(field) assert_memory_equal(&a.field, &b.field, sizeof(a.field))
#define LAST(type, field)                                                                          \
    assert_true(offsetof(type, field) + sizeof(((type *)0)->field) + sizeof(void *) > sizeof(type))

static void test_preprocessing(void **state)
{
    (void)state;
    const cclip_preprocessing a = CCLIP_PREPROCESSING_INIT;
    cclip_preprocessing b;
    memset(&b, 0xaa, sizeof b);
    cclip_preprocessing_init(&b);
    assert_int_equal(a.version, CCLIP_PREPROCESSING_VERSION);
    SAME(version);
    SAME(height);
    SAME(width);
    SAME(resize_to);
    SAME(resize_mode);
    SAME(interpolation);
    SAME(mean);
    SAME(std);
    SAME(has_background);
    SAME(background);
    LAST(cclip_preprocessing, background);
}

static void test_tokenizer_options(void **state)
{
    (void)state;
    const cclip_tokenizer_options a = CCLIP_TOKENIZER_OPTIONS_INIT;
    cclip_tokenizer_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_tokenizer_options_init(&b);
    assert_int_equal(a.version, CCLIP_TOKENIZER_OPTIONS_VERSION);
    SAME(version);
    SAME(style);
    SAME(no_ftfy);
    assert_int_equal(offsetof(cclip_tokenizer_options, no_ftfy) + sizeof(int), sizeof(cclip_tokenizer_options));
}

static void test_tokenizer_training_options(void **state)
{
    (void)state;
    const cclip_tokenizer_training_options a = CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT;
    cclip_tokenizer_training_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_tokenizer_training_options_init(&b);
    assert_int_equal(a.version, CCLIP_TOKENIZER_TRAINING_OPTIONS_VERSION);
    SAME(version);
    SAME(style);
    SAME(no_ftfy);
    SAME(size);
    SAME(minimum_count);
    SAME(progress);
    SAME(user);
    LAST(cclip_tokenizer_training_options, user);
}

static void test_model_options(void **state)
{
    (void)state;
    const cclip_model_options a = CCLIP_MODEL_OPTIONS_INIT;
    cclip_model_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_model_options_init(&b);
    assert_int_equal(a.version, CCLIP_MODEL_OPTIONS_VERSION);
    SAME(version);
    SAME(vocabulary);
    SAME(style);
    SAME(no_ftfy);
    LAST(cclip_model_options, no_ftfy);
}

static void test_session_options(void **state)
{
    (void)state;
    const cclip_session_options a = CCLIP_SESSION_OPTIONS_INIT;
    cclip_session_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_session_options_init(&b);
    assert_int_equal(a.version, CCLIP_SESSION_OPTIONS_VERSION);
    SAME(version);
    SAME(threads);
    SAME(precision);
    SAME(device);
    LAST(cclip_session_options, device);
}

static void test_evaluate_options(void **state)
{
    (void)state;
    const cclip_evaluate_options a = CCLIP_EVALUATE_OPTIONS_INIT;
    cclip_evaluate_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_evaluate_options_init(&b);
    assert_int_equal(a.version, CCLIP_EVALUATE_OPTIONS_VERSION);
    SAME(version);
    SAME(task);
    assert_string_equal(a.split, b.split);
    SAME(templates);
    SAME(classnames);
    assert_string_equal(a.image_column, b.image_column);
    assert_string_equal(a.caption_column, b.caption_column);
    SAME(separator);
    SAME(batch);
    SAME(recall_k);
    SAME(recall_k_count);
    SAME(preprocessing);
    SAME(skip);
    SAME(progress);
    SAME(user);
    SAME(probe);
    LAST(cclip_evaluate_options, probe);
}

static void test_feature_options(void **state)
{
    (void)state;
    const cclip_feature_options a = CCLIP_FEATURE_OPTIONS_INIT;
    cclip_feature_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_feature_options_init(&b);
    assert_int_equal(a.version, CCLIP_FEATURE_OPTIONS_VERSION);
    SAME(version);
    assert_string_equal(a.split, b.split);
    SAME(classnames);
    assert_string_equal(a.image_column, b.image_column);
    assert_string_equal(a.caption_column, b.caption_column);
    SAME(separator);
    SAME(batch);
    SAME(no_normalize);
    SAME(preprocessing);
    SAME(skip);
    SAME(progress);
    SAME(user);
    LAST(cclip_feature_options, user);
}

static void test_probe_options(void **state)
{
    (void)state;
    const cclip_probe_options a = CCLIP_PROBE_OPTIONS_INIT;
    cclip_probe_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_probe_options_init(&b);
    assert_int_equal(a.version, CCLIP_PROBE_OPTIONS_VERSION);
    SAME(version);
    SAME(c);
    SAME(validation_share);
    SAME(seed);
    SAME(max_iterations);
    SAME(progress);
    SAME(user);
    LAST(cclip_probe_options, user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preprocessing),   cmocka_unit_test(test_tokenizer_options),
        cmocka_unit_test(test_tokenizer_training_options),
        cmocka_unit_test(test_model_options),   cmocka_unit_test(test_session_options),
        cmocka_unit_test(test_evaluate_options), cmocka_unit_test(test_feature_options),
        cmocka_unit_test(test_probe_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
