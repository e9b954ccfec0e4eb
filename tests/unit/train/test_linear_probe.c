/* A linear probe: the gradient is zero where it ends, whatever the threads; constant features; the choice of C; the
 * stratified split; its file. */
#include "support/fault.h"
#include "support/unit.h"

#include <math.h>
#include <unistd.h>

#include "base/cpu_features.h"
#include "base/random.h"
#include "cpu/cpu_device.h"
#include "support/made_files.h"
#include "train/probe_file.h"
#include "train/probe_sweep.h"

enum { COUNT = 5000, DIM = 19, CLASSES = 5 };

static float features[COUNT * DIM];
static int32_t labels[COUNT];
static const struct cclip_probe_data data = { features, labels, COUNT, DIM, CLASSES };

/* Overlapping clouds far from the origin; the last feature is constant. */
static int set_up(void **state)
{
    float centres[CLASSES][DIM];
    struct cclip_random random;
    (void)state;
    cclip_random_seed(&random, 1, 0);
    for (size_t i = 0; i < CLASSES * DIM; i++)
        centres[i / DIM][i % DIM] = (float)(0.5 * cclip_random_normal(&random)) + 3;
    for (size_t i = 0; i < COUNT; i++) {
        labels[i] = (int32_t)cclip_random_below(&random, CLASSES);
        for (size_t j = 0; j < DIM; j++)
            features[i * DIM + j] = centres[labels[i]][j] + (float)cclip_random_normal(&random);
        features[i * DIM + DIM - 1] = 0.7f;
    }
    return made_folder_open(state);
}

struct machine {
    struct cclip_thread_pool *pool;
    struct cclip_device device;
};

static void machine_open(struct machine *m, int threads)
{
    assert_ok(cclip_thread_pool_open(&m->pool, threads));
    assert_ok(cclip_cpu_device_open(&m->device, m->pool, cclip_cpu_features()));
}

static void machine_close(struct machine *m)
{
    cclip_cpu_device_close(&m->device);
    cclip_thread_pool_close(&m->pool);
}

static void fit(struct cclip_linear_probe *out, struct cclip_probe_fitted *fitted, double c, int threads)
{
    const struct cclip_probe_fit wish = { .c = c, .iterations = 1000, .tolerance = CCLIP_PROBE_TOLERANCE };
    struct cclip_probe_trainer *trainer;
    struct machine m;
    machine_open(&m, threads);
    assert_ok(cclip_linear_probe_open(out, CLASSES, DIM));
    assert_ok(cclip_probe_trainer_open(&trainer, &m.device, &data));
    assert_ok(cclip_probe_trainer_fit(trainer, out, &wish, fitted));
    cclip_probe_trainer_close(&trainer);
    machine_close(&m);
}

/* d objective / d weight (k, j), and for j = DIM d bias, in double from the definition. */
static void gradient_of(double gradient[CLASSES][DIM + 1], const struct cclip_linear_probe *p, double c)
{
    for (size_t k = 0; k < CLASSES; k++)
        for (size_t j = 0; j <= DIM; j++)
            gradient[k][j] = j < DIM ? (double)p->weight[k * DIM + j] : 0;
    for (size_t i = 0; i < COUNT; i++) {
        double share[CLASSES], sum = 0;
        for (size_t k = 0; k < CLASSES; k++) {
            share[k] = (double)p->bias[k];
            for (size_t j = 0; j < DIM; j++)
                share[k] += (double)p->weight[k * DIM + j] * (double)features[i * DIM + j];
            sum += share[k] = exp(share[k]);
        }
        for (size_t k = 0; k < CLASSES; k++) {
            const double residual = share[k] / sum - ((size_t)labels[i] == k);
            for (size_t j = 0; j < DIM; j++)
                gradient[k][j] += c * residual * (double)features[i * DIM + j];
            gradient[k][DIM] += c * residual;
        }
    }
}

