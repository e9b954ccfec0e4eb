/* Losses: gradients against finite differences in double, with and without groups. */
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/losses.h"

enum { COUNT = 7, DIM = 5 };

static float embeddings[2][COUNT * DIM];
static const size_t groups[COUNT] = { 0, 1, 0, 2, 3, 1, 0 };

/* Straight from the definitions, in double. */
static double reference(int sigmoid, const size_t *group, double rows[2][COUNT * DIM], double scale,
                        double bias)
{
    double logits[COUNT][COUNT], total = 0;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            logits[i][j] = 0;
            for (int k = 0; k < DIM; k++)
                logits[i][j] += exp(scale) * rows[0][i * DIM + k] * rows[1][j * DIM + k];
        }
    for (int i = 0; i < COUNT; i++) {
        double row = 0, column = 0;
        int same = 0;
        for (int j = 0; j < COUNT; j++) {
            row += exp(logits[i][j]);
            column += exp(logits[j][i]);
            same += i == j || (group && group[i] == group[j]);
        }
        for (int j = 0; j < COUNT; j++) {
            const int match = i == j || (group && group[i] == group[j]);
            if (sigmoid)
                total += log(1 + exp((match ? -1 : 1) * (logits[i][j] + bias))) / COUNT;
            else if (match)
                total += (log(row) + log(column) - logits[i][j] - logits[j][i]) / same / (2 * COUNT);
        }
    }
    return total;
}

static void check(int sigmoid, const size_t *group)
{
    struct cclip_device device;
    struct cclip_arena arena = { 0 };
    struct cclip_loss loss;
    double rows[2][COUNT * DIM];
    const double step = 1e-5, scale = 0.7f, bias = -1.25;
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < COUNT * DIM; i++)
            rows[side][i] = embeddings[side][i] = (float)sin(3 * i + 17 * side + 1);
    const struct cclip_pairs pairs = { .embeddings = { embeddings[0], embeddings[1] }, .count = COUNT,
                                       .dim = DIM, .logit_scale = 0.7f, .logit_bias = -1.25f,
                                       .groups = group };
    assert_ok((sigmoid ? cclip_sigmoid_loss : cclip_contrastive_loss)(&loss, &pairs, &device, &arena));
    assert_true(fabs(loss.value - reference(sigmoid, group, rows, scale, bias)) <= 1e-5);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < COUNT * DIM; i++) {
            const double x = rows[side][i];
            rows[side][i] = x + step;
            const double above = reference(sigmoid, group, rows, scale, bias);
            rows[side][i] = x - step;
            const double slope = (above - reference(sigmoid, group, rows, scale, bias)) / (2 * step);
            rows[side][i] = x;
            assert_true(fabs(loss.d_embeddings[side][i] - slope) <= 1e-5);
        }
    const double by_scale = (reference(sigmoid, group, rows, scale + step, bias) -
                             reference(sigmoid, group, rows, scale - step, bias)) / (2 * step);
    assert_true(fabs(loss.d_logit_scale - by_scale) <= 1e-5 * fmax(1, fabs(by_scale)));
    if (sigmoid) {
        const double by_bias = (reference(sigmoid, group, rows, scale, bias + step) -
                                reference(sigmoid, group, rows, scale, bias - step)) / (2 * step);
        assert_true(fabs(loss.d_logit_bias - by_bias) <= 1e-5);
    }
    cclip_arena_close(&arena);
    cclip_cpu_device_close(&device);
}

static void contrastive(void **state)
{
    (void)state;
    check(0, NULL);
    check(0, groups);
}

static void sigmoid(void **state)
{
    (void)state;
    check(1, NULL);
    check(1, groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(contrastive), cmocka_unit_test(sigmoid) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
