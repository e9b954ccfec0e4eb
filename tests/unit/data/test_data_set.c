/* Layouts of labelled sets: each is recognised, and what is missing in it is named. */
#include "unit/data/spell_samples.h"

#include <sys/stat.h>

#include "base/file.h"
#include "data/data_set.h"
#include "support/fault.h"
#include "support/tar_writer.h"

static struct cclip_data_request request(const char *path)
{
    return (struct cclip_data_request){
        .path = path, .split = "test", .image_column = "filepath", .caption_column = "title"
    };
}

static void write_text(const char *path, const char *text)
{
    assert_ok(cclip_file_write(path, text, strlen(text)));
}

static void write_shard(const char *path, const char *key, const char *kind, const char *text)
{
    struct tar_writer tar = { 0 };
    char name[64];
    snprintf(name, sizeof name, "%s.jpg", key);
    tar_file(&tar, name, "j");
    snprintf(name, sizeof name, "%s.%s", key, kind);
    tar_file(&tar, name, text);
    tar_end(&tar);
    assert_ok(cclip_file_write(path, tar.data, tar.size));
    tar_free(&tar);
}

/* An evaluation folder of two shards. */
static void write_set(const char *type)
{
    mkdir("set", 0777);
    mkdir("set/test", 0777);
    write_text("set/test/nshards.txt", "2\n");
    write_text("set/classnames.txt", "cat\n dog \r\n");
    write_text("set/zeroshot_classification_templates.txt", "a {c}\n");
    write_text("set/dataset_type.txt", type);
    write_shard("set/test/0.tar", "x", "cls", "1");
    write_shard("set/test/1.tar", "y", "cls", "0");
}

static void expect(const struct cclip_data_request *r, enum cclip_data_task task, size_t classes, const char *templates,
                   const char *samples)
{
    struct cclip_data_set set;
    assert_ok(cclip_data_set_open(&set, r));
    assert_int_equal(set.task, task);
    assert_int_equal(set.classes.count, classes);
    assert_string_equal(set.templates ? set.templates : "", templates);
    assert_samples(set.source, samples);
    cclip_data_set_close(&set);
}

static void refuse(const struct cclip_data_request *r, cclip_status status, const char *message)
{
    struct cclip_data_set set;
    assert_fails(status, cclip_data_set_open(&set, r));
    if (!strstr(cclip_error_message(), message))
        fail_msg("\"%s\" instead of \"%s\"", cclip_error_message(), message);
    assert_null(set.source);
}

static void test_evaluation_folder(void **state)
{
    static const char samples[] = "set/test/0.tar: x.jpg<j>#1\nset/test/1.tar: y.jpg<j>#0\n";
    static const char templates[] = "set/zeroshot_classification_templates.txt";
    struct cclip_data_request r = request("set");
    (void)state;
    write_set("classification");
    expect(&r, CCLIP_DATA_CLASSES, 2, templates, samples);
    unlink("set/dataset_type.txt");
    expect(&r, CCLIP_DATA_CLASSES, 2, templates, samples);
    unlink(templates);
    expect(&r, CCLIP_DATA_CLASSES, 2, "", samples);
    write_set("classification\n");
    write_text("names", "a\nb\nc\n");
    r.classnames = "names";
    expect(&r, CCLIP_DATA_CLASSES, 3, templates, samples);
    r = request("set");
    r.task = CCLIP_DATA_CAPTIONS; /* asked for, whatever the set says of itself */
    expect(&r, CCLIP_DATA_CAPTIONS, 0, "", samples);
    write_set("retrieval");
    r = request("set");
    expect(&r, CCLIP_DATA_CAPTIONS, 0, "", samples);
    r.task = CCLIP_DATA_CLASSES;
    expect(&r, CCLIP_DATA_CLASSES, 2, templates, samples);
}

static void test_evaluation_folder_broken(void **state)
{
    struct cclip_data_request r = request("set");
    (void)state;
    write_set("multilabel");
    refuse(&r, CCLIP_ERROR_UNSUPPORTED, "set/dataset_type.txt: sets with several labels");
    write_set("poetry");
    refuse(&r, CCLIP_ERROR_FORMAT, "\"poetry\": classification or retrieval expected");
    write_set("classification");
    r.split = "train";
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "set/train/nshards.txt: ");
    r = request("set");
    write_text("set/test/nshards.txt", "3");
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "set/test/2.tar: cannot open: ");
    r = request("set");
    static const char *const counts[] = { "", "0", "-1", "x", "2 3", "99999999999" };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        write_text("set/test/nshards.txt", counts[i]);
        refuse(&r, CCLIP_ERROR_FORMAT, "set/test/nshards.txt: a number of shards expected");
    }
    write_set("classification");
    write_text("set/classnames.txt", "cat\n\ndog\n");
    refuse(&r, CCLIP_ERROR_FORMAT, "set/classnames.txt: line 2: a class name expected");
    write_text("set/classnames.txt", "\n");
    refuse(&r, CCLIP_ERROR_FORMAT, "set/classnames.txt: no class names");
    unlink("set/classnames.txt");
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "set: no class names");
    write_set("classification");
    r.classnames = "absent";
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "absent: ");
}

