/* A curation of everything at once, each allocation failing in turn: nothing leaks, nothing half-written stays. */
#include "support/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cclip/cclip.h>

#include "base/file.h"
#include "support/fault.h"
#include "support/made_files.h"
#include "support/paths.h"
#include "support/tar_writer.h"

static int made_picture(char out[64], int number)
{
    const int header = snprintf(out, 64, "P6 3 2 255\n");
    for (int i = 0; i < 18; i++)
        out[header + i] = (char)(number * (i + 3));
    return header + 18;
}

static void write_corpus(void)
{
    static const char *const captions[] = { "a dog", "one  cat", "see http://x.y", "a dog", "" };
    struct tar_writer tar = { 0 };
    char picture[64];
    for (int i = 0; i < 5; i++) {
        char name[16];
        const int size = made_picture(picture, i == 3 ? 0 : i);
        snprintf(name, sizeof name, "%d.ppm", i);
        tar_member(&tar, '0', name, picture, (size_t)size);
        snprintf(name, sizeof name, "%d.txt", i);
        tar_file(&tar, name, captions[i]);
    }
    tar_end(&tar);
    made_file("p.tar", tar.data, tar.size);
    tar_free(&tar);
    mkdir(made_path("other"), 0777);
    made_file("other/x.ppm", picture, (size_t)made_picture(picture, 1));
}

static size_t count_files(void)
{
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, made_folder));
    const size_t count = names.count;
    cclip_names_close(&names);
    return count;
}

static cclip_status life(void *context)
{
    char data[128], other[128], command[160];
    const char *against[] = { other };
    cclip_curate_options options = CCLIP_CURATE_OPTIONS_INIT;
    cclip_curation *c = NULL;
    snprintf(data, sizeof data, "%s", made_path("p.tar"));
    snprintf(other, sizeof other, "%s", made_path("other"));
    options.train_data = data;
    options.clean_captions = options.exact_duplicates = 1;
    options.caption_repeats = 5;
    options.near = CCLIP_NEAR_HASH;
    options.against = against;
    options.against_count = 1;
    options.threads = 1;
    cclip_status status = cclip_curate(&c, NULL, &options);
    if (!status)
        status = cclip_curation_write(c, made_path("out"));
    if (!status)
        status = cclip_curation_write_report(c, made_path("out.html"));
    cclip_curation_close(&c);
    const int whole = !status;
    snprintf(command, sizeof command, "rm -rf %s/out %s/out.html", made_folder, made_folder);
    if (whole || cclip_is_folder(made_path("out"))) /* the folder is complete before the page is begun */
        assert_int_equal(system(command), 0);
    *(size_t *)context += 1;
    return status;
}

static void test_everything(void **state)
{
    size_t runs = 0;
    (void)state;
    write_corpus();
    const size_t files = count_files();
    assert_true(cclip_fault_each(life, &runs) > 60);
    assert_int_equal(count_files(), files);
    assert_true(runs > 60);
}

/* With a model, whose towers are prepared before: enough pairs to be judged by each other. */
static cclip_session *session;

static void write_pairs(void)
{
    struct tar_writer tar = { 0 };
    char picture[64];
    for (int i = 0; i < 52; i++) {
        char name[16], caption[32];
        const int size = made_picture(picture, i);
        snprintf(name, sizeof name, "%02d.ppm", i);
        tar_member(&tar, '0', name, picture, (size_t)size);
        snprintf(name, sizeof name, "%02d.txt", i);
        snprintf(caption, sizeof caption, "dog number %d", i);
        tar_file(&tar, name, caption);
    }
    tar_end(&tar);
    made_file("m.tar", tar.data, tar.size);
    tar_free(&tar);
}

static cclip_status life_with_model(void *context)
{
    char data[128], other[128];
    const char *against[] = { other };
    cclip_curate_options options = CCLIP_CURATE_OPTIONS_INIT;
    cclip_curation *c = NULL;
    (void)context;
    snprintf(data, sizeof data, "%s", made_path("m.tar"));
    snprintf(other, sizeof other, "%s", made_path("other"));
    options.train_data = data;
    options.pairs = CCLIP_KEEP_MATCHING;
    options.exact_duplicates = 1;
    options.near = CCLIP_NEAR_COSINE;
    options.against = against;
    options.against_count = 1;
    const cclip_status status = cclip_curate(&c, session, &options);
    if (status)
        assert_null(c);
    else
        assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_BROKEN), 0); /* no memory is no broken picture */
    cclip_curation_close(&c);
    return status;
}

static void test_with_model(void **state)
{
    cclip_session_options one = CCLIP_SESSION_OPTIONS_INIT;
    cclip_model *model;
    (void)state;
    write_pairs();
    one.threads = 1;
    assert_ok(cclip_model_open(&model, cclip_test_in_source("share/model"), NULL));
    assert_ok(cclip_session_open(&session, model, &one));
    cclip_memory_fail_at(0);
    assert_ok(life_with_model(NULL));
    const unsigned long allocations = cclip_memory_fail_at(0);
    assert_true(allocations > 100);
    cclip_fault_every(life_with_model, NULL, allocations / 25 + 1);
    cclip_session_close(&session);
    cclip_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_everything), cmocka_unit_test(test_with_model) };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