static void test_gradient(void **state)
{
    static const double strengths[] = { 1e-4, 0.1, 100 };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const double c = strengths[i];
        double gradient[CLASSES][DIM + 1], most = 0;
        struct cclip_linear_probe one, two;
        struct cclip_probe_fitted fitted, again;
        fit(&one, &fitted, c, 1);
        fit(&two, &again, c, 3);
        assert_true(fitted.converged);
        assert_memory_equal(one.weight, two.weight, sizeof(float) * CLASSES * DIM);
        assert_memory_equal(one.bias, two.bias, sizeof(float) * CLASSES);
        assert_true(fitted.objective == again.objective && fitted.iterations == again.iterations);
        gradient_of(gradient, &one, c);
        for (size_t k = 0; k < CLASSES; k++)
            for (size_t j = 0; j <= DIM; j++)
                most = fmax(most, fabs(gradient[k][j]));
        print_message("C %g: %zu iterations, gradient %.2g\n", c, fitted.iterations, most);
        assert_true(most < 1e-4 * (1 + c * COUNT));
        for (size_t k = 0; k < CLASSES; k++)
            assert_true(one.weight[k * DIM + DIM - 1] == 0); /* a constant is the bias's business */
        cclip_linear_probe_close(&one);
        cclip_linear_probe_close(&two);
    }
}

static void test_bad_samples(void **state)
{
    struct cclip_probe_trainer *trainer = (void *)1;
    struct machine m;
    float row[2] = { 0, NAN };
    int32_t label = 0;
    (void)state;
    machine_open(&m, 1);
    struct cclip_probe_data bad = { row, &label, 1, 2, 2 };
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_probe_trainer_open(&trainer, &m.device, &bad));
    assert_null(trainer);
    row[1] = 0;
    label = 2;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_probe_trainer_open(&trainer, &m.device, &bad));
    label = 0;
    bad.classes = 1;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_probe_trainer_open(&trainer, &m.device, &bad));
    machine_close(&m);
}

struct tried {
    double c[CCLIP_PROBE_TRIALS];
    struct cclip_probe_trial best;
    size_t count;
};

static cclip_status on_trial(void *user, size_t trial, const struct cclip_probe_trial *result)
{
    struct tried *tried = user;
    assert_int_equal(trial, tried->count);
    assert_true(tried->count < CCLIP_PROBE_TRIALS);
    tried->c[tried->count++] = result->c;
    if (trial == 0 || result->quality.accuracy > tried->best.quality.accuracy)
        tried->best = *result;
    return CCLIP_OK;
}

static void test_choice(void **state)
{
    enum { FEW = 60 };
    const struct cclip_probe_data train = { features, labels, FEW, DIM, CLASSES };
    const struct cclip_probe_data validation = { features + FEW * DIM, labels + FEW, COUNT - FEW, DIM, CLASSES };
    struct cclip_probe_trial best;
    struct cclip_probe_quality quality;
    struct cclip_linear_probe probe;
    struct tried tried = { .count = 0 };
    struct machine m;
    (void)state;
    const struct cclip_probe_sweep sweep = { .iterations = 500, .tolerance = CCLIP_PROBE_ROUGH, .tried = on_trial,
                                             .user = &tried };
    machine_open(&m, 2);
    assert_ok(cclip_linear_probe_open(&probe, CLASSES, DIM));
    assert_ok(cclip_probe_choose_c(&best, &probe, &m.device, &train, &validation, &sweep));
    assert_int_equal(tried.count, CCLIP_PROBE_TRIALS);
    for (int i = 0; i < 7; i++)
        assert_true(fabs(log10(tried.c[i]) - (2 * i - 6)) < 1e-12);
    assert_true(best.quality.accuracy == tried.best.quality.accuracy);
    assert_true(best.c < 100); /* 60 samples in 19 dimensions: without a pull it would learn them by heart */
    assert_ok(cclip_linear_probe_judge(&quality, &probe, &m.device, &validation));
    assert_true(quality.accuracy == best.quality.accuracy); /* the best one is what it leaves */
    cclip_linear_probe_close(&probe);
    machine_close(&m);
}

static void test_split(void **state)
{
    static const int32_t given[] = { 0, 1, 0, 2, 0, 3, 0, 3, 0, 0, 1, 1, 3, 0, 0, 0 }; /* 9, 3, 1, 3; class 4: none */
    enum { N = sizeof given / sizeof *given };
    static const size_t wanted[5] = { 2, 1, 0, 1, 0 };
    unsigned char held[N], again[N];
    size_t counts[5] = { 0 }, different = 0;
    (void)state;
    assert_ok(cclip_stratified_split(held, given, N, 5, 0.2, 7));
    for (size_t i = 0; i < N; i++)
        counts[given[i]] += held[i];
    assert_memory_equal(counts, wanted, sizeof counts);
    assert_ok(cclip_stratified_split(again, given, N, 5, 0.2, 7));
    assert_memory_equal(held, again, N);
    for (uint64_t seed = 8; seed < 16; seed++) {
        assert_ok(cclip_stratified_split(again, given, N, 5, 0.2, seed));
        different += memcmp(held, again, N) != 0;
    }
    assert_true(different >= 6);
    assert_ok(cclip_stratified_split(held, given, N, 5, 0.99, 7)); /* one of each stays */
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < N; i++)
        counts[given[i]] += !held[i];
    for (int k = 0; k < 4; k++)
        assert_int_equal(counts[k], 1);
}

