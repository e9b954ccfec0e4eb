/* A whole run with one allocation after another failing: a clean end each time. */
#include "support/fault.h"
#include "../../api/training/small_run.h"

static cclip_status run(void *context)
{
    cclip_train_options o = small_run(context, "run");
    if (system("rm -rf logs"))
        return CCLIP_ERROR_IO;
    o.epochs = 1;
    o.workers = 0; /* the same allocations in the same order */
    o.threads = 1;
    o.ema = 0.9;
    o.image_mean = "0.5"; /* so that the teacher has a view of its own */
    o.distill_model = "other-logs/teacher/model";
    o.group_key = "title";
    o.val_data = "pairs.tsv";
    o.batch_size /= o.accum_freq = 2;
    return cclip_train(NULL, &o);
}

static void allocations(void **state)
{
    (void)state;
    static char model[] = "vit.json";
    cclip_train_options o = small_run(model, "teacher");
    o.logs = "other-logs";
    o.epochs = 1;
    assert_ok(cclip_train(NULL, &o));
    cclip_fault_every(run, model, 41);
}

/* On from a checkpoint, past a damaged one, with other settings. */
static cclip_status go_on(void *context)
{
    cclip_train_options o = small_run(context, "kept");
    if (system("rm -rf logs && cp -r other-logs logs"))
        return CCLIP_ERROR_IO;
    o.epochs = 1;
    o.workers = 0;
    o.threads = 1;
    o.lr = 2e-3;
    o.resume = "latest";
    return cclip_train(NULL, &o);
}

static void going_on(void **state)
{
    (void)state;
    static char model[] = "vit.json";
    cclip_train_options o = small_run(model, "kept");
    o.logs = "other-logs";
    o.epochs = 1;
    o.save_every_n_steps = 2;
    assert_ok(cclip_train(NULL, &o));
    assert_int_equal(truncate("other-logs/kept/checkpoints/step_3/model.safetensors", 1000), 0);
    cclip_fault_every(go_on, model, 41);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(allocations), cmocka_unit_test(going_on) };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
