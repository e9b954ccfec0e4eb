/* Counts and predictions from the stored logits and labels of every folder below eval/ that has them. (How the
 * logits come about is tested in classification.) */
#include "golden/eval_folders.h"

#include "base/memory.h"
#include "evaluate/classification.h"
#include "evaluate/outcomes.h"

static void check_share(const cclip_json *expected, const char *key, double value)
{
    const double share = cclip_json_number(cclip_json_get(expected, key), -1);
    if (!(fabs(value - share) < 1e-6))
        fail_msg("%s: %.9f, but %.9f was expected", key, value, share);
}

static void check_recalls(const cclip_json *expected, const struct cclip_outcomes *o)
{
    const cclip_json *recalls = cclip_json_get(expected, "recall_by_class");
    for (size_t c = 0; c < o->classes && recalls; c++) {
        const size_t seen = o->starts[c + 1] - o->starts[c];
        size_t right = 0;
        char key[32];
        snprintf(key, sizeof key, "%zu", c);
        for (size_t i = o->starts[c]; i < o->starts[c + 1]; i++)
            right += !o->ranks[o->order[i]];
        if (seen)
            check_share(recalls, key, (double)right / (double)seen);
    }
}

static void check_figures(const cclip_json *expected, const struct cclip_outcomes *o)
{
    static const struct {
        const char *key;
        struct cclip_outcome_figure figure;
    } figures[] = { { "top1", { CCLIP_FIGURE_TOP_K, 1 } },
                    { "top5", { CCLIP_FIGURE_TOP_K, 5 } },
                    { "mean_per_class_recall", { CCLIP_FIGURE_CLASS_MEAN, 0 } } };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        check_share(expected, figures[i].key, cclip_outcomes_value(o, &figures[i].figure, NULL));
}

static void check_folder(const char *folder, const cclip_json *expected)
{
    struct array logits, labels;
    struct cclip_outcomes outcomes;
    const cclip_json *predictions = cclip_json_get(expected, "predictions");
    array_read(&logits, folder, "logits.npy");
    array_read(&labels, folder, "labels.npy");
    assert_true(logits.rank == 2 && labels.count == logits.shape[0]);
    assert_int_equal(cclip_json_length(predictions), labels.count);
    const size_t classes = logits.shape[1];
    size_t *ranks = cclip_allocate(labels.count, sizeof *ranks);
    int32_t *truths = cclip_allocate(labels.count, sizeof *truths);
    assert_true(ranks && truths);
    for (size_t i = 0; i < labels.count; i++) {
        const float *scores = logits.f32 + i * classes;
        truths[i] = (int32_t)labels.i64[i];
        ranks[i] = cclip_class_rank(scores, classes, (size_t)truths[i]);
        assert_int_equal(cclip_best_class(scores, classes), cclip_json_integer(cclip_json_at(predictions, i), -1));
    }
    assert_ok(cclip_outcomes_of_classes(&outcomes, &ranks, truths, labels.count, classes));
    check_figures(expected, &outcomes);
    check_recalls(expected, &outcomes);
    cclip_outcomes_close(&outcomes);
    cclip_release(truths);
    array_close(&logits);
    array_close(&labels);
}

static void test_counts(void **state)
{
    (void)state;
    assert_true(each_eval_folder("top5", "predictions", check_folder) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_counts) };
    if (!cclip_test_there(cclip_test_golden()))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
