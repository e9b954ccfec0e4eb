/* The functions of probe.h on a few pictures of the demonstration: features from folders and files, training, the file,
 * the probe as a classifier and in an evaluation. */
#include "support/paths.h"
#include "support/unit.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cclip/cclip.h>

#include "base/file.h"

enum { CLASSES = 3, EACH = 4 };

static const char *const names[CLASSES] = { "animal", "food", "vehicle" };
static const char *const pictures[CLASSES][EACH] = { { "cat", "dog", "cow", "pig" },
                                                     { "pizza", "croissant", "banana", "egg" },
                                                     { "car", "bus", "train", "tractor" } };
static char folder[] = "/tmp/cclip-probe-XXXXXX";
static cclip_model *model;
static cclip_session *session;

static int set_up(void **state)
{
    char from[CCLIP_TEST_PATH_SIZE + 64], to[128];
    (void)state;
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    mkdir("set", 0777);
    for (size_t k = 0; k < CLASSES; k++) {
        snprintf(to, sizeof to, "set/%s", names[k]);
        mkdir(to, 0777);
        for (size_t i = 0; i < EACH; i++) {
            struct cclip_mapping file;
            snprintf(from, sizeof from, "%s/%s.webp", cclip_test_in_source("share/demo"), pictures[k][i]);
            snprintf(to, sizeof to, "set/%s/%s.webp", names[k], pictures[k][i]);
            assert_ok(cclip_mapping_open(&file, from));
            assert_ok(cclip_file_write(to, file.data, file.size));
            cclip_mapping_close(&file);
        }
    }
    assert_ok(cclip_model_open(&model, cclip_test_in_source("share/model"), NULL));
    assert_ok(cclip_session_open(&session, model, NULL));
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    cclip_session_close(&session);
    cclip_model_close(&model);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

static cclip_feature_set *read_set(int no_normalize)
{
    cclip_feature_options options = CCLIP_FEATURE_OPTIONS_INIT;
    cclip_feature_set *set;
    options.no_normalize = no_normalize;
    options.batch = 5;
    assert_ok(cclip_feature_set_read(&set, session, "set", &options));
    return set;
}

static double length_of(const float *row, size_t dim)
{
    double sum = 0;
    for (size_t j = 0; j < dim; j++)
        sum += (double)row[j] * (double)row[j];
    return sqrt(sum);
}

static void test_features(void **state)
{
    cclip_feature_set *set = read_set(0), *raw = read_set(1), *back;
    const size_t dim = cclip_feature_set_dim(set), count = CLASSES * EACH;
    (void)state;
    assert_int_equal(cclip_feature_set_count(set), count);
    assert_int_equal(cclip_feature_set_classes(set), CLASSES);
    assert_int_equal(cclip_feature_set_skipped(set), 0);
    assert_string_equal(cclip_feature_set_class(set, 2), "vehicle");
    assert_null(cclip_feature_set_class(set, 3));
    assert_true(cclip_feature_set_normalized(set) && !cclip_feature_set_normalized(raw));
    for (size_t i = 0; i < count; i++) {
        const float *row = cclip_feature_set_features(raw) + i * dim;
        const double length = length_of(row, dim);
        assert_int_equal(cclip_feature_set_labels(set)[i], i / EACH);
        for (size_t j = 0; j < dim; j++)
            assert_true(fabs((double)row[j] / length - (double)cclip_feature_set_features(set)[i * dim + j]) < 1e-6);
    }
    assert_ok(cclip_feature_set_write(raw, "raw.npy"));
    assert_ok(cclip_feature_set_open(&back, "raw.npy"));
    assert_int_equal(cclip_feature_set_count(back), count);
    assert_int_equal(cclip_feature_set_dim(back), dim);
    assert_true(!cclip_feature_set_normalized(back));
    assert_memory_equal(cclip_feature_set_features(back), cclip_feature_set_features(raw), count * dim * sizeof(float));
    assert_memory_equal(cclip_feature_set_labels(back), cclip_feature_set_labels(raw), count * sizeof(int32_t));
    assert_string_equal(cclip_feature_set_class(back, 1), "food");
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_feature_set_write(raw, "raw"));
    cclip_feature_set_close(&back);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_feature_set_open(&back, "none.npy"));
    assert_null(back);
    cclip_feature_set_close(&set);
    cclip_feature_set_close(&raw);
    cclip_feature_set_close(&raw);
}

