/* Tar: kinds of members, long names of both kinds, compression, damage, size limits. */
#include "support/unit.h"

#include <locale.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "formats/tar.h"
#include "support/fault.h"
#include "support/tar_writer.h"

/* Walks through all members, reading those whose name does not begin with '-'; "name=content;". */
static cclip_status spell(char *out, size_t size, const void *data, size_t length)
{
    struct cclip_tar *tar;
    struct cclip_tar_member member = { 0 };
    struct cclip_buffer content;
    size_t at = 0;
    *out = '\0';
    cclip_status status = cclip_tar_open_memory(&tar, data, length, "t.tar", 0);
    if (status) {
        assert_null(tar);
        return status;
    }
    cclip_buffer_open(&content, 1 << 20);
    while (!(status = cclip_tar_next(tar, &member)) && member.name) {
        at += (size_t)snprintf(out + at, size - at, "%s=", member.name);
        cclip_buffer_clear(&content);
        if (member.name[0] != '-' && (status = cclip_tar_read(tar, &content)))
            break;
        at += (size_t)snprintf(out + at, size - at, "%s;", content.length ? content.data : "");
    }
    cclip_buffer_close(&content);
    cclip_tar_close(&tar);
    assert_null(tar);
    return status;
}

static void test_members(void **state)
{
    struct tar_writer tar = { 0 };
    char text[1000];
    (void)state;
    tar_member(&tar, '5', "folder/", "", 0);
    tar_file(&tar, "folder/a.txt", "first");
    tar_file(&tar, "-passed-over", "not read");
    tar_member(&tar, '2', "link", "", 0);
    tar_file(&tar, "empty", "");
    tar_file(&tar, "b.txt", "last");
    tar_end(&tar);
    assert_ok(spell(text, sizeof text, tar.data, tar.size));
    assert_string_equal(text, "folder/a.txt=first;-passed-over=;empty=;b.txt=last;");
    assert_ok(spell(text, sizeof text, tar.data, tar.size - 1024)); /* without the two empty blocks */
    assert_string_equal(text, "folder/a.txt=first;-passed-over=;empty=;b.txt=last;");
    tar_free(&tar);
}

/* Names come out in their bytes, whatever the locale can spell. */
static void check_names(const char *locale)
{
    char longer[700], text[4000], expected[4000];
    struct tar_writer tar = { 0 };
    assert_non_null(setlocale(LC_ALL, locale));
    memset(longer, 'n', sizeof longer);
    memcpy(longer, "deep/", 5);
    longer[sizeof longer - 5] = '\0';
    strcat(longer, ".jpg");
    tar_gnu_long(&tar, longer, "gnu");
    tar_pax(&tar, longer, "pax");
    tar_file(&tar, "caf\xc3\xa9", "utf8");
    tar_file(&tar, "caf\xe9", "latin1");
    tar_pax(&tar, "caf\xc3\xa9-\xe7\x8c\xab", "pax utf8");
    tar_pax(&tar, "caf\xe9", "pax latin1");
    tar_end(&tar);
    assert_ok(spell(text, sizeof text, tar.data, tar.size));
    snprintf(expected, sizeof expected,
             "%s=gnu;%s=pax;caf\xc3\xa9=utf8;caf\xe9=latin1;caf\xc3\xa9-\xe7\x8c\xab=pax utf8;caf\xe9=pax latin1;",
             longer, longer);
    assert_string_equal(text, expected);
    tar_free(&tar);
    setlocale(LC_ALL, "C");
}

static void test_names(void **state)
{
    (void)state;
    check_names("C");
    check_names("C.UTF-8");
}

static void test_gzip(void **state)
{
    struct tar_writer tar = { 0 };
    unsigned char packed[5000];
    char text[1000];
    z_stream stream = { 0 };
    (void)state;
    tar_file(&tar, "a.txt", "inside");
    tar_end(&tar);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)tar.data;
    stream.avail_in = (uInt)tar.size;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_ok(spell(text, sizeof text, packed, stream.total_out));
    assert_string_equal(text, "a.txt=inside;");
    deflateEnd(&stream);
    tar_free(&tar);
}

