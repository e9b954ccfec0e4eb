/* Samples from tar shards: which members belong together, what each kind of member gives, what is broken. */
#include "unit/data/spell_samples.h"

#include "base/file.h"
#include "data/shards.h"
#include "support/fault.h"
#include "support/tar_writer.h"

static const struct cclip_shard_keys lines = { .caption_lines = 1 };

static void check(const struct tar_writer *tar, const struct cclip_shard_keys *keys, const char *expected)
{
    struct cclip_sample_source *source;
    assert_ok(cclip_shards_open_memory(&source, tar->data, tar->size, "t.tar", 0, keys));
    assert_int_equal(source->total, 0);
    assert_samples(source, expected);
    cclip_sample_source_close(&source);
    assert_null(source);
}

static void test_samples(void **state)
{
    struct tar_writer tar = { 0 };
    (void)state;
    tar_member(&tar, '5', "folder.x/", "", 0);
    tar_file(&tar, "0.jpg", "jpeg");
    tar_file(&tar, "0.cls", "3");
    tar_file(&tar, "1.cls", " 12\n");
    tar_file(&tar, "1.PNG", "png");
    tar_file(&tar, "2.mask.png", "a mask is no picture");
    tar_file(&tar, "2.webp", "webp");
    tar_file(&tar, "2.jpg", "the first counts");
    tar_file(&tar, "2.Cls", "0");
    tar_file(&tar, "2.unknown", "whatever");
    tar_file(&tar, "README", "of no sample");
    tar_file(&tar, "3.jpg", "");
    tar_end(&tar);
    check(&tar, &lines, "t.tar: 0.jpg<jpeg>#3\nt.tar: 1.PNG<png>#12\nt.tar: 2.webp<webp>#0\nt.tar: 3.jpg\n");
    tar_free(&tar);
}

/* A repeated extension begins a sample of the same name; what each lacks is told. */
static void test_repeated(void **state)
{
    struct tar_writer tar = { 0 };
    (void)state;
    for (char picture[] = "0"; *picture < '4'; ++*picture) {
        tar_file(&tar, "n.webp", picture);
        tar_file(&tar, "n.txt", picture);
    }
    tar_file(&tar, "m.cls", "1");
    tar_file(&tar, "m.jpg", "j");
    tar_file(&tar, "m.CLS", "2");
    tar_file(&tar, "m.txt", "no picture");
    tar_file(&tar, "m.txt", "neither");
    tar_end(&tar);
    check(&tar, &lines, "t.tar: n.webp<0>'0\nt.tar: n.webp<1>'1\nt.tar: n.webp<2>'2\nt.tar: n.webp<3>'3\n"
                        "t.tar: m.jpg<j>#1\nt.tar: m#2'no picture!t.tar: m: no picture in this sample\n"
                        "t.tar: m'neither!t.tar: m: no picture in this sample\n");
    tar_free(&tar);
}

static void test_captions(void **state)
{
    struct tar_writer tar = { 0 };
    (void)state;
    tar_file(&tar, "0.jpg", "j");
    tar_file(&tar, "0.txt", "a cat\r\n\n  two cats \nthree");
    tar_file(&tar, "1.jpg", "j");
    tar_file(&tar, "1.json", "{\"caption\": \"from json\", \"width\": 3}");
    tar_file(&tar, "2.jpg", "j");
    tar_file(&tar, "2.json", "{\"captions\": [\"one\", 2, \"two\"]}");
    tar_file(&tar, "3.jpg", "j");
    tar_file(&tar, "3.json", "{\"caption\": \"the text file wins\"}");
    tar_file(&tar, "3.txt", "text");
    tar_file(&tar, "4.jpg", "j");
    tar_file(&tar, "4.txt", "");
    tar_file(&tar, "5.jpg", "j");
    tar_file(&tar, "5.json", "{\"width\": 3}");
    tar_end(&tar);
    check(&tar, &lines, "t.tar: 0.jpg<j>'a cat'two cats'three\nt.tar: 1.jpg<j>'from json\nt.tar: 2.jpg<j>'one'two\n"
                   "t.tar: 3.jpg<j>'text\nt.tar: 4.jpg<j>\nt.tar: 5.jpg<j>\n");
    check(&tar, NULL, "t.tar: 0.jpg<j>'a cat\r\n\n  two cats \nthree\nt.tar: 1.jpg<j>'from json\n"
                   "t.tar: 2.jpg<j>'one'two\nt.tar: 3.jpg<j>'text\nt.tar: 4.jpg<j>'\nt.tar: 5.jpg<j>\n");
    tar_free(&tar);
}

