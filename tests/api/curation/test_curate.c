/* The functions of curate.h on the pictures of the demonstration: what goes, what it says, what is written. */
#include "support/unit.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cclip/cclip.h>

#include "base/file.h"
#include "support/paths.h"
#include "support/tar_writer.h"

enum { PICTURES = 60, SWAPPED = 12 };

static char folder[] = "/tmp/cclip-curate-XXXXXX";
static cclip_model *model;
static cclip_session *session;
static char names[PICTURES][64]; /* "alarm-clock" */
static struct cclip_mapping files[PICTURES];

static void caption_of(char out[80], size_t i)
{
    snprintf(out, 80, "a %s", names[i]);
    for (char *dash = out; (dash = strchr(dash, '-'));)
        *dash = ' ';
}

/* pairs.tar: the pictures, the captions of the first twelve turned among each other. */
static void write_pairs(void)
{
    struct tar_writer tar = { 0 };
    for (size_t i = 0; i < PICTURES; i++) {
        char name[80], caption[80];
        caption_of(caption, i < SWAPPED ? (i + 1) % SWAPPED : i);
        snprintf(name, sizeof name, "%03zu.webp", i);
        tar_member(&tar, '0', name, files[i].data, files[i].size);
        snprintf(name, sizeof name, "%03zu.txt", i);
        tar_file(&tar, name, caption);
    }
    tar_end(&tar);
    assert_ok(cclip_file_write("pairs.tar", tar.data, tar.size));
    tar_free(&tar);
}

static int set_up(void **state)
{
    struct cclip_names all;
    char demo[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE + 80];
    size_t count = 0;
    (void)state;
    snprintf(demo, sizeof demo, "%s", cclip_test_in_source("share/demo"));
    assert_ok(cclip_folder_list(&all, demo));
    for (size_t i = 0; i < all.count && count < PICTURES; i++) {
        if (!cclip_path_has_suffix(all.names[i], ".webp"))
            continue;
        snprintf(path, sizeof path, "%s/%s", demo, all.names[i]);
        assert_ok(cclip_mapping_open(&files[count], path));
        snprintf(names[count++], 64, "%.*s", (int)strlen(all.names[i]) - 5, all.names[i]);
    }
    cclip_names_close(&all);
    assert_int_equal(count, PICTURES);
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    write_pairs();
    assert_ok(cclip_model_open(&model, cclip_test_in_source("share/model"), NULL));
    assert_ok(cclip_session_open(&session, model, NULL));
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    for (size_t i = 0; i < PICTURES; i++)
        cclip_mapping_close(&files[i]);
    cclip_session_close(&session);
    cclip_model_close(&model);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

static cclip_curate_options options_for(const char *data)
{
    cclip_curate_options options = CCLIP_CURATE_OPTIONS_INIT;
    options.train_data = data;
    return options;
}

static cclip_curation_row row_of(const cclip_curation *c, size_t index)
{
    cclip_curation_row row = { .version = CCLIP_CURATION_ROW_VERSION };
    assert_ok(cclip_curation_get(c, index, &row));
    return row;
}

/* All samples are in one count. */
static void check_sum(const cclip_curation *c)
{
    size_t sum = 0;
    for (int i = 0; i < CCLIP_CURATE_REASONS; i++)
        sum += cclip_curation_tally(c, (cclip_curate_reason)i);
    assert_int_equal(sum, cclip_curation_count(c));
    assert_null(cclip_curate_reason_name(CCLIP_CURATE_REASONS));
}

static void test_matching(void **state)
{
    cclip_curate_options options = options_for("pairs.tar");
    cclip_curation_estimate e = { .version = CCLIP_CURATION_ESTIMATE_VERSION };
    cclip_curation *c, *again;
    size_t caught = 0, lost = 0;
    (void)state;
    options.pairs = CCLIP_KEEP_MATCHING;
    assert_ok(cclip_curate(&c, session, &options));
    check_sum(c);
    for (size_t i = 0; i < PICTURES; i++) {
        const cclip_curation_row row = row_of(c, i);
        *(i < SWAPPED ? &caught : &lost) += row.reason == CCLIP_CURATE_MISMATCH;
        assert_true(row.score > -1 && row.score <= 1 && row.chance >= 0 && row.chance <= 1);
        assert_true(row.chance < 0.2 || row.reason == CCLIP_CURATE_MISMATCH);
    }
    assert_true(caught >= SWAPPED - 2 && lost <= 3);
    assert_ok(cclip_curation_get_estimate(c, &e));
    assert_true(fabs(e.mismatched - (double)SWAPPED / PICTURES) < 0.15 && e.caught > 0.7 && e.lost < 0.15);
    /* The same comes out again, to the bit. */
    assert_ok(cclip_curate(&again, session, &options));
    for (size_t i = 0; i < PICTURES; i++)
        assert_true(row_of(c, i).score == row_of(again, i).score && row_of(c, i).chance == row_of(again, i).chance);
    cclip_curation_close(&again);
    /* What is written holds those that are kept. */
    assert_ok(cclip_curation_write(c, "kept"));
    assert_true(cclip_is_file("kept/report.jsonl"));
    cclip_curate_options second = options_for("kept/pairs.tar");
    second.pictures_alone = 1;
    assert_ok(cclip_curate(&again, NULL, &second));
    assert_int_equal(cclip_curation_count(again), cclip_curation_tally(c, CCLIP_CURATE_KEPT));
    cclip_curation_close(&again);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curation_write(c, "kept"));
    assert_ok(cclip_curation_write_report(c, "report.html"));
    cclip_curation_close(&c);
    assert_null(c);
    cclip_curation_close(&c);
}