static void test_damage(void **state)
{
    struct tar_writer tar = { 0 };
    char text[2000], content[600];
    (void)state;
    memset(content, 'x', sizeof content);
    content[sizeof content - 1] = '\0';
    tar_file(&tar, "a.txt", content);
    tar_file(&tar, "b.txt", content);
    tar_end(&tar);
    /* cut inside a header or inside a content; at the end of a member it is an archive without its end */
    for (size_t cut = 1; cut < 512 + 1024 + 512 + 599; cut += 7) {
        char *exact = malloc(cut);
        memcpy(exact, tar.data, cut);
        assert_fails(CCLIP_ERROR_FORMAT, spell(text, sizeof text, exact, cut));
        if (strncmp(cclip_error_message(), "t.tar: byte ", 12))
            fail_msg("%s", cclip_error_message());
        free(exact);
    }
    tar.data[1536 + 3] ^= 1; /* the name in the second header: its checksum is wrong now */
    assert_fails(CCLIP_ERROR_FORMAT, spell(text, sizeof text, tar.data, tar.size));
    assert_fails(CCLIP_ERROR_FORMAT, spell(text, sizeof text, "no archive at all", 17));
    assert_fails(CCLIP_ERROR_FORMAT, spell(text, sizeof text, "", 0));
    tar_free(&tar);
}

/* A member that is too large is an error of its own; the next one can still be read. */
static void test_limit(void **state)
{
    struct tar_writer tar = { 0 };
    struct cclip_tar *reader;
    struct cclip_tar_member member;
    struct cclip_buffer content;
    static char large[200000];
    (void)state;
    memset(large, 'x', sizeof large - 1);
    tar_file(&tar, "large", large);
    tar_file(&tar, "small", "text");
    tar_end(&tar);
    cclip_buffer_open(&content, 100000);
    assert_ok(cclip_tar_open_memory(&reader, tar.data, tar.size, "t.tar", 0));
    assert_ok(cclip_tar_next(reader, &member));
    assert_int_equal(member.offset, 0);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_tar_read(reader, &content));
    cclip_buffer_clear(&content);
    assert_ok(cclip_tar_next(reader, &member));
    assert_string_equal(member.name, "small");
    assert_int_equal(member.offset, 512 + 200192);
    assert_ok(cclip_tar_read(reader, &content));
    assert_string_equal(content.data, "text");
    cclip_tar_close(&reader);
    cclip_buffer_close(&content);
    tar_free(&tar);
}

static void test_files(void **state)
{
    char path[] = "/tmp/cclip-tar-XXXXXX";
    struct cclip_tar *reader;
    struct cclip_tar_member member;
    struct tar_writer tar = { 0 };
    (void)state;
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_tar_open(&reader, path));
    assert_non_null(strstr(cclip_error_message(), "an empty file"));
    tar_file(&tar, "a.txt", "inside");
    tar_end(&tar);
    assert_ok(cclip_file_write(path, tar.data, tar.size));
    assert_ok(cclip_tar_open(&reader, path));
    assert_ok(cclip_tar_next(reader, &member));
    assert_string_equal(member.name, "a.txt");
    assert_ok(cclip_tar_next(reader, &member));
    assert_null(member.name);
    cclip_tar_close(&reader);
    unlink(path);
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_tar_open(&reader, path));
    assert_null(reader);
    assert_fails(CCLIP_ERROR_IO, cclip_tar_open(&reader, "/tmp"));
    tar_free(&tar);
}

static cclip_status read_all(void *context)
{
    const struct tar_writer *tar = context;
    char text[1000];
    return spell(text, sizeof text, tar->data, tar->size);
}

static void test_allocations(void **state)
{
    struct tar_writer tar = { 0 };
    (void)state;
    tar_file(&tar, "a.txt", "inside");
    tar_end(&tar);
    assert_true(cclip_fault_each(read_all, &tar) >= 3);
    tar_free(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members), cmocka_unit_test(test_names), cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_damage),  cmocka_unit_test(test_limit), cmocka_unit_test(test_files),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
