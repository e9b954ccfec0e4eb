/* Independent answers: fitted on every second picture of a set, the expected calibration error on the
 * others is at most half the bare sigmoid's, and so are the log loss and the error of each picture's
 * most probable label. On the five sets of $CCLIP_STARTER/eval. Prints the table of docs/zero_shot.md.
 *
 * $CCLIP_CALIBRATION_OUT: also fits the calibration that ships with the model, on the fitting halves of
 * all sets together, and writes it there. */
#include "api/classification/labelled_set.h"

#include "base/random.h"
#include "zero_shot/calibration.h"
#include "zero_shot/scores.h"

enum { SETS = 5, NEGATIVES = 4 };
static const char *const names[SETS] = { "clothing", "grocery", "lucide", "openmoji_seen", "openmoji_unseen" };

/* bare: the plain sigmoid of the logit. */
static cclip_calibration_quality measure(const struct labelled_set *set, int bare)
{
    const size_t pairs = set->pictures * set->labels_count;
    cclip_calibration_quality quality = { .version = CCLIP_CALIBRATION_QUALITY_VERSION };
    float *p = malloc(pairs * sizeof *p);
    assert_non_null(p);
    if (bare)
        assert_ok(cclip_classifier_logits(set->classifier, p, set->embeddings, set->pictures));
    else
        assert_ok(cclip_classifier_independent(set->classifier, p, set->embeddings, set->pictures));
    for (size_t i = 0; bare && i < pairs; i++)
        p[i] = (float)cclip_sigmoid((double)p[i]);
    assert_ok(cclip_calibration_measure(&quality, p, set->truth, set->pictures, set->labels_count));
    free(p);
    return quality;
}

static void print_row(const char *set, const char *how, const cclip_calibration_quality *q)
{
    printf("| %-15s | %-22s | %8.5f | %6.4f | %8.5f | %8.5f |\n", set, how, q->expected_calibration_error,
           q->best_calibration_error, q->log_loss, q->brier);
}

/* Without a fit the probabilities are at even odds; for a set with many labels only the prior is
 * replaced by what is known of every set: one label of them fits. */
static void shipped_with_prior(const struct labelled_set *set)
{
    cclip_calibration c;
    cclip_classifier_get_calibration(set->classifier, &c);
    c.prior = 1.0 / (double)set->labels_count;
    assert_ok(cclip_classifier_set_calibration(set->classifier, &c));
}

static void check_set(const char *name, struct labelled_set *set)
{
    struct labelled_set fitting, judging;
    cclip_calibration fitted, shipped;
    labelled_set_half(&fitting, set, 0);
    labelled_set_half(&judging, set, 1);
    cclip_classifier_get_calibration(set->classifier, &shipped);
    const cclip_calibration_quality bare = measure(&judging, 1);
    shipped_with_prior(set);
    const cclip_calibration_quality unfitted = measure(&judging, 0);
    assert_ok(cclip_classifier_fit(&fitted, set->classifier, fitting.embeddings, fitting.truth, fitting.pictures));
    assert_ok(cclip_classifier_set_calibration(set->classifier, &fitted));
    const cclip_calibration_quality good = measure(&judging, 0);
    print_row(name, "bare sigmoid", &bare);
    print_row(name, "shipped, prior 1/labels", &unfitted);
    print_row(name, "fitted", &good);
    printf("  slope %.4f opposing %.4f bias %.4f prior %.6f\n", fitted.slope, fitted.opposing, fitted.bias,
           fitted.prior);
    assert_true(good.expected_calibration_error <= 0.5 * bare.expected_calibration_error);
    assert_true(good.best_calibration_error <= 0.5 * bare.best_calibration_error);
    assert_true(good.log_loss <= 0.5 * bare.log_loss);
    assert_true(good.brier <= bare.brier);
    assert_ok(cclip_classifier_set_calibration(set->classifier, &shipped));
    labelled_set_half_close(&fitting);
    labelled_set_half_close(&judging);
}

/* The shipped calibration. Of each picture: its right label, some wrong ones of its own set and some
 * of the other sets. Each set weighs the same, and in it the right and the wrong pairs. */