static void test_limits(void **state)
{
    cclip_curate_options options = options_for("pairs.tar");
    cclip_curation *c;
    (void)state;
    options.pairs = CCLIP_KEEP_FRACTION;
    options.pair_limit = 0.25;
    assert_ok(cclip_curate(&c, session, &options));
    assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_KEPT), PICTURES / 4);
    double lowest = 2;
    for (size_t i = 0; i < PICTURES; i++)
        if (row_of(c, i).reason == CCLIP_CURATE_KEPT)
            lowest = fmin(lowest, row_of(c, i).score);
    for (size_t i = 0; i < PICTURES; i++)
        assert_int_equal(row_of(c, i).reason == CCLIP_CURATE_KEPT, row_of(c, i).score >= lowest);
    assert_true(isnan(row_of(c, 0).chance));
    cclip_curation_close(&c);
    options.pairs = CCLIP_KEEP_MIN_SCORE;
    options.pair_limit = lowest;
    assert_ok(cclip_curate(&c, session, &options));
    assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_KEPT), PICTURES / 4);
    cclip_curation_close(&c);
}

/* A folder of pictures: a copy, the same pixels in another file, another picture of the same, a broken one. */
static void test_duplicates(void **state)
{
    static const float thresholds[] = { 0.9999f, 1 };
    static const cclip_near_rule rules[] = { CCLIP_NEAR_COSINE, CCLIP_NEAR_HASH };
    const char *against[] = { "against" };
    cclip_curation *c;
    (void)state;
    mkdir("photos", 0777);
    mkdir("photos/sub", 0777);
    mkdir("against", 0777);
    for (size_t i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof path, "photos/%zu.webp", i);
        assert_ok(cclip_file_write(path, files[i].data, files[i].size));
    }
    assert_ok(cclip_file_write("photos/sub/copy.webp", files[2].data, files[2].size));
    assert_ok(cclip_file_write("photos/broken.png", "x", 1));
    unsigned char *longer = malloc(files[3].size + 8); /* bytes behind the picture: another file, the same pixels */
    memcpy(longer, files[3].data, files[3].size);
    memcpy(longer + files[3].size, "garbage", 8);
    assert_ok(cclip_file_write("photos/a.webp", longer, files[3].size + 8));
    assert_ok(cclip_file_write("against/x.webp", longer, files[3].size + 8));
    assert_ok(cclip_file_write("against/y.webp", files[1].data, files[1].size));
    free(longer);
    for (size_t i = 0; i < 2; i++) {
        cclip_curate_options options = options_for("photos");
        options.pictures_alone = options.exact_duplicates = 1;
        options.near = rules[i];
        options.near_limit = (double)thresholds[i];
        assert_ok(cclip_curate(&c, rules[i] == CCLIP_NEAR_COSINE ? session : NULL, &options));
        check_sum(c);
        assert_int_equal(cclip_curation_count(c), 7);
        assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_KEPT), 4);
        assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_BROKEN), 1);
        assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_SAME_FILE), 1);
        assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_SAME_PIXELS), 1);
        assert_string_equal(row_of(c, 6).name, "photos/sub/copy.webp");
        assert_string_equal(row_of(c, 6).of, "photos/2.webp");
        assert_true(row_of(c, 6).similarity == 1);
        assert_non_null(strstr(row_of(c, 5).message, "photos/broken.png"));
        cclip_curation_close(&c);
        options.against = against;
        options.against_count = 1;
        assert_ok(cclip_curate(&c, rules[i] == CCLIP_NEAR_COSINE ? session : NULL, &options));
        assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_EVALUATION), 3);
        assert_string_equal(row_of(c, 1).of, "against/y.webp");
        char out[32];
        snprintf(out, sizeof out, "unique%zu", i);
        assert_ok(cclip_curation_write(c, out));
        cclip_curation_close(&c);
        snprintf(out, sizeof out, "unique%zu/0.webp", i);
        assert_true(cclip_is_file(out));
        snprintf(out, sizeof out, "unique%zu/1.webp", i);
        assert_false(cclip_is_file(out));
    }
}

