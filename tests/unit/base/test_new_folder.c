/* Folders that appear when they are complete. */
#include "support/fault.h"
#include "support/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/new_folder.h"
#include "support/made_files.h"

/* How many names the test's folder holds: nothing may be left beside what was asked for. */
static size_t count_in(const char *path)
{
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, path));
    const size_t count = names.count;
    cclip_names_close(&names);
    return count;
}

static cclip_status put_file(const struct cclip_new_folder *folder, const char *name)
{
    char *path = cclip_path_join(folder->temporary, name);
    const cclip_status status = path ? cclip_file_write(path, "text", 4) : CCLIP_ERROR_MEMORY;
    cclip_release(path);
    return status;
}

static void test_appears_whole(void **state)
{
    struct cclip_new_folder folder;
    struct stat information;
    const char *path = made_path("whole");
    (void)state;
    assert_ok(cclip_new_folder_open(&folder, made_path("whole//")));
    assert_ok(put_file(&folder, "one"));
    assert_ok(put_file(&folder, "two"));
    assert_false(cclip_is_folder(path));
    assert_ok(cclip_new_folder_commit(&folder, CCLIP_OK));
    cclip_new_folder_close(&folder);
    cclip_new_folder_close(&folder);
    assert_int_equal(count_in(path), 2);
    assert_int_equal(count_in(made_folder), 1);
    const mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(path, &information), 0);
    assert_int_equal(information.st_mode & 0777, 0777 & ~mask);
    char command[160];
    snprintf(command, sizeof command, "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

static void test_replaces(void **state)
{
    struct cclip_new_folder folder;
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_ok(cclip_new_folder_open_over(&folder, made_path("over")));
        assert_ok(put_file(&folder, round ? "new" : "old"));
        assert_ok(cclip_new_folder_commit(&folder, CCLIP_OK));
        cclip_new_folder_close(&folder);
    }
    assert_true(cclip_is_file(made_path("over/new")));
    assert_false(cclip_is_file(made_path("over/old")));
    assert_int_equal(count_in(made_folder), 1);
    assert_ok(cclip_new_folder_open_over(&folder, made_path("over")));
    assert_fails(CCLIP_ERROR_IO, cclip_new_folder_commit(&folder, cclip_fail(CCLIP_ERROR_IO, "no")));
    cclip_new_folder_close(&folder);
    assert_true(cclip_is_file(made_path("over/new")));
    cclip_flat_folder_remove(made_path("over"));
    assert_int_equal(count_in(made_folder), 0);
}

static void test_leaves_nothing(void **state)
{
    struct cclip_new_folder folder;
    (void)state;
    assert_ok(cclip_new_folder_open(&folder, made_path("broken")));
    assert_ok(put_file(&folder, "one"));
    cclip_new_folder_close(&folder); /* without commit */
    assert_int_equal(count_in(made_folder), 0);
    assert_ok(cclip_new_folder_open(&folder, made_path("broken")));
    assert_ok(put_file(&folder, "one"));
    const cclip_status failure = put_file(&folder, "no/such");
    assert_fails(CCLIP_ERROR_NOT_FOUND, failure);
    assert_non_null(strstr(cclip_error_message(), ".tmp-"));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_new_folder_commit(&folder, failure));
    assert_null(strstr(cclip_error_message(), ".tmp-")); /* the name that was asked for */
    assert_message("broken/no/such: cannot create");
    cclip_new_folder_close(&folder);
    assert_int_equal(count_in(made_folder), 0);
}

