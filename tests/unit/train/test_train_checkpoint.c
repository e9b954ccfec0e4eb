/* Checkpoints: to the bit and back, the latest of several, leftovers, files of another model, broken ones. */
#include "small_learner.h"

#include "train/train_checkpoint.h"

static void write_step(const struct small_learner *s, const struct cclip_ema *ema, uint64_t step)
{
    struct cclip_model *model;
    char *path;
    char name[] = "tiny.json";
    const int64_t batches = (int64_t)step;
    const struct cclip_train_state state = { .step = step, .epoch = 1, .step_in_epoch = 2,
                                             .optimizer_steps = step, .batches = batches, .seed = 9,
                                             .batch_size = 16, .steps_an_epoch = 3,
                                             .ema_updates = ema ? ema->updates : 0, .model = name };
    assert_ok(cclip_models_open_learner(&model, &s->request, s->learner, &batches));
    assert_ok(cclip_train_checkpoint_write(&path, made_path("points"), model, &s->learner->parameters,
                                           &s->adamw, ema, &state));
    assert_true(cclip_is_folder(path));
    cclip_release(path);
    cclip_models_close(&model);
}

static void assert_same(const struct small_learner *a, const struct small_learner *b)
{
    const size_t bytes = a->learner->parameters.elements * sizeof(float);
    assert_memory_equal(a->learner->parameters.values, b->learner->parameters.values, bytes);
    assert_memory_equal(a->adamw.mean, b->adamw.mean, bytes);
    assert_memory_equal(a->adamw.square, b->adamw.square, bytes);
}

static void round_trip(void **state)
{
    struct small_learner a, b;
    struct cclip_train_state read;
    char *latest;
    uint64_t steps = UINT64_MAX;
    (void)state;
    small_learner_open(&a, 1);
    small_learner_open(&b, 2);
    small_learner_disturb(&a, 0.25f);
    write_step(&a, NULL, 9);
    small_learner_disturb(&a, 0.5f);
    write_step(&a, NULL, 10); /* later than 9 by number, not by letters */
    write_step(&a, NULL, 10); /* replaced */
    assert_ok(cclip_folder_make(made_path("points/step_11.tmp-abcdef")));
    assert_ok(cclip_folder_make(made_path("points/step_x")));
    assert_ok(cclip_train_checkpoint_latest(&latest, &steps, made_path("points")));
    assert_string_equal(latest, made_path("points/step_10"));
    assert_false(cclip_is_folder(made_path("points/step_11.tmp-abcdef")));
    assert_int_equal(steps, 10);
    char *other; /* the ones before it, one by one */
    assert_ok(cclip_train_checkpoint_latest(&other, &steps, made_path("points")));
    assert_string_equal(other, made_path("points/step_9"));
    cclip_release(other);
    assert_ok(cclip_train_checkpoint_latest(&other, &steps, made_path("points")));
    assert_null(other);
    assert_ok(cclip_train_checkpoint_state(&read, latest));
    assert_ok(cclip_train_checkpoint_read(latest, &read, &b.learner->parameters, &b.adamw, NULL));
    assert_same(&a, &b);
    assert_true(read.step == 10 && read.epoch == 1 && read.step_in_epoch == 2 && read.seed == 9 &&
                read.batch_size == 16 && read.steps_an_epoch == 3 && read.batches == 10);
    assert_string_equal(read.model, "tiny.json");
    cclip_train_state_close(&read);
    cclip_release(latest);
    small_learner_close(&a);
    small_learner_close(&b);
}

/* The average comes back to the bit; without one in the checkpoint it begins at the weights. */
static void moving_average(void **state)
{
    struct small_learner a, b;
    struct cclip_train_state read;
    struct cclip_ema kept, back;
    (void)state;
    small_learner_open(&a, 1);
    small_learner_open(&b, 2);
    assert_ok(cclip_ema_open(&kept, &a.learner->parameters));
    assert_ok(cclip_ema_open(&back, &b.learner->parameters));
    const size_t bytes = a.learner->parameters.elements * sizeof(float);
    small_learner_disturb(&a, 0.25f);
    kept.updates = 12;
    write_step(&a, &kept, 20);
    write_step(&a, NULL, 21);
    assert_ok(cclip_train_checkpoint_state(&read, made_path("points/step_20")));
    assert_ok(cclip_train_checkpoint_read(made_path("points/step_20"), &read, &b.learner->parameters,
                                          &b.adamw, &back));
    cclip_train_state_close(&read);
    assert_same(&a, &b);
    assert_true(back.updates == 12);
    assert_memory_equal(back.values, kept.values, bytes);
    assert_true(memcmp(back.values, a.learner->parameters.values, bytes));
    assert_ok(cclip_train_checkpoint_state(&read, made_path("points/step_21")));
    assert_ok(cclip_train_checkpoint_read(made_path("points/step_21"), &read, &b.learner->parameters,
                                          &b.adamw, &back));
    assert_true(!back.updates);
    assert_memory_equal(back.values, a.learner->parameters.values, bytes);
    read.ema_updates = 1;
    assert_fails(CCLIP_ERROR_NOT_FOUND,
                 cclip_train_checkpoint_read(made_path("points/step_21"), &read, &b.learner->parameters,
                                             &b.adamw, &back));
    assert_message("ema.safetensors");
    cclip_train_state_close(&read);
    cclip_ema_close(&kept);
    cclip_ema_close(&back);
    small_learner_close(&a);
    small_learner_close(&b);
}

static void opens_as_a_model(void **state)
{
    struct small_learner a;
    struct cclip_model *model;
    const struct cclip_model_request request = { .path = made_path("points/step_9") };
    (void)state;
    small_learner_open(&a, 1);
    write_step(&a, NULL, 9);
    assert_ok(cclip_models_open(&model, &request));
    cclip_models_close(&model);
    small_learner_close(&a);
}

static void refused(void **state)
{
    struct small_learner a;
    struct cclip_train_state read;
    char *latest;
    uint64_t steps = UINT64_MAX;
    (void)state;
    small_learner_open(&a, 1);
    write_step(&a, NULL, 9);
    assert_ok(cclip_train_checkpoint_latest(&latest, &steps, made_path("nothing")));
    assert_null(latest);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_train_checkpoint_state(&read, made_path("nothing")));
    assert_message("no such checkpoint");
    made_file("points/step_9/state.json", "{\"format\": 2}", 13);
    assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_train_checkpoint_state(&read, made_path("points/step_9")));
    made_file("points/step_9/state.json", "{\"format\": 1, \"step\": -3}", 25);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_train_checkpoint_state(&read, made_path("points/step_9")));
    assert_message("\"step\" must be a whole number");
    /* what learns now is not what the averages are of */
    a.learner->parameters.items[0].frozen = 1;
    assert_fails(CCLIP_ERROR_MISMATCH,
                 cclip_train_checkpoint_read(made_path("points/step_9"), &read, &a.learner->parameters,
                                             &a.adamw, NULL));
    assert_message("are other parts locked?");
    small_learner_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip), cmocka_unit_test(opens_as_a_model),
                                        cmocka_unit_test(moving_average),
                                        cmocka_unit_test(refused) };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
