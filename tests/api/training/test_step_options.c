/* What changes a step of a run: averages of the weights, batches in parts, blocks computed anew, dropped patches,
 * rates by layer. Each does what it says, and stopped runs end with the weights of whole ones. */
#include "small_run.h"

#include <math.h>

#include "base/cpu_features.h"

static int stop_at_5(void *user, const cclip_train_report *report)
{
    (void)user;
    return report->step + 1 == 5;
}

/* Keeps the loss of the first step. */
static int keep_first(void *user, const cclip_train_report *report)
{
    if (!report->step)
        *(double *)user = report->loss;
    return 0;
}

static void differ(const char *a, const char *b)
{
    struct cclip_mapping one, other;
    char path[2][200];
    snprintf(path[0], sizeof path[0], "logs/%s/model/open_clip_model.safetensors", a);
    snprintf(path[1], sizeof path[1], "logs/%s/model/open_clip_model.safetensors", b);
    assert_ok(cclip_mapping_open(&one, path[0]));
    assert_ok(cclip_mapping_open(&other, path[1]));
    assert_true(one.size == other.size && memcmp(one.data, other.data, one.size));
    cclip_mapping_close(&one);
    cclip_mapping_close(&other);
}

static cclip_train_options everything(const char *model, const char *name)
{
    cclip_train_options o = small_run(model, name);
    o.batch_size = SMALL_BATCH / 2;
    o.accum_freq = 2;
    o.ema = 0.9;
    o.grad_checkpointing = 1;
    o.image_layer_decay = 0.8;
    o.text_layer_decay = 0.9;
    o.force_patch_dropout = strcmp(model, "rn.json") ? 0.5 : -1;
    return o;
}

/* Stopped in the middle of an epoch, and taken up by other threads and workers. */
static void goes_on(void **state)
{
    static const char *const models[] = { "vit.json", "rn.json" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        char names[2][32];
        snprintf(names[0], sizeof names[0], "all-%d", i);
        snprintf(names[1], sizeof names[1], "all-%d-stopped", i);
        cclip_train_options o = everything(models[i], names[0]);
        assert_ok(cclip_train(NULL, &o));
        o.name = names[1];
        o.resume = "latest";
        o.progress = stop_at_5;
        assert_fails(CCLIP_ERROR_CANCELLED, cclip_train(NULL, &o));
        o.progress = NULL;
        o.threads = 1;
        o.workers = 0;
        assert_ok(cclip_train(NULL, &o));
        assert_same_weights(names[0], names[1]);
        char path[2][200];
        for (int k = 0; k < 2; k++)
            snprintf(path[k], sizeof path[k], "logs/%s/checkpoints/step_12/ema.safetensors", names[k]);
        assert_same_file(path[0], path[1]);
    }
}

static double logit_scale_of(const char *folder)
{
    cclip_model *model;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    assert_ok(cclip_model_open(&model, folder, NULL));
    assert_ok(cclip_model_get_info(model, &info));
    cclip_model_close(&model);
    return log(info.logit_scale);
}

/* The model at the end is the average of all checkpoints' weights, which themselves are those of a run without. */
static void moving_average(void **state)
{
    cclip_train_options o = small_run("vit.json", "plain");
    double average = log(1 / 0.07);
    char folder[200];
    (void)state;
    o.save_every_n_steps = 1;
    o.lr = 0.1;
    assert_ok(cclip_train(NULL, &o));
    o.name = "average";
    o.ema = 0.5;
    assert_ok(cclip_train(NULL, &o));
    for (int t = 0; t < SMALL_STEPS * SMALL_EPOCHS; t++) {
        const double decay = fmin(0.5, (1 + t) / (10.0 + t));
        snprintf(folder, sizeof folder, "logs/average/checkpoints/step_%d", t + 1);
        average = decay * average + (1 - decay) * logit_scale_of(folder);
    }
    const double last = logit_scale_of("logs/plain/model");
    assert_true(fabs(logit_scale_of("logs/average/model") - average) < 1e-5);
    assert_true(fabs(last - average) > 1e-3);
    assert_same_file("logs/plain/checkpoints/step_12/model.safetensors",
                     "logs/average/checkpoints/step_12/model.safetensors");
    /* taken up by a run with an average that had none: it begins there */
    o.name = "late";
    o.resume = "logs/plain/checkpoints/step_12";
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("plain", "late");
}

/* In parts: the loss of the whole batch to the bit, and almost its weights; computed anew: the same to the bit. */
static void memory(void **state)
{
    cclip_train_options o = small_run("vit.json", "at-once");
    cclip_train_result whole = { .version = CCLIP_TRAIN_RESULT_VERSION }, parts = whole;
    double first[2] = { 0, 1 };
    (void)state;
    o.progress = keep_first;
    o.user = &first[0];
    assert_ok(cclip_train(&whole, &o));
    o.name = "in-parts";
    o.batch_size = 1;
    o.accum_freq = SMALL_BATCH;
    o.user = &first[1];
    assert_ok(cclip_train(&parts, &o));
    assert_true(first[0] == first[1] && whole.steps == parts.steps);
    assert_true(fabs(whole.loss - parts.loss) < 1e-4);
    o = small_run("vit.json", "anew");
    o.grad_checkpointing = 1;
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("at-once", "anew");
}

/* Products in bf16: other weights than float32's with almost its losses, and a stopped run ends as a whole one; or a
 * clear refusal by a CPU that has nothing for it. */