struct pool {
    float *logits, *evidence, *weight;
    unsigned char *yes;
    size_t count, room;
};

static void pool_add(struct pool *pool, const struct labelled_set *of_picture, size_t picture,
                     const struct labelled_set *of_label, size_t label, int yes)
{
    float *row = malloc(2 * of_label->labels_count * sizeof *row), *evidence = row + of_label->labels_count;
    const float *embedding = of_picture->embeddings + picture * of_picture->dim;
    assert_non_null(row);
    assert_ok(cclip_classifier_logits(of_label->classifier, row, embedding, 1));
    assert_ok(cclip_classifier_evidence(of_label->classifier, evidence, embedding, 1));
    assert_true(pool->count < pool->room);
    pool->logits[pool->count] = row[label];
    pool->evidence[pool->count] = evidence[label];
    pool->yes[pool->count] = (unsigned char)yes;
    pool->weight[pool->count++] =
        (float)(1000.0 / (double)of_picture->pictures / (yes ? 1 : 2 * NEGATIVES));
    free(row);
}

static void pool_picture(struct pool *pool, const struct labelled_set *sets, size_t s, size_t picture,
                         struct cclip_random *random)
{
    const size_t right = (size_t)sets[s].truth[picture];
    pool_add(pool, &sets[s], picture, &sets[s], right, 1);
    for (int i = 0; i < 2 * NEGATIVES; i++) {
        size_t of = s, label;
        do { /* half of them from its own set; a label of the same name is no wrong one */
            if (i >= NEGATIVES)
                of = (s + 1 + cclip_random_below(random, SETS - 1)) % SETS;
            label = cclip_random_below(random, sets[of].labels_count);
        } while (!strcmp(cclip_classifier_label(sets[of].classifier, label),
                         cclip_classifier_label(sets[s].classifier, right)));
        pool_add(pool, &sets[s], picture, &sets[of], label, 0);
    }
}

static void fit_shipped(const struct labelled_set *sets, const char *path)
{
    struct labelled_set halves[SETS];
    struct cclip_random random;
    struct pool pool = { .room = 0 };
    cclip_calibration fitted;
    cclip_random_seed(&random, 1, 0);
    for (size_t s = 0; s < SETS; s++) {
        labelled_set_half(&halves[s], &sets[s], 0);
        pool.room += halves[s].pictures * (1 + 2 * NEGATIVES);
    }
    pool.logits = malloc(pool.room * sizeof *pool.logits);
    pool.evidence = malloc(pool.room * sizeof *pool.evidence);
    pool.weight = malloc(pool.room * sizeof *pool.weight);
    pool.yes = malloc(pool.room);
    for (size_t s = 0; s < SETS; s++)
        for (size_t p = 0; p < halves[s].pictures; p++)
            pool_picture(&pool, halves, s, p, &random);
    assert_ok(cclip_calibration_fit_pairs(&fitted, pool.logits, pool.evidence, pool.yes, pool.weight, pool.count));
    assert_ok(cclip_calibration_write(&fitted, path));
    for (size_t s = 0; s < SETS; s++)
        labelled_set_half_close(&halves[s]);
    free(pool.logits);
    free(pool.evidence);
    free(pool.weight);
    free(pool.yes);
}

static void test_sets(void **state)
{
    (void)state;
    struct shipped shipped;
    struct labelled_set sets[SETS];
    const char *out = getenv("CCLIP_CALIBRATION_OUT");
    shipped_open(&shipped);
    printf("| set | how | calibration error | of the best label | log loss | Brier |\n");
    for (size_t s = 0; s < SETS; s++) {
        char folder[CCLIP_TEST_PATH_SIZE];
        snprintf(folder, sizeof folder, "%s/eval/%s", cclip_test_from("CCLIP_STARTER", "../shared/starter"), names[s]);
        labelled_set_folder(&sets[s], &shipped, folder);
        check_set(names[s], &sets[s]);
    }
    if (out)
        fit_shipped(sets, out);
    for (size_t s = 0; s < SETS; s++)
        labelled_set_close(&sets[s]);
    shipped_close(&shipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sets) };
    if (!cclip_test_there(cclip_test_from("CCLIP_STARTER", "../shared/starter")))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
