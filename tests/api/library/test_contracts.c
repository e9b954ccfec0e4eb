/* What every call promises, whatever it does: outputs NULL on failure, a message, unknown versions refused, close
 * takes NULL. */
#include "support/unit.h"

#include <cclip/cclip.h>

static void test_close_takes_null(void **state)
{
    (void)state;
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    cclip_tokenizer *tokenizer = NULL;
    cclip_tokenizer_trainer *trainer = NULL;
    cclip_templates *templates = NULL;
    cclip_classifier *classifier = NULL;
    cclip_evaluation *evaluation = NULL;
    cclip_model_close(&model);
    cclip_session_close(&session);
    cclip_tokenizer_close(&tokenizer);
    cclip_tokenizer_trainer_close(&trainer);
    cclip_templates_close(&templates);
    cclip_classifier_close(&classifier);
    cclip_evaluation_close(&evaluation);
}

static void test_outputs_on_failure(void **state)
{
    (void)state;
    cclip_model *model = (void *)1;
    cclip_tokenizer *tokenizer = (void *)1;
    cclip_templates *templates = (void *)1;
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_model_open(&model, "/no/such/model", NULL));
    assert_null(model);
    assert_non_null(strstr(cclip_error_message(), "/no/such/model"));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_tokenizer_open(&tokenizer, "/no/such/vocabulary", NULL));
    assert_null(tokenizer);
    assert_non_null(strstr(cclip_error_message(), "/no/such/vocabulary"));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_templates_open(&templates, "/no/such/templates"));
    assert_null(templates);
}

static void test_unknown_versions(void **state)
{
    (void)state;
    static const uint32_t versions[] = { 0, 999 };
    for (int i = 0; i < 2; i++) {
        cclip_model *model;
        cclip_tokenizer *tokenizer;
        cclip_model_options options = CCLIP_MODEL_OPTIONS_INIT;
        cclip_tokenizer_options tokenizer_options = CCLIP_TOKENIZER_OPTIONS_INIT;
        cclip_tokenizer_trainer *trainer = (void *)1;
        cclip_tokenizer_training_options training = CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT;
        cclip_preprocessing preprocessing = CCLIP_PREPROCESSING_INIT;
        float pixel[3];
        options.version = versions[i];
        tokenizer_options.version = versions[i];
        training.version = versions[i];
        preprocessing.version = versions[i];
        preprocessing.height = preprocessing.width = 1;
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_model_open(&model, "x", &options));
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_tokenizer_open(&tokenizer, "x", &tokenizer_options));
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_tokenizer_trainer_open(&trainer, &training));
        assert_null(trainer);
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_preprocess_memory(pixel, "P6 1 1 255 abc", 14, "x", &preprocessing));
    }
}

static void test_background(void **state)
{
    (void)state;
    cclip_preprocessing p = CCLIP_PREPROCESSING_INIT;
    assert_ok(cclip_preprocessing_set_background(&p, "#1f8"));
    assert_true(p.has_background && p.background[0] == 0x11 && p.background[1] == 0xff && p.background[2] == 0x88);
    assert_ok(cclip_preprocessing_set_background(&p, "#102030"));
    assert_true(p.has_background && p.background[0] == 16 && p.background[1] == 32 && p.background[2] == 48);
    assert_ok(cclip_preprocessing_set_background(&p, "white"));
    assert_true(p.has_background && p.background[0] == 255 && p.background[1] == 255 && p.background[2] == 255);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_preprocessing_set_background(&p, "#12"));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_preprocessing_set_background(&p, "whitish"));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_preprocessing_set_background(&p, ""));
    assert_ok(cclip_preprocessing_set_background(&p, "none"));
    assert_false(p.has_background);
}

static void test_similarity(void **state)
{
    (void)state;
    const float a[3] = { 1, 2, 3 }, b[3] = { 4, -5, 6 };
    assert_true(cclip_similarity(a, b, 3) == 12);
    assert_true(cclip_similarity(a, b, 0) == 0);
}

static void test_preprocessing_classes(void **state)
{
    static const struct {
        const char *name;
        cclip_resize_mode mode;
        cclip_interpolation interpolation;
        float mean, std; /* of green */
    } classes[] = {
        { "openai", CCLIP_RESIZE_SHORTEST, CCLIP_BICUBIC, 0.4578275f, 0.26130258f },
        { "siglip", CCLIP_RESIZE_SQUASH, CCLIP_BICUBIC, 0.5f, 0.5f },
        { "clipa", CCLIP_RESIZE_SQUASH, CCLIP_BILINEAR, 0.456f, 0.224f },
        { "mobileclip", CCLIP_RESIZE_SHORTEST, CCLIP_BILINEAR, 0, 1 },
        { "mobileclip2_s3", CCLIP_RESIZE_SHORTEST, CCLIP_BILINEAR, 0.4578275f, 0.26130258f },
        { "pe", CCLIP_RESIZE_SQUASH, CCLIP_BILINEAR, 0.5f, 0.5f },
        { "laion_half", CCLIP_RESIZE_SHORTEST, CCLIP_BICUBIC, 0.5f, 0.5f },
    };
    cclip_preprocessing p = CCLIP_PREPROCESSING_INIT, defaults = CCLIP_PREPROCESSING_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        p.width = 99;
        p.resize_to = 256;
        p.has_background = 1;
        assert_ok(cclip_preprocessing_set_class(&p, classes[i].name));
        assert_true(p.width == 99 && p.has_background); /* these are the model's, not the class's */
        assert_int_equal(p.resize_to, 0);
        assert_int_equal(p.resize_mode, classes[i].mode);
        assert_int_equal(p.interpolation, classes[i].interpolation);
        assert_true(p.mean[1] == classes[i].mean && p.std[1] == classes[i].std);
    }
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_preprocessing_set_class(&p, "imagenet"));
    assert_ok(cclip_preprocessing_set_class(&p, "openai"));
    assert_memory_equal(p.mean, defaults.mean, sizeof p.mean);
    assert_memory_equal(p.std, defaults.std, sizeof p.std);
    assert_true(p.resize_mode == defaults.resize_mode && p.interpolation == defaults.interpolation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_takes_null), cmocka_unit_test(test_outputs_on_failure),
        cmocka_unit_test(test_unknown_versions), cmocka_unit_test(test_background),
        cmocka_unit_test(test_similarity),
        cmocka_unit_test(test_preprocessing_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
