/* The public functions of zero_shot.h with the shipped model and the demo gallery. */
#include "api/classification/labelled_set.h"
#include "support/fault.h"

#include <math.h>
#include <unistd.h>

#include "zero_shot/scores.h"

static struct shipped shipped;

static int open_shipped(void **state)
{
    (void)state;
    shipped_open(&shipped);
    return 0;
}

static int close_shipped(void **state)
{
    (void)state;
    shipped_close(&shipped);
    return 0;
}

static void test_templates(void **state)
{
    (void)state;
    static const char *const sets[] = { "photo", "icon", "art" };
    cclip_templates *templates;
    for (size_t i = 0; i < 3; i++) {
        assert_ok(cclip_templates_open(&templates, sets[i]));
        const size_t count = cclip_templates_count(templates);
        assert_true(count > 5);
        assert_non_null(strstr(cclip_templates_at(templates, count - 1), "{}"));
        assert_null(cclip_templates_at(templates, count));
        cclip_templates_close(&templates);
        assert_null(templates);
    }
    assert_ok(cclip_templates_open(&templates, cclip_test_in_source("share/templates/icon.txt")));
    cclip_templates_close(&templates);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_templates_open(&templates, "nonesuch"));
    assert_non_null(strstr(cclip_error_message(), "nonesuch"));
    static const char *const own[] = { "a {}", "{c}!" };
    assert_ok(cclip_templates_from(&templates, own, 2));
    assert_string_equal(cclip_templates_at(templates, 1), "{c}!");
    cclip_templates_close(&templates);
}

static void test_classifier(void **state)
{
    (void)state;
    static const char *const labels[] = { "fish", "dog", "bicycle" };
    const char *path = cclip_test_in_source("share/demo/fish.webp");
    const size_t dim = shipped.info.embedding_dim;
    float *embedding = malloc(dim * sizeof *embedding), scores[3], once[3], logits[3];
    cclip_classifier *classifier;
    assert_ok(cclip_classifier_open(&classifier, shipped.session, labels, 3, NULL));
    assert_int_equal(cclip_classifier_count(classifier), 3);
    assert_string_equal(cclip_classifier_label(classifier, 2), "bicycle");
    assert_null(cclip_classifier_label(classifier, 3));
    assert_ok(cclip_embed_files(shipped.session, embedding, &path, 1, NULL, 1, NULL, NULL));
    assert_ok(cclip_classifier_scores(classifier, scores, embedding, 1));
    assert_ok(cclip_classifier_logits(classifier, logits, embedding, 1));
    assert_true(fabsf(scores[0] + scores[1] + scores[2] - 1) < 1e-6f);
    assert_true(scores[0] > scores[1] && scores[0] > scores[2]);
    for (size_t l = 0; l < 3; l++) {
        const float cosine = cclip_similarity(embedding, cclip_classifier_weights(classifier) + l * dim, dim);
        assert_true(fabsf(logits[l] - shipped.info.logit_scale * cosine - shipped.info.logit_bias) < 1e-4f);
    }
    assert_ok(cclip_classify_file(shipped.session, once, path, labels, 3));
    assert_memory_equal(once, scores, sizeof once);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_classifier_independent(classifier, scores, embedding, 1));
    assert_non_null(strstr(cclip_error_message(), "cclip_classifier_open_independent"));
    cclip_classifier_close(&classifier);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_classifier_open(&classifier, shipped.session, labels, 0, NULL));
    assert_null(classifier);
    free(embedding);
}

/* The answer for a label is the same bits whatever stands beside it. */
static void test_independence(void **state)
{
    (void)state;
    static const char *const labels[] = { "fish", "octopus", "bus", "rainbow" };
    const char *path = cclip_test_in_source("share/demo/fish.webp");
    float *embedding = malloc(shipped.info.embedding_dim * sizeof *embedding), all[4], one;
    cclip_classifier *classifier;
    assert_ok(cclip_embed_files(shipped.session, embedding, &path, 1, NULL, 1, NULL, NULL));
    assert_ok(cclip_classifier_open_independent(&classifier, shipped.session, labels, 4, NULL));
    assert_ok(cclip_classifier_independent(classifier, all, embedding, 1));
    cclip_classifier_close(&classifier);
    assert_true(all[0] > 0.5f && all[0] > all[1] && all[0] > all[3] && all[2] < 0.2f);
    for (size_t l = 0; l < 4; l++) {
        assert_ok(cclip_classifier_open_independent(&classifier, shipped.session, labels + l, 1, NULL));
        assert_ok(cclip_classifier_independent(classifier, &one, embedding, 1));
        assert_true(one == all[l]);
        cclip_classifier_close(&classifier);
    }
    free(embedding);
}

