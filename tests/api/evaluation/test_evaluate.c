/* The functions of evaluate.h: options, callbacks, what an evaluation tells, on a few pictures of the demonstration. */
#include "support/paths.h"
#include "support/unit.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cclip/cclip.h>

#include "base/file.h"
#include "support/tar_writer.h"

static char folder[] = "/tmp/cclip-evaluate-XXXXXX";
static cclip_model *model;
static cclip_session *session;

static void write_text(const char *path, const char *text)
{
    assert_ok(cclip_file_write(path, text, strlen(text)));
}

static void copy_picture(const char *name, const char *to)
{
    struct cclip_mapping file;
    char path[CCLIP_TEST_PATH_SIZE + 64];
    snprintf(path, sizeof path, "%s/%s.webp", cclip_test_in_source("share/demo"), name);
    assert_ok(cclip_mapping_open(&file, path));
    assert_ok(cclip_file_write(to, file.data, file.size));
    cclip_mapping_close(&file);
}

/* classes/: six classes in sorted order, a picture each, and a broken one in the second. */
static int set_up(void **state)
{
    static const char *const names[] = { "bus", "cat", "fish", "key", "moon", "tractor" };
    char path[128];
    (void)state;
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    mkdir("classes", 0777);
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "classes/%s", names[i]);
        mkdir(path, 0777);
        snprintf(path, sizeof path, "classes/%s/x.webp", names[i]);
        copy_picture(names[i], path);
    }
    write_text("classes/cat/broken.png", "no picture");
    assert_ok(cclip_model_open(&model, cclip_test_in_source("share/model"), NULL));
    assert_ok(cclip_session_open(&session, model, NULL));
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    cclip_session_close(&session);
    cclip_model_close(&model);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

static double figure(const cclip_evaluation *e, const char *name)
{
    for (size_t i = 0; i < cclip_evaluation_count(e); i++)
        if (!strcmp(cclip_evaluation_name(e, i), name))
            return cclip_evaluation_value(e, i);
    fail_msg("no figure %s", name);
    return 0;
}

struct calls {
    size_t skips, index, progresses, done, total;
    int stop_at_skip;
    size_t stop_at; /* progress: stop when so many are done; SIZE_MAX: never */
    char message[256];
};

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    struct calls *calls = user;
    assert_int_equal(status, CCLIP_ERROR_FORMAT);
    calls->skips++;
    calls->index = index;
    snprintf(calls->message, sizeof calls->message, "%s", message);
    return calls->stop_at_skip;
}

static int on_progress(void *user, size_t done, size_t total)
{
    struct calls *calls = user;
    assert_true(done >= calls->done);
    calls->progresses++;
    calls->done = done;
    calls->total = total;
    return done >= calls->stop_at;
}

static cclip_evaluate_options with(struct calls *calls)
{
    cclip_evaluate_options options;
    cclip_evaluate_options_init(&options);
    *calls = (struct calls){ .stop_at = SIZE_MAX };
    options.skip = on_skip;
    options.progress = on_progress;
    options.user = calls;
    return options;
}

/* Whatever the batch, the same comes out, and the broken picture shifts nothing. */
static void test_classification(void **state)
{
    static const size_t batches[] = { 1, 2, 3, 64 };
    static const int32_t labels[] = { 0, 1, 2, 3, 4, 5 };
    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        struct calls calls;
        cclip_evaluate_options options = with(&calls);
        cclip_evaluation *e;
        options.batch = batches[i];
        options.templates = "icon";
        assert_ok(cclip_evaluate(&e, session, "classes", &options));
        assert_int_equal(cclip_evaluation_samples(e), 6);
        assert_int_equal(cclip_evaluation_skipped(e), 1);
        assert_int_equal(calls.skips, 1);
        assert_int_equal(calls.index, 1); /* the second that was read */
        assert_non_null(strstr(calls.message, "classes/cat/broken.png: "));
        assert_int_equal(calls.done, 7);
        assert_int_equal(calls.total, 7);
        assert_memory_equal(cclip_evaluation_labels(e), labels, sizeof labels);
        assert_memory_equal(cclip_evaluation_predictions(e), labels, sizeof labels);
        assert_int_equal(cclip_evaluation_count(e), 3);
        assert_null(cclip_evaluation_name(e, 3));
        assert_true(figure(e, "acc1") == 1);
        assert_true(figure(e, "acc5") == 1);
        assert_true(figure(e, "mean_per_class_recall") == 1);
        assert_null(strchr(cclip_evaluation_json(e), '\n'));
        assert_non_null(strstr(cclip_evaluation_json(e), "\"metrics\": {\"acc1\": 1.0, \"acc5\": 1.0, "
                                                         "\"mean_per_class_recall\": 1.0}, \"language\": \"en\"}"));
        cclip_evaluation_close(&e);
        assert_null(e);
        cclip_evaluation_close(&e);
    }
}

