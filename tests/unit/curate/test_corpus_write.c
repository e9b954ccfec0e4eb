/* What is kept of a corpus, byte by byte: shards with headers of every kind, tables, folders. */
#include "support/unit.h"

#include <sys/stat.h>

#include "curate/corpus_write.h"
#include "support/fault.h"
#include "support/made_files.h"
#include "support/tar_writer.h"

/* Sample s is kept unless bit s of `dropped` is set; its caption is changed where it has one here. */
struct choice {
    unsigned dropped;
    const char *captions[8];
};

static int keep(void *user, size_t sample)
{
    return !(((struct choice *)user)->dropped >> sample & 1);
}

static const char *caption_of(void *user, size_t sample, size_t *length)
{
    const char *text = ((struct choice *)user)->captions[sample];
    *length = text ? strlen(text) : 0;
    return text;
}

static void open_choice(struct cclip_corpus_choice *out, struct cclip_pair_index *index,
                        const struct cclip_pair_source *source, struct choice *choice)
{
    assert_ok(cclip_pair_index_open(index, source, 1, 1));
    *out = (struct cclip_corpus_choice){ index, source, keep, caption_of, choice };
}

static void assert_file(const char *path, const void *data, size_t size)
{
    struct cclip_mapping file;
    assert_ok(cclip_mapping_open(&file, path));
    if (file.size != size || memcmp(file.data, data, size))
        fail_msg("%s: %zu bytes \"%.*s\", expected %zu \"%.*s\"", path, file.size, (int)file.size,
                 (const char *)file.data, size, (int)size, (const char *)data);
    cclip_mapping_close(&file);
}

static char long_name[200];

/* The members of sample `s`; `caption` NULL: as they were at first. */
static void add_sample(struct tar_writer *tar, int s, const char *caption)
{
    switch (s) {
    case 0:
        tar_file(tar, "a/0.jpg", "picture 0");
        tar_file(tar, "a/0.txt", caption ? caption : "zero");
        tar_file(tar, "a/0.json", "{\"caption\": \"not this\"}");
        break;
    case 1:
        tar_file(tar, "1.json", caption ? caption : "{\"x\": 1, \"caption\": \"one\", \"y\": [2]}");
        tar_file(tar, "1.png", "picture 1");
        break;
    case 2:
        tar_gnu_long(tar, long_name, caption ? caption : "two");
        tar_file(tar, "unrelated", "has no dot");
        break;
    default:
        tar_pax(tar, "3.txt", caption ? caption : "three");
        tar_file(tar, "3.jpg", "picture 3");
        break;
    }
}

static void test_shards(void **state)
{
    static const char *const written[] = { NULL, "{\"x\": 1, \"caption\": \"ONE\", \"y\": [2]}", NULL, NULL };
    struct choice choice = { 0, { "0, and much longer than before", "ONE", "2", "" } };
    struct cclip_pair_index index;
    struct cclip_corpus_choice corpus;
    (void)state;
    memset(long_name, 'n', 150);
    strcpy(long_name + 150, ".txt");
    struct tar_writer all = { 0 };
    for (int s = 0; s < 4; s++)
        add_sample(&all, s, NULL);
    tar_end(&all);
    char path[128]; /* what made_file gives is good for a few calls */
    snprintf(path, sizeof path, "%s", made_file("all.tar", all.data, all.size));
    const struct cclip_pair_source source = { .path = path };
    for (unsigned round = 0; round < 32; round++) {
        struct tar_writer expected = { 0 };
        struct cclip_writer out;
        choice.dropped = round & 15;
        open_choice(&corpus, &index, &source, &choice);
        assert_int_equal(index.count, 4);
        if (round < 16)
            corpus.caption = NULL;
        for (int s = 0; s < 4; s++)
            if (!(choice.dropped >> s & 1))
                add_sample(&expected, s, round < 16 ? NULL : written[s] ? written[s] : choice.captions[s]);
        tar_end(&expected);
        assert_ok(cclip_writer_open(&out, made_path("out.tar")));
        assert_ok(cclip_corpus_write_shard(&corpus, 0, &out));
        assert_ok(cclip_writer_commit(&out));
        assert_file(made_path("out.tar"), expected.data, expected.size);
        cclip_pair_index_close(&index);
        tar_free(&expected);
    }
    tar_free(&all);
}