static void test_captions(void **state)
{
    char table[512];
    cclip_curate_options options = options_for("t.csv");
    const char *off[] = { "urls" };
    cclip_curation *c;
    struct cclip_buffer text;
    (void)state;
    mkdir("pictures", 0777);
    assert_ok(cclip_file_write("pictures/0.webp", files[0].data, files[0].size));
    snprintf(table, sizeof table, "filepath,title\npictures/0.webp,a  dog http://x.y\npictures/0.webp,click here\n"
                                  "pictures/0.webp,click here\npictures/0.webp,7\nabsent.webp,x\n"
                                  "pictures/0.webp,fine\n");
    assert_ok(cclip_file_write("t.csv", table, strlen(table)));
    options.clean_captions = 1;
    options.caption_repeats = 1;
    assert_ok(cclip_curate(&c, NULL, &options));
    check_sum(c);
    assert_string_equal(row_of(c, 0).caption, "a dog");
    assert_string_equal(row_of(c, 0).was, "a  dog http://x.y");
    assert_string_equal(row_of(c, 1).rule, "repeated");
    assert_string_equal(row_of(c, 3).rule, "too_short");
    assert_int_equal(row_of(c, 4).reason, CCLIP_CURATE_BROKEN);
    assert_int_equal(cclip_curation_tally(c, CCLIP_CURATE_KEPT), 2);
    size_t rule = 0;
    while (strcmp(cclip_caption_rule_name(rule), "urls"))
        rule++;
    assert_int_equal(cclip_curation_changed(c, rule), 1);
    assert_null(cclip_caption_rule_name(100));
    assert_non_null(cclip_caption_rule_text(rule));
    assert_ok(cclip_curation_write(c, "clean.csv"));
    assert_ok(cclip_file_read(&text, "clean.csv", 1 << 20));
    assert_string_equal(text.data, "filepath,title\npictures/0.webp,a dog\npictures/0.webp,fine\n");
    cclip_buffer_close(&text);
    assert_true(cclip_is_file("clean.report.jsonl"));
    cclip_curation_close(&c);
    options.without_rules = off;
    options.without_rule_count = 1;
    assert_ok(cclip_curate(&c, NULL, &options));
    assert_string_equal(row_of(c, 0).caption, "a dog http://x.y");
    cclip_curation_close(&c);
    off[0] = "no_rule";
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, NULL, &options));
    assert_null(c);
}

static int stop(void *user, size_t done, size_t total)
{
    (void)user;
    return done > 0 && total == PICTURES;
}

static void test_contract(void **state)
{
    cclip_curate_options options = options_for("pairs.tar");
    cclip_curation *c;
    (void)state;
    options.version = 99;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, session, &options));
    options = options_for(NULL);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, session, &options));
    options = options_for("pairs.tar");
    options.pairs = CCLIP_KEEP_MATCHING;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, NULL, &options));
    options.pictures_alone = 1;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, session, &options));
    options = options_for("pairs.tar");
    options.pairs = CCLIP_KEEP_FRACTION;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, session, &options));
    options = options_for("pairs.tar");
    options.min_chars = 5;
    options.max_chars = 4;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, NULL, &options));
    options = options_for("pairs.tar");
    options.progress = stop;
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_curate(&c, NULL, &options));
    assert_null(c);
    options = options_for("t.csv"); /* too few to be judged by each other */
    options.pairs = CCLIP_KEEP_MATCHING;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_curate(&c, session, &options));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_matching), cmocka_unit_test(test_limits),
                                        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_captions),
                                        cmocka_unit_test(test_contract) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