/* Other members than the usual ones, captions and groups from the .json. */
static void test_named_members(void **state)
{
    struct tar_writer tar = { 0 };
    (void)state;
    tar_file(&tar, "0.mask.png", "mask");
    tar_file(&tar, "0.PNG", "png");
    tar_file(&tar, "0.txt", "text");
    tar_file(&tar, "0.Cap.txt", "cap");
    tar_file(&tar, "0.json", "{\"caption\": \"c\", \"words\": [\"one\", \"two\"], \"id\": \"x 1\"}");
    tar_file(&tar, "1.jpg", "jpg");
    tar_file(&tar, "1.json", "{\"caption\": \"c\", \"words\": \"w\", \"id\": 7, \"n\": {\"id\": 8}}");
    tar_file(&tar, "2.jpeg", "jpeg");
    tar_file(&tar, "2.json", "{\"captions\": [\"c\"], \"id\": [7]}");
    tar_file(&tar, "3.webp", "webp");
    tar_file(&tar, "3.txt", "text");
    tar_file(&tar, "3.json", "{\"id\": 7.0}");
    tar_file(&tar, "4.webp", "webp");
    tar_file(&tar, "4.txt", "text");
    tar_end(&tar);
    check(&tar, &(struct cclip_shard_keys){ .image = "mask.png;jpg;jpeg" },
          "t.tar: 0.mask.png<mask>'text\nt.tar: 1.jpg<jpg>'c\nt.tar: 2.jpeg<jpeg>'c\n"
          "t.tar: 3'text!t.tar: 3: no picture in this sample\nt.tar: 4'text!t.tar: 4: no picture in this sample\n");
    check(&tar, &(struct cclip_shard_keys){ .text = "cap.txt" },
          "t.tar: 0.PNG<png>'cap\nt.tar: 1.jpg<jpg>'c\nt.tar: 2.jpeg<jpeg>'c\nt.tar: 3.webp<webp>\n"
          "t.tar: 4.webp<webp>\n");
    check(&tar, &(struct cclip_shard_keys){ .json_text = "words" },
          "t.tar: 0.PNG<png>'one'two\nt.tar: 1.jpg<jpg>'w\nt.tar: 2.jpeg<jpeg>\nt.tar: 3.webp<webp>\n"
          "t.tar: 4.webp<webp>\n");
    check(&tar, &(struct cclip_shard_keys){ .group = "id" },
          "t.tar: 0.PNG<png>@x 1'text\nt.tar: 1.jpg<jpg>@7'c\nt.tar: 2.jpeg<jpeg>'c\nt.tar: 3.webp<webp>@7'text\n"
          "t.tar: 4.webp<webp>'text\n");
    tar_free(&tar);
}

static void test_broken(void **state)
{
    static const char *const classes[] = { "", "x", "3x", "-1", "99999999999", "1 2" };
    struct tar_writer tar = { 0 };
    char name[32], expected[2000] = "";
    (void)state;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        snprintf(name, sizeof name, "%zu.jpg", i);
        tar_file(&tar, name, "j");
        snprintf(name, sizeof name, "%zu.cls", i);
        tar_file(&tar, name, classes[i]);
        snprintf(expected + strlen(expected), 200,
                 "t.tar: %zu.jpg<j>!t.tar: %zu.cls: the number of a class expected\n", i, i);
    }
    tar_file(&tar, "a.cls", "1");
    strcat(expected, "t.tar: a#1!t.tar: a: no picture in this sample\n");
    tar_file(&tar, "b.jpg", "j");
    tar_file(&tar, "b.json", "{\"caption");
    strcat(expected, "t.tar: b.jpg<j>!t.tar: b.jpg: column 9 (byte 9): premature end of input near '\"caption'\n");
    tar_end(&tar);
    check(&tar, &lines, expected);
    tar_free(&tar);
}

