/* Files: mapped, read, replaced whole, listed in order. Runs in a folder of its own. */
#include "support/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

static char top[] = "/tmp/cclip-file-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return !mkdtemp(top) || chdir(top);
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", top);
    return chdir("/") || system(command);
}

static size_t count_files(const char *folder)
{
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, folder));
    const size_t count = names.count;
    cclip_names_close(&names);
    return count;
}

static void test_mapping(void **state)
{
    (void)state;
    struct cclip_mapping mapping;
    assert_ok(cclip_file_write("m", "12345", 5));
    assert_ok(cclip_mapping_open(&mapping, "m"));
    assert_int_equal(mapping.size, 5);
    assert_memory_equal(mapping.data, "12345", 5);
    cclip_mapping_forget(&mapping, 0, 5);
    assert_memory_equal(mapping.data, "12345", 5);
    cclip_mapping_close(&mapping);
    assert_ok(cclip_file_write("m", "", 0));
    assert_ok(cclip_mapping_open(&mapping, "m"));
    assert_int_equal(mapping.size, 0);
    assert_non_null(mapping.data);
    cclip_mapping_close(&mapping);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_mapping_open(&mapping, "absent"));
    assert_fails(CCLIP_ERROR_IO, cclip_mapping_open(&mapping, "."));
    assert_fails(CCLIP_ERROR_IO, cclip_mapping_open(&mapping, "/dev/null"));
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_fails(CCLIP_ERROR_IO, cclip_mapping_open(&mapping, "pipe")); /* and does not hang */
    unlink("pipe");
    unlink("m");
}

static void test_read(void **state)
{
    (void)state;
    struct cclip_buffer buffer;
    assert_ok(cclip_file_write("r", "123456", 6));
    assert_ok(cclip_file_read(&buffer, "r", 6));
    assert_string_equal(buffer.data, "123456");
    cclip_buffer_close(&buffer);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_file_read(&buffer, "r", 5));
    assert_non_null(strstr(cclip_error_message(), "r: "));
    cclip_buffer_close(&buffer);
    assert_fails(CCLIP_ERROR_IO, cclip_file_read(&buffer, ".", 5));
    cclip_buffer_close(&buffer);
    unlink("r");
}

static void test_writer(void **state)
{
    (void)state;
    struct cclip_writer writer;
    struct cclip_buffer buffer;
    struct stat information;
    assert_ok(cclip_file_write("w", "old", 3));
    assert_ok(cclip_writer_open(&writer, "w"));
    assert_ok(cclip_writer_write(&writer, "new", 3));
    cclip_writer_close(&writer); /* not committed: nothing happened */
    assert_ok(cclip_file_read(&buffer, "w", 10));
    assert_string_equal(buffer.data, "old");
    cclip_buffer_close(&buffer);
    assert_int_equal(count_files("."), 1);
    const mode_t mask = umask(027);
    assert_ok(cclip_file_write("w", "new", 3));
    umask(mask);
    assert_ok(cclip_file_read(&buffer, "w", 10));
    assert_string_equal(buffer.data, "new");
    cclip_buffer_close(&buffer);
    assert_int_equal(stat("w", &information), 0);
    assert_int_equal(information.st_mode & 0777, 0640);
    assert_int_equal(count_files("."), 1);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_file_write("no/such/folder", "x", 1));
    assert_fails(CCLIP_ERROR_IO, cclip_file_write("/dev/full", "x", 1));
    assert_ok(cclip_file_write("/dev/null", "x", 1)); /* a device is written, not replaced */
    assert_int_equal(stat("/dev/null", &information), 0);
    assert_true(S_ISCHR(information.st_mode));
    unlink("w");
}

static void test_read_text(void **state)
{
    (void)state;
    struct cclip_buffer buffer;
    assert_ok(cclip_file_write("t", "ab\0d", 4));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_file_read_text(&buffer, "t", 100));
    assert_string_equal(cclip_error_message(), "t: byte 2 is zero: a text file was expected");
    cclip_buffer_close(&buffer);
    assert_ok(cclip_file_write("t", "abd", 3));
    assert_ok(cclip_file_read_text(&buffer, "t", 3));
    assert_string_equal(buffer.data, "abd");
    cclip_buffer_close(&buffer);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_file_read_text(&buffer, "/dev/zero", (size_t)1 << 40));
    cclip_buffer_close(&buffer);
    unlink("t");
}

