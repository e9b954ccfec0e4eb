/* The starter model on every set below starter/eval ($CCLIP_STARTER): figures and predictions as expected.json
 * states them, but for MOST_DIFFERENT pictures a set, where a JPEG decoded a little differently may tip a close
 * decision. */
#include "support/paths.h"
#include "support/unit.h"

#include <math.h>

#include <cclip/cclip.h>

#include "base/clock.h"
#include "formats/json.h"

enum { MOST_DIFFERENT = 2 };

static const char *starter(void)
{
    return cclip_test_from("CCLIP_STARTER", "../shared/starter");
}

static int fail_on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    (void)user;
    (void)status;
    fail_msg("sample %zu: %s", index, message);
    return 1;
}

/* A picture more or less among the right ones moves a share by one in `weight`. */
static void check_figure(const cclip_evaluation *e, const cclip_json *expected, const char *name, double weight)
{
    const double wanted = cclip_json_number(cclip_json_get(expected, name), -1);
    for (size_t i = 0; i < cclip_evaluation_count(e); i++) {
        if (strcmp(cclip_evaluation_name(e, i), name))
            continue;
        const double value = cclip_evaluation_value(e, i);
        print_message("  %s %.6f, expected %.6f\n", name, value, wanted);
        if (!(fabs(value - wanted) <= MOST_DIFFERENT / weight + 1e-6))
            fail_msg("%s: %.6f, but %.6f was expected", name, value, wanted);
        return;
    }
    fail_msg("%s: is missing", name);
}

/* The smallest class that occurs: one picture of it moves the mean recall most. */
static double recall_weight(const cclip_evaluation *e, size_t classes)
{
    size_t *seen = calloc(classes, sizeof *seen), occurring = 0, smallest = SIZE_MAX;
    const int32_t *labels = cclip_evaluation_labels(e);
    assert_non_null(labels);
    for (size_t i = 0; i < cclip_evaluation_samples(e); i++)
        seen[labels[i]]++;
    for (size_t c = 0; c < classes; c++) {
        occurring += seen[c] > 0;
        smallest = seen[c] && seen[c] < smallest ? seen[c] : smallest;
    }
    free(seen);
    return (double)occurring * (double)smallest;
}

static void check_predictions(const cclip_evaluation *e, const cclip_json *predictions)
{
    size_t different = 0;
    assert_int_equal(cclip_json_length(predictions), cclip_evaluation_samples(e));
    for (size_t i = 0; i < cclip_evaluation_samples(e); i++)
        different += cclip_evaluation_predictions(e)[i] != cclip_json_integer(cclip_json_at(predictions, i), -1);
    print_message("  %zu predictions differ\n", different);
    assert_true(different <= MOST_DIFFERENT);
}

static void check_set(cclip_session *session, const char *name, const cclip_json *expected)
{
    char path[CCLIP_TEST_PATH_SIZE + 300];
    cclip_evaluate_options options = CCLIP_EVALUATE_OPTIONS_INIT;
    cclip_evaluation *e;
    const size_t pictures = (size_t)cclip_json_integer(cclip_json_get(expected, "pictures"), 0);
    const size_t classes = (size_t)cclip_json_integer(cclip_json_get(expected, "classes"), 0);
    options.skip = fail_on_skip;
    snprintf(path, sizeof path, "%s/eval/%s", starter(), name);
    const double start = cclip_clock_seconds();
    assert_ok(cclip_evaluate(&e, session, path, &options));
    print_message("%s: %zu pictures in %.1f s\n", name, pictures, cclip_clock_seconds() - start);
    assert_int_equal(cclip_evaluation_samples(e), pictures);
    check_figure(e, expected, "acc1", (double)pictures);
    check_figure(e, expected, "acc5", (double)pictures);
    check_figure(e, expected, "mean_per_class_recall", recall_weight(e, classes));
    check_predictions(e, cclip_json_get(expected, "predictions"));
    cclip_evaluation_close(&e);
}

static void test_sets(void **state)
{
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_model *model;
    cclip_session *session;
    cclip_json *expected;
    struct cclip_json_iterator set;
    size_t count = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/model", starter());
    assert_ok(cclip_model_open(&model, path, NULL));
    assert_ok(cclip_session_open(&session, model, NULL));
    snprintf(path, sizeof path, "%s/eval/expected.json", starter());
    assert_ok(cclip_json_read_file(&expected, path));
    for (int more = cclip_json_first(&set, cclip_json_get(expected, "sets")); more; more = cclip_json_next(&set)) {
        check_set(session, set.key, set.value);
        count++;
    }
    assert_true(count > 0);
    cclip_json_close(&expected);
    cclip_session_close(&session);
    cclip_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sets) };
    if (!cclip_test_there(starter()))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