static void test_tar_files(void **state)
{
    struct cclip_data_request r = request("t-{0..1}.tar");
    (void)state;
    write_shard("t-0.tar", "x", "txt", "one\ntwo");
    write_shard("t-1.tar", "y", "cls", "0");
    write_text("names", "a\nb\n");
    expect(&r, CCLIP_DATA_CAPTIONS, 0, "", "t-0.tar: x.jpg<j>'one'two\nt-1.tar: y.jpg<j>#0\n");
    r.classnames = "names";
    expect(&r, CCLIP_DATA_CLASSES, 2, "", "t-0.tar: x.jpg<j>'one'two\nt-1.tar: y.jpg<j>#0\n");
    r = request("t-0.tar");
    expect(&r, CCLIP_DATA_CAPTIONS, 0, "", "t-0.tar: x.jpg<j>'one'two\n");
    r.task = CCLIP_DATA_CLASSES;
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "t-0.tar: no class names");
    write_shard("{0,1}.tar", "z", "txt", "text"); /* a file of that very name */
    r = request("{0,1}.tar");
    expect(&r, CCLIP_DATA_CAPTIONS, 0, "", "{0,1}.tar: z.jpg<j>'text\n");
}

static void test_class_folders(void **state)
{
    struct cclip_data_request r = request("folders");
    struct cclip_data_set set;
    (void)state;
    mkdir("folders", 0777);
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "folders: neither test/nshards.txt nor class folders with pictures");
    mkdir("folders/dog", 0777);
    mkdir("folders/cat", 0777);
    mkdir("folders/none", 0777);
    mkdir("folders/.git", 0777);
    write_text("folders/dog/1.jpg", "");
    write_text("folders/cat/2.jpg", "");
    write_text("folders/.git/3.jpg", "");
    write_text("folders/4.jpg", "of no class");
    expect(&r, CCLIP_DATA_CLASSES, 3, "",
           "folders/cat/2.jpg<@folders/cat/2.jpg>#0\nfolders/dog/1.jpg<@folders/dog/1.jpg>#1\n");
    assert_ok(cclip_data_set_open(&set, &r));
    assert_string_equal(set.classes.names[0], "cat");
    assert_string_equal(set.classes.names[2], "none");
    assert_int_equal(set.source->total, 2);
    cclip_data_set_close(&set);
    write_text("names", "a kitten\na puppy\nnothing\n");
    r.classnames = "names";
    assert_ok(cclip_data_set_open(&set, &r));
    assert_string_equal(set.classes.names[1], "a puppy");
    cclip_data_set_close(&set);
    write_text("names", "a kitten\na puppy\n");
    refuse(&r, CCLIP_ERROR_MISMATCH, "names: 2 class names, but folders has 3 folders");
    r = request("folders");
    r.task = CCLIP_DATA_CAPTIONS;
    refuse(&r, CCLIP_ERROR_MISMATCH, "has no captions");
}

static void test_tables(void **state)
{
    struct cclip_data_request r = request("t.csv");
    (void)state;
    write_text("names", "cat\ndog\n");
    write_text("t.csv", "filepath,title\n1,dog\n1,cat\n");
    expect(&r, CCLIP_DATA_CAPTIONS, 0, "", "1<@1>'dog'cat\n");
    r.task = CCLIP_DATA_CLASSES;
    expect(&r, CCLIP_DATA_CLASSES, 2, "", "1<@1>#1\n1<@1>#0\n");
    r = request("t.csv");
    r.classnames = "names";
    expect(&r, CCLIP_DATA_CLASSES, 2, "", "1<@1>#1\n1<@1>#0\n");
    r = request("t.csv");
    write_text("t.csv", "filepath,label\n1,dog\n2,cat\n");
    expect(&r, CCLIP_DATA_CLASSES, 2, "", "1<@1>#1\n2<@2>#0\n");
    write_text("t.csv", "filepath,class\n1,dog\n2,cat\n");
    expect(&r, CCLIP_DATA_CLASSES, 2, "", "1<@1>#1\n2<@2>#0\n");
    r.task = CCLIP_DATA_CAPTIONS;
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "t.csv: line 1: no column \"title\"");
    r = request("t.csv");
    write_text("t.csv", "filepath,title,label\n1,a dog,dog\n"); /* captions are there: they are meant */
    expect(&r, CCLIP_DATA_CAPTIONS, 0, "", "1<@1>'a dog\n");
    r = request("absent");
    refuse(&r, CCLIP_ERROR_NOT_FOUND, "absent: ");
}

static cclip_status open_it(void *context)
{
    struct cclip_data_set set;
    const cclip_status status = cclip_data_set_open(&set, context);
    if (status)
        assert_null(set.source);
    cclip_data_set_close(&set);
    return status;
}

static void test_allocations(void **state)
{
    static const char *const paths[] = { "set", "folders", "t-{0..1}.tar", "t.csv" };
    (void)state;
    write_set("classification");
    write_text("t.csv", "filepath,label\n1,dog\n2,cat\n");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct cclip_data_request r = request(paths[i]);
        assert_true(cclip_fault_each(open_it, &r) > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluation_folder), cmocka_unit_test(test_evaluation_folder_broken),
        cmocka_unit_test(test_tar_files),         cmocka_unit_test(test_class_folders),
        cmocka_unit_test(test_tables),            cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