/* The file behind a link is replaced; the link stays. */
static void test_writer_through_link(void **state)
{
    (void)state;
    struct cclip_buffer buffer;
    struct stat information;
    assert_ok(cclip_folder_make("behind"));
    assert_ok(cclip_file_write("behind/w", "old", 3));
    assert_int_equal(symlink("behind/w", "link"), 0);
    assert_ok(cclip_file_write("link", "new", 3));
    assert_int_equal(lstat("link", &information), 0);
    assert_true(S_ISLNK(information.st_mode));
    assert_ok(cclip_file_read(&buffer, "behind/w", 10));
    assert_string_equal(buffer.data, "new");
    cclip_buffer_close(&buffer);
    unlink("behind/w");
    assert_ok(cclip_file_write("link", "newer", 5)); /* it led nowhere: now it is a file */
    unlink("link");
    unlink("behind/w");
    rmdir("behind");
}

static void test_writer_onto_folder(void **state)
{
    (void)state;
    assert_ok(cclip_folder_make("folder"));
    assert_fails(CCLIP_ERROR_IO, cclip_file_write("folder", "x", 1));
    assert_int_equal(count_files("."), 1);
    assert_int_equal(rmdir("folder"), 0);
}

static void test_folders(void **state)
{
    (void)state;
    struct cclip_names names;
    assert_ok(cclip_folder_make("a/b/c"));
    assert_ok(cclip_folder_make("a/b/c"));
    assert_true(cclip_is_folder("a/b/c"));
    assert_ok(cclip_file_write("a/10", "", 0));
    assert_ok(cclip_file_write("a/2", "", 0));
    assert_ok(cclip_file_write("a/\xff", "", 0)); /* a name is bytes */
    assert_ok(cclip_folder_list(&names, "a"));
    assert_int_equal(names.count, 4);
    assert_string_equal(names.names[0], "10");
    assert_string_equal(names.names[1], "2");
    assert_string_equal(names.names[2], "b");
    assert_string_equal(names.names[3], "\xff");
    cclip_names_close(&names);
    assert_true(cclip_is_file("a/2") && !cclip_is_file("a/b") && !cclip_is_folder("a/2"));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_folder_list(&names, "absent"));
    assert_fails(CCLIP_ERROR_IO, cclip_folder_make("a/2"));
    assert_fails(CCLIP_ERROR_IO, cclip_folder_make("a/2/x"));
    assert_string_equal(cclip_error_message(), "a/2: cannot make the folder: Not a directory");
    assert_fails(CCLIP_ERROR_IO, cclip_folder_make("/proc/x/y")); /* not: no such file */
    assert_string_equal(cclip_error_message(), "/proc/x: cannot make the folder: Operation not permitted");
}

static void test_paths(void **state)
{
    (void)state;
    char *joined = cclip_path_join("a", "b"), *slash = cclip_path_join("a/", "b");
    assert_string_equal(joined, "a/b");
    assert_string_equal(slash, "a/b");
    cclip_release(joined);
    cclip_release(slash);
    assert_string_equal(cclip_path_name("a/b/c.png"), "c.png");
    assert_string_equal(cclip_path_name("c.png"), "c.png");
    assert_true(cclip_path_has_suffix("A.PNG", ".png"));
    assert_false(cclip_path_has_suffix("png", ".png"));
    assert_true(cclip_path_is_within("/usr/none", "/usr"));
    assert_true(cclip_path_is_within("/usr/bin/none/", "/usr/"));
    assert_true(cclip_path_is_within("none", "."));
    assert_true(cclip_path_is_within("/none", "/"));
    assert_true(cclip_path_is_within("/tmp/../usr/none", "/usr"));
    assert_false(cclip_path_is_within("/usr/none", "/usr/bin"));
    assert_false(cclip_path_is_within("/usr", "/usr"));
    assert_false(cclip_path_is_within("/usr/bin/none", "/us"));
    assert_false(cclip_path_is_within("none/none", "."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapping), cmocka_unit_test(test_read),    cmocka_unit_test(test_writer),
        cmocka_unit_test(test_read_text),
        cmocka_unit_test(test_writer_through_link),
        cmocka_unit_test(test_writer_onto_folder), cmocka_unit_test(test_folders), cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