/* Writes `tar` as a shard without the samples of `dropped`, and holds it to `expected`, which is ended here. */
static void check_rest(const char *tar, unsigned dropped, size_t samples, struct tar_writer *expected)
{
    struct choice choice = { dropped, { NULL } };
    struct cclip_pair_index index;
    struct cclip_corpus_choice corpus;
    struct cclip_writer out;
    const struct cclip_pair_source source = { .path = tar };
    open_choice(&corpus, &index, &source, &choice);
    assert_int_equal(index.count, samples);
    assert_ok(cclip_writer_open(&out, made_path("rest.tar")));
    assert_ok(cclip_corpus_write_shard(&corpus, 0, &out));
    assert_ok(cclip_writer_commit(&out));
    tar_end(expected);
    assert_file(made_path("rest.tar"), expected->data, expected->size);
    cclip_pair_index_close(&index);
    tar_free(expected);
}

static void add_same_key(struct tar_writer *tar, const char *text)
{
    tar_file(tar, "n.webp", text);
    tar_file(tar, "n.txt", text);
}

/* Samples of one key: each goes or stays by itself. */
static void test_repeated(void **state)
{
    static const char *const texts[] = { "a", "b", "c", "d" };
    struct tar_writer all = { 0 };
    char path[128];
    (void)state;
    for (size_t s = 0; s < 4; s++)
        add_same_key(&all, texts[s]);
    tar_end(&all);
    snprintf(path, sizeof path, "%s", made_file("same.tar", all.data, all.size));
    for (unsigned dropped = 0; dropped < 16; dropped++) {
        struct tar_writer expected = { 0 };
        for (size_t s = 0; s < 4; s++)
            if (!(dropped >> s & 1))
                add_same_key(&expected, texts[s]);
        check_rest(path, dropped, 4, &expected);
    }
    tar_free(&all);
}

/* Sample `s` with its links: in front of its files, behind them, a hard one between them. */
static void add_linked(struct tar_writer *tar, int s)
{
    char name[16];
    const char *const links[][2] = { { "jpg", NULL }, { NULL, "big.jpg" }, { "png", "jpg" } };
    if (links[s][0]) {
        snprintf(name, sizeof name, "%d.%s", s, links[s][0]);
        tar_member(tar, '2', name, "", 0);
        snprintf(name, sizeof name, "%d.json", s);
        tar_member(tar, '1', name, "", 0);
    }
    snprintf(name, sizeof name, "%d.webp", s);
    tar_file(tar, name, "picture");
    snprintf(name, sizeof name, "%d.txt", s);
    tar_file(tar, name, "caption");
    if (links[s][1]) {
        snprintf(name, sizeof name, "%d.%s", s, links[s][1]);
        tar_member(tar, '2', name, "", 0);
    }
}

static void test_links(void **state)
{
    struct tar_writer all = { 0 };
    char path[128];
    (void)state;
    for (int s = 0; s < 3; s++)
        add_linked(&all, s);
    tar_end(&all);
    snprintf(path, sizeof path, "%s", made_file("links.tar", all.data, all.size));
    for (unsigned dropped = 0; dropped < 8; dropped++) {
        struct tar_writer expected = { 0 };
        for (int s = 0; s < 3; s++)
            if (!(dropped >> s & 1))
                add_linked(&expected, s);
        check_rest(path, dropped, 3, &expected);
    }
    tar_free(&all);
}

static void test_table(void **state)
{
    static const char table[] = "title,x,filepath\r\nzero,,0.jpg\r\n"
                                "\"one, \"\"1\"\"\",5,1.jpg\n\ntwo,\"6\",2.jpg\nshort\nthree,,3.jpg";
    struct choice choice = { 1 << 3 | 1 << 0, { NULL, NULL, "2, \"two\"" } };
    char path[128];
    snprintf(path, sizeof path, "%s", made_file("t.csv", table, sizeof table - 1));
    const struct cclip_pair_source source = { .path = path };
    struct cclip_pair_index index;
    struct cclip_corpus_choice corpus;
    struct cclip_writer out;
    char expected[512];
    (void)state;
    made_file("3.jpg", "x", 1);
    open_choice(&corpus, &index, &source, &choice);
    assert_int_equal(index.count, 5);
    assert_true(cclip_corpus_is_table(&corpus));
    assert_ok(cclip_writer_open(&out, made_path("out.csv")));
    assert_ok(cclip_corpus_write_table(&corpus, 0, &out, made_path("out.csv")));
    assert_ok(cclip_writer_commit(&out));
    const char here[] = "title,x,filepath\r\n\"one, \"\"1\"\"\",5,1.jpg\n\"2, \"\"two\"\"\",6,2.jpg\nthree,,3.jpg\n";
    assert_file(made_path("out.csv"), here, sizeof here - 1);
    /* In another folder the path that was found beside the table becomes absolute. */
    mkdir(made_path("sub"), 0777);
    assert_ok(cclip_writer_open(&out, made_path("sub/out.csv")));
    assert_ok(cclip_corpus_write_table(&corpus, 0, &out, made_path("sub/out.csv")));
    assert_ok(cclip_writer_commit(&out));
    snprintf(expected, sizeof expected,
             "title,x,filepath\r\n\"one, \"\"1\"\"\",5,1.jpg\n\"2, \"\"two\"\"\",6,2.jpg\nthree,,%s/3.jpg\n",
             made_folder);
    assert_file(made_path("sub/out.csv"), expected, strlen(expected));
    cclip_pair_index_close(&index);
}

