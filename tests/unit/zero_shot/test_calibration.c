/* Calibration: opposing evidence, the fit against data of known parameters, files, measures. */
#include "support/fault.h"
#include "support/unit.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/random.h"
#include "zero_shot/calibration.h"
#include "zero_shot/opposition.h"
#include "zero_shot/scores.h"

enum { DIM = 32, PROMPTS = 20, LABELS = 3 };

static void unit_rows(float *rows, size_t count, uint64_t seed)
{
    struct cclip_random random;
    cclip_random_seed(&random, seed, 0);
    for (size_t i = 0; i < count; i++) {
        double square = 0;
        for (size_t d = 0; d < DIM; d++) {
            rows[i * DIM + d] = (float)cclip_random_normal(&random);
            square += (double)rows[i * DIM + d] * (double)rows[i * DIM + d];
        }
        for (size_t d = 0; d < DIM; d++)
            rows[i * DIM + d] /= (float)sqrt(square);
    }
}

/* Label 0 is prompt 4, label 1 is nothing special, label 2 is prompt 7. */
static void make_rows(float *prompts, float *weights)
{
    unit_rows(prompts, PROMPTS, 1);
    unit_rows(weights, LABELS, 2);
    memcpy(weights, prompts + 4 * DIM, DIM * sizeof *weights);
    memcpy(weights + 2 * DIM, prompts + 7 * DIM, DIM * sizeof *weights);
}

static double expected_evidence(const float *prompts, const float *picture, size_t without)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < PROMPTS; i++) {
        if (i == without)
            continue;
        sum += exp(60 * (double)cclip_inner_product(prompts + i * DIM, picture, DIM) - 1);
        count++;
    }
    return log(sum / (double)count);
}

static void test_evidence(void **state)
{
    (void)state;
    static const size_t without[LABELS] = { 4, PROMPTS, 7 };
    float prompts[PROMPTS * DIM], weights[LABELS * DIM], evidence[LABELS], pictures[3 * DIM];
    double scratch[PROMPTS];
    struct cclip_opposition opposition;
    make_rows(prompts, weights);
    unit_rows(pictures, 2, 3);
    memcpy(pictures + 2 * DIM, weights, DIM * sizeof *weights); /* exactly label 0: its prompt outweighs all */
    assert_ok(cclip_opposition_open(&opposition, prompts, PROMPTS, DIM, weights, LABELS));
    for (size_t p = 0; p < 3; p++) {
        cclip_opposition_evidence(&opposition, evidence, scratch, pictures + p * DIM, 60, -1);
        for (size_t l = 0; l < LABELS; l++) {
            const double expected = expected_evidence(prompts, pictures + p * DIM, without[l]);
            assert_true(fabs((double)evidence[l] - expected) < 1e-4);
        }
    }
    cclip_opposition_close(&opposition);
    /* A list that is nothing but the label keeps its prompts. */
    assert_ok(cclip_opposition_open(&opposition, weights, 1, DIM, weights, 1));
    cclip_opposition_evidence(&opposition, evidence, scratch, weights, 60, 0);
    assert_true(fabsf(evidence[0] - 60) < 1e-4f);
    cclip_opposition_close(&opposition);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_opposition_open(&opposition, weights, 0, DIM, weights, 1));
}

/* Pairs drawn from a known calibration: the fit finds it. */
static void test_fit(void **state)
{
    (void)state;
    enum { PAIRS = 200000 };
    const cclip_calibration truth = { CCLIP_CALIBRATION_VERSION, 0.8, 0.5, -1.5, 0.1 };
    float *logits = malloc(PAIRS * sizeof *logits), *evidence = malloc(PAIRS * sizeof *evidence);
    unsigned char *yes = malloc(PAIRS);
    struct cclip_random random;
    cclip_calibration fitted = { 0 };
    size_t count = 0;
    cclip_random_seed(&random, 7, 0);
    for (size_t i = 0; i < PAIRS; i++) {
        evidence[i] = (float)(10 + cclip_random_normal(&random));
        logits[i] = (float)(0.5 * (double)evidence[i] + 3 + 2 * cclip_random_normal(&random));
        yes[i] = cclip_random_uniform(&random) <
                 cclip_calibrated(&truth, (double)logits[i], (double)evidence[i]);
        count += yes[i];
    }
    assert_ok(cclip_calibration_fit_pairs(&fitted, logits, evidence, yes, NULL, PAIRS));
    assert_true(fabs(fitted.slope - 0.8) < 0.02 && fabs(fitted.opposing - 0.5) < 0.03);
    assert_true(fabs(fitted.prior - (double)count / PAIRS) < 1e-12);
    const double want = truth.bias + log(0.1 / 0.9), got = fitted.bias + log(fitted.prior / (1 - fitted.prior));
    assert_true(fabs(got - want) < 0.25);
    for (size_t i = 0; i < PAIRS; i++)
        yes[i] = 1;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_calibration_fit_pairs(&fitted, logits, evidence, yes, NULL, PAIRS));
    yes[0] = 0;
    logits[5] = NAN;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_calibration_fit_pairs(&fitted, logits, evidence, yes, NULL, PAIRS));
    free(logits);
    free(evidence);
    free(yes);
}

