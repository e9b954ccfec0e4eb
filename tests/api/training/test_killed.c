/* A run that is killed twenty times ends with the losses and weights of one that was left alone, to the bit.
 *
 * The run tells of each step through a pipe; each kill waits for a step that is drawn from the seed, then for a part
 * of a step's time, so that it always meets a live run: between steps, within one, in the middle of an epoch, or
 * while a checkpoint is written, which every second step does. Where exactly depends on the machine and is
 * printed; that the end does not is what is tested. CCLIP_TEST_SEED draws others. */
#include "small_run.h"

#include <glob.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/random.h"

enum { KILLS = 20, EPOCHS = 30, STEPS = SMALL_STEPS * EPOCHS, FARTHEST = 7 };

static int tell(void *user, const cclip_train_report *figures)
{
    const uint64_t step = figures->step;
    return write(*(int *)user, &step, sizeof step) != sizeof step;
}

/* In a process of its own, which may be killed; `steps` is where it tells of them. */
static pid_t start(cclip_train_options options, int *steps)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(ends[0]);
        options.progress = tell;
        options.user = &ends[1];
        _exit(cclip_train(NULL, &options) ? 1 : 0);
    }
    close(ends[1]);
    *steps = ends[0];
    return child;
}

static void run_to_end(cclip_train_options options)
{
    int steps, status = 0;
    uint64_t step;
    const pid_t child = start(options, &steps);
    while (read(steps, &step, sizeof step) == sizeof step)
        continue;
    close(steps);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Whether the run was writing a checkpoint: its folder under another name is still there. */
static int was_saving(void)
{
    glob_t found;
    const int is_there = !glob("logs/killed/checkpoints/*.tmp-*", 0, NULL, &found);
    if (is_there)
        globfree(&found);
    return is_there;
}

/* Waits for the step `ahead` of the first one that is told, and `delay` seconds more. Returns whether it hit a
 * checkpoint being written. */
static int strike(const cclip_train_options *options, int number, uint64_t ahead, double delay)
{
    int steps, status = 0;
    uint64_t first = 0, last = 0, more;
    const pid_t child = start(*options, &steps);
    for (uint64_t i = 0; i <= ahead; i++) {
        assert_int_equal(read(steps, &last, sizeof last), sizeof last);
        first = i ? first : last;
    }
    usleep((useconds_t)(delay * 1e6));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    while (read(steps, &more, sizeof more) == sizeof more)
        last = more;
    close(steps);
    if (!WIFSIGNALED(status))
        fail_msg("kill %d came after the end", number);
    const int saving = was_saving();
    print_message("kill %2d, %d workers: began at step %2d, hit after step %2d of %d, step %d of epoch %2d%s\n",
                  number, (int)options->workers, (int)first, (int)last, STEPS, (int)last % SMALL_STEPS,
                  (int)last / SMALL_STEPS, saving ? ", in the middle of saving" : "");
    return saving;
}

static void killed(void **state)
{
    cclip_train_options o = small_run("rn.json", "alone");
    struct cclip_random random;
    int saving = 0;
    const char *given = getenv("CCLIP_TEST_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 10) : 2026;
    (void)state;
    o.epochs = EPOCHS;
    o.save_every_n_steps = 2;
    o.ema = 0.9;
    o.val_data = "pairs.tsv";
    o.val_frequency = 10;
    o.batch_size /= o.accum_freq = 2;
    o.delete_previous_checkpoint = 1;
    const double begin = cclip_clock_seconds();
    run_to_end(o);
    const double step_seconds = (cclip_clock_seconds() - begin) / STEPS;
    o.name = "killed";
    o.resume = "latest";
    cclip_random_seed(&random, seed, 0);
    print_message("seed %llu; %.1f ms a step\n", (unsigned long long)seed, step_seconds * 1e3);
    for (int i = 0; i < KILLS; i++) {
        const uint64_t ahead = cclip_random_below(&random, FARTHEST);
        o.workers = i % 3;
        saving += strike(&o, i + 1, ahead, cclip_random_uniform(&random) * step_seconds);
    }
    print_message("%d of %d in the middle of saving\n", saving, KILLS);
    run_to_end(o);
    assert_int_equal(assert_same_metrics("alone", "killed"), STEPS);
    assert_same_weights("alone", "killed");
    assert_same_file("logs/alone/checkpoints/results.jsonl", "logs/killed/checkpoints/results.jsonl");
    assert_same_file("logs/alone/checkpoints/step_90/optimizer.safetensors",
                     "logs/killed/checkpoints/step_90/optimizer.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(killed) };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
