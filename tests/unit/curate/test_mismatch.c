/* Margins beside NumPy, and the threshold on made distributions whose truth is known. */
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "base/random.h"
#include "cpu/cpu_device.h"
#include "curate/mismatch.h"
#include "support/fault.h"

enum { PAIRS = 7, DIM = 5 };
static struct cclip_device device;
static float images[PAIRS * DIM], texts[PAIRS * DIM];
static const uint64_t captions[PAIRS] = { 0, 1, 2, 3, 4, 5, 1 }; /* two are equal */

static void fill(float *rows, double start, double step)
{
    for (size_t i = 0; i < PAIRS; i++) {
        double sum = 0;
        for (size_t j = 0; j < DIM; j++) {
            rows[i * DIM + j] = (float)sin(start + (double)i * 0.7 + (double)j * step);
            sum += (double)rows[i * DIM + j] * (double)rows[i * DIM + j];
        }
        for (size_t j = 0; j < DIM; j++)
            rows[i * DIM + j] = (float)((double)rows[i * DIM + j] / sqrt(sum));
    }
}

static int set_up(void **state)
{
    (void)state;
    fill(images, 1, 1.3);
    fill(texts, 1.4, 1.2);
    return cclip_cpu_device_open(&device, NULL, cclip_cpu_features());
}

static int tear_down(void **state)
{
    (void)state;
    cclip_cpu_device_close(&device);
    return 0;
}

static struct cclip_mismatch_references references(void)
{
    return (struct cclip_mismatch_references){ images, texts, captions, PAIRS, DIM, 10 };
}

/* S = 10 V T^t in float64; margin[i] = S[i,i] - log(mean(exp(S[i, other])))/2 - log(mean(exp(S[other, i])))/2 */
static void test_scores(void **state)
{
    static const double cosines[PAIRS] = { 0.979505, 0.977402, 0.964061, 0.962375, 0.975283, 0.980333, 0.970922 };
    static const double margins[PAIRS] = { 4.14366, 2.69772, 2.56187, 2.51467, 2.8148, 2.95401, 3.89916 };
    const struct cclip_mismatch_references r = references();
    struct cclip_pair_score out[PAIRS];
    float *made;
    size_t count;
    (void)state;
    assert_ok(cclip_mismatch_scores(out, &device, &r, images, texts, captions, PAIRS));
    for (size_t i = 0; i < PAIRS; i++) {
        assert_true(fabs((double)out[i].cosine - cosines[i]) < 1e-5);
        assert_true(fabs((double)out[i].margin - margins[i]) < 1e-4);
    }
    assert_ok(cclip_mismatch_made(&made, &count, &device, &r));
    assert_int_equal(count, 40); /* 7 * 6 without the two of equal captions */
    assert_true(fabs((double)made[0] + 16.66694) < 1e-4);
    assert_true(fabs((double)made[20] + 7.12966) < 1e-4);
    assert_true(fabs((double)made[39] - 1.72713) < 1e-4);
    assert_true(cclip_mismatch_chance(made, count, made[39]) == 1.0 / 40);
    assert_true(cclip_mismatch_chance(made, count, made[0]) == 1);
    assert_true(cclip_mismatch_chance(made, count, 100) == 0);
    cclip_release(made);
}

/* Where all captions are one, nothing can be said. */
static void test_one_caption(void **state)
{
    static const uint64_t same[PAIRS] = { 9, 9, 9, 9, 9, 9, 9 };
    struct cclip_mismatch_references r = references();
    struct cclip_pair_score out[PAIRS];
    float *made;
    size_t count;
    (void)state;
    r.captions = same;
    assert_ok(cclip_mismatch_scores(out, &device, &r, images, texts, same, PAIRS));
    assert_true(isnan(out[3].margin) && !isnan(out[3].cosine));
    assert_ok(cclip_mismatch_made(&made, &count, &device, &r));
    assert_int_equal(count, 0);
    cclip_release(made);
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Mismatches are normal around 0, good pairs around `apart`; `share` of the corpus are mismatches. */
static void check_rule(double share, double apart)
{
    enum { MADE = 60000, CORPUS = 20000 };
    struct cclip_random random;
    struct cclip_mismatch_rule rule;
    float *made = calloc(MADE, sizeof *made), *corpus = calloc(CORPUS, sizeof *corpus);
    size_t caught = 0, lost = 0, bad = (size_t)(share * CORPUS);
    cclip_random_seed(&random, 11, (uint64_t)(1000 * share));
    for (size_t i = 0; i < MADE; i++)
        made[i] = (float)cclip_random_normal(&random);
    for (size_t i = 0; i < CORPUS; i++)
        corpus[i] = (float)(cclip_random_normal(&random) + (i < bad ? 0 : apart));
    float *sorted = malloc(CORPUS * sizeof *sorted);
    memcpy(sorted, corpus, CORPUS * sizeof *sorted);
    qsort(made, MADE, sizeof *made, compare);
    qsort(sorted, CORPUS, sizeof *sorted, compare);
    cclip_mismatch_choose(&rule, made, MADE, sorted, CORPUS);
    for (size_t i = 0; i < CORPUS; i++)
        *(i < bad ? &caught : &lost) += (double)corpus[i] < rule.threshold;
    assert_true(fabs(rule.share - share) < 0.02);
    if (bad)
        assert_true(fabs(rule.caught - (double)caught / (double)bad) < 0.02);
    assert_true(fabs(rule.lost - (double)lost / (double)(CORPUS - bad)) < 0.02);
    /* The best threshold of two normals of variance 1: where p f0 = (1 - p) f1. */
    if (bad)
        assert_true(fabs(rule.threshold - (apart / 2 + log(share / (1 - share)) / apart)) < 0.25);
    free(made);
    free(corpus);
    free(sorted);
}

static void test_rule(void **state)
{
    (void)state;
    check_rule(0.2, 4);
    check_rule(0.5, 3);
    check_rule(0.05, 5);
    check_rule(0, 6);
}

static cclip_status life(void *context)
{
    const struct cclip_mismatch_references r = references();
    struct cclip_pair_score out[PAIRS];
    float *made = NULL;
    size_t count;
    (void)context;
    cclip_status status = cclip_mismatch_scores(out, &device, &r, images, texts, captions, PAIRS);
    if (!status)
        status = cclip_mismatch_made(&made, &count, &device, &r);
    cclip_release(made);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(life, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_scores), cmocka_unit_test(test_one_caption),
                                        cmocka_unit_test(test_rule), cmocka_unit_test(test_memory) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
