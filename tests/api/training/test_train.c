/* Runs through train.h: what they leave, how they stop and go on, what locks, mixes and losses do. */
#include "small_run.h"

#include <math.h>

#include "formats/json.h"

/* Stops after so many steps; counts them. */
struct stopper {
    uint64_t stop_at, seen;
    size_t lines;
    double last_loss;
};

static int on_progress(void *user, const cclip_train_report *report)
{
    struct stopper *stopper = user;
    assert_true(report->total == SMALL_STEPS * SMALL_EPOCHS && report->steps_an_epoch == SMALL_STEPS);
    assert_true(report->epoch == report->step / SMALL_STEPS && report->samples == SMALL_BATCH);
    assert_true(isfinite(report->loss) && report->logit_scale > 1 && report->gradient_norm > 0);
    stopper->seen++;
    stopper->last_loss = report->loss;
    return report->step + 1 == stopper->stop_at;
}

static void on_line(void *user, const char *line)
{
    struct stopper *stopper = user;
    assert_null(strchr(line, '\n'));
    stopper->lines++;
}

static void whole(const char *model, const char *name)
{
    cclip_train_options o = small_run(model, name);
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    struct stopper stopper = { 0 };
    o.progress = on_progress;
    o.line = on_line;
    o.user = &stopper;
    assert_ok(cclip_train(&result, &o));
    assert_true(result.steps == SMALL_STEPS * SMALL_EPOCHS && !result.first_step && !result.broken);
    assert_true(result.pairs == SMALL_PAIRS && result.loss == stopper.last_loss);
    assert_true(stopper.seen == result.steps && stopper.lines >= stopper.seen);
}

static void files(void **state)
{
    static const char *const names[] = { "params.txt", "out.log", "metrics.jsonl",
                                         "checkpoints/step_12/state.json",
                                         "checkpoints/step_12/model.safetensors",
                                         "checkpoints/step_12/optimizer.safetensors",
                                         "model/open_clip_config.json", "model/vocab.json" };
    char path[200];
    cclip_model *model;
    const cclip_tokenizer *tokenizer;
    (void)state;
    whole("vit.json", "whole");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "logs/whole/%s", names[i]);
        if (!cclip_is_file(path))
            fail_msg("%s is not there", path);
    }
    assert_int_equal(assert_same_metrics("whole", "whole"), SMALL_STEPS * SMALL_EPOCHS);
    assert_ok(cclip_model_open(&model, "logs/whole/model", NULL));
    assert_ok(cclip_model_get_tokenizer(model, &tokenizer));
    cclip_model_close(&model);
    assert_ok(cclip_model_open(&model, "logs/whole/checkpoints/step_12", NULL));
    cclip_model_close(&model);
}

/* Stopped by its caller at a step, in the middle of an epoch and at its end, and taken up by others threads
 * and workers. */
static void stopped(const char *model, const char *reference)
{
    static const uint64_t steps[] = { 1, 3, 5 };
    whole(model, reference);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%d", reference, (int)steps[i]);
        cclip_train_options o = small_run(model, name);
        struct stopper stopper = { .stop_at = steps[i] };
        cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
        o.progress = on_progress;
        o.user = &stopper;
        o.resume = "latest"; /* there is none yet: begins anew */
        assert_fails(CCLIP_ERROR_CANCELLED, cclip_train(NULL, &o));
        assert_non_null(strstr(cclip_error_message(), "saved in"));
        assert_true(stopper.seen == steps[i]);
        o.workers = (int64_t)i;
        o.threads = 1;
        stopper.stop_at = 0;
        assert_ok(cclip_train(&result, &o));
        assert_true(result.first_step == steps[i]);
        assert_same_weights(reference, name);
        assert_same_metrics(reference, name);
    }
}

static void goes_on(void **state)
{
    (void)state;
    stopped("vit.json", "whole-vit");
    stopped("rn.json", "whole-rn");
}

