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

static int stop_after_step_7(void *user, const cclip_train_report *report)
{
    (void)user;
    return report->step + 1 == 7;
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

/* A run that goes back leaves its old future aside: "latest" is what it made since. */
static void goes_back(void **state)
{
    cclip_train_options o = listened("back");
    cclip_train_result result = { .version = CCLIP_TRAIN_RESULT_VERSION };
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    o = listened("back");
    o.resume = "logs/back/checkpoints/step_4";
    o.save_every_n_steps = 2;
    o.delete_previous_checkpoint = 1;
    o.progress = stop_after_step_7;
    refused_as(CCLIP_ERROR_CANCELLED, &o, "stopped after step 7 of 12");
    assert_true(has_said("logs/back/checkpoints/step_8 is of what the run was before it went back: set aside as "
                         "set_aside_step_8"));
    assert_true(cclip_is_folder("logs/back/checkpoints/set_aside_step_12"));
    o = listened("back");
    o.resume = "latest";
    o.delete_previous_checkpoint = 1;
    assert_ok(cclip_train(&result, &o));
    assert_int_equal(result.first_step, 7);
    assert_true(cclip_is_folder("logs/back/checkpoints/step_4")); /* it was named, so it is not the run's to delete */
    assert_false(cclip_is_folder("logs/back/checkpoints/step_6"));
    o = listened("other");
    o.resume = "logs/back/checkpoints/set_aside_step_12"; /* of another run, and done */
    o.epochs = 5;
    o.delete_previous_checkpoint = 1;
    assert_ok(cclip_train(NULL, &o));
    assert_true(cclip_is_file("logs/back/checkpoints/set_aside_step_12/state.json"));
}

/* The one before goes only when a step has shown that the newest is sound. */
static void only_the_newest(void **state)
{
    cclip_train_options o = listened("newest");
    (void)state;
    o.delete_previous_checkpoint = 1;
    o.save_every_n_steps = 1;
    o.lr = 1e6;
    o.warmup = 6;
    refused_as(CCLIP_ERROR_FORMAT, &o, "the run has diverged");
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, "logs/newest/checkpoints"));
    assert_int_equal(names.count, 2);
    char sound[100];
    snprintf(sound, sizeof sound, "logs/newest/checkpoints/%s", names.names[0]);
    cclip_names_close(&names);
    o.resume = sound;
    o.lr = 1e-3;
    o.warmup = 2;
    assert_ok(cclip_train(NULL, &o));
    o = listened("one");
    o.delete_previous_checkpoint = 1;
    o.progress = stop_after_step_7;
    refused_as(CCLIP_ERROR_CANCELLED, &o, "stopped after step 7 of 12");
    assert_true(cclip_is_folder("logs/one/checkpoints/step_4")); /* no step after the last one */
    o.progress = NULL;
    o.resume = "latest";
    assert_ok(cclip_train(NULL, &o));
    assert_ok(cclip_folder_list(&names, "logs/one/checkpoints"));
    assert_int_equal(names.count, 1);
    assert_string_equal(names.names[0], "step_12");
    cclip_names_close(&names);
}

/* What changed behind names that are the same. */
static void behind_the_names(void **state)
{
    cclip_train_options o = listened("behind");
    (void)state;
    small_write("changing.tsv", "filepath\ttitle\nshipped/../demo/dog.webp\ta dog\n");
    o.train_data = "changing.tsv";
    o.model = "changing.json";
    o.batch_size = 1;
    o.epochs = 8;
    small_write("changing.json", small_transformer);
    assert_ok(cclip_train(NULL, &o));
    small_write("changing.tsv", "filepath\ttitle\nshipped/../demo/dog.webp\tno dog\n");
    o.resume = "logs/behind/checkpoints/step_4";
    o.line = hear;
    assert_ok(cclip_train(NULL, &o));
    assert_true(has_said("WARNING | the training data are not what they were"));
    assert_null(strstr(said.data, "the network is not"));
    char quick[sizeof small_transformer + 32];
    snprintf(quick, sizeof quick, "{\"quick_gelu\": true, %s", small_transformer + 1);
    small_write("changing.json", quick);
    assert_ok(cclip_train(NULL, &o));
    assert_true(has_said("WARNING | the network is not what it was"));
    struct cclip_mapping file; /* a bit that a disk turned */
    const char *path = "logs/behind/checkpoints/step_4/optimizer.safetensors";
    assert_ok(cclip_mapping_open(&file, path));
    unsigned char *bytes = malloc(file.size);
    assert_non_null(bytes);
    memcpy(bytes, file.data, file.size);
    bytes[file.size - 1] ^= 1;
    assert_ok(cclip_file_write(path, bytes, file.size));
    free(bytes);
    cclip_mapping_close(&file);
    refused_as(CCLIP_ERROR_FORMAT, &o, "optimizer.safetensors: is not what was written: its CRC-32 is ");
}

/* A state without fingerprint and checksums: nothing is compared with them. */
static void older(void **state)
{
    const char *path = "logs/older/checkpoints/step_4/state.json";
    cclip_train_options o = listened("older");
    struct cclip_buffer text;
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    assert_ok(cclip_file_read_text(&text, path, 1 << 20));
    char *from = strstr(text.data, "  \"data\""), *to = strstr(text.data, "  \"model\"");
    assert_true(from && to && strstr(from, "\"optimizer_crc32\"") < to);
    memmove(from, to, strlen(to) + 1);
    assert_ok(cclip_file_write(path, text.data, strlen(text.data)));
    cclip_buffer_close(&text);
    o = listened("older");
    o.resume = "logs/older/checkpoints/step_4";
    assert_ok(cclip_train(NULL, &o));
    assert_true(has_said("goes on after step 4 of 12"));
    assert_null(strstr(said.data, "are not what they were"));
}

/* The model that a run begins with is not overwritten by what it makes. */
static void of_no_run(void **state)
{
    cclip_train_options o = listened("own");
    (void)state;
    assert_ok(cclip_train(NULL, &o));
    assert_int_equal(unlink("logs/own/params.txt"), 0);
    o.model = "logs/own/model";
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "logs/own/model: is there already, and is of no run");
    o.resume = "latest";
    o.model = "vit.json";
    refused_as(CCLIP_ERROR_ARGUMENT, &o, "logs/own/model: is there already, and is of no run");
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
                                        cmocka_unit_test(goes_back), cmocka_unit_test(only_the_newest),
                                        cmocka_unit_test(behind_the_names), cmocka_unit_test(older),
                                        cmocka_unit_test(of_no_run),
                                        cmocka_unit_test(in_force) };
    const int failed = cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
    cclip_buffer_close(&said);
    return failed;
}
