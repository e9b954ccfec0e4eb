/* Tables of pictures: separators by the first line, paths, captions that belong together, classes. */
#include "unit/data/spell_samples.h"

#include <sys/stat.h>

#include "base/file.h"
#include "data/table.h"
#include "support/fault.h"

static struct cclip_table_request request(const char *path)
{
    return (struct cclip_table_request){ .path = path, .image_column = "filepath", .text_column = "title" };
}

static void write_text(const char *path, const char *text)
{
    assert_ok(cclip_file_write(path, text, strlen(text)));
}

static void check_pairs(const char *text, int merge, const char *expected)
{
    struct cclip_file_list *list;
    struct cclip_sample_source *source;
    const struct cclip_table_request r = request("t.csv");
    write_text("t.csv", text);
    assert_ok(cclip_file_list_open(&list));
    assert_ok(cclip_table_read(list, &r));
    if (merge)
        assert_ok(cclip_file_list_merge(list));
    source = cclip_file_list_source(&list);
    assert_null(list);
    assert_samples(source, expected);
    cclip_sample_source_close(&source);
}

static void test_pairs(void **state)
{
    static const char *const tables[] = { "filepath\ttitle\nb.jpg\ta, b\na.jpg\tc\n",
                                          "title,filepath\n\"a, b\",b.jpg\nc,a.jpg\n",
                                          "x;filepath;title;y\n1;b.jpg;a, b;2\n1;a.jpg;c\n",
                                          "filepath|title\r\nb.jpg|a, b\r\na.jpg|c\r\n" };
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        check_pairs(tables[i], 0, "b.jpg<@b.jpg>'a, b\na.jpg<@a.jpg>'c\n");
    check_pairs("filepath,title\n", 0, "");
    check_pairs("filepath,title\na.jpg,\n", 0, "a.jpg<@a.jpg>'\n");
}

/* A column of groups: an empty field is none, a row too short for it is broken. */
static void test_groups(void **state)
{
    struct cclip_file_list *list;
    struct cclip_table_request r = request("t.csv");
    (void)state;
    write_text("t.csv", "filepath,kind,title\na,x y,1\nb,,2\nc,x y,3\n");
    assert_ok(cclip_file_list_open(&list));
    r.group_column = "kind";
    assert_ok(cclip_table_read(list, &r));
    write_text("t.csv", "filepath,title,kind\nd,4\n");
    assert_ok(cclip_table_read(list, &r));
    r.group_column = "species";
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_table_read(list, &r));
    assert_string_equal(cclip_error_message(), "t.csv: line 1: no column \"species\"");
    struct cclip_sample_source *source = cclip_file_list_source(&list);
    assert_samples(source, "a<@a>@x y'1\nb<@b>'2\nc<@c>@x y'3\n"
                           "t.csv: line 2: 2 fields, at least 3 expected"
                           "!t.csv: line 2: 2 fields, at least 3 expected\n");
    cclip_sample_source_close(&source);
}

static void test_merge(void **state)
{
    (void)state;
    check_pairs("filepath,title\nb,1\na,2\nb,3\nc,4\na,5\nb,6\n", 1, "b<@b>'1'3'6\na<@a>'2'5\nc<@c>'4\n");
    check_pairs("filepath,title\nb,1\na,2\nb,3\n", 0, "b<@b>'1\na<@a>'2\nb<@b>'3\n");
    /* broken rows stay apart, also where they are broken in the same way */
    check_pairs("filepath,title\n,1\na,2\n,3\nshort\na,4\n", 1,
                "t.csv: line 2: the path of a picture expected!t.csv: line 2: the path of a picture expected\n"
                "a<@a>'2'4\n"
                "t.csv: line 4: the path of a picture expected!t.csv: line 4: the path of a picture expected\n"
                "t.csv: line 5: 1 fields, at least 2 expected!t.csv: line 5: 1 fields, at least 2 expected\n");
    check_pairs("filepath,title\n", 1, "");
}