/* A shard that ends early ends the source with an error, after the samples that were whole. */
static void test_cut(void **state)
{
    struct tar_writer tar = { 0 };
    struct cclip_sample_source *source;
    struct cclip_buffer text;
    (void)state;
    tar_file(&tar, "0.jpg", "j");
    tar_file(&tar, "0.cls", "1");
    tar_file(&tar, "1.jpg", "j");
    tar_file(&tar, "1.cls", "1");
    assert_ok(cclip_shards_open_memory(&source, tar.data, tar.size - 700, "t.tar", 0, &lines));
    assert_fails(CCLIP_ERROR_FORMAT, spell_source(&text, source));
    assert_string_equal(text.data, "t.tar: 0.jpg<j>#1\n");
    assert_non_null(strstr(cclip_error_message(), "t.tar: byte "));
    cclip_buffer_close(&text);
    cclip_sample_source_close(&source);
    tar_free(&tar);
}

static void write_shard(const char *path, const char *key, const char *label)
{
    struct tar_writer tar = { 0 };
    char name[64];
    snprintf(name, sizeof name, "%s.jpg", key);
    tar_file(&tar, name, "j");
    snprintf(name, sizeof name, "%s.cls", key);
    tar_file(&tar, name, label);
    tar_end(&tar);
    assert_ok(cclip_file_write(path, tar.data, tar.size));
    tar_free(&tar);
}

/* The same key in two shards is two samples. */
static void test_shards(void **state)
{
    struct cclip_names paths = { 0 };
    struct cclip_sample_source *source;
    (void)state;
    write_shard("0.tar", "same", "1");
    write_shard("1.tar", "same", "2");
    write_shard("2.tar", "x", "3");
    for (char name[] = "0.tar"; name[0] < '3'; name[0]++)
        assert_ok(cclip_names_add(&paths, name, 5));
    assert_ok(cclip_shards_open(&source, &paths, NULL));
    assert_int_equal(paths.count, 0);
    assert_samples(source, "0.tar: same.jpg<j>#1\n1.tar: same.jpg<j>#2\n2.tar: x.jpg<j>#3\n");
    cclip_sample_source_close(&source);
    assert_ok(cclip_names_add(&paths, "0.tar", 5));
    assert_ok(cclip_names_add(&paths, "absent.tar", 10));
    assert_ok(cclip_shards_open(&source, &paths, NULL));
    struct cclip_buffer text;
    assert_fails(CCLIP_ERROR_NOT_FOUND, spell_source(&text, source));
    cclip_buffer_close(&text);
    cclip_sample_source_close(&source);
}

static cclip_status read_all(void *context)
{
    struct cclip_sample_source *source = NULL;
    struct cclip_names paths = { 0 };
    struct cclip_buffer text = { 0 };
    (void)context;
    cclip_status status = cclip_names_add(&paths, "0.tar", 5);
    if (!status)
        status = cclip_names_add(&paths, "1.tar", 5);
    if (!status)
        status = cclip_shards_open(&source, &paths, NULL);
    if (!status)
        status = spell_source(&text, source);
    cclip_names_close(&paths);
    cclip_buffer_close(&text);
    cclip_sample_source_close(&source);
    return status;
}

static cclip_status read_memory(void *context)
{
    const struct tar_writer *tar = context;
    static const struct cclip_shard_keys keys = { .caption_lines = 1, .group = "id" };
    struct cclip_sample_source *source = NULL;
    struct cclip_buffer text = { 0 };
    cclip_status status = cclip_shards_open_memory(&source, tar->data, tar->size, "t.tar", 0, &keys);
    if (!status)
        status = spell_source(&text, source);
    cclip_buffer_close(&text);
    cclip_sample_source_close(&source);
    return status;
}

static void test_allocations(void **state)
{
    struct tar_writer tar = { 0 };
    (void)state;
    assert_true(cclip_fault_each(read_all, NULL) > 10);
    tar_file(&tar, "0.jpg", "j");
    tar_file(&tar, "0.txt", "a cat\ntwo");
    tar_file(&tar, "1.jpg", "j");
    tar_file(&tar, "1.json", "{\"caption\": \"from json\", \"id\": 3}");
    tar_end(&tar);
    assert_true(cclip_fault_each(read_memory, &tar) > 10);
    tar_free(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples), cmocka_unit_test(test_repeated), cmocka_unit_test(test_captions),
        cmocka_unit_test(test_broken), cmocka_unit_test(test_cut),     cmocka_unit_test(test_shards),
        cmocka_unit_test(test_named_members), cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