/* A weight of 3 is the pair three times. */
static void test_weights(void **state)
{
    (void)state;
    const float logits[] = { 1, 2, 4, 3, 3, 3, 5 }, evidence[] = { 5, 4, 5, 6, 6, 6, 4 };
    const unsigned char yes[] = { 0, 1, 0, 0, 0, 0, 1 };
    const float once[] = { 1, 2, 4, 3, 5 }, once_evidence[] = { 5, 4, 5, 6, 4 }, weight[] = { 1, 1, 1, 3, 1 };
    const unsigned char once_yes[] = { 0, 1, 0, 0, 1 };
    cclip_calibration a, b;
    assert_ok(cclip_calibration_fit_pairs(&a, logits, evidence, yes, NULL, 7));
    assert_ok(cclip_calibration_fit_pairs(&b, once, once_evidence, once_yes, weight, 5));
    assert_true(fabs(a.slope - b.slope) < 1e-6 && fabs(a.opposing - b.opposing) < 1e-6);
    assert_true(fabs(a.bias - b.bias) < 1e-5 && fabs(a.prior - b.prior) < 1e-9);
}

/* Data that a threshold separates has no finite maximum: the pull gives one. */
static void test_separable(void **state)
{
    (void)state;
    const float logits[] = { 1, 2, 8, 9 }, evidence[] = { 5, 5, 5, 5 };
    const unsigned char yes[] = { 0, 0, 1, 1 };
    cclip_calibration c;
    assert_ok(cclip_calibration_fit_pairs(&c, logits, evidence, yes, NULL, 4));
    assert_ok(cclip_calibration_check(&c, "c"));
    assert_true(cclip_calibrated(&c, 9, 5) > 0.9 && cclip_calibrated(&c, 1, 5) < 0.1);
    assert_true(fabs(c.opposing) < 1e-6); /* says nothing here */
}

static void assert_same(const cclip_calibration *a, const cclip_calibration *b)
{
    assert_int_equal(a->version, b->version);
    assert_true(a->slope == b->slope && a->opposing == b->opposing);
    assert_true(a->bias == b->bias && a->prior == b->prior);
}

static void test_files(void **state)
{
    (void)state;
    static const struct {
        cclip_status status;
        const char *text, *message;
    } bad[] = {
        { CCLIP_ERROR_FORMAT, "{}", "c.json: no calibration: \"cclip_calibration\" is missing" },
        { CCLIP_ERROR_UNSUPPORTED, "{\"cclip_calibration\": 9}", "c.json: calibration of version 9; known is 1" },
        { CCLIP_ERROR_FORMAT, "{\"cclip_calibration\": 1, \"slope\": 1, \"opposing\": \"x\"}",
          "c.json: \"opposing\" is not a number" },
        { CCLIP_ERROR_FORMAT, "{\"cclip_calibration\": 1, \"slope\": 1, \"opposing\": 1, \"bias\": 0, \"prior\": 1}",
          "c.json: the prior 1 is not between 0 and 1" },
        { CCLIP_ERROR_FORMAT, "[", NULL },
    };
    char path[] = "/tmp/cclip-calibration-XXXXXX";
    cclip_calibration c = { CCLIP_CALIBRATION_VERSION, 1.0 / 3, -0.1, 1e-30, 0.25 }, back = { 0 };
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    assert_ok(cclip_calibration_save(&c, path));
    assert_ok(cclip_calibration_load(&back, path));
    assert_same(&c, &back); /* every digit survives */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_fails(bad[i].status, cclip_calibration_parse(&back, bad[i].text, strlen(bad[i].text), "c.json"));
        if (bad[i].message)
            assert_string_equal(cclip_error_message(), bad[i].message);
        assert_same(&c, &back); /* untouched */
    }
    c.slope = INFINITY;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_calibration_save(&c, path));
    unlink(path);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_calibration_load(&back, path));
}

static void test_measures(void **state)
{
    (void)state;
    /* 4 pairs: 0.9 yes, 0.1 no, 0.9 no, 0.1 no. Bin of 0.9: said 1.8, happened 1. Bin of 0.1: 0.2, 0. */
    const float p[] = { 0.9f, 0.1f, 0.9f, 0.1f };
    const int32_t truth[] = { 0, -1 };
    cclip_calibration_quality q = { .version = CCLIP_CALIBRATION_QUALITY_VERSION };
    assert_ok(cclip_calibration_quality_of(&q, p, truth, 2, 2));
    assert_true(fabs(q.expected_calibration_error - (0.8 + 0.2) / 4) < 1e-6);
    assert_true(fabs(q.best_calibration_error - 0.8 / 2) < 1e-6);
    assert_true(fabs(q.log_loss + (3 * log(0.9) + log(0.1)) / 4) < 1e-6);
    assert_true(fabs(q.brier - (0.01 * 3 + 0.81) / 4) < 1e-6);
    const float wrong[] = { 0.5f, 1.5f };
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_calibration_quality_of(&q, wrong, truth, 1, 2));
}

static cclip_status life(void *context)
{
    (void)context;
    float prompts[PROMPTS * DIM], weights[LABELS * DIM];
    struct cclip_opposition opposition;
    make_rows(prompts, weights);
    cclip_status status = cclip_opposition_open(&opposition, prompts, PROMPTS, DIM, weights, LABELS);
    cclip_opposition_close(&opposition);
    const cclip_calibration c = CCLIP_CALIBRATION_INIT;
    return status ? status : cclip_calibration_save(&c, "/dev/null");
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(cclip_fault_each(life, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence), cmocka_unit_test(test_fit),      cmocka_unit_test(test_separable),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_files),    cmocka_unit_test(test_measures), cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
