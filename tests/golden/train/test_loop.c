/* The loop takes the reference's trajectories: rates, losses, norms and logit scales step by step, at once and
 * when it is interrupted and taken up again half-way. */
#include "trainer.h"

#include "train/loop.h"

struct run {
    struct trainer t;
    const cclip_json *root, *steps;
    size_t next, seen;
    uint64_t stop_at;
};

static double member(const cclip_json *object, const char *key)
{
    return cclip_json_number(cclip_json_get(object, key), NAN);
}

static void close_to(const char *what, uint64_t step, double got, double wanted, double tolerance)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("step %d: %s is %.9g, not %.9g", (int)step, what, got, wanted);
}

static cclip_status next(void *source, struct cclip_pair_batch *out)
{
    struct run *run = source;
    trainer_batch(&run->t, cclip_json_get(run->root, "batches"), run->next++);
    *out = (struct cclip_pair_batch){ .count = run->t.batch.count,
                                      .pixels = run->t.batch.pixels,
                                      .ids = run->t.batch.ids,
                                      .offsets = run->t.batch.offsets };
    return CCLIP_OK;
}

static cclip_status after(void *user, const struct cclip_loop_figures *f)
{
    struct run *run = user;
    const cclip_json *step = cclip_json_at(run->steps, run->seen++);
    const double norm = member(step, "grad_norm_before_clip");
    assert_true(f->step == run->seen - 1 && f->epoch == 0 && f->samples == run->t.batch.count);
    close_to("the learning rate", f->step, f->rate, member(step, "lr"), 1e-12);
    close_to("the loss", f->step, f->loss, member(step, "loss"), f->step ? 2e-5 : 1e-5);
    close_to("the gradients' norm", f->step, f->gradient_norm, norm, 1e-3 * norm);
    close_to("logit_scale", f->step, log(f->logit_scale), member(step, "logit_scale_after"), 2e-5);
    assert_true(f->measured == (f->step % 2 == 0));
    if (f->measured)
        assert_true(hypot(f->towers[0].gradient, f->towers[1].gradient) <= f->gradient_norm * (1 + 1e-6));
    return f->step + 1 == run->stop_at ? cclip_fail(CCLIP_ERROR_CANCELLED, "stop") : CCLIP_OK;
}

static int wants_towers(void *user, const struct cclip_loop_figures *figures)
{
    (void)user;
    return figures->step % 2 == 0;
}

static void check_folder(const char *folder)
{
    cclip_json *root = trainer_json(folder, "trajectory.json");
    const cclip_json *optimizer = cclip_json_get(root, "optimizer");
    const cclip_json *betas = cclip_json_get(optimizer, "betas");
    struct run run = { .root = root, .steps = cclip_json_get(root, "steps") };
    const size_t count = cclip_json_length(run.steps);
    trainer_open(&run.t, cclip_json_string(cclip_json_get(root, "model"), NULL));
    assert_ok(cclip_adamw_open(&run.t.adamw, &run.t.learner->parameters));
    run.t.adamw.beta1 = cclip_json_number(cclip_json_at(betas, 0), NAN);
    run.t.adamw.beta2 = cclip_json_number(cclip_json_at(betas, 1), NAN);
    run.t.adamw.epsilon = member(optimizer, "eps");
    run.t.adamw.weight_decay = member(optimizer, "weight_decay");
    run.t.adamw.clip_norm = member(optimizer, "grad_clip_norm");
    cclip_decay_rule_apply(&run.t.learner->parameters, CCLIP_DECAY_OPENAI);
    struct cclip_train_loop loop = {
        .learner = run.t.learner,
        .adamw = &run.t.adamw,
        .next = next,
        .source = &run,
        .steps_an_epoch = count,
        .schedule = { .kind = CCLIP_SCHEDULE_COSINE,
                      .base = member(optimizer, "base_lr"),
                      .warmup = (uint64_t)member(optimizer, "warmup_steps"),
                      .total = (uint64_t)member(optimizer, "total_steps_of_cosine") },
        .loss = cclip_contrastive_loss,
        .total = count,
        .wants_towers = wants_towers,
        .after = after,
        .user = &run,
    };
    run.stop_at = count / 2;
    assert_int_equal(cclip_train_loop_run(&loop), CCLIP_ERROR_CANCELLED);
    assert_true(loop.step == count / 2);
    assert_ok(cclip_train_loop_run(&loop));
    assert_int_equal(run.seen, count);
    trainer_close(&run.t);
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