/* A probe of three classes, and back from its file with every bit. */
static cclip_status round_trip(void *context)
{
    static char *names[] = { "cat", "\xc3\xa9t\xc3\xa9 \"x\"", "cat" };
    const struct cclip_names classes = { names, 3, 3 };
    struct cclip_probe *probe = NULL, *back = NULL;
    (void)context;
    cclip_status status = cclip_saved_probe_open(&probe, &classes, 2);
    if (!status) {
        for (size_t i = 0; i < 6; i++)
            probe->linear.weight[i] = (float)i / 3 - 1;
        probe->linear.bias[1] = 1e-30f;
        probe->c = 0.316;
        probe->samples = 12;
        probe->converged = 1;
        probe->origin = (struct cclip_feature_origin){ "ViT", { 0.25f, -1e-3f }, 2, 1 };
        status = cclip_saved_probe_write(probe, made_path("probe"));
    }
    if (!status)
        status = cclip_saved_probe_read(&back, made_path("probe"));
    if (!status) {
        assert_memory_equal(back->linear.weight, probe->linear.weight, 6 * sizeof(float));
        assert_memory_equal(back->linear.bias, probe->linear.bias, 3 * sizeof(float));
        assert_memory_equal(&back->origin, &probe->origin, sizeof back->origin);
        for (int k = 0; k < 3; k++)
            assert_string_equal(back->classes.names[k], names[k]);
        assert_true(back->c == 0.316 && isnan(back->objective) && back->samples == 12 && back->converged);
    }
    cclip_saved_probe_close(&probe);
    cclip_saved_probe_close(&back);
    return status;
}

static void test_file(void **state)
{
    static char *broken[] = { "caf\xe9", "x" };
    const struct cclip_names classes = { broken, 2, 2 };
    struct cclip_probe *probe;
    (void)state;
    assert_ok(round_trip(NULL));
    assert_ok(cclip_saved_probe_open(&probe, &classes, 1));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_saved_probe_write(probe, made_path("none")));
    assert_true(access(made_path("none"), F_OK));
    cclip_saved_probe_close(&probe);
    assert_true(cclip_fault_each(round_trip, NULL) > 10);
}

static void test_origins(void **state)
{
    struct cclip_feature_origin a = { "A", { 1, 2, 3, 4 }, 4, 1 }, b = a;
    (void)state;
    b.fingerprint[2] = 3.1f; /* another precision */
    assert_ok(cclip_feature_origin_compare(&a, "one", &b, "the other"));
    b.fingerprint[2] = -3;
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_feature_origin_compare(&a, "one", &b, "the other"));
    b.count = 0; /* not known */
    assert_ok(cclip_feature_origin_compare(&a, "one", &b, "the other"));
}

/* Everything that a training allocates. */
static cclip_status train_body(void *context)
{
    const struct cclip_probe_data few = { features, labels, 40, DIM, CLASSES };
    const struct cclip_probe_sweep sweep = { .iterations = 3, .tolerance = CCLIP_PROBE_ROUGH };
    struct cclip_linear_probe probe = { 0 };
    struct cclip_probe_trial best;
    struct machine *m = context;
    unsigned char held[40];
    cclip_status status = cclip_stratified_split(held, labels, 40, CLASSES, 0.3, 1);
    if (!status)
        status = cclip_linear_probe_open(&probe, CLASSES, DIM);
    if (!status)
        status = cclip_probe_choose_c(&best, &probe, &m->device, &few, &few, &sweep);
    cclip_linear_probe_close(&probe);
    return status;
}

static void test_memory(void **state)
{
    struct machine m;
    (void)state;
    machine_open(&m, 1);
    assert_true(cclip_fault_every(train_body, &m, 3) > 10);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient), cmocka_unit_test(test_bad_samples), cmocka_unit_test(test_choice),
        cmocka_unit_test(test_split),    cmocka_unit_test(test_file),        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, made_folder_close);
}