static void make_tree(void)
{
    mkdir(made_path("tree"), 0777);
    mkdir(made_path("tree/b"), 0777);
    made_file("tree/a.jpg", "picture a", 9);
    made_file("tree/a.txt", "caption a", 9);
    made_file("tree/b/b.jpg", "picture b", 9);
    made_file("tree/b/b.txt", "caption b", 9);
    made_file("tree/c.jpg", "picture c", 9);
}

static void test_folder(void **state)
{
    struct choice choice = { 0, { NULL, "B" } };
    char path[128];
    struct cclip_pair_index index;
    struct cclip_corpus_choice corpus;
    (void)state;
    make_tree();
    snprintf(path, sizeof path, "%s/", made_path("tree"));
    const struct cclip_pair_source source = { .path = path };
    open_choice(&corpus, &index, &source, &choice);
    assert_int_equal(index.count, 3);
    assert_false(cclip_corpus_is_table(&corpus));
    mkdir(made_path("copy"), 0777);
    assert_ok(cclip_corpus_write(&corpus, made_path("copy"), made_path("copy")));
    assert_file(made_path("copy/a.jpg"), "picture a", 9);
    assert_file(made_path("copy/a.txt"), "caption a", 9);
    assert_file(made_path("copy/b/b.txt"), "B", 1);
    assert_file(made_path("copy/c.jpg"), "picture c", 9);
    assert_false(cclip_is_file(made_path("copy/c.txt")));
    cclip_pair_index_close(&index);
}

/* Two shards of one name cannot both be written to one folder. */
static void test_names(void **state)
{
    char a[128], b[128];
    struct tar_writer tar = { 0 };
    struct cclip_pair_index index;
    (void)state;
    add_sample(&tar, 0, NULL);
    tar_end(&tar);
    mkdir(made_path("x"), 0777);
    mkdir(made_path("y"), 0777);
    snprintf(a, sizeof a, "%s", made_file("x/s.tar", tar.data, tar.size));
    snprintf(b, sizeof b, "%s", made_file("y/s.tar", tar.data, tar.size));
    const struct cclip_pair_source sources[] = { { .path = a }, { .path = b } };
    assert_ok(cclip_pair_index_open(&index, sources, 2, 1));
    const struct cclip_corpus_choice corpus = { &index, sources, keep, NULL, NULL };
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_corpus_check_names(&corpus));
    assert_message("\"s.tar\"");
    cclip_pair_index_close(&index);
    tar_free(&tar);
}

static cclip_status life(void *context)
{
    static char folder[128];
    struct cclip_buffer out;
    struct tar_writer *tar = context;
    cclip_buffer_open(&out, 1 << 20);
    cclip_status status = cclip_sample_with_caption(&out, tar->data, tar->size, "name", "new", 3);
    cclip_buffer_close(&out);
    struct choice choice = { 0, { NULL } };
    snprintf(folder, sizeof folder, "%s", made_path("tree"));
    const struct cclip_pair_source source = { .path = folder };
    struct cclip_pair_index index = { 0 };
    if (!status)
        status = cclip_pair_index_open(&index, &source, 1, 1);
    const struct cclip_corpus_choice corpus = { &index, &source, keep, caption_of, &choice };
    if (!status)
        status = cclip_corpus_check_names(&corpus);
    if (!status)
        status = cclip_corpus_write(&corpus, made_path("copy"), made_path("copy"));
    cclip_pair_index_close(&index);
    return status;
}

static void test_memory(void **state)
{
    struct tar_writer tar = { 0 };
    (void)state;
    make_tree();
    mkdir(made_path("copy"), 0777);
    add_sample(&tar, 1, NULL);
    assert_true(cclip_fault_each(life, &tar) > 20);
    tar_free(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_shards), cmocka_unit_test(test_repeated),
                                        cmocka_unit_test(test_links), cmocka_unit_test(test_table),
                                        cmocka_unit_test(test_folder), cmocka_unit_test(test_names),
                                        cmocka_unit_test(test_memory) };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