struct calls {
    size_t trials, iterations, finals, stop_at;
    double c;
};

static int on_fit(void *user, const cclip_probe_trial_info *trial)
{
    struct calls *calls = user;
    calls->iterations += !trial;
    calls->trials += trial && !trial->is_final;
    calls->finals += trial && trial->is_final;
    calls->c = trial ? trial->c : calls->c;
    return calls->stop_at && calls->iterations >= calls->stop_at;
}

/* Trained on the rest, measured on what was held out; the file classifies and is measured as the probe was. */
static void test_whole(void **state)
{
    cclip_feature_set *set = read_set(0), *rest, *held;
    cclip_probe_options options = CCLIP_PROBE_OPTIONS_INIT;
    struct calls calls = { 0 };
    cclip_probe *probe, *back;
    cclip_probe_info info = { .version = CCLIP_PROBE_INFO_VERSION };
    cclip_accuracy accuracy = { .version = CCLIP_ACCURACY_VERSION };
    cclip_classifier *classifier;
    float logits[CLASSES];
    (void)state;
    options.progress = on_fit;
    options.user = &calls;
    assert_ok(cclip_feature_set_split(&rest, &held, set, 0.25, 3));
    assert_int_equal(cclip_feature_set_count(held), CLASSES);
    assert_int_equal(cclip_feature_set_count(rest), CLASSES * EACH - CLASSES);
    assert_ok(cclip_probe_train(&probe, session, rest, NULL, &options));
    assert_ok(cclip_probe_get_info(probe, &info));
    assert_true(calls.trials >= 11 && calls.trials <= 15 && calls.finals == 1 && calls.c == info.c);
    assert_int_equal(info.classes, CLASSES);
    assert_int_equal(info.dim, cclip_feature_set_dim(set));
    assert_int_equal(info.samples, CLASSES * EACH - CLASSES);
    assert_int_equal(info.validation_samples, CLASSES);
    assert_true(info.normalized && info.converged && info.objective > 0);
    assert_ok(cclip_probe_write(probe, "p.safetensors"));
    assert_ok(cclip_probe_read(&back, "p.safetensors"));
    assert_memory_equal(cclip_probe_weights(back), cclip_probe_weights(probe), CLASSES * info.dim * sizeof(float));
    assert_ok(cclip_classifier_open_probe(&classifier, session, back));
    assert_ok(cclip_classifier_measure(&accuracy, classifier, rest));
    assert_true(accuracy.acc1 == info.train_accuracy && isnan(accuracy.acc5));
    assert_ok(cclip_classifier_measure(&accuracy, classifier, held));
    assert_int_equal(accuracy.samples, CLASSES);
    assert_ok(cclip_classifier_logits(classifier, logits, cclip_feature_set_features(held), 1));
    for (size_t k = 0; k < CLASSES; k++) {
        double sum = (double)cclip_probe_biases(probe)[k];
        for (size_t j = 0; j < info.dim; j++)
            sum += (double)cclip_probe_weights(probe)[k * info.dim + j] * (double)cclip_feature_set_features(held)[j];
        assert_true(fabs(sum - (double)logits[k]) < 1e-4 * (1 + fabs(sum)));
        assert_string_equal(cclip_classifier_label(classifier, k), names[k]);
    }
    cclip_classifier_close(&classifier);
    cclip_probe_close(&back);
    cclip_probe_close(&probe);
    calls.stop_at = 1 + calls.iterations;
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_probe_train(&probe, session, rest, NULL, &options));
    assert_null(probe);
    cclip_feature_set_close(&rest);
    cclip_feature_set_close(&held);
    cclip_feature_set_close(&set);
}

static double figure(const cclip_evaluation *e, const char *name)
{
    for (size_t i = 0; i < cclip_evaluation_count(e); i++)
        if (!strcmp(cclip_evaluation_name(e, i), name))
            return cclip_evaluation_value(e, i);
    fail_msg("no figure %s", name);
    return 0;
}

