/* Losses: gradients against finite differences in double, with and without groups. */
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/losses.h"

enum { COUNT = 7, DIM = 5, TEACHER_DIM = 3 };
enum kind { CONTRASTIVE, SIGMOID, DISTILLATION, KINDS };
static cclip_loss_fn *const losses[KINDS] = { cclip_contrastive_loss, cclip_sigmoid_loss,
                                              cclip_distillation_loss };

static float embeddings[2][COUNT * DIM];
static float teacher_rows[2][COUNT * TEACHER_DIM];
static const struct cclip_teacher teacher = { { teacher_rows[0], teacher_rows[1] }, TEACHER_DIM, 1.1f };
static const size_t groups[COUNT] = { 0, 1, 0, 2, 3, 1, 0 };

/* -(1 / 2n) sum of softmax(teacher) log softmax(student), over both directions. */
static double imitation(double logits[COUNT][COUNT])
{
    double wanted[COUNT][COUNT], total = 0;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            wanted[i][j] = 0;
            for (int k = 0; k < TEACHER_DIM; k++)
                wanted[i][j] += exp((double)teacher.logit_scale) * teacher_rows[0][i * TEACHER_DIM + k] *
                                teacher_rows[1][j * TEACHER_DIM + k];
        }
    for (int i = 0; i < COUNT; i++) {
        double sums[4] = { 0 };
        for (int j = 0; j < COUNT; j++) {
            sums[0] += exp(logits[i][j]), sums[1] += exp(wanted[i][j]);
            sums[2] += exp(logits[j][i]), sums[3] += exp(wanted[j][i]);
        }
        for (int j = 0; j < COUNT; j++) {
            total -= exp(wanted[i][j]) / sums[1] * log(exp(logits[i][j]) / sums[0]);
            total -= exp(wanted[j][i]) / sums[3] * log(exp(logits[j][i]) / sums[2]);
        }
    }
    return total / (2 * COUNT);
}

/* Straight from the definitions, in double. */
static double reference(enum kind kind, const size_t *group, double rows[2][COUNT * DIM], double scale,
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
            if (kind == SIGMOID)
                total += log(1 + exp((match ? -1 : 1) * (logits[i][j] + bias))) / COUNT;
            else if (match)
                total += (log(row) + log(column) - logits[i][j] - logits[j][i]) / same / (2 * COUNT);
        }
    }
    return kind == DISTILLATION ? total + imitation(logits) : total;
}

static void check(enum kind kind, const size_t *group)
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
    for (int i = 0; i < 2 * COUNT * TEACHER_DIM; i++)
        teacher_rows[i % 2][i / 2] = (float)cos(5 * i + 2);
    const struct cclip_pairs pairs = { .embeddings = { embeddings[0], embeddings[1] }, .count = COUNT,
                                       .dim = DIM, .logit_scale = 0.7f, .logit_bias = -1.25f,
                                       .groups = group, .teacher = &teacher };
    assert_ok(losses[kind](&loss, &pairs, &device, &arena));
    assert_true(fabs(loss.value - reference(kind, group, rows, scale, bias)) <= 1e-5);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < COUNT * DIM; i++) {
            const double x = rows[side][i];
            rows[side][i] = x + step;
            const double above = reference(kind, group, rows, scale, bias);
            rows[side][i] = x - step;
            const double slope = (above - reference(kind, group, rows, scale, bias)) / (2 * step);
            rows[side][i] = x;
            assert_true(fabs(loss.d_embeddings[side][i] - slope) <= 1e-5);
        }
    const double by_scale = (reference(kind, group, rows, scale + step, bias) -
                             reference(kind, group, rows, scale - step, bias)) / (2 * step);
    assert_true(fabs(loss.d_logit_scale - by_scale) <= 1e-5 * fmax(1, fabs(by_scale)));
    if (kind == SIGMOID) {
        const double by_bias = (reference(kind, group, rows, scale, bias + step) -
                                reference(kind, group, rows, scale, bias - step)) / (2 * step);
        assert_true(fabs(loss.d_logit_bias - by_bias) <= 1e-5);
    }
    cclip_arena_close(&arena);
    cclip_cpu_device_close(&device);
}

static void contrastive(void **state)
{
    (void)state;
    check(CONTRASTIVE, NULL);
    check(CONTRASTIVE, groups);
}

static void sigmoid(void **state)
{
    (void)state;
    check(SIGMOID, NULL);
    check(SIGMOID, groups);
}

static void distillation(void **state)
{
    (void)state;
    check(DISTILLATION, NULL);
    check(DISTILLATION, groups);
}

static void distillation_needs_a_teacher(void **state)
{
    struct cclip_loss loss;
    const struct cclip_pairs pairs = { .count = COUNT, .dim = DIM };
    (void)state;
    assert_int_equal(cclip_distillation_loss(&loss, &pairs, NULL, NULL), CCLIP_ERROR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(contrastive), cmocka_unit_test(sigmoid),
                                        cmocka_unit_test(distillation),
                                        cmocka_unit_test(distillation_needs_a_teacher) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