/* The names decide: with the list turned round, classes are still found by what they are called. */
static void test_own_names(void **state)
{
    cclip_evaluate_options options = CCLIP_EVALUATE_OPTIONS_INIT;
    cclip_evaluation *e;
    (void)state;
    write_text("names", "tractor\nmoon\nkey\nfish\ncat\nbus\n");
    options.classnames = "names";
    assert_ok(cclip_evaluate(&e, session, "classes", &options));
    static const int32_t turned[] = { 5, 4, 3, 2, 1, 0 };
    assert_memory_equal(cclip_evaluation_predictions(e), turned, sizeof turned);
    assert_true(figure(e, "acc1") == 0);
    cclip_evaluation_close(&e);
}

static void test_retrieval(void **state)
{
    const size_t k[] = { 2, 1, 1000 };
    struct calls calls;
    cclip_evaluate_options options = with(&calls);
    cclip_evaluation *e;
    (void)state;
    write_text("pairs.tsv", "filepath\ttitle\nclasses/bus/x.webp\ta bus\nclasses/cat/x.webp\ta cat\n"
                            "classes/bus/x.webp\ta tractor\nclasses/tractor/x.webp\ttractor\n");
    options.recall_k = k;
    options.recall_k_count = 3;
    options.batch = 2;
    assert_ok(cclip_evaluate(&e, session, "pairs.tsv", &options));
    assert_int_equal(cclip_evaluation_samples(e), 3);
    assert_int_equal(cclip_evaluation_skipped(e), 0);
    assert_int_equal(calls.total, 3);
    assert_null(cclip_evaluation_predictions(e));
    assert_null(cclip_evaluation_labels(e));
    assert_int_equal(cclip_evaluation_count(e), 6);
    assert_string_equal(cclip_evaluation_name(e, 0), "image_retrieval_recall@2");
    assert_string_equal(cclip_evaluation_name(e, 3), "text_retrieval_recall@1");
    /* "a tractor" belongs to the bus here, so three captions of four find their picture first; each picture finds
     * one of its own first */
    assert_true(figure(e, "image_retrieval_recall@1") == 0.75);
    assert_true(figure(e, "image_retrieval_recall@1000") == 1);
    assert_true(figure(e, "text_retrieval_recall@1000") == 1);
    assert_true(figure(e, "text_retrieval_recall@1") > 0.6);
    assert_non_null(strstr(cclip_evaluation_json(e), "\"task\": \"zeroshot_retrieval\""));
    cclip_evaluation_close(&e);
}

static void test_cancel(void **state)
{
    struct calls calls;
    cclip_evaluate_options options = with(&calls);
    cclip_evaluation *e = NULL;
    (void)state;
    calls.stop_at_skip = 1;
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_evaluate(&e, session, "classes", &options));
    assert_null(e);
    for (size_t stop = 0; stop <= 7; stop++) {
        options = with(&calls);
        options.batch = 1;
        calls.stop_at = stop;
        assert_fails(CCLIP_ERROR_CANCELLED, cclip_evaluate(&e, session, "classes", &options));
        assert_null(e);
        assert_true(calls.done >= stop && calls.done <= stop + 1); /* with the broken one on the way */
    }
    options = with(&calls);
    options.skip = NULL; /* counted silently */
    options.progress = NULL;
    assert_ok(cclip_evaluate(&e, session, "classes", &options));
    assert_int_equal(cclip_evaluation_skipped(e), 1);
    cclip_evaluation_close(&e);
    assert_ok(cclip_evaluate(&e, session, "classes", NULL)); /* the defaults */
    cclip_evaluation_close(&e);
}

