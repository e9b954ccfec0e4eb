/* An audit and a suite, each allocation failing in turn. */
#include "support/paths.h"
#include "support/unit.h"

#include <unistd.h>

#include <cclip/cclip.h>

#include "base/file.h"
#include "support/fault.h"

static char folder[] = "/tmp/cclip-fault-XXXXXX";
static cclip_session *session;

static cclip_status audit(void *context)
{
    static const char *const harmful[] = { "monster" }, *const added[] = { "animal" }, *const texts[] = { "a cat" };
    static const cclip_harm_category kind = { "kind", harmful, 1 };
    cclip_bootstrap_options bootstrap = CCLIP_BOOTSTRAP_OPTIONS_INIT;
    cclip_audit_options o = CCLIP_AUDIT_OPTIONS_INIT;
    cclip_audit *found = NULL;
    (void)context;
    bootstrap.resamples = 20;
    o.bootstrap = &bootstrap;
    o.harmful = &kind;
    o.added = added;
    o.texts = o.queries = texts;
    o.harmful_count = o.added_count = o.text_count = o.query_count = 1;
    cclip_status status = cclip_audit_open(&found, session, "t.csv", &o);
    if (status)
        assert_null(found);
    else
        assert_int_equal(cclip_audit_skipped(found), 1); /* never more: no memory is no broken picture */
    if (!status)
        status = cclip_audit_write_report(found, "report.html");
    cclip_audit_close(&found);
    return status;
}

static cclip_status suite(void *context)
{
    cclip_suite *found = NULL;
    (void)context;
    const cclip_status status = cclip_suite_open(&found, "sets/s.csv");
    assert_true(!status == (found != NULL));
    cclip_suite_close(&found);
    return status;
}

static void make_data(void)
{
    char table[8 * CCLIP_TEST_PATH_SIZE];
    const char *demo = cclip_test_in_source("share/demo");
    const int length = snprintf(table, sizeof table,
                                "filepath,label,side\n%s/cat.webp,cat,a\n%s/dog.webp,dog,b\n%s/cow.webp,cat,a\n"
                                "absent.png,cat,a\n%s/bus.webp,dog,b\n",
                                demo, demo, demo, demo);
    assert_ok(cclip_file_write("t.csv", table, (size_t)length));
    assert_ok(cclip_folder_make("sets/x"));
    assert_ok(cclip_file_write("sets/s.csv", "path,templates\nx,icon\nabsent,\n", 30));
}

static void test_each_allocation(void **state)
{
    enum { MOST_RUNS = 300 };
    (void)state;
    assert_ok(audit(NULL)); /* prepares the towers */
    cclip_memory_fail_at(0);
    assert_ok(audit(NULL));
    const unsigned long allocations = cclip_memory_fail_at(0);
    cclip_fault_every(audit, NULL, allocations / MOST_RUNS + 1);
    printf("audit: %lu allocations\n", allocations);
    assert_true(cclip_fault_each(suite, NULL) > 5);
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
