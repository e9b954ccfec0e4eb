/* A run that is killed again and again, at moments drawn from a seed, ends with the weights of one that was
 * left alone, to the bit. The moments depend on the machine; that the end does not is what is tested. */
#include "small_run.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/random.h"

enum { KILLS = 8 };

/* In a process of its own, which may be killed. */
static pid_t start(const cclip_train_options *options)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        _exit(cclip_train(NULL, options) ? 1 : 0);
    return child;
}

static int finish(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void killed(void **state)
{
    cclip_train_options o = small_run("rn.json", "alone");
    struct cclip_random random;
    (void)state;
    o.epochs = 12;
    o.save_every_n_steps = 2;
    o.ema = 0.9;
    o.batch_size /= o.accum_freq = 2;
    double begin = cclip_clock_seconds();
    const int status = finish(start(&o));
    const double duration = cclip_clock_seconds() - begin;
    assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
    o.name = "killed";
    o.resume = "latest";
    o.delete_previous_checkpoint = 1;
    cclip_random_seed(&random, 2026, 0);
    for (int i = 0; i < KILLS; i++) {
        const double moment = duration * cclip_random_uniform(&random) * 0.7;
        o.workers = i % 3;
        const pid_t child = start(&o);
        usleep((useconds_t)(moment * 1e6));
        kill(child, SIGKILL);
        print_message("after %.0f ms: %s\n", moment * 1e3, WIFSIGNALED(finish(child)) ? "killed" : "had ended");
    }
    assert_int_equal(finish(start(&o)), 0);
    assert_same_weights("alone", "killed");
    assert_same_file("logs/alone/checkpoints/step_36/optimizer.safetensors",
                     "logs/killed/checkpoints/step_36/optimizer.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(killed) };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
