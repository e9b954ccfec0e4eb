/* What a run that goes on may meet: another one at work in its folder, damaged checkpoints, other settings. */
#include "small_run.h"

#include "base/buffer.h"
#include "base/folder_lock.h"

/* The lines that a run says, all of them. */
static struct cclip_buffer said;

static void hear(void *user, const char *line)
{
    (void)user;
    assert_ok(cclip_buffer_format(&said, "%s\n", line));
}

static int has_said(const char *text)
{
    const int found = said.length && strstr(said.data, text);
    if (!found)
        print_message("no \"%s\" in:\n%s\n", text, said.length ? said.data : "");
    return found;
}

/* With a checkpoint after steps 4, 8 and 12. */
static cclip_train_options listened(const char *name)
{
    cclip_train_options o = small_run("vit.json", name);
    o.save_every_n_steps = 4;
    o.line = hear;
    cclip_buffer_close(&said);
    cclip_buffer_open(&said, 1 << 20);
    return o;
}

static void refused_as(cclip_status expected, const cclip_train_options *o, const char *message)
{
    assert_fails(expected, cclip_train(NULL, o));
    if (!strstr(cclip_error_message(), message))
        fail_msg("\"%s\" does not say \"%s\"", cclip_error_message(), message);
}

static void cut(const char *path)
{
    assert_int_equal(truncate(path, 1000), 0);
}

static void at_work(void **state)
{
    cclip_train_options o = listened("busy");
    struct cclip_folder_lock lock;
    (void)state;
    assert_ok(cclip_folder_make("logs/busy"));
    assert_ok(cclip_folder_lock_open(&lock, "logs/busy"));
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "another run of this name is at work there");
    o.resume = "latest";
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "./logs/busy: in use by process ");
    assert_false(cclip_is_folder("logs/busy/checkpoints/step_4"));
    cclip_folder_lock_close(&lock);
    assert_ok(cclip_train(NULL, &o));
    assert_false(cclip_is_file("logs/busy/lock"));
}

static void damaged(void **state)
{
    cclip_train_options o = listened("damaged");
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    assert_int_equal(rename("logs/damaged/model", "logs/damaged/whole"), 0);
    cut("logs/damaged/checkpoints/step_12/model.safetensors");
    assert_int_equal(unlink("logs/damaged/checkpoints/step_8/optimizer.safetensors"), 0);
    o = listened("damaged");
    o.resume = "logs/damaged/checkpoints/step_12";
    refused_as(CCLIP_ERROR_FORMAT, &o, "resume latest goes on from the newest checkpoint that is whole");
    o.resume = "latest";
    assert_ok(cclip_train(&result, &o));
    assert_int_equal(result.first_step, 4);
    assert_true(has_said("goes on after step 4 of 12"));
    assert_true(has_said("checkpoints/step_12/model.safetensors: "));
    assert_true(has_said("checkpoints/step_8/optimizer.safetensors: cannot open: No such file or directory: this "
                         "checkpoint is passed over"));
    assert_same_file("logs/damaged/whole/open_clip_model.safetensors",
                     "logs/damaged/model/open_clip_model.safetensors");
    for (int step = 4; step <= 12; step += 4) {
        char path[100];
        snprintf(path, sizeof path, "logs/damaged/checkpoints/step_%d/state.json", step);
        cut(path);
        small_write(path, "{\"format\": 1, \"step\"");
    }
    refused_as(CCLIP_ERROR_FORMAT, &o, "; no other checkpoint in ./logs/damaged/checkpoints is whole");
}

static void changed(void **state)
{
    cclip_train_options o = listened("changed");
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    o = listened("changed");
    o.resume = "logs/changed/checkpoints/step_8";
    o.threads = 1; /* which alters nothing */
    o.workers = 0;
    o.save_every_n_steps = 5;
    o.log_every_n_steps = 2;
    assert_ok(cclip_train(NULL, &o));
    assert_null(strstr(said.data, "and was"));
    o = listened("changed");
    o.resume = "logs/changed/checkpoints/step_8";
    o.lr = 2e-3;
    o.beta2 = 0.98; /* the default, in words */
    o.distill_model = "shipped";
    assert_ok(cclip_train(NULL, &o));
    assert_true(has_said("WARNING | lr is \"0.002\", and was \"0.001\": the run goes on otherwise than it began"));
    assert_true(has_said("WARNING | distill_model is \"shipped\", and was \"None\""));
    assert_null(strstr(said.data, "beta2"));
}

static void in_force(void **state)
{
    cclip_train_options o = listened("vit-in-force");
    struct cclip_buffer text;
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    assert_ok(cclip_file_read_text(&text, "logs/vit-in-force/params.txt", 1 << 20));
    assert_non_null(strstr(text.data, "\nbeta1: 0.9\nbeta2: 0.98\n"));
    assert_non_null(strstr(text.data, "\neps: 1e-06\n"));
    assert_non_null(strstr(text.data, "\nforce_patch_dropout: 0\n"));
    cclip_buffer_close(&text);
    o = listened("rn-in-force");
    o.model = "rn.json";
    assert_ok(cclip_train(NULL, &o));
    assert_ok(cclip_file_read_text(&text, "logs/rn-in-force/params.txt", 1 << 20));
    assert_non_null(strstr(text.data, "\nbeta2: 0.999\n"));
    assert_non_null(strstr(text.data, "\neps: 1e-08\n"));
    cclip_buffer_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(at_work), cmocka_unit_test(damaged), cmocka_unit_test(changed),
                                        cmocka_unit_test(in_force) };
    const int failed = cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
    cclip_buffer_close(&said);
    return failed;
}
