/* Factors of the learning rate by tower and depth, and the moving average of weights. */
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/adamw.h"
#include "train/ema.h"
#include "train/groups.h"
#include "train/rates.h"

static void near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-6 * fmax(1, fabs(wanted))))
        fail_msg("%.9g, not %.9g", got, wanted);
}

struct expectation {
    const char *name;
    size_t group;
};

static const struct expectation transformer[] = {
    { "visual.class_embedding", 5 },
    { "visual.conv1.weight", 5 },
    { "visual.ln_pre.bias", 5 },
    { "visual.transformer.resblocks.0.ln_1.weight", 4 },
    { "visual.transformer.resblocks.2.ln_1.weight", 2 },
    { "visual.ln_post.weight", 2 },
    { "visual.attn_pool.latent", 1 },
    { "visual.proj", 1 },
    { "text.token_embedding.weight", 4 },
    { "text.transformer.resblocks.0.attn.in_proj_bias", 3 },
    { "text.transformer.resblocks.1.attn.in_proj_bias", 2 },
    { "text.ln_final.bias", 2 },
    { "text.text_projection", 1 },
    { "logit_scale", 1 },
};
static const struct expectation resnet[] = {
    { "visual.conv1.weight", 6 },          { "visual.bn3.bias", 6 },
    { "visual.layer1.0.conv1.weight", 5 }, { "visual.layer4.2.bn3.bias", 2 },
    { "visual.attnpool.q_proj.weight", 1 },
};

static void groups(void **state)
{
    struct cclip_config config = { .vision = { .transformer = { .layers = 3 } },
                                   .text = { .transformer = { .layers = 2 } } };
    (void)state;
    for (size_t i = 0; i < sizeof transformer / sizeof transformer[0]; i++)
        assert_int_equal(cclip_parameter_group(&config, transformer[i].name), transformer[i].group);
    config.vision.kind = CCLIP_MODIFIED_RESNET;
    for (size_t i = 0; i < sizeof resnet / sizeof resnet[0]; i++)
        assert_int_equal(cclip_parameter_group(&config, resnet[i].name), resnet[i].group);
}

static void rates(void **state)
{
    struct cclip_learner learner = { .config = { .vision = { .transformer = { .layers = 3 } },
                                                 .text = { .transformer = { .layers = 2 } } } };
    const struct cclip_rate_factors factors = { { 2, 0.1 }, { 0.5, 1 } };
    const size_t one = 1;
    struct cclip_trainables *set = &learner.parameters;
    (void)state;
    for (size_t i = 0; i < sizeof transformer / sizeof transformer[0]; i++)
        assert_ok(cclip_trainables_add(set, transformer[i].name, &one, 1, 0));
    for (size_t i = 0; i < set->count; i++)
        near(set->items[i].rate, 1);
    cclip_rates_apply(&learner, &factors);
    near(cclip_trainables_find(set, "visual.conv1.weight")->rate, 2 * pow(0.5, 4));
    near(cclip_trainables_find(set, "visual.ln_post.weight")->rate, 1);
    near(cclip_trainables_find(set, "visual.proj")->rate, 2);
    near(cclip_trainables_find(set, "text.token_embedding.weight")->rate, 0.1);
    near(cclip_trainables_find(set, "logit_scale")->rate, 1);
    const struct cclip_rate_factors none = CCLIP_RATE_FACTORS_INIT;
    cclip_rates_apply(&learner, &none);
    for (size_t i = 0; i < set->count; i++)
        assert_true(set->items[i].rate == 1);
    cclip_trainables_close(set, NULL);
}

enum { ELEMENTS = 40000 };

static void open_set(struct cclip_trainables *set, struct cclip_device *device)
{
    const size_t shape[2] = { 2, ELEMENTS / 2 };
    *set = (struct cclip_trainables){ 0 };
    assert_ok(cclip_trainables_add(set, "text.matrix", shape, 2, 0));
    assert_ok(cclip_trainables_allocate(set, device));
    for (size_t i = 0; i < set->elements; i++) {
        set->values[i] = (float)(i % 7) - 3;
        set->gradients[i] = (float)(i % 5) - 1.5f;
    }
}

/* A factor of 0.25 is a rate of a quarter, decay included. */
static void optimiser(void **state)
{
    struct cclip_device device;
    struct cclip_trainables sets[2];
    (void)state;
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    for (int i = 0; i < 2; i++) {
        struct cclip_adamw adamw;
        double norm;
        open_set(&sets[i], &device);
        assert_ok(cclip_adamw_open(&adamw, &sets[i]));
        adamw.beta1 = 0.9, adamw.beta2 = 0.98, adamw.epsilon = 1e-6, adamw.weight_decay = 0.2;
        sets[i].items[0].decays = 1;
        sets[i].items[0].rate = i ? 0.25 : 1;
        for (int step = 0; step < 3; step++)
            assert_ok(cclip_adamw_step(&adamw, &sets[i], NULL, i ? 0.1 : 0.025, &norm));
        cclip_adamw_close(&adamw);
    }
    for (size_t i = 0; i < ELEMENTS; i++)
        near(sets[0].values[i], sets[1].values[i]);
    for (int i = 0; i < 2; i++)
        cclip_trainables_close(&sets[i], &device);
    cclip_cpu_device_close(&device);
}

static void moving_average(void **state)
{
    struct cclip_thread_pool *pool;
    struct cclip_device device;
    struct cclip_trainables set;
    struct cclip_ema ema[2];
    (void)state;
    assert_ok(cclip_thread_pool_open(&pool, 3));
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    open_set(&set, &device);
    for (int i = 0; i < 2; i++) {
        assert_ok(cclip_ema_open(&ema[i], &set));
        ema[i].decay = 0.75;
        ema[i].warm_up = 1;
    }
    double expected[3] = { set.values[0], set.values[1], set.values[ELEMENTS - 1] };
    for (int t = 0; t < 40; t++) {
        for (size_t i = 0; i < set.elements; i++)
            set.values[i] += (float)(i % 3) - 0.5f;
        for (int i = 0; i < 2; i++)
            assert_ok(cclip_ema_update(&ema[i], &set, i ? pool : NULL));
        const double d = fmin(0.75, (1 + t) / (10.0 + t));
        const float *v = set.values, now[3] = { v[0], v[1], v[ELEMENTS - 1] };
        for (int k = 0; k < 3; k++)
            expected[k] = d * expected[k] + (1 - d) * now[k];
    }
    assert_memory_equal(ema[0].values, ema[1].values, set.elements * sizeof(float));
    near(ema[0].values[0], expected[0]);
    near(ema[0].values[1], expected[1]);
    near(ema[0].values[ELEMENTS - 1], expected[2]);
    const float value = set.values[1], average = ema[0].values[1];
    assert_ok(cclip_ema_swap(&ema[0], &set, pool));
    assert_true(set.values[1] == average && ema[0].values[1] == value);
    assert_ok(cclip_ema_swap(&ema[0], &set, pool));
    assert_true(set.values[1] == value && ema[0].values[1] == average);
    for (int i = 0; i < 2; i++)
        cclip_ema_close(&ema[i]);
    cclip_trainables_close(&set, &device);
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(groups), cmocka_unit_test(rates),
                                        cmocka_unit_test(optimiser),
                                        cmocka_unit_test(moving_average) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