static void test_what_is_there(void **state)
{
    struct cclip_new_folder folder;
    (void)state;
    const char *path = made_path("there");
    assert_int_equal(mkdir(path, 0777), 0);
    assert_ok(cclip_new_folder_open(&folder, path)); /* empty: fine */
    assert_ok(put_file(&folder, "one"));
    assert_ok(cclip_new_folder_commit(&folder, CCLIP_OK));
    cclip_new_folder_close(&folder);
    assert_int_equal(count_in(path), 1);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_new_folder_open(&folder, path));
    assert_message("there: is there already, and is not empty");
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_new_folder_open(&folder, made_path("there/one")));
    assert_message("there/one: is there already, and is no folder");
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_new_folder_open(&folder, made_path("none/below")));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_new_folder_open(&folder, ""));
    /* Filled by someone else meanwhile: not replaced. */
    const char *late = made_path("late");
    assert_ok(cclip_new_folder_open(&folder, late));
    assert_int_equal(mkdir(late, 0777), 0);
    assert_ok(cclip_file_write(made_path("late/file"), "text", 4));
    assert_fails(CCLIP_ERROR_IO, cclip_new_folder_commit(&folder, CCLIP_OK));
    cclip_new_folder_close(&folder);
    assert_int_equal(count_in(late), 1);
    assert_int_equal(count_in(made_folder), 2);
    char command[160];
    snprintf(command, sizeof command, "rm -r %s/*", made_folder);
    assert_int_equal(system(command), 0);
}

static cclip_status whole_life(void *context)
{
    struct cclip_new_folder folder;
    const char *path = context;
    cclip_status status = cclip_new_folder_open(&folder, path);
    if (!status) {
        status = put_file(&folder, "one");
        status = cclip_new_folder_commit(&folder, status);
    }
    cclip_new_folder_close(&folder);
    if (status)
        assert_int_equal(access(path, F_OK), -1);
    else {
        char file[160];
        snprintf(file, sizeof file, "%s/one", path);
        assert_int_equal(unlink(file), 0);
        assert_int_equal(rmdir(path), 0);
    }
    return status;
}

static void test_out_of_memory(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s", made_path("memory"));
    assert_true(cclip_fault_each(whole_life, path) > 3);
    assert_int_equal(count_in(made_folder), 0);
}

/* What was put into folders within goes too, when it is not committed; what a link points to stays. */
static void test_tree(void **state)
{
    struct cclip_new_folder folder;
    (void)state;
    const size_t before = count_in(made_folder);
    made_file("kept", "x", 1);
    assert_ok(cclip_new_folder_open(&folder, made_path("tree")));
    char *deep = cclip_path_join(folder.temporary, "a/b/c"), *link = cclip_path_join(folder.temporary, "a/link");
    assert_ok(cclip_folder_make(deep));
    assert_ok(put_file(&folder, "a/b/c/file"));
    assert_int_equal(symlink(made_folder, link), 0);
    cclip_release(deep);
    cclip_release(link);
    cclip_new_folder_close(&folder);
    assert_int_equal(count_in(made_folder), before + 1);
    assert_int_equal(unlink(made_path("kept")), 0);
}

static void test_sweeps(void **state)
{
    static const char *const names[] = { "left",          "left.tmp-abcdef",  "left.old-abcdef",   "gone.tmp-abcdef",
                                         "gone.old-abcdef", "left.tmp-abcdefg", "left.tmp-abcde", "left-too" };
    char path[64];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "swept/%s", names[i]);
        assert_ok(cclip_folder_make(made_path(path)));
    }
    assert_ok(cclip_new_folder_sweep(made_path("swept"), "left"));
    assert_false(cclip_is_folder(made_path("swept/left.tmp-abcdef")));
    assert_false(cclip_is_folder(made_path("swept/left.old-abcdef")));
    assert_int_equal(count_in(made_path("swept")), 6);
    assert_ok(cclip_new_folder_sweep(made_path("swept"), "gone"));
    assert_true(cclip_is_folder(made_path("swept/gone.old-abcdef"))); /* all there is of it */
    assert_int_equal(count_in(made_path("swept")), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appears_whole), cmocka_unit_test(test_replaces), cmocka_unit_test(test_leaves_nothing),
        cmocka_unit_test(test_what_is_there), cmocka_unit_test(test_tree),     cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_sweeps),
    };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
