/* cclip train under mpirun: as many ranks as there are, the same losses; who differs is refused; who dies or hangs
 * ends the run, and it goes on from its checkpoint. Skipped where there is no MPI. Each run has a time limit. */
#include "api/training/small_run.h"

#include <math.h>
#include <sys/wait.h>
#include <time.h>

#include "formats/json.h"

enum { MOST_LINES = 64 };

/* What every run has; TOTAL pairs a step over all ranks, one step an epoch. */
enum { TOTAL = 8 };
static const char common[] = "--vocab vocabulary --train-data pairs.tsv --lr 1e-3 --warmup 2 --threads 1 --workers 1 "
                             "--log-every-n-steps 1 --save-frequency 0 --bucket-cap-mb 0.1";
static const char launcher[] = "mpirun --allow-run-as-root --oversubscribe --bind-to none";

static int exists(const char *command)
{
    char text[200];
    snprintf(text, sizeof text, "command -v %s >/dev/null", command);
    return system(text) == 0;
}

/* The exit status of a shell's command, which may take so many seconds. */
static int shell(int seconds, const char *format, ...)
{
    static char text[8192], whole[9000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_ok(cclip_file_write("command.sh", text, strlen(text)));
    snprintf(whole, sizeof whole, "timeout -k 5 %d sh command.sh >output 2>&1 </dev/null", seconds);
    const int status = system(whole);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int file_has(const char *path, const char *text)
{
    struct cclip_buffer output;
    cclip_buffer_open(&output, 1 << 24);
    assert_ok(cclip_file_read(&output, path, 1 << 24));
    assert_ok(cclip_buffer_byte(&output, '\0'));
    const int found = strstr(output.data, text) != NULL;
    if (!found)
        print_message("no \"%s\" in %s:\n%s\n", text, path, output.data);
    cclip_buffer_close(&output);
    return found;
}

static int output_has(const char *text)
{
    return file_has("output", text);
}

static void run(const char *name, int ranks, const char *options)
{
    const int status = shell(120, "%s -n %d \"$CCLIP_PROGRAM\" train %s --name %s --batch-size %d --epochs 10 %s",
                             launcher, ranks, common, name, TOTAL / ranks, options);
    if (status)
        output_has("a run that succeeds");
    assert_int_equal(status, 0);
    assert_int_equal(system("test $(grep -c '^./logs/.*/model$' output) = 1"), 0); /* rank 0 alone says it */
}

static size_t read_losses(double losses[MOST_LINES], const char *name)
{
    struct cclip_buffer text;
    char path[200];
    size_t count = 0;
    snprintf(path, sizeof path, "logs/%s/metrics.jsonl", name);
    cclip_buffer_open(&text, 1 << 20);
    assert_ok(cclip_file_read(&text, path, 1 << 20));
    assert_ok(cclip_buffer_byte(&text, '\0'));
    for (const char *at = text.data; (at = strstr(at, "\"loss\": ")) && count < MOST_LINES; at++)
        losses[count++] = strtod(at + 8, NULL);
    cclip_buffer_close(&text);
    return count;
}

static void assert_same_losses(const char *a, const char *b)
{
    double first[MOST_LINES], second[MOST_LINES];
    const size_t count = read_losses(first, a);
    assert_int_equal(count, 10);
    assert_int_equal(read_losses(second, b), count);
    for (size_t i = 0; i < count; i++)
        if (!(fabs(first[i] - second[i]) <= 1e-4))
            fail_msg("%s and %s: step %zu: %.9g, %.9g", a, b, i, first[i], second[i]);
}

static void any_number_of_ranks(void **state)
{
    static const struct {
        const char *name, *options;
    } kinds[] = {
        { "vit", "--model vit.json --local-loss --gather-with-grad" },
        { "rn", "--model rn.json --use-bn-sync" },
        { "rc", "--model rn.json --use-bn-sync --grad-checkpointing --grad-clip-norm 1" },
        { "sig", "--model vit.json --siglip --group-captions --force-patch-dropout 0.5" },
    };
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int ranks = 1; ranks <= 4; ranks *= 2) {
            char name[32], first[32];
            snprintf(first, sizeof first, "%s-1", kinds[k].name);
            snprintf(name, sizeof name, "%s-%d", kinds[k].name, ranks);
            run(name, ranks, kinds[k].options);
            if (ranks > 1)
                assert_same_losses(first, name);
        }
    assert_true(file_has("logs/vit-4/out.log", "14 pairs; an epoch: 1 steps of 8;")); /* of all ranks together */
    assert_int_equal(shell(10, "ls logs/sig-4 logs/sig-4/checkpoints | tr '\\n' ' '"), 0);
    assert_true(output_has("logs/sig-4: checkpoints metrics.jsonl model out.log params.txt report.html "
                           "skipped.jsonl tensorboard  logs/sig-4/checkpoints: step_10 "));
}

static void accumulated(void **state)
{
    (void)state;
    run("acc-2", 2, "--model vit.json --batch-size 2 --accum-freq 2");
    assert_same_losses("vit-1", "acc-2");
}

static void same_bits(void **state)
{
    (void)state;
    run("again", 4, "--model rn.json --use-bn-sync");
    assert_same_weights("rn-4", "again");
}

/* Two ranks of which the second has other options. */
static void assert_refused(const char *first, const char *second, const char *message)
{
    const int status = shell(60, "%s -n 1 \"$CCLIP_PROGRAM\" train %s --model vit.json --name no --epochs 2 %s : "
                                 "-n 1 \"$CCLIP_PROGRAM\" train %s --model vit.json --name no --epochs 2 %s",
                             launcher, common, first, common, second);
    assert_int_equal(status, 1);
    assert_true(output_has(message));
    assert_false(cclip_is_folder("logs/no"));
}

static void who_differs(void **state)
{
    (void)state;
    small_write("fewer.tsv", "filepath\ttitle\nx.png\tx\n");
    assert_int_equal(shell(10, "head -13 pairs.tsv >fewer.tsv; sed '2s/a small/a large/' pairs.tsv >others.tsv"), 0);
    assert_refused("--batch-size 2", "--batch-size 3", "rank 1: \"batch_size: 3\" where rank 0 has \"batch_size: 2\"");
    assert_refused("--batch-size 2", "--batch-size 2 --model rn.json",
                   "rank 1: \"model: rn.json\" where rank 0 has \"model: vit.json\"");
    assert_refused("--batch-size 2", "--batch-size 2 --train-data fewer.tsv", "rank 1: \"data: 12 pairs, ");
    assert_refused("--batch-size 2", "--batch-size 2 --train-data others.tsv", "rank 1: \"data: 14 pairs, ");
    assert_refused("--batch-size 2", "--batch-size 2 --train-data none.tsv", "rank 1: none.tsv: cannot open");
    assert_refused("--batch-size 12", "--batch-size 12",
                   "an epoch has 14 pairs, fewer than one step takes: 24 (2 ranks with batches of 12)");
}

/* Rank 0 finds the folder in use, and all end. */
static void in_use(void **state)
{
    (void)state;
    assert_ok(cclip_folder_make("logs/busy"));
    assert_int_equal(shell(60, "flock logs/busy/lock %s -n 2 \"$CCLIP_PROGRAM\" train %s --model vit.json --name busy "
                               "--epochs 2 --batch-size 2", launcher, common), 1);
    assert_true(output_has("logs/busy: in use by another process: another run of this name is at work there"));
    assert_false(cclip_is_folder("logs/busy/checkpoints"));
}

/* Three ranks, and a signal to the last one when a checkpoint is there. */
static int disturbed(const char *name, const char *signal, const char *options)
{
    return shell(60,
                 "cat >rank.sh <<'END'\necho $$ >pid.$OMPI_COMM_WORLD_RANK\nexec \"$CCLIP_PROGRAM\" \"$@\"\nEND\n"
                 "%s -n 3 sh rank.sh train %s --model vit.json --name %s --batch-size 2 --epochs 300 "
                 "--save-every-n-steps 7 %s &\n"
                 "until [ -d logs/%s/checkpoints/step_14 ] || ! kill -0 $!; do sleep 0.05; done\n"
                 "kill -%s $(cat pid.2)\nwait $!\n",
                 launcher, common, name, options, name, signal);
}

static void a_dead_rank(void **state)
{
    (void)state;
    const time_t start = time(NULL);
    assert_int_not_equal(disturbed("dead", "KILL", ""), 0);
    assert_true(time(NULL) - start < 40);
    assert_true(output_has("process rank 2"));
    assert_true(output_has("signal 9"));
    /* what is left goes on: to the end of a shorter run, whose learning rate does not depend on its length */
    static const char rest[] = "--model vit.json --batch-size 2 --epochs 60 --lr-scheduler const";
    assert_int_not_equal(disturbed("back", "KILL", "--lr-scheduler const"), 0);
    run("whole", 3, rest);
    run("back", 3, "--model vit.json --batch-size 2 --epochs 60 --lr-scheduler const --resume latest");
    assert_same_weights("whole", "back");
}

static void a_rank_that_hangs(void **state)
{
    (void)state;
    assert_int_not_equal(disturbed("hung", "STOP", "--dist-timeout 5"), 0);
    assert_true(output_has("nothing came from the other ranks for 5 seconds"));
    assert_true(file_has("logs/hung/out.log", "nothing came from the other ranks for 5 seconds"));
    assert_true(cclip_is_file("logs/hung/checkpoints/step_14/state.json"));
}

static void a_request_to_end(void **state)
{
    (void)state;
    assert_int_equal(disturbed("ended", "TERM", ""), 1);
    assert_true(output_has("saved in ./logs/ended/checkpoints/step_"));
    assert_true(file_has("logs/ended/out.log", "saved in ./logs/ended/checkpoints/step_"));
}

int main(void)
{
    char module[4096];
    snprintf(module, sizeof module, "%s/lib/cclip/cclip_mpi.so", getenv("CCLIP_BINARY") ? getenv("CCLIP_BINARY") : "");
    if (!exists("mpirun") || !cclip_is_file(module)) {
        puts("no mpirun, or a build without MPI: skipped");
        return 77;
    }
    if (getenv("CCLIP_SANITIZE") && *getenv("CCLIP_SANITIZE")) /* MPI keeps what it has */
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks), cmocka_unit_test(accumulated), cmocka_unit_test(same_bits),
        cmocka_unit_test(who_differs),         cmocka_unit_test(in_use),      cmocka_unit_test(a_dead_rank),
        cmocka_unit_test(a_rank_that_hangs),   cmocka_unit_test(a_request_to_end),
    };
    return cmocka_run_group_tests(tests, small_run_set_up, small_run_tear_down);
}
