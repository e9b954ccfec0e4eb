/* A checkpoint written anew while allocations fail, each in turn (of very many, every k-th), and onto a disk
 * that fills up: an error in one line, nothing left behind, and never half a folder. */
#include "support/fault.h"
#include "support/small_models.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "models/convert.h"

enum { MOST_RUNS = 200 };

static char top[] = "/tmp/cclip-convert-XXXXXX";

struct job {
    char path[2 * CCLIP_TEST_PATH_SIZE], out[64];
    enum cclip_convert_form form;
};

static void remove_output(const struct job *job)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", job->out);
    assert_int_equal(system(command), 0);
}

static size_t left_behind(void)
{
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, top));
    const size_t count = names.count;
    cclip_names_close(&names);
    return count;
}

static cclip_status run(void *context)
{
    const struct job *job = context;
    const cclip_status status = cclip_models_convert(job->path, NULL, job->out, job->form);
    if (status)
        assert_false(cclip_is_folder(job->out));
    else
        remove_output(job);
    return status;
}

static void fail_allocations(struct job *job)
{
    cclip_memory_fail_at(0);
    assert_ok(run(job));
    const unsigned long allocations = cclip_memory_fail_at(0);
    cclip_fault_every(run, job, allocations / MOST_RUNS + 1);
    assert_int_equal(left_behind(), 0);
    printf("%s: %lu allocations\n", job->path, allocations);
}

/* No file may grow beyond a few sizes, until one is enough. */
static void fill_disk(struct job *job)
{
    const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
    int failures = 0, done = 0;
    struct sigaction ignored = { .sa_handler = SIG_IGN }, before;
    assert_int_equal(sigaction(SIGXFSZ, &ignored, &before), 0);
    for (rlim_t bytes = 0; !done; bytes = bytes ? bytes * 3 : 100) {
        const struct rlimit limit = { bytes, RLIM_INFINITY };
        assert_true(bytes < (rlim_t)1 << 30);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const cclip_status status = cclip_models_convert(job->path, NULL, job->out, job->form);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        done = !status;
        if (status) {
            assert_string_equal(cclip_status_name(status), "io");
            assert_non_null(strstr(cclip_error_message(), job->out));
            assert_non_null(strstr(cclip_error_message(), ": cannot write: File too large"));
            assert_null(strstr(cclip_error_message(), ".tmp-"));
            assert_int_equal(left_behind(), 0);
            failures++;
        }
    }
    assert_true(failures >= 3);
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
    remove_output(job);
}

static void check(const struct small_model *model)
{
    struct job job = { .form = strncmp(strrchr(model->folder, '/') + 1, "hf_", 3)
                                   ? CCLIP_CONVERT_OPEN_CLIP
                                   : CCLIP_CONVERT_HUGGING_FACE };
    snprintf(job.path, sizeof job.path, "%s/%s", model->folder, model->checkpoint);
    snprintf(job.out, sizeof job.out, "%s/out", top);
    fail_allocations(&job);
    fill_disk(&job);
}

static void test_small_models(void **state)
{
    (void)state;
    each_small_model(check);
}

static int set_up(void **state)
{
    (void)state;
    return !mkdtemp(top);
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_small_models) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
