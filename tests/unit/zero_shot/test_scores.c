/* Logits, softmax and the best k. */
#include "support/unit.h"

#include <float.h>
#include <math.h>

#include "zero_shot/scores.h"

static void test_inner_product(void **state)
{
    (void)state;
    float a[77], b[77];
    for (size_t count = 0; count <= 77; count++) {
        double expected = 0;
        for (size_t i = 0; i < count; i++) {
            a[i] = ((float)(i * 37 % 19) - 9) / 7;
            b[i] = ((float)(i * 53 % 23) - 11) / 5;
            expected += (double)a[i] * (double)b[i];
        }
        assert_true(fabs((double)cclip_inner_product(a, b, count) - expected) < 1e-4);
    }
}

static void test_logits(void **state)
{
    (void)state;
    const float pictures[] = { 1, 0, 0.6f, 0.8f }, weights[] = { 1, 0, 0, 1, -1, 0 };
    const float expected[] = { 99, -1, -101, 59, 79, -61 };
    float out[6];
    cclip_label_logits(out, pictures, 2, weights, 3, 2, 100, -1);
    for (size_t i = 0; i < 6; i++)
        assert_true(fabsf(out[i] - expected[i]) < 1e-4f);
}

static void test_softmax(void **state)
{
    (void)state;
    float rows[3][4] = { { 0, 0, 0, 0 }, { 1000, 999, -1000, 0 }, { -FLT_MAX, -FLT_MAX, -FLT_MAX, -1 } };
    cclip_softmax_rows(rows[0], 3, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(rows[0][i] == 0.25f);
    assert_true(fabs((double)rows[1][0] - 1 / (1 + exp(-1))) < 1e-7);
    assert_true(rows[1][2] == 0);
    assert_true(rows[2][3] == 1);
}

static void test_top_k(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    float scores[COUNT];
    size_t best[COUNT + 1];
    for (size_t i = 0; i < COUNT; i++)
        scores[i] = (float)(i * 31 % 13); /* many are equal */
    for (size_t k = 0; k <= COUNT + 1; k++) {
        const size_t got = cclip_top_k(best, scores, COUNT, k);
        assert_int_equal(got, k < COUNT ? k : COUNT);
        for (size_t i = 0; i < got; i++) {
            size_t better = 0; /* how many stand before best[i] */
            for (size_t j = 0; j < COUNT; j++)
                better += scores[j] > scores[best[i]] || (scores[j] == scores[best[i]] && j < best[i]);
            assert_int_equal(better, i);
        }
    }
}

static void test_sigmoid(void **state)
{
    (void)state;
    assert_true(cclip_sigmoid(0) == 0.5);
    assert_true(cclip_sigmoid(1e4) == 1 && cclip_sigmoid(-1e4) == 0);
    assert_true(fabs(cclip_sigmoid(2) + cclip_sigmoid(-2) - 1) < 1e-15);
    assert_true(fabs(cclip_sigmoid(-40) / exp(-40) - 1) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_product), cmocka_unit_test(test_logits),
        cmocka_unit_test(test_softmax),       cmocka_unit_test(test_top_k),
        cmocka_unit_test(test_sigmoid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