/* The same figures by an evaluation, of features that are normalised and of ones that are not. */
static void test_evaluation(void **state)
{
    (void)state;
    for (int raw = 0; raw < 2; raw++) {
        cclip_feature_set *set = read_set(raw);
        cclip_probe_options options = CCLIP_PROBE_OPTIONS_INIT;
        cclip_evaluate_options evaluate = CCLIP_EVALUATE_OPTIONS_INIT;
        cclip_probe_info info = { .version = CCLIP_PROBE_INFO_VERSION };
        cclip_evaluation *e;
        cclip_probe *probe;
        options.c = raw ? 0.02 : 5;
        assert_ok(cclip_probe_train(&probe, NULL, set, NULL, &options));
        assert_ok(cclip_probe_get_info(probe, &info));
        assert_true(info.c == options.c && info.validation_samples == 0);
        assert_ok(cclip_probe_write(probe, "e.safetensors"));
        evaluate.probe = "e.safetensors";
        assert_ok(cclip_evaluate(&e, session, "set", &evaluate));
        assert_true(figure(e, "lp_acc1") == info.train_accuracy);
        assert_non_null(strstr(cclip_evaluation_json(e), "\"task\": \"linear_probe\""));
        cclip_evaluation_close(&e);
        evaluate.templates = "icon";
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_evaluate(&e, session, "set", &evaluate));
        cclip_probe_close(&probe);
        cclip_feature_set_close(&set);
    }
}

/* Arrays of one's own, with classes in another order among the validation samples. */
static void test_arrays(void **state)
{
    static const float rows[] = { 0, 0, 0, 1, 1, 0, 1, 1, 5, 5, 5, 6, 6, 5, 6, 6 };
    static const int32_t low_first[] = { 0, 0, 0, 0, 1, 1, 1, 1 }, high_first[] = { 1, 1, 1, 1, 0, 0, 0, 0 };
    static const char *const low_high[] = { "low", "high" }, *const high_low[] = { "high", "low" };
    static const char *const other[] = { "high", "other" };
    cclip_feature_set *a, *b, *bad;
    cclip_probe *probe;
    cclip_probe_info info = { .version = CCLIP_PROBE_INFO_VERSION };
    cclip_probe_options options = CCLIP_PROBE_OPTIONS_INIT;
    cclip_classifier *classifier = (void *)1;
    (void)state;
    assert_ok(cclip_feature_set_from(&a, rows, low_first, 8, 2, low_high, 2, 0));
    assert_ok(cclip_feature_set_from(&b, rows, high_first, 8, 2, high_low, 2, 0));
    assert_ok(cclip_probe_train(&probe, session, a, b, NULL));
    assert_ok(cclip_probe_get_info(probe, &info));
    assert_true(info.validation_accuracy == 1 && info.train_accuracy == 1 && info.samples == 16);
    assert_int_equal(info.validation_samples, 8);
    assert_string_equal(cclip_probe_class(probe, 0), "low");
    assert_null(cclip_probe_class(probe, 2));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_classifier_open_probe(&classifier, session, probe)); /* 2 values */
    assert_null(classifier);
    cclip_probe_close(&probe);
    assert_ok(cclip_feature_set_from(&bad, rows, high_first, 8, 2, other, 2, 0));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_probe_train(&probe, session, a, bad, NULL));
    cclip_feature_set_close(&bad);
    assert_ok(cclip_feature_set_from(&bad, rows, high_first, 8, 2, high_low, 2, 1));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_probe_train(&probe, session, a, bad, NULL));
    cclip_feature_set_close(&bad);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_feature_set_from(&bad, rows, high_first, 8, 2, high_low, 1, 0));
    options.c = -1;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_probe_train(&probe, session, a, NULL, &options));
    options = (cclip_probe_options)CCLIP_PROBE_OPTIONS_INIT;
    options.version = 9;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_probe_train(&probe, session, a, NULL, &options));
    cclip_feature_set_close(&a);
    cclip_feature_set_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_features), cmocka_unit_test(test_whole), cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_arrays),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
