/* Training with products of operands rounded to bf16: gradients and trajectories beside those of float32, and the
 * same bits whatever the number of threads. The bounds are about twice what was measured. */
#include "trainer.h"

static const char *const levels[] = { "c", "bf16", "amx" };
enum { LEVELS = sizeof levels / sizeof levels[0] };

/* A batch norm over the few values that the small ResNet has at its end makes much of a rounding. */
static const struct {
    double gradient, loss, run;
} bounds[] = { [CCLIP_VISION_TRANSFORMER] = { 0.02, 0.01, 0.02 }, [CCLIP_MODIFIED_RESNET] = { 0.2, 0.05, 0.05 } };

static int usable(int level)
{
    const unsigned needed = cclip_cpu_features_of_level(levels[level]);
    return (needed & cclip_cpu_features()) == needed;
}

/* A trainer of the folder's model whose device has that level's kernels. */
static void open_at(struct trainer *t, const cclip_json *root, int level, int threads)
{
    trainer_open(t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    cclip_cpu_device_close(&t->device);
    cclip_thread_pool_close(&t->pool);
    assert_ok(cclip_thread_pool_open(&t->pool, threads));
    assert_ok(cclip_cpu_device_open(&t->device, t->pool, cclip_cpu_features_of_level(levels[level])));
}

/* All gradients of the first batch; the caller frees them. */
static float *gradients_of(const cclip_json *root, int level, int threads, enum cclip_dtype compute,
                           double *loss)
{
    struct trainer t;
    open_at(&t, root, level, threads);
    const size_t bytes = t.learner->parameters.elements * sizeof(float);
    float *out = malloc(bytes);
    assert_non_null(out);
    t.learner->compute = compute;
    trainer_batch(&t, cclip_json_get(root, "batches"), 0);
    assert_ok(cclip_learner_zero_gradients(t.learner));
    assert_ok(cclip_train_gradients(t.learner, cclip_contrastive_loss, &t.batch, &t.arena, 1, loss));
    assert_int_equal(t.device.compute, CCLIP_F32); /* the loss itself is not rounded */
    memcpy(out, t.learner->parameters.gradients, bytes);
    trainer_close(&t);
    return out;
}

static size_t count_of(const cclip_json *root, enum cclip_vision_kind *kind)
{
    struct trainer t;
    trainer_open(&t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    const size_t count = t.learner->parameters.elements;
    *kind = t.learner->config.vision.kind;
    trainer_close(&t);
    return count;
}

static void check_gradients(const char *folder)
{
    cclip_json *root = trainer_json(folder, "trajectory.json");
    enum cclip_vision_kind kind;
    const size_t count = count_of(root, &kind);
    for (int level = 0; level < LEVELS; level++) {
        double loss[2], again, off = 0;
        if (!usable(level))
            continue;
        float *plain = gradients_of(root, level, 2, CCLIP_F32, &loss[0]);
        float *rounded = gradients_of(root, level, 1, CCLIP_BF16, &loss[1]);
        float *threads = gradients_of(root, level, 3, CCLIP_BF16, &again);
        assert_true(again == loss[1]);
        assert_memory_equal(rounded, threads, count * sizeof *rounded);
        for (size_t i = 0; i < count; i++)
            off += ((double)plain[i] - rounded[i]) * ((double)plain[i] - rounded[i]);
        off = sqrt(off) / trainer_length(plain, count);
        print_message("%s, %s: gradients differ by %.2g of their length, losses by %.2g\n", folder, levels[level],
                      off, fabs(loss[1] - loss[0]));
        assert_true(off > 0 && off < bounds[kind].gradient);
        assert_true(fabs(loss[1] - loss[0]) < bounds[kind].loss);
        free(plain);
        free(rounded);
        free(threads);
    }
    cclip_json_close(&root);
}

static double member(const cclip_json *object, const char *key)
{
    return cclip_json_number(cclip_json_get(object, key), NAN);
}

/* The reference's run in float32, step by step, here in bf16. */
static void check_run(const char *folder)
{
    struct trainer t;
    cclip_json *root = trainer_json(folder, "trajectory.json");
    const cclip_json *optimizer = cclip_json_get(root, "optimizer"), *steps = cclip_json_get(root, "steps");
    const cclip_json *betas = cclip_json_get(optimizer, "betas");
    const struct cclip_schedule schedule = { .kind = CCLIP_SCHEDULE_COSINE,
                                             .base = member(optimizer, "base_lr"),
                                             .warmup = (uint64_t)member(optimizer, "warmup_steps"),
                                             .total = (uint64_t)member(optimizer, "total_steps_of_cosine") };
    double worst = 0;
    trainer_open(&t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    assert_ok(cclip_adamw_open(&t.adamw, &t.learner->parameters));
    t.adamw.beta1 = cclip_json_number(cclip_json_at(betas, 0), NAN);
    t.adamw.beta2 = cclip_json_number(cclip_json_at(betas, 1), NAN);
    t.adamw.epsilon = member(optimizer, "eps");
    t.adamw.weight_decay = member(optimizer, "weight_decay");
    t.adamw.clip_norm = member(optimizer, "grad_clip_norm");
    cclip_decay_rule_apply(&t.learner->parameters, CCLIP_DECAY_OPENAI);
    t.learner->compute = CCLIP_BF16;
    for (size_t i = 0; i < cclip_json_length(steps); i++) {
        const double wanted = member(cclip_json_at(steps, i), "loss");
        struct cclip_train_figures figures;
        trainer_batch(&t, cclip_json_get(root, "batches"), i);
        assert_ok(cclip_train_step(t.learner, cclip_contrastive_loss, &t.adamw, &t.batch, &t.arena,
                                   cclip_schedule_rate(&schedule, i), &figures));
        worst = fmax(worst, fabs(figures.loss - wanted));
    }
    print_message("%s: the largest difference of a loss is %.2g\n", folder, worst);
    assert_true(worst < bounds[t.learner->config.vision.kind].run);
    trainer_close(&t);
    cclip_json_close(&root);
}

static void gradients(void **state)
{
    (void)state;
    trainer_each("trajectory.json", check_gradients);
}

static void runs(void **state)
{
    (void)state;
    trainer_each("trajectory.json", check_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(gradients), cmocka_unit_test(runs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
