/* An evaluation, each allocation failing in turn: from shards, from a table; with classes, with captions. The
 * model stays open, its towers are prepared before: what they do without memory is tested with the models. */
#include "support/paths.h"
#include "support/unit.h"

#include <unistd.h>

#include <cclip/cclip.h>

#include "base/file.h"
#include "support/fault.h"
#include "support/tar_writer.h"

static char folder[] = "/tmp/cclip-fault-XXXXXX";
static cclip_session *session;

struct wish {
    const char *data;
    cclip_task task;
};

static cclip_status evaluate(void *context)
{
    const struct wish *wish = context;
    cclip_evaluate_options options = CCLIP_EVALUATE_OPTIONS_INIT;
    cclip_evaluation *e = NULL;
    options.task = wish->task;
    options.batch = 2;
    options.classnames = "names";
    const cclip_status status = cclip_evaluate(&e, session, wish->data, &options);
    if (status)
        assert_null(e);
    else
        assert_int_equal(cclip_evaluation_skipped(e), 1); /* never more: no memory is no broken picture */
    cclip_evaluation_close(&e);
    return status;
}

static void make_data(void)
{
    static const char *const names[] = { "cat", "dog", "cow" };
    struct tar_writer tar = { 0 };
    char path[CCLIP_TEST_PATH_SIZE + 64], member[32];
    for (size_t i = 0; i < 3; i++) {
        struct cclip_mapping file;
        snprintf(path, sizeof path, "%s/%s.webp", cclip_test_in_source("share/demo"), names[i]);
        assert_ok(cclip_mapping_open(&file, path));
        snprintf(member, sizeof member, "%s.webp", names[i]);
        assert_ok(cclip_file_write(member, file.data, file.size));
        snprintf(member, sizeof member, "%zu.webp", i);
        tar_member(&tar, '0', member, file.data, file.size);
        snprintf(member, sizeof member, "%zu.cls", i);
        tar_file(&tar, member, i == 0 ? "0" : i == 1 ? "1" : "2");
        snprintf(member, sizeof member, "%zu.txt", i);
        tar_file(&tar, member, names[i]);
        cclip_mapping_close(&file);
    }
    tar_file(&tar, "3.png", "no picture");
    tar_end(&tar);
    assert_ok(cclip_file_write("t.tar", tar.data, tar.size));
    tar_free(&tar);
    static const char table[] = "filepath,title\ncat.webp,cat\ndog.webp,dog\nabsent.png,cow\ncow.webp,cow\n";
    assert_ok(cclip_file_write("t.csv", table, sizeof table - 1));
    assert_ok(cclip_file_write("names", "cat\ndog\ncow\n", 12));
}

static void test_each_allocation(void **state)
{
    enum { MOST_RUNS = 300 };
    static const struct wish wishes[] = { { "t.tar", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION },
                                          { "t.tar", CCLIP_TASK_ZERO_SHOT_RETRIEVAL },
                                          { "t.csv", CCLIP_TASK_ZERO_SHOT_CLASSIFICATION },
                                          { "t.csv", CCLIP_TASK_ZERO_SHOT_RETRIEVAL } };
    (void)state;
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct wish wish = wishes[i];
        assert_ok(evaluate(&wish)); /* prepares the towers */
        cclip_memory_fail_at(0);
        assert_ok(evaluate(&wish));
        const unsigned long allocations = cclip_memory_fail_at(0);
        cclip_fault_every(evaluate, &wish, allocations / MOST_RUNS + 1);
        printf("%s: %lu allocations\n", wish.data, allocations);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_allocation) };
    cclip_session_options options = CCLIP_SESSION_OPTIONS_INIT;
    cclip_model *model = NULL;
    char command[64];
    options.threads = 2;
    if (!mkdtemp(folder) || chdir(folder) || cclip_model_open(&model, cclip_test_in_source("share/model"), NULL) ||
        cclip_session_open(&session, model, &options))
        return 1;
    make_data();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cclip_session_close(&session);
    cclip_model_close(&model);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return failed || chdir("/") || system(command);
}
