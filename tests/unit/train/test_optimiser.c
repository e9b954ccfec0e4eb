/* Schedules at their corners; AdamW by hand, its decay rules, what it leaves alone, and threads. */
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/adamw.h"
#include "train/schedule.h"

static void near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-6 * fmax(1, fabs(wanted))))
        fail_msg("%.9g, not %.9g", got, wanted);
}

static void schedules(void **state)
{
    struct cclip_schedule s = { CCLIP_SCHEDULE_COSINE, 2, 4, 24, 8, 0.5, 1 };
    (void)state;
    near(cclip_schedule_rate(&s, 0), 0.5);
    near(cclip_schedule_rate(&s, 3), 2);
    near(cclip_schedule_rate(&s, 4), 2);
    near(cclip_schedule_rate(&s, 14), 1);
    near(cclip_schedule_rate(&s, 24), 0);
    near(cclip_schedule_rate(&s, 99), 0);
    s.kind = CCLIP_SCHEDULE_CONST;
    near(cclip_schedule_rate(&s, 1), 1);
    near(cclip_schedule_rate(&s, 99), 2);
    s.kind = CCLIP_SCHEDULE_CONST_COOLDOWN;
    near(cclip_schedule_rate(&s, 15), 2);
    near(cclip_schedule_rate(&s, 20), 1.25);
    near(cclip_schedule_rate(&s, 24), 0.5);
    s.cooldown_power = 2;
    near(cclip_schedule_rate(&s, 20), 0.5 + 1.5 / 4);
}

enum { LARGE = 40000 };

static void open_set(struct cclip_trainables *set, struct cclip_device *device)
{
    const size_t table[2] = { 4, LARGE / 4 }, small[2] = { 2, 3 }, vector = 3;
    *set = (struct cclip_trainables){ 0 };
    assert_ok(cclip_trainables_add(set, "text.positional_embedding", table, 2, 0));
    assert_ok(cclip_trainables_add(set, "a.weight", small, 2, 0));
    assert_ok(cclip_trainables_add(set, "a.bias", &vector, 1, 0));
    assert_ok(cclip_trainables_add(set, "a.ln_inner.matrix", small, 2, 0));
    assert_ok(cclip_trainables_add(set, "a.running_mean", &vector, 1, 1));
    assert_ok(cclip_trainables_add(set, "a.frozen", small, 2, 0));
    cclip_trainables_find(set, "a.frozen")->frozen = 1;
    assert_ok(cclip_trainables_allocate(set, device));
    for (size_t i = 0; i < set->elements; i++) {
        set->values[i] = 1 + (float)(i % 7);
        set->gradients[i] = (float)(i % 5) - 1.5f;
    }
}

static void decay_rules(void **state)
{
    static const char *const names[4] = { "text.positional_embedding", "a.weight", "a.bias",
                                          "a.ln_inner.matrix" };
    static const int decays[2][4] = { { 1, 1, 0, 0 }, { 0, 1, 0, 1 } };
    struct cclip_device device;
    struct cclip_trainables set;
    (void)state;
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    open_set(&set, &device);
    for (int rule = 0; rule < 2; rule++) {
        cclip_decay_rule_apply(&set, rule ? CCLIP_DECAY_OPEN_CLIP : CCLIP_DECAY_OPENAI);
        for (int i = 0; i < 4; i++)
            assert_int_equal(cclip_trainables_find(&set, names[i])->decays, decays[rule][i]);
    }
    assert_null(cclip_trainables_find(&set, "a.other"));
    for (size_t i = 0; i < set.count; i++) {
        const float *begin = set.values + set.items[i].begin;
        assert_ptr_equal(cclip_trainables_at(&set, begin), &set.items[i]);
        assert_ptr_equal(cclip_trainables_at(&set, begin + set.items[i].count - 1), &set.items[i]);
    }
    cclip_trainables_close(&set, &device);
    cclip_cpu_device_close(&device);
}

/* Two steps, one element after the other in double, and the same bits with three threads. */
static void steps(void **state)
{
    struct cclip_device device;
    struct cclip_trainables sets[2];
    struct cclip_thread_pool *pool;
    (void)state;
    assert_ok(cclip_thread_pool_open(&pool, 3));
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    for (int i = 0; i < 2; i++) {
        struct cclip_adamw adamw;
        double norm = 0, sum = 0;
        open_set(&sets[i], &device);
        assert_ok(cclip_adamw_open(&adamw, &sets[i]));
        cclip_decay_rule_apply(&sets[i], CCLIP_DECAY_OPENAI);
        adamw.beta1 = 0.9, adamw.beta2 = 0.98, adamw.epsilon = 1e-6, adamw.weight_decay = 0.2;
        adamw.clip_norm = 1;
        for (int step = 0; step < 2; step++)
            assert_ok(cclip_adamw_step(&adamw, &sets[i], i ? pool : NULL, 0.1, &norm));
        const struct cclip_trainables *set = &sets[i];
        for (size_t k = 0; k < set->count; k++)
            for (size_t e = set->items[k].begin; e < set->items[k].begin + set->items[k].count; e++)
                sum += k < 4 ? pow((double)(float)(e % 5) - 1.5, 2) : 0;
        near(norm, sqrt(sum));
        for (size_t k = 0; k < set->count; k++)
            for (size_t e = set->items[k].begin; e < set->items[k].begin + set->items[k].count; e++) {
                double x = 1 + (double)(e % 7), m = 0, v = 0;
                const double g = ((double)(e % 5) - 1.5) / (sqrt(sum) + 1e-6);
                for (int t = 1; t <= 2 && k < 4; t++) {
                    m = 0.9 * m + 0.1 * g;
                    v = 0.98 * v + 0.02 * g * g;
                    x *= set->items[k].decays ? 1 - 0.1 * 0.2 : 1;
                    x -= 0.1 * m / (1 - pow(0.9, t)) / (sqrt(v / (1 - pow(0.98, t))) + 1e-6);
                }
                assert_true(fabs(set->values[e] - x) <= 1e-5);
            }
        cclip_adamw_close(&adamw);
    }
    assert_memory_equal(sets[0].values, sets[1].values, sets[0].elements * sizeof(float));
    for (int i = 0; i < 2; i++)
        cclip_trainables_close(&sets[i], &device);
    cclip_cpu_device_close(&device);
    cclip_thread_pool_close(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(schedules), cmocka_unit_test(decay_rules),
                                        cmocka_unit_test(steps) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
