/* Losses, gradient norms and logit scales of whole runs, and the parameters at their end. */
#include "trainer.h"

/* The optimiser by the JSON's numbers; the lists of what decays must be what the rule says. */
static void open_optimiser(struct trainer *t, const cclip_json *root)
{
    const cclip_json *optimizer = cclip_json_get(root, "optimizer");
    const cclip_json *betas = cclip_json_get(optimizer, "betas");
    assert_ok(cclip_adamw_open(&t->adamw, &t->learner->parameters));
    t->adamw.beta1 = cclip_json_number(cclip_json_at(betas, 0), NAN);
    t->adamw.beta2 = cclip_json_number(cclip_json_at(betas, 1), NAN);
    t->adamw.epsilon = cclip_json_number(cclip_json_get(optimizer, "eps"), NAN);
    t->adamw.weight_decay = cclip_json_number(cclip_json_get(optimizer, "weight_decay"), NAN);
    t->adamw.clip_norm = cclip_json_number(cclip_json_get(optimizer, "grad_clip_norm"), NAN);
    cclip_decay_rule_apply(&t->learner->parameters, CCLIP_DECAY_OPENAI);
    for (int decays = 0; decays < 2; decays++) {
        const cclip_json *list = cclip_json_get(root, decays ? "decay" : "no_decay");
        assert_true(cclip_json_length(list) > 0);
        for (size_t i = 0; i < cclip_json_length(list); i++) {
            const char *name = cclip_json_string(cclip_json_at(list, i), NULL);
            if (trainer_find(t, name)->decays != decays)
                fail_msg("%s: decays %d", name, !decays);
        }
    }
}

static double member(const cclip_json *object, const char *key)
{
    return cclip_json_number(cclip_json_get(object, key), NAN);
}

static void close_to(const char *what, size_t step, double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("step %zu: %s is %.9g, not %.9g", step, what, got, wanted);
}

static void run(struct trainer *t, const cclip_json *root)
{
    const cclip_json *optimizer = cclip_json_get(root, "optimizer"), *steps = cclip_json_get(root, "steps");
    const struct cclip_schedule schedule = {
        .kind = CCLIP_SCHEDULE_COSINE,
        .base = member(optimizer, "base_lr"),
        .warmup = (uint64_t)member(optimizer, "warmup_steps"),
        .total = (uint64_t)member(optimizer, "total_steps_of_cosine"),
    };
    double worst = 0;
    assert_true(cclip_json_length(steps) > 0);
    for (size_t i = 0; i < cclip_json_length(steps); i++) {
        const cclip_json *step = cclip_json_at(steps, i);
        struct cclip_train_figures figures;
        const double rate = cclip_schedule_rate(&schedule, i);
        trainer_batch(t, cclip_json_get(root, "batches"), i);
        close_to("the learning rate", i, rate, member(step, "lr"), 1e-12);
        assert_ok(cclip_train_step(t->learner, cclip_contrastive_loss, &t->adamw, &t->batch, &t->arena,
                                   rate, &figures));
        const double norm = member(step, "grad_norm_before_clip");
        worst = fmax(worst, fabs(figures.loss - member(step, "loss")));
        close_to("the loss", i, figures.loss, member(step, "loss"), i ? 2e-5 : 1e-5);
        close_to("the gradients' norm", i, figures.gradient_norm, norm, 1e-3 * norm);
        close_to("logit_scale", i, figures.logit_scale, member(step, "logit_scale_after"), 2e-5);
    }
    print_message("largest difference of a loss: %.2g\n", worst);
}

static void check_final(const struct trainer *t, const cclip_json *final)
{
    struct cclip_json_iterator it;
    for (int more = cclip_json_first(&it, final); more; more = cclip_json_next(&it)) {
        if (formula_is_counter(it.key))
            continue;
        const struct cclip_trainable *item = trainer_find(t, it.key);
        const float *value = t->learner->parameters.values + item->begin;
        const cclip_json *first = cclip_json_get(it.value, "first4");
        double sum = 0;
        for (size_t i = 0; i < item->count; i++)
            sum += value[i];
        if (!(fabs(sum - member(it.value, "sum")) <= 1e-4 * sqrt((double)item->count)))
            fail_msg("%s: the sum is %.9g, not %.9g", it.key, sum, member(it.value, "sum"));
        const double length = trainer_length(value, item->count), wanted = sqrt(member(it.value, "sumsq"));
        if (!(fabs(length - wanted) <= 1e-4))
            fail_msg("%s: is %.9g long, not %.9g", it.key, length, wanted);
        assert_true(cclip_json_length(first) > 0);
        for (size_t i = 0; i < cclip_json_length(first); i++)
            close_to(it.key, i, value[i], cclip_json_number(cclip_json_at(first, i), NAN), 1e-4);
    }
}

/* The embeddings of the first batch after training, in eval mode. */
static void check_embeddings(struct trainer *t, const cclip_json *root, const char *folder)
{
    static const char *const names[CCLIP_TOWERS] = { "final_image_embeds_norm.npy",
                                                     "final_text_embeds_norm.npy" };
    float *rows[CCLIP_TOWERS];
    trainer_batch(t, cclip_json_get(root, "batches"), 0);
    assert_ok(cclip_learner_forward(t->learner, rows, t->pixels, t->ids, t->offsets, t->batch.count, 0));
    for (int tower = 0; tower < CCLIP_TOWERS; tower++) {
        struct array expected;
        array_read(&expected, folder, names[tower]);
        const double most = distance(rows[tower], expected.f32, expected.count, 0);
        if (!(most <= 1e-4))
            fail_msg("%s/%s: differs by %g", folder, names[tower], most);
        array_close(&expected);
    }
}

static void check_folder(const char *folder)
{
    struct trainer t;
    cclip_json *root = trainer_json(folder, "trajectory.json");
    print_message("%s\n", folder);
    trainer_open(&t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    open_optimiser(&t, root);
    run(&t, root);
    check_final(&t, cclip_json_get(root, "final"));
    check_embeddings(&t, root, folder);
    trainer_close(&t);
    cclip_json_close(&root);
}

static void trajectories(void **state)
{
    (void)state;
    trainer_each("trajectory.json", check_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(trajectories) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
