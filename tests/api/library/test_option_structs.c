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
    SAME(name);
    SAME(kind);
    SAME(bootstrap);
    LAST(cclip_evaluate_options, bootstrap);
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

static void same_rank_options(const cclip_train_options a, const cclip_train_options b)
{
    SAME(dist_backend);
    SAME(use_bn_sync);
    SAME(local_loss);
    SAME(gather_with_grad);
    SAME(dist_timeout);
    SAME(bucket_cap_mb);
}

/* Its first half. */
static void same_train_data(const cclip_train_options a, const cclip_train_options b)
{
    SAME(model);
    SAME(pretrained);
    SAME(vocabulary);
    SAME(style);
    SAME(no_ftfy);
    SAME(background);
    SAME(siglip);
    SAME(distill_model);
    SAME(distill_pretrained);
    SAME(image_mean);
    SAME(image_std);
    SAME(force_patch_dropout);
    assert_string_equal(a.csv_img_key, b.csv_img_key);
    assert_string_equal(a.csv_caption_key, b.csv_caption_key);
    SAME(train_data);
    SAME(train_data_upsampling_factors);
    SAME(dataset_type);
    SAME(csv_separator);
    SAME(train_num_samples);
    SAME(augmentation);
    SAME(augmentation_count);
    SAME(group_captions);
    SAME(group_key);
    SAME(image_key);
    SAME(text_key);
    SAME(json_text_key);
    SAME(workers);
    SAME(val_data);
    SAME(val_frequency);
    SAME(zeroshot_sets);
    SAME(zeroshot_count);
    SAME(zeroshot_frequency);
    SAME(eval_every_n_steps);
}

static void same_train_options(const cclip_train_options a, const cclip_train_options b)
{
    assert_int_equal(a.version, CCLIP_TRAIN_OPTIONS_VERSION);
    SAME(version);
    same_train_data(a, b);
    SAME(accum_freq);
    SAME(grad_checkpointing);
    SAME(batch_size);
    SAME(image_layer_decay);
    SAME(text_layer_decay);
    SAME(ema);
    SAME(epochs);
    SAME(lr);
    SAME(beta1);
    SAME(beta2);
    SAME(eps);
    SAME(wd);
    SAME(warmup);
    SAME(lr_scheduler);
    SAME(epochs_cooldown);
    SAME(lr_cooldown_end);
    SAME(lr_cooldown_power);
    SAME(grad_clip_norm);
    SAME(decay_rule);
    SAME(image_lr_mult);
    SAME(text_lr_mult);
    SAME(lock_image);
    SAME(lock_image_unlocked_groups);
    SAME(lock_image_freeze_bn_stats);
    SAME(lock_text);
    SAME(lock_text_unlocked_layers);
    SAME(stop);
    SAME(wise_ft);
    SAME(seed);
    SAME(name);
    SAME(resume);
    SAME(log_every_n_steps);
    SAME(save_every_n_steps);
    SAME(save_every_seconds);
    SAME(save_frequency);
    SAME(delete_previous_checkpoint);
    SAME(threads);
    SAME(precision);
    SAME(device);
    same_rank_options(a, b);
    SAME(progress);
    SAME(line);
    SAME(skip);
    SAME(user);
    assert_string_equal(a.logs, b.logs);
    LAST(cclip_train_options, stop);
}

static void test_train_options(void **state)
{
    (void)state;
    const cclip_train_options a = CCLIP_TRAIN_OPTIONS_INIT, c = CCLIP_TRAIN_OPTIONS_INIT_FINE_TUNE;
    cclip_train_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_train_options_init(&b);
    same_train_options(a, b);
    memset(&b, 0xaa, sizeof b);
    cclip_train_options_init_fine_tune(&b);
    same_train_options(c, b);
    assert_true(c.lock_image && c.lock_image_freeze_bn_stats && c.lr < a.lr && c.epochs == 10);
}

static void test_curate_options(void **state)
{
    (void)state;
    const cclip_curate_options a = CCLIP_CURATE_OPTIONS_INIT;
    cclip_curate_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_curate_options_init(&b);
    assert_int_equal(a.version, CCLIP_CURATE_OPTIONS_VERSION);
    SAME(version);
    SAME(train_data);
    SAME(dataset_type);
    assert_string_equal(a.csv_img_key, b.csv_img_key);
    assert_string_equal(a.csv_caption_key, b.csv_caption_key);
    SAME(csv_separator);
    SAME(pictures_alone);
    SAME(clean_captions);
    SAME(min_chars);
    SAME(max_chars);
    SAME(caption_repeats);
    SAME(without_rules);
    SAME(without_rule_count);
    SAME(pairs);
    SAME(pair_limit);
    SAME(references);
    SAME(exact_duplicates);
    SAME(near);
    SAME(near_limit);
    SAME(against);
    SAME(against_count);
    SAME(seed);
    SAME(threads);
    SAME(preprocessing);
    SAME(skip);
    SAME(progress);
    SAME(user);
    SAME(image_key);
    SAME(text_key);
    SAME(json_text_key);
    LAST(cclip_curate_options, json_text_key);
}

static void test_bootstrap_options(void **state)
{
    (void)state;
    const cclip_bootstrap_options a = CCLIP_BOOTSTRAP_OPTIONS_INIT;
    cclip_bootstrap_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_bootstrap_options_init(&b);
    assert_int_equal(a.version, CCLIP_BOOTSTRAP_OPTIONS_VERSION);
    SAME(version);
    SAME(resamples);
    assert_true(a.confidence == b.confidence);
    SAME(seed);
    LAST(cclip_bootstrap_options, seed);
}

static void test_audit_options(void **state)
{
    (void)state;
    const cclip_audit_options a = CCLIP_AUDIT_OPTIONS_INIT;
    cclip_audit_options b;
    memset(&b, 0xaa, sizeof b);
    cclip_audit_options_init(&b);
    assert_int_equal(a.version, CCLIP_AUDIT_OPTIONS_VERSION);
    SAME(version);
    assert_string_equal(a.image_column, b.image_column);
    SAME(label_column);
    SAME(prediction_column);
    SAME(separator);
    SAME(groups);
    SAME(group_count);
    SAME(labels);
    SAME(label_count);
    SAME(positive);
    SAME(positive_count);
    SAME(harmful);
    SAME(harmful_count);
    SAME(added);
    SAME(added_count);
    SAME(texts);
    SAME(text_count);
    SAME(queries);
    SAME(query_count);
    SAME(top);
    SAME(templates);
    SAME(permutations);
    SAME(bootstrap);
    SAME(preprocessing);
    SAME(skip);
    SAME(progress);
    SAME(user);
    LAST(cclip_audit_options, user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preprocessing),   cmocka_unit_test(test_tokenizer_options),
        cmocka_unit_test(test_tokenizer_training_options),
        cmocka_unit_test(test_model_options),   cmocka_unit_test(test_session_options),
        cmocka_unit_test(test_evaluate_options), cmocka_unit_test(test_feature_options),
        cmocka_unit_test(test_probe_options),
        cmocka_unit_test(test_curate_options),
        cmocka_unit_test(test_bootstrap_options), cmocka_unit_test(test_audit_options),
        cmocka_unit_test(test_train_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
