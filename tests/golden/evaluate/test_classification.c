/* Counts and predictions from the stored logits and labels of every folder below eval/ that has them. (How the
 * logits come about is tested in classification.) */
#include "golden/eval_folders.h"

#include "evaluate/classification.h"

static void check_share(const cclip_json *expected, const char *key, double value)
{
    const double share = cclip_json_number(cclip_json_get(expected, key), -1);
    if (!(fabs(value - share) < 1e-6))
        fail_msg("%s: %.9f, but %.9f was expected", key, value, share);
}

static void check_recalls(const cclip_json *expected, const struct cclip_class_tally *tally)
{
    const cclip_json *recalls = cclip_json_get(expected, "recall_by_class");
    for (size_t c = 0; c < tally->classes && recalls; c++) {
        char key[32];
        snprintf(key, sizeof key, "%zu", c);
        if (tally->seen[c])
            check_share(recalls, key, (double)tally->right[c] / (double)tally->seen[c]);
    }
}

static void check_folder(const char *folder, const cclip_json *expected)
{
    struct array logits, labels;
    struct cclip_class_tally tally;
    const cclip_json *predictions = cclip_json_get(expected, "predictions");
    array_read(&logits, folder, "logits.npy");
    array_read(&labels, folder, "labels.npy");
    assert_true(logits.rank == 2 && labels.count == logits.shape[0]);
    assert_int_equal(cclip_json_length(predictions), labels.count);
    assert_ok(cclip_class_tally_open(&tally, logits.shape[1]));
    for (size_t i = 0; i < labels.count; i++)
        assert_int_equal(
            cclip_class_tally_add(&tally, logits.f32 + i * logits.shape[1], (int32_t)labels.i64[i]),
            cclip_json_integer(cclip_json_at(predictions, i), -1));
    check_share(expected, "top1", cclip_class_tally_acc1(&tally));
    check_share(expected, "top5", cclip_class_tally_acc5(&tally));
    check_share(expected, "mean_per_class_recall", cclip_class_tally_mean_recall(&tally));
    check_recalls(expected, &tally);
    cclip_class_tally_close(&tally);
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
