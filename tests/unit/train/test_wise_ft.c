/* Weights between the original and the trained ones. */
#include "small_learner.h"

#include "train/wise_ft.h"

static void between(void **state)
{
    struct small_learner a, b;
    (void)state;
    small_learner_open(&a, 1);
    small_learner_open(&b, 2);
    const struct cclip_trainables *set = &a.learner->parameters;
    float *trained = malloc(set->elements * sizeof *trained);
    assert_non_null(trained);
    memcpy(trained, set->values, set->elements * sizeof *trained);
    assert_ok(cclip_wise_ft(a.learner, b.model, 0.75));
    for (size_t i = 0; i < set->count; i++)
        for (size_t k = set->items[i].begin; k < set->items[i].begin + set->items[i].count; k++) {
            const float original = b.learner->parameters.values[k];
            assert_true(set->values[k] == (float)(0.25 * original + 0.75 * trained[k]));
        }
    assert_ok(cclip_wise_ft(a.learner, b.model, 0));
    assert_memory_equal(set->values, b.learner->parameters.values, set->elements * sizeof(float));
    free(trained);
    small_learner_close(&a);
    small_learner_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(between) };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