/* A tensor of a run's model. */
static float first_value(const char *run, const char *tower)
{
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    char path[200];
    float row[16], *pixels = calloc(3 * 32 * 32, sizeof *pixels);
    static const char *const text = "a small dog";
    snprintf(path, sizeof path, "%s", run);
    assert_non_null(pixels);
    assert_ok(cclip_model_open(&model, path, NULL));
    assert_ok(cclip_model_get_info(model, &info));
    assert_ok(cclip_session_open(&session, model, NULL));
    assert_ok(strcmp(tower, "image") ? cclip_embed_texts(session, row, &text, NULL, 1, 0, 0)
                                     : cclip_embed_pixels(session, row, pixels, 1, 0));
    cclip_session_close(&session);
    cclip_model_close(&model);
    free(pixels);
    return row[0];
}

static void fine_tune(void **state)
{
    cclip_train_options o;
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    (void)state;
    whole("vit.json", "base");
    const float image = first_value("logs/base/model", "image");
    const float text = first_value("logs/base/model", "text");
    cclip_train_options_init_fine_tune(&o);
    o.model = "logs/base/model";
    o.train_data = "pairs.tsv";
    o.batch_size = SMALL_BATCH;
    o.name = "tuned";
    o.lr = 1e-3;
    assert_ok(cclip_train(&result, &o));
    assert_true(first_value("logs/tuned/model", "image") == image);
    assert_true(first_value("logs/tuned/model", "text") != text);
    o.name = "original"; /* nothing of what was learned */
    o.wise_ft = 0;
    assert_ok(cclip_train(&result, &o));
    assert_same_file("logs/original/model/open_clip_model.safetensors",
                     "logs/base/model/open_clip_model.safetensors");
    o.name = "between";
    o.wise_ft = 0.5;
    assert_ok(cclip_train(&result, &o));
    const float between = first_value("logs/between/model", "text");
    assert_true(between != text && between != first_value("logs/tuned/model", "text"));
}

/* The last groups of a ResNet learn as they do where the others' learning rate is 0. */
static void part_of_a_resnet(void **state)
{
    cclip_train_options o = small_run("rn.json", "attention-pool");
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    size_t trained = 0;
    (void)state;
    o.lock_image = 1;
    o.lock_image_unlocked_groups = 1;
    assert_ok(cclip_train(&result, &o));
    o.lock_image = 0;
    o.lock_image_unlocked_groups = 0;
    o.image_layer_decay = 0;
    o.name = "rate-0-before-it";
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("attention-pool", "rate-0-before-it");
    trained = result.trained;
    o.lock_image = 1;
    o.lock_image_unlocked_groups = 2;
    o.image_layer_decay = 1;
    o.name = "last-stage";
    assert_ok(cclip_train(&result, &o));
    assert_true(result.trained > trained);
}

static void sigmoid(void **state)
{
    cclip_train_options o = small_run("vit.json", "sigmoid");
    cclip_model *model;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    (void)state;
    o.siglip = 1;
    assert_ok(cclip_train(NULL, &o));
    assert_ok(cclip_model_open(&model, "logs/sigmoid/model", NULL));
    assert_ok(cclip_model_get_info(model, &info));
    assert_true(info.is_sigmoid && fabs(info.logit_bias + 10) < 0.1 && fabs(info.logit_scale - 10) < 0.1);
    cclip_model_close(&model);
}

/* A tower whose learning rate is 0 stays, another moves. */
static void rates(void **state)
{
    cclip_train_options o = small_run("vit.json", "still-images");
    (void)state;
    o.image_lr_mult = 0;
    assert_ok(cclip_train(NULL, &o));
    o.name = "still-texts";
    o.image_lr_mult = 1;
    o.text_lr_mult = 0;
    assert_ok(cclip_train(NULL, &o));
    o.name = "still-model";
    o.lr = 0;
    assert_ok(cclip_train(NULL, &o));
    assert_true(first_value("logs/still-images/model", "image") == first_value("logs/still-model/model", "image"));
    assert_true(first_value("logs/still-images/model", "text") != first_value("logs/still-model/model", "text"));
    assert_true(first_value("logs/still-texts/model", "text") == first_value("logs/still-model/model", "text"));
    assert_true(first_value("logs/still-texts/model", "image") != first_value("logs/still-model/model", "image"));
}

