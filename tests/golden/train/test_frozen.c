/* Locked towers: what gets gradients and what gets none, and what a locked ResNet's batch norms do. */
#include "trainer.h"

#include "train/lock.h"

static const char batch_text[] =
    "{\"images\": \"train.images.0\", \"tokens\": \"train.tokens.0\", \"size\": 16}";

static double member(const cclip_json *object, const char *key)
{
    return cclip_json_number(cclip_json_get(object, key), NAN);
}

/* "image_locked", "text_unlocked_2", "none": the file's names say what is locked. */
static void lock_by_name(struct trainer *t, const char *name)
{
    const enum cclip_tower tower = strncmp(name, "text", 4) ? CCLIP_IMAGE_TOWER : CCLIP_TEXT_TOWER;
    const char *unlocked = strstr(name, "unlocked_");
    t->learner->freeze_statistics = strstr(name, "freeze_bn_stats") != NULL;
    if (strcmp(name, "none"))
        assert_ok(cclip_lock_tower(t->learner, tower, unlocked ? strtoul(unlocked + 9, NULL, 10) : 0));
}

static void check_with(const struct trainer *t, const cclip_json *with)
{
    struct cclip_json_iterator it;
    size_t count = 0;
    for (int more = cclip_json_first(&it, with); more; more = cclip_json_next(&it), count++)
        assert_false(trainer_find(t, it.key)->frozen);
    assert_true(count > 0);
}

static void check_without(const struct trainer *t, const cclip_json *names)
{
    for (size_t i = 0; i < cclip_json_length(names); i++) {
        const char *name = cclip_json_string(cclip_json_at(names, i), NULL);
        const struct cclip_trainable *item = trainer_find(t, name);
        assert_true(item->frozen);
        for (size_t k = 0; k < item->count; k++)
            if (t->learner->parameters.gradients[item->begin + k] != 0)
                fail_msg("%s has a gradient", name);
    }
}

static void check_first4(const struct trainer *t, const char *name, const cclip_json *expected)
{
    const float *value = t->learner->parameters.values + trainer_find(t, name)->begin;
    assert_int_equal(cclip_json_length(expected), 4);
    for (size_t i = 0; i < 4; i++)
        if (!(fabs(value[i] - cclip_json_number(cclip_json_at(expected, i), NAN)) <= 1e-5))
            fail_msg("%s: element %zu is %.9g", name, i, (double)value[i]);
}

static void check_statistics(const struct trainer *t, const cclip_json *expected)
{
    check_first4(t, "visual.bn1.running_mean", cclip_json_get(expected, "bn1_running_mean_first4"));
    check_first4(t, "visual.bn1.running_var", cclip_json_get(expected, "bn1_running_var_first4"));
}

/* A case with frozen statistics. The reference that made the file froze all batch norms but the stem's: its lock()
 * gives each of those by itself to a function that returns the frozen norm, and drops what it returns (open_clip
 * after 3.3). So the stem's three go by the batch, and move, and the rest by their running statistics. cclip freezes
 * all, as open_clip 3.3 does; here the stem's running statistics are made those of the batch. */
static void make_stem_go_by_batch(struct trainer *t, const cclip_json *expected)
{
    const struct cclip_trainables *set = &t->learner->parameters;
    const double side = (double)t->learner->config.vision.image_height / 2; /* of the stem's pictures */
    const double rows = (double)t->batch.count * side * side;
    float *before = malloc(set->elements * sizeof *before), *out[CCLIP_TOWERS];
    assert_non_null(before);
    memcpy(before, set->values, set->elements * sizeof *before);
    t->learner->freeze_statistics = 0;
    assert_ok(cclip_learner_forward(t->learner, out, t->pixels, t->ids, t->offsets, t->batch.count, 1));
    t->learner->freeze_statistics = 1;
    check_statistics(t, expected);
    for (size_t k = 0; k < set->count; k++) {
        const struct cclip_trainable *item = &set->items[k];
        const int stem = !strncmp(item->name, "visual.bn", 9), variance = strstr(item->name, "running_var") != NULL;
        for (size_t i = item->begin; item->buffer && i < item->begin + item->count; i++) {
            const double batch = before[i] + 10 * ((double)set->values[i] - before[i]); /* it moved by a tenth */
            set->values[i] = stem ? (float)(variance ? batch * (rows - 1) / rows : batch) : before[i];
        }
    }
    free(before);
}

/* The loss is that of the running statistics. */
static void check_frozen_statistics(struct trainer *t, double loss)
{
    double running;
    t->learner->freeze_statistics = 0;
    assert_ok(cclip_train_gradients(t->learner, cclip_contrastive_loss, &t->batch, &t->arena, 0, &running));
    assert_true(loss == running);
}

static void check_case(struct trainer *t, const char *name, const cclip_json *expected)
{
    double loss;
    print_message("%s\n", name);
    lock_by_name(t, name);
    if (t->learner->freeze_statistics)
        make_stem_go_by_batch(t, expected);
    assert_ok(cclip_learner_zero_gradients(t->learner));
    assert_ok(cclip_train_gradients(t->learner, cclip_contrastive_loss, &t->batch, &t->arena, 1, &loss));
    if (!(fabs(loss - member(expected, "loss")) <= 1e-5))
        fail_msg("%s: the loss is %.9g", name, loss);
    const cclip_json *with = cclip_json_get(expected, "with_grad");
    trainer_check_gradients(t, with);
    check_with(t, with);
    check_without(t, cclip_json_get(expected, "without_grad"));
    if (t->learner->freeze_statistics)
        check_frozen_statistics(t, loss);
    else if (cclip_json_get(expected, "bn1_running_mean_first4"))
        check_statistics(t, expected);
}

static void open_case(struct trainer *t, const char *model)
{
    cclip_json *batch;
    assert_ok(cclip_json_parse(&batch, batch_text, sizeof batch_text - 1, "batch"));
    trainer_open(t, model);
    trainer_batch(t, batch, 0);
    cclip_json_close(&batch);
}

static void check_folder(const char *folder)
{
    struct cclip_json_iterator it;
    struct trainer t;
    cclip_json *root = trainer_json(folder, "frozen.json");
    const cclip_json *cases = cclip_json_get(root, "cases"), *resnet = cclip_json_get(root, "resnet");
    assert_true(cclip_json_length(cases) > 0 && cclip_json_length(resnet) > 0);
    for (int more = cclip_json_first(&it, cases); more; more = cclip_json_next(&it)) {
        open_case(&t, "openai_vit_tiny");
        check_case(&t, it.key, it.value);
        trainer_close(&t);
    }
    for (int more = cclip_json_first(&it, resnet); more; more = cclip_json_next(&it)) {
        open_case(&t, "openai_rn_tiny");
        check_case(&t, it.key, it.value);
        trainer_close(&t);
    }
    cclip_json_close(&root);
}

static void frozen(void **state)
{
    (void)state;
    trainer_each("frozen.json", check_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(frozen) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