/* What is broken is nobody's second caption, whatever its message is. */
static void test_merge_broken(void **state)
{
    struct cclip_file_list *list;
    (void)state;
    assert_ok(cclip_file_list_open(&list));
    assert_ok(cclip_file_list_add(list, "same", CCLIP_NO_CLASS, "1", 1));
    assert_ok(cclip_file_list_add_broken(list, cclip_fail(CCLIP_ERROR_FORMAT, "same")));
    assert_ok(cclip_file_list_add_broken(list, cclip_fail(CCLIP_ERROR_FORMAT, "same")));
    assert_ok(cclip_file_list_merge(list));
    struct cclip_sample_source *source = cclip_file_list_source(&list);
    assert_int_equal(source->total, 3);
    assert_samples(source, "same<@same>'1\nsame!same\nsame!same\n");
    cclip_sample_source_close(&source);
}

static void test_total(void **state)
{
    struct cclip_file_list *list;
    const struct cclip_table_request r = request("t.csv");
    (void)state;
    write_text("t.csv", "filepath,title\nb,1\na,2\nb,3\n");
    assert_ok(cclip_file_list_open(&list));
    assert_ok(cclip_table_read(list, &r));
    assert_int_equal(cclip_file_list_count(list), 3);
    assert_ok(cclip_file_list_merge(list));
    struct cclip_sample_source *source = cclip_file_list_source(&list);
    assert_int_equal(source->total, 2);
    cclip_sample_source_close(&source);
}

/* From the current folder, as open_clip takes them, else from the table's own. */
static void test_paths(void **state)
{
    struct cclip_file_list *list;
    const struct cclip_table_request r = request("set/t.csv");
    (void)state;
    mkdir("set", 0777);
    write_text("here.jpg", "");
    write_text("set/here.jpg", "");
    write_text("set/there.jpg", "");
    write_text("set/t.csv", "filepath,title\nhere.jpg,1\nthere.jpg,2\nnowhere.jpg,3\n/absent/there.jpg,4\n");
    assert_ok(cclip_file_list_open(&list));
    assert_ok(cclip_table_read(list, &r));
    struct cclip_sample_source *source = cclip_file_list_source(&list);
    assert_samples(source, "here.jpg<@here.jpg>'1\nset/there.jpg<@set/there.jpg>'2\nnowhere.jpg<@nowhere.jpg>'3\n"
                           "/absent/there.jpg<@/absent/there.jpg>'4\n");
    cclip_sample_source_close(&source);
}

static int has_column(const struct cclip_table_request *r, const char *name)
{
    int found;
    assert_ok(cclip_table_has_column(&found, r, name));
    return found;
}

static void test_columns(void **state)
{
    struct cclip_file_list *list;
    struct cclip_table_request r = request("t.csv");
    (void)state;
    write_text("t.csv", "filepath,title\na,1\n");
    assert_true(has_column(&r, "title"));
    assert_false(has_column(&r, "titl"));
    assert_ok(cclip_file_list_open(&list));
    r.text_column = "caption";
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_table_read(list, &r));
    assert_string_equal(cclip_error_message(), "t.csv: line 1: no column \"caption\"");
    r = request("t.csv");
    r.image_column = "image";
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_table_read(list, &r));
    assert_string_equal(cclip_error_message(), "t.csv: line 1: no column \"image\"");
    assert_false(has_column(&r, "title"));
    r = request("t.csv");
    r.separator = ';'; /* asked for, so nothing else is tried */
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_table_read(list, &r));
    r = request("absent.csv");
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_table_read(list, &r));
    write_text("t.csv", "");
    r = request("t.csv");
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_table_read(list, &r));
    write_text("t.csv", "filepath,title\na,\"1\n");
    assert_fails(CCLIP_ERROR_FORMAT, cclip_table_read(list, &r));
    cclip_file_list_close(&list);
}

static void check_classes(const char *text, struct cclip_names *classes, const char *expected)
{
    struct cclip_file_list *list;
    const struct cclip_table_request r = request("t.csv");
    write_text("t.csv", text);
    assert_ok(cclip_file_list_open(&list));
    assert_ok(cclip_table_read_classes(list, classes, &r));
    struct cclip_sample_source *source = cclip_file_list_source(&list);
    assert_samples(source, expected);
    cclip_sample_source_close(&source);
}

/* What is said of a row, which has no other name either. */
#define NO_CLASS(path, text) "t.csv: " path ": \"" text "\" in column \"title\" is none of the classes"