static void refuse(const char *data, cclip_evaluate_options options, cclip_status status, const char *message)
{
    cclip_evaluation *e = NULL;
    assert_fails(status, cclip_evaluate(&e, session, data, &options));
    if (!strstr(cclip_error_message(), message))
        fail_msg("\"%s\" instead of \"%s\"", cclip_error_message(), message);
    assert_null(e);
}

static void test_refused(void **state)
{
    const cclip_evaluate_options usual = CCLIP_EVALUATE_OPTIONS_INIT;
    cclip_evaluate_options options = usual;
    const size_t zero = 0;
    cclip_preprocessing preprocessing = CCLIP_PREPROCESSING_INIT; /* 224 x 224: not this model's */
    struct tar_writer tar = { 0 };
    (void)state;
    options.version = 9;
    refuse("classes", options, CCLIP_ERROR_ARGUMENT, "version 9 is not known");
    options = usual;
    options.task = (cclip_task)7;
    refuse("classes", options, CCLIP_ERROR_ARGUMENT, "task 7 is not known");
    options = usual;
    options.batch = 0;
    refuse("classes", options, CCLIP_ERROR_ARGUMENT, "a batch of 0 pictures");
    options = usual;
    options.recall_k = &zero;
    options.recall_k_count = 1;
    refuse("classes", options, CCLIP_ERROR_ARGUMENT, "recall at 0");
    options = usual;
    options.preprocessing = &preprocessing;
    refuse("classes", options, CCLIP_ERROR_ARGUMENT, "224 x 224 pixels, but the model's input is");
    preprocessing.version = 5;
    refuse("classes", options, CCLIP_ERROR_ARGUMENT, "preprocessing: version 5");
    options = usual;
    options.templates = "absent.txt";
    refuse("classes", options, CCLIP_ERROR_NOT_FOUND, "absent.txt");
    options = usual;
    options.task = CCLIP_TASK_ZERO_SHOT_RETRIEVAL;
    refuse("classes", options, CCLIP_ERROR_MISMATCH, "has no captions");
    refuse("absent", usual, CCLIP_ERROR_NOT_FOUND, "absent: ");
    tar_end(&tar);
    assert_ok(cclip_file_write("empty.tar", tar.data, tar.size));
    refuse("empty.tar", usual, CCLIP_ERROR_NOT_FOUND, "empty.tar: no samples");
    tar_free(&tar);
    tar_file(&tar, "0.jpg", "no picture");
    tar_file(&tar, "0.cls", "0");
    tar_end(&tar);
    assert_ok(cclip_file_write("classes.tar", tar.data, tar.size));
    refuse("classes.tar", usual, CCLIP_ERROR_MISMATCH, "a class and no caption");
    options = usual;
    options.task = CCLIP_TASK_ZERO_SHOT_RETRIEVAL;
    refuse("classes.tar", options, CCLIP_ERROR_MISMATCH, "0.jpg: a class and no caption, as all that were looked at");
    tar_free(&tar);
    tar_file(&tar, "0.jpg", "no picture"); /* one with a caption: then it is the samples that are broken */
    tar_file(&tar, "0.cls", "0");
    tar_file(&tar, "1.jpg", "no picture");
    tar_file(&tar, "1.txt", "a cat");
    tar_end(&tar);
    assert_ok(cclip_file_write("mixed.tar", tar.data, tar.size));
    refuse("mixed.tar", options, CCLIP_ERROR_FORMAT, "none of 2 samples could be used");
    tar_free(&tar);
    write_text("one.csv", "filepath,title\nclasses/cat/broken.png,a cat\n");
    refuse("one.csv", usual, CCLIP_ERROR_FORMAT, "one.csv: none of 1 samples could be used");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_classification), cmocka_unit_test(test_own_names),
                                        cmocka_unit_test(test_retrieval), cmocka_unit_test(test_cancel),
                                        cmocka_unit_test(test_refused) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