static void bf16(void **state)
{
    static const char *const models[] = { "vit.json", "rn.json" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        cclip_train_options o = small_run(models[i], i ? "f32-rn" : "f32-vit");
        double first[2] = { 0, 0 };
        o.progress = keep_first;
        o.user = &first[0];
        assert_ok(cclip_train(NULL, &o));
        const char *plain = o.name;
        o.name = i ? "bf16-rn" : "bf16-vit";
        o.precision = CCLIP_PRECISION_BF16;
        o.user = &first[1];
        if (!(cclip_cpu_features() & CCLIP_CPU_AVX512_BF16)) {
            assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_train(NULL, &o));
            assert_non_null(strstr(cclip_error_message(), "no instructions for bf16"));
            continue;
        }
        assert_ok(cclip_train(NULL, &o));
        assert_true(first[0] != first[1] && fabs(first[0] - first[1]) < 0.1);
        differ(plain, o.name);
        const char *whole = o.name;
        o.name = i ? "bf16-rn-stopped" : "bf16-vit-stopped";
        o.resume = "latest";
        o.progress = stop_at_5;
        assert_fails(CCLIP_ERROR_CANCELLED, cclip_train(NULL, &o));
        o.progress = NULL;
        o.threads = 1;
        assert_ok(cclip_train(NULL, &o));
        assert_same_weights(whole, o.name);
    }
}

/* A run without a name gets one that says what it computes in. */
static void named(void **state)
{
    static const char *const ends[] = { "-model_custom-lr_0.001-b_4-j_2-p_f32",
                                        "-model_custom-lr_0.001-b_4-j_2-p_bf16" };
    (void)state;
    for (int i = 0; i < 2 && (!i || cclip_cpu_features() & CCLIP_CPU_AVX512_BF16); i++) {
        cclip_train_options o = small_run("vit.json", NULL);
        cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
        o.precision = i ? CCLIP_PRECISION_BF16 : CCLIP_PRECISION_F32;
        assert_ok(cclip_train(&result, &o));
        assert_true(strlen(result.folder) > strlen(ends[i]));
        assert_string_equal(result.folder + strlen(result.folder) - strlen(ends[i]), ends[i]);
    }
}

static void patches_and_rates(void **state)
{
    cclip_train_options o = small_run("vit.json", "base");
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    o.name = "dropped";
    o.force_patch_dropout = 0.5;
    assert_ok(cclip_train(NULL, &o));
    differ("base", "dropped");
    o = small_run("vit.json", "decayed");
    o.image_layer_decay = 0.5;
    assert_ok(cclip_train(NULL, &o));
    differ("base", "decayed");
    char config[600];
    const char *at = strstr(small_transformer, "\"image_size\"");
    snprintf(config, sizeof config, "%.*s\"patch_dropout\": 0.5, %s", (int)(at - small_transformer),
             small_transformer, at);
    small_write("dropout.json", config);
    o = small_run("dropout.json", "configured");
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("dropped", "configured");
    o.name = "overridden";
    o.force_patch_dropout = 0;
    assert_ok(cclip_train(NULL, &o));
    assert_same_weights("base", "overridden");
}

static void normalised(void **state)
{
    cclip_train_options o = small_run("vit.json", "normalised");
    cclip_model *model;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    (void)state;
    o.image_mean = "0.5";
    o.image_std = "0.25,0.5,1";
    assert_ok(cclip_train(NULL, &o));
    assert_ok(cclip_model_open(&model, "logs/normalised/model", NULL));
    assert_ok(cclip_model_get_info(model, &info));
    const cclip_preprocessing *p = &info.preprocessing;
    assert_true(p->mean[0] == 0.5f && p->mean[2] == 0.5f && p->std[0] == 0.25f && p->std[2] == 1);
    cclip_model_close(&model);
}

static void refused(void **state)
{
    static const char *const triples[] = { "", "x", "1,2", "1,2,3,4", "0.5,", "1,2,x", "nan", "0,1,1" };
    cclip_train_options o = small_run("rn.json", "refused");
    (void)state;
    o.force_patch_dropout = 0.5;
    assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_train(NULL, &o));
    assert_non_null(strstr(cclip_error_message(), "a ResNet, which has no patches"));
    o = small_run("vit.json", "refused");
    for (size_t i = 0; i < sizeof triples / sizeof *triples; i++) {
        o.image_std = triples[i];
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_train(NULL, &o));
        assert_non_null(strstr(cclip_error_message(), "one number or three"));
    }
    o = small_run("vit.json", "refused");
    o.batch_size = o.accum_freq = 1 << 20;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_train(NULL, &o));
    o = small_run("vit.json", "refused");
    o.ema = 1;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_train(NULL, &o));
    small_write("bad.json", "{\"embed_dim\": 16, \"vision_cfg\": {\"patch_dropout\": 1}, \"text_cfg\": {}}");
    o = small_run("bad.json", "refused");
    assert_fails(CCLIP_ERROR_FORMAT, cclip_train(NULL, &o));
    assert_false(cclip_is_folder("logs/refused"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on), cmocka_unit_test(moving_average),    cmocka_unit_test(memory),
        cmocka_unit_test(bf16),    cmocka_unit_test(patches_and_rates), cmocka_unit_test(normalised),
        cmocka_unit_test(named),   cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