static void test_classes(void **state)
{
    struct cclip_names classes = { 0 };
    (void)state;
    /* the names that occur, sorted */
    check_classes("filepath,title\n1,dog\n2,cat\n3,dog\n4,ant\n", &classes, "1<@1>#2\n2<@2>#1\n3<@3>#2\n4<@4>#0\n");
    assert_int_equal(classes.count, 3);
    assert_string_equal(classes.names[0], "ant");
    assert_string_equal(classes.names[2], "dog");
    /* given names in their own order, by name or number; what is neither is broken */
    cclip_names_close(&classes);
    assert_ok(cclip_names_add(&classes, "dog", 3));
    assert_ok(cclip_names_add(&classes, "cat", 3));
    check_classes("filepath,title\n1,cat\n2,0\n3,cow\n4,2\n5,\n", &classes,
                  "1<@1>#1\n2<@2>#0\n" NO_CLASS("3", "cow") "!" NO_CLASS("3", "cow") "\n" NO_CLASS("4", "2")
                  "!" NO_CLASS("4", "2") "\n" NO_CLASS("5", "") "!" NO_CLASS("5", "") "\n");
    cclip_names_close(&classes);
    struct cclip_file_list *list;
    const struct cclip_table_request r = request("t.csv");
    write_text("t.csv", "filepath,title\n1,\n");
    assert_ok(cclip_file_list_open(&list));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_table_read_classes(list, &classes, &r));
    cclip_file_list_close(&list);
    cclip_names_close(&classes);
}

/* A folder tree: sorted, pictures only, nothing hidden, no folder behind a link. */
static void test_folder(void **state)
{
    struct cclip_file_list *list;
    (void)state;
    mkdir("tree", 0777);
    mkdir("tree/b", 0777);
    mkdir("tree/b/c", 0777);
    mkdir("tree/.hidden", 0777);
    write_text("tree/z.jpg", "");
    write_text("tree/A.PNG", "");
    write_text("tree/b/c/deep.webp", "");
    write_text("tree/b/notes.txt", "");
    write_text("tree/.hidden/x.jpg", "");
    write_text("tree/.x.jpg", "");
    assert_int_equal(symlink("b", "tree/link"), 0);
    assert_int_equal(symlink("b/c/deep.webp", "tree/linked.webp"), 0);
    assert_ok(cclip_file_list_open(&list));
    assert_ok(cclip_file_list_add_folder(list, "tree", 4));
    struct cclip_sample_source *source = cclip_file_list_source(&list);
    assert_samples(source, "tree/A.PNG<@tree/A.PNG>#4\ntree/b/c/deep.webp<@tree/b/c/deep.webp>#4\n"
                           "tree/linked.webp<@tree/linked.webp>#4\ntree/z.jpg<@tree/z.jpg>#4\n");
    cclip_sample_source_close(&source);
    assert_ok(cclip_file_list_open(&list));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_file_list_add_folder(list, "absent", 0));
    cclip_file_list_close(&list);
}

static cclip_status read_pairs(void *context)
{
    struct cclip_file_list *list = NULL;
    struct cclip_sample_source *source = NULL;
    struct cclip_buffer text = { 0 };
    const struct cclip_table_request r = request("t.csv");
    (void)context;
    cclip_status status = cclip_file_list_open(&list);
    if (!status)
        status = cclip_table_read(list, &r);
    if (!status)
        status = cclip_file_list_merge(list);
    if (!status) {
        source = cclip_file_list_source(&list);
        status = spell_source(&text, source);
    }
    cclip_buffer_close(&text);
    cclip_sample_source_close(&source);
    cclip_file_list_close(&list);
    return status;
}

static cclip_status read_classes(void *context)
{
    struct cclip_file_list *list = NULL;
    struct cclip_names classes = { 0 };
    const struct cclip_table_request r = request("t.csv");
    (void)context;
    cclip_status status = cclip_file_list_open(&list);
    if (!status)
        status = cclip_table_read_classes(list, &classes, &r);
    cclip_names_close(&classes);
    cclip_file_list_close(&list);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    write_text("t.csv", "filepath,title\nb,1\na,2\nb,3\n,4\n");
    assert_true(cclip_fault_each(read_pairs, NULL) > 10);
    assert_true(cclip_fault_each(read_classes, NULL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),   cmocka_unit_test(test_groups),  cmocka_unit_test(test_merge),
        cmocka_unit_test(test_total),
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_columns), cmocka_unit_test(test_classes),
        cmocka_unit_test(test_folder),  cmocka_unit_test(test_allocations), cmocka_unit_test(test_merge_broken),
    };
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