static void refused_as(cclip_status status, const cclip_train_options *o, const char *words)
{
    assert_fails(status, cclip_train(NULL, o));
    if (!strstr(cclip_error_message(), words))
        fail_msg("\"%s\" is not in: %s", words, cclip_error_message());
}

static void refused(void **state)
{
    cclip_train_options o = small_run("vit.json", "refused");
    (void)state;
    o.version = 9;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "version 9");
    o = small_run("vit.json", "refused");
    o.batch_size = 0;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "batch_size: 0 is not between 1 and");
    o = small_run("vit.json", "refused");
    o.wd = NAN;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "wd: nan");
    o = small_run("vit.json", "refused");
    o.precision = CCLIP_PRECISION_F16;
    refused_as(CCLIP_ERROR_UNSUPPORTED, &o, "trains in f32 and bf16");
    o = small_run("vit.json", "refused/x");
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "no name for a run");
    o = small_run("vit.json", "refused");
    o.lock_image = o.lock_text = 1;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "nothing would learn");
    o = small_run("rn.json", "refused");
    o.lock_image = 1;
    o.lock_image_unlocked_groups = 7; /* 6 is all of it */
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "7 groups of the image tower are to stay unlocked, but it has 6");
    o = small_run("vit.json", "refused");
    o.lock_image = 1;
    o.lock_image_unlocked_groups = 5; /* 4 is all of it */
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "5 groups of the image tower are to stay unlocked, but it has 4");
    o = small_run("vit.json", "refused");
    o.lock_text = 1;
    o.lock_text_unlocked_layers = 4;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "4 groups of the text tower are to stay unlocked, but it has 3");
    o = small_run("vit.json", "refused");
    o.lock_image_unlocked_groups = 1;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "the image tower is not locked");
    o = small_run("vit.json", "refused");
    o.wise_ft = 0.5;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "no original weights");
    o = small_run("vit.json", "refused");
    o.vocabulary = NULL;
    refused_as(CCLIP_ERROR_NOT_FOUND, &o, "no vocabulary");
    o = small_run("vit.json", "refused");
    o.train_data_upsampling_factors = "1::2";
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "more factors than the 1 sources");
    o = small_run("vit.json", "refused");
    o.lr_scheduler = CCLIP_LR_CONST_COOLDOWN;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "epochs_cooldown is missing");
    o.epochs_cooldown = SMALL_EPOCHS + 1;
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "a cooldown of 5 epochs in a run of 4");
    static const char *const words[][2] = { { "scale=0.5", "2 numbers, parted by commas, are expected" },
                                            { "zoom=0,0", "numbers above 0 are expected" },
                                            { "ratio=0,0", "numbers above 0 are expected" } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        o = small_run("vit.json", "refused");
        o.augmentation = words[i];
        o.augmentation_count = 1;
        refused_as(CCLIP_ERROR_ARGUMENT, &o, words[i][1]);
    }
    assert_false(cclip_is_folder("logs/refused"));
}

/* Steps far too long: said in words, and without the sign that printf gives a NaN. */
static void diverges(void **state)
{
    cclip_train_options o = small_run("vit.json", "diverged");
    (void)state;
    o.lr = 1e6;
    o.warmup = 0;
    refused_as(CCLIP_ERROR_FORMAT, &o, "not a number");
    assert_non_null(strstr(cclip_error_message(), "the run has diverged"));
    assert_null(strstr(cclip_error_message(), "nan"));
}

/* A run of the same name, and one that cannot go on as it was. */
static void taken(void **state)
{
    cclip_train_options o = small_run("vit.json", "taken");
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "there is a run of this name");
    o.resume = "latest";
    o.seed = 4;
    refused_as(CCLIP_ERROR_MISMATCH, &o, "a seed of 0, but it is 4 now");
    o = small_run("vit.json", "elsewhere");
    o.resume = "logs/nowhere";
    refused_as(CCLIP_ERROR_NOT_FOUND, &o, "no such checkpoint");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),   cmocka_unit_test(goes_on), cmocka_unit_test(fine_tune),
        cmocka_unit_test(part_of_a_resnet),
        cmocka_unit_test(sigmoid), cmocka_unit_test(rates),   cmocka_unit_test(refused),
        cmocka_unit_test(diverges), cmocka_unit_test(taken),
    };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
