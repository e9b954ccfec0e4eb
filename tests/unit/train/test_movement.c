/* The length of an update, worked out from the optimiser's averages, is that of the difference it made; what
 * is frozen counts in none; factors of the learning rate; a step that keeps nothing. */
#include "support/unit.h"

#include <math.h>

#include "base/cpu_features.h"
#include "cpu/cpu_device.h"
#include "train/movement.h"

enum { MANY = 40000 };

static void open_set(struct cclip_trainables *set, struct cclip_device *device)
{
    const size_t table[2] = { 4, MANY / 4 }, small[2] = { 2, 3 };
    *set = (struct cclip_trainables){ 0 };
    assert_ok(cclip_trainables_add(set, "a.weight", table, 2, 0));
    assert_ok(cclip_trainables_add(set, "a.bias", small, 2, 0));
    assert_ok(cclip_trainables_add(set, "b.frozen", small, 2, 0));
    assert_ok(cclip_trainables_add(set, "b.weight", small, 2, 0));
    cclip_trainables_find(set, "b.frozen")->frozen = 1;
    cclip_trainables_find(set, "b.weight")->rate = 3;
    assert_ok(cclip_trainables_allocate(set, device));
    for (size_t i = 0; i < set->elements; i++)
        set->values[i] = 1 + (float)(i % 7);
    cclip_decay_rule_apply(set, CCLIP_DECAY_OPENAI);
}

static double difference(const struct cclip_trainables *set, const float *before, size_t begin, size_t end)
{
    double sum = 0;
    for (size_t i = begin; i < end; i++)
        sum += ((double)set->values[i] - before[i]) * ((double)set->values[i] - before[i]);
    return sqrt(sum);
}

static void movement(void **state)
{
    struct cclip_device device;
    struct cclip_trainables set;
    struct cclip_adamw adamw;
    (void)state;
    assert_ok(cclip_cpu_device_open(&device, NULL, cclip_cpu_features()));
    open_set(&set, &device);
    assert_ok(cclip_adamw_open(&adamw, &set));
    adamw.beta1 = 0.9;
    adamw.beta2 = 0.98;
    adamw.epsilon = 1e-6;
    adamw.weight_decay = 0.2;
    adamw.clip_norm = 1;
    const size_t middle = set.items[2].begin;
    float *before = malloc(set.elements * sizeof *before);
    assert_non_null(before);
    for (int step = 0; step < 4; step++) {
        double norm;
        struct cclip_movement a, b;
        for (size_t i = 0; i < set.elements; i++)
            set.gradients[i] = (float)((i + (size_t)step) % 5) - 1.5f;
        memcpy(before, set.values, set.elements * sizeof *before);
        assert_ok(cclip_adamw_step(&adamw, &set, NULL, 0.01, &norm));
        cclip_movement_measure(&a, &adamw, &set, 0.01, 0, middle);
        cclip_movement_measure(&b, &adamw, &set, 0.01, middle, set.elements);
        assert_true(fabs(sqrt(a.gradient * a.gradient + b.gradient * b.gradient) - norm) < 1e-9 * norm);
        const double first = difference(&set, before, 0, middle);
        const double second = difference(&set, before, middle, set.elements);
        assert_true(first > 0 && fabs(a.update - first) < 1e-4 * first);
        assert_true(second > 0 && fabs(b.update - second) < 1e-4 * second);
        assert_true(a.values > 0 && b.values > 0);
        assert_memory_equal(before + middle, set.values + middle, 6 * sizeof(float)); /* frozen */
    }
    /* a step that keeps nothing of the values: how far it went cannot be told, the rest can */
    struct cclip_movement all;
    double length;
    assert_ok(cclip_adamw_step(&adamw, &set, NULL, 5, &length));
    cclip_movement_measure(&all, &adamw, &set, 5, 0, middle);
    assert_true(!isfinite(all.update) && isfinite(all.gradient) && isfinite(all.values));
    free(before);
    cclip_adamw_close(&adamw);
    cclip_trainables_close(&set, &device);
    cclip_cpu_device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(movement) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
