/* scikit-learn's logistic regression on every folder below eval/ that has one: its objective, computed here in
 * double at the fitted weights, is within 1e-4 of the tight solution's, and the accuracies are equal. */
#include "golden/eval_folders.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/linear_probe.h"

static struct cclip_thread_pool *pool;
static struct cclip_device device;

struct samples {
    struct array features, classes;
    int32_t *labels;
    struct cclip_probe_data data;
};

static void samples_read(struct samples *s, const char *folder, const char *x, const char *y)
{
    array_read(&s->features, folder, x);
    array_read(&s->classes, folder, y);
    assert_true(s->features.rank == 2 && s->classes.count == s->features.shape[0]);
    s->labels = array_ids(&s->classes);
    size_t classes = 0;
    for (size_t i = 0; i < s->classes.count; i++)
        classes = (size_t)s->labels[i] >= classes ? (size_t)s->labels[i] + 1 : classes;
    s->data = (struct cclip_probe_data){ s->features.f32, s->labels, s->classes.count,
                                         s->features.shape[1], classes };
}

static void samples_close(struct samples *s)
{
    array_close(&s->features);
    array_close(&s->classes);
    free(s->labels);
}

/* -log softmax(W x + b)[y], in double. */
static double loss_of(const struct cclip_linear_probe *p, const float *x, size_t y)
{
    double logits[1024], most = -INFINITY, sum = 0;
    assert_true(p->classes <= 1024);
    for (size_t k = 0; k < p->classes; k++) {
        logits[k] = (double)p->bias[k];
        for (size_t j = 0; j < p->dim; j++)
            logits[k] += (double)p->weight[k * p->dim + j] * (double)x[j];
        most = fmax(most, logits[k]);
    }
    for (size_t k = 0; k < p->classes; k++)
        sum += exp(logits[k] - most);
    return most + log(sum) - logits[y];
}

static double objective_of(const struct cclip_linear_probe *p, const struct cclip_probe_data *d, double c)
{
    double losses = 0, squares = 0;
    for (size_t i = 0; i < d->count; i++)
        losses += loss_of(p, d->features + i * d->dim, (size_t)d->labels[i]);
    for (size_t i = 0; i < p->classes * p->dim; i++)
        squares += (double)p->weight[i] * (double)p->weight[i];
    return c * losses + 0.5 * squares;
}

static double number(const cclip_json *object, const char *key)
{
    const cclip_json *value = cclip_json_get(object, key);
    assert_true(cclip_json_is_number(value));
    return cclip_json_number(value, 0);
}

static void check_folder(const char *folder, const cclip_json *expected)
{
    const cclip_json *tight = cclip_json_get(expected, "tight"), *params = cclip_json_get(expected, "params");
    const struct cclip_probe_fit fit = { .c = number(params, "C"),
                                         .iterations = (size_t)number(params, "max_iter"),
                                         .tolerance = CCLIP_PROBE_TOLERANCE };
    struct samples train, test;
    struct cclip_probe_trainer *trainer;
    struct cclip_linear_probe probe;
    struct cclip_probe_fitted fitted;
    struct cclip_probe_quality quality;
    samples_read(&train, folder, "train_x.npy", "train_y.npy");
    samples_read(&test, folder, "test_x.npy", "test_y.npy");
    test.data.classes = train.data.classes;
    assert_ok(cclip_linear_probe_open(&probe, train.data.classes, train.data.dim));
    assert_ok(cclip_probe_trainer_open(&trainer, &device, &train.data));
    assert_ok(cclip_probe_trainer_fit(trainer, &probe, &fit, &fitted));
    const double objective = objective_of(&probe, &train.data, fit.c);
    print_message("  objective %.9f (reported %.9f) after %zu iterations, %zu evaluations; tight %.9f\n", objective,
                  fitted.objective, fitted.iterations, fitted.evaluations, number(tight, "objective_value"));
    assert_true(fitted.converged);
    assert_true(fabs(objective - number(tight, "objective_value")) < 1e-4);
    assert_true(fabs(fitted.objective - objective) < 1e-4);
    assert_ok(cclip_linear_probe_judge(&quality, &probe, &device, &train.data));
    assert_true(fabs(quality.accuracy - number(tight, "train_accuracy")) < 1e-9);
    assert_ok(cclip_linear_probe_judge(&quality, &probe, &device, &test.data));
    assert_true(fabs(quality.accuracy - number(tight, "test_accuracy")) < 1e-9);
    cclip_probe_trainer_close(&trainer);
    cclip_linear_probe_close(&probe);
    samples_close(&train);
    samples_close(&test);
}

static void test_objective(void **state)
{
    (void)state;
    assert_true(each_eval_folder("objective_value", "tight", check_folder) > 0);
}

static int set_up(void **state)
{
    (void)state;
    return cclip_thread_pool_open(&pool, 2) || cclip_cpu_device_open(&device, pool, cclip_cpu_features());
}

static int tear_down(void **state)
{
    (void)state;
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_objective) };
    if (!cclip_test_there(cclip_test_golden()))
        return CCLIP_TEST_SKIP;
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