static float *answers(const struct labelled_set *set, int bare)
{
    const size_t pairs = set->pictures * set->labels_count;
    float *p = malloc(pairs * sizeof *p);
    if (bare) {
        assert_ok(cclip_classifier_logits(set->classifier, p, set->embeddings, set->pictures));
        for (size_t i = 0; i < pairs; i++)
            p[i] = (float)cclip_sigmoid((double)p[i]);
    } else {
        assert_ok(cclip_classifier_independent(set->classifier, p, set->embeddings, set->pictures));
    }
    return p;
}

static double calibration_error(const struct labelled_set *set, int bare)
{
    cclip_calibration_quality q = { .version = CCLIP_CALIBRATION_QUALITY_VERSION };
    float *p = answers(set, bare);
    assert_ok(cclip_calibration_measure(&q, p, set->truth, set->pictures, set->labels_count));
    free(p);
    return q.expected_calibration_error;
}

/* Fitted on half of the gallery, at most half the bare sigmoid's error on the other half; through a file. */
static void test_fit(void **state)
{
    (void)state;
    struct labelled_set set, fitting, judging;
    cclip_calibration fitted, before, read = { 0 };
    char path[] = "/tmp/cclip-calibration-XXXXXX";
    labelled_set_gallery(&set, &shipped);
    labelled_set_half(&fitting, &set, 0);
    labelled_set_half(&judging, &set, 1);
    cclip_classifier_get_calibration(set.classifier, &before);
    assert_ok(cclip_classifier_fit(&fitted, set.classifier, fitting.embeddings, fitting.truth, fitting.pictures));
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_ok(cclip_calibration_write(&fitted, path));
    assert_ok(cclip_calibration_read(&read, path));
    unlink(path);
    assert_ok(cclip_classifier_set_calibration(set.classifier, &read));
    const double bare = calibration_error(&judging, 1), good = calibration_error(&judging, 0);
    assert_ok(cclip_classifier_set_calibration(set.classifier, &before));
    print_message("gallery: calibration error %.4f, bare sigmoid %.4f\n", good, bare);
    assert_true(good <= 0.5 * bare);
    fitting.truth[0] = (int32_t)set.labels_count;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_classifier_fit(&fitted, set.classifier, fitting.embeddings,
                                                            fitting.truth, fitting.pictures));
    fitted.prior = 1.5;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_classifier_set_calibration(set.classifier, &fitted));
    labelled_set_half_close(&fitting);
    labelled_set_half_close(&judging);
    labelled_set_close(&set);
}

/* At even odds with the calibration that ships, most right labels get a yes and most others a no. */
static void test_shipped_calibration(void **state)
{
    (void)state;
    struct labelled_set set;
    size_t yes[2] = { 0, 0 };
    cclip_calibration shipped_one, general = CCLIP_CALIBRATION_INIT;
    labelled_set_gallery(&set, &shipped);
    cclip_classifier_get_calibration(set.classifier, &shipped_one);
    assert_true(shipped_one.bias != general.bias); /* the file beside the model was found */
    float *p = answers(&set, 0);
    for (size_t i = 0; i < set.pictures; i++)
        for (size_t l = 0; l < set.labels_count; l++)
            yes[(size_t)set.truth[i] == l] += p[i * set.labels_count + l] > 0.5f;
    const double right = (double)yes[1] / (double)set.pictures;
    const double wrong = (double)yes[0] / (double)(set.pictures * (set.labels_count - 1));
    print_message("gallery: yes to %.0f %% of the right labels and %.1f %% of the wrong ones\n", 100 * right,
                  100 * wrong);
    assert_true(right > 0.8 && wrong < 0.15);
    free(p);
    labelled_set_close(&set);
}

static cclip_status life(void *context)
{
    (void)context;
    static const char *const labels[] = { "cat", "dog" };
    cclip_classifier *classifier = NULL;
    const cclip_status status = cclip_classifier_open_independent(&classifier, shipped.session, labels, 2, NULL);
    assert_true(!status == (classifier != NULL));
    cclip_classifier_close(&classifier);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(cclip_fault_every(life, NULL, 7) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates),    cmocka_unit_test(test_classifier),
        cmocka_unit_test(test_independence), cmocka_unit_test(test_fit),
        cmocka_unit_test(test_shipped_calibration), cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, open_shipped, close_shipped);
}
