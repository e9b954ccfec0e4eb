/* Zip archives: stored, deflated and zip64 entries are read; damaged and hostile ones are refused. */
#include "support/unit.h"

#include <zlib.h>

#include "formats/zip.h"
#include "support/made_files.h"
#include "support/made_zip.h"

static cclip_status open_made(struct cclip_zip **out, const struct made *made)
{
    return cclip_zip_open(out, made->data, made->length, "a.zip");
}

static void check_read(const struct cclip_zip *zip, const char *name, const void *data, size_t size)
{
    const struct cclip_zip_entry *entry = cclip_zip_find(zip, name, strlen(name));
    unsigned char *read = malloc(size + 1);
    assert_true(entry && read);
    assert_int_equal(entry->size, size);
    read[size] = 0xa5;
    assert_ok(cclip_zip_read(read, zip, entry));
    assert_memory_equal(read, data, size);
    assert_int_equal(read[size], 0xa5);
    free(read);
}

static void test_read(void **state)
{
    (void)state;
    for (int zip64 = 0; zip64 < 2; zip64++) {
        static unsigned char large[100000];
        struct made_zip made = { .zip64 = zip64 };
        struct cclip_zip *zip;
        const unsigned char *data;
        for (size_t i = 0; i < sizeof large; i++)
            large[i] = (unsigned char)(i * i >> 7);
        made_zip_add(&made, "b/stored", "some bytes", 10, 0);
        made_zip_add(&made, "b/deflated", large, sizeof large, 1);
        made_zip_add(&made, "a", "", 0, 0);
        made_zip_add(&made, "a/empty", "", 0, 1);
        made_zip_end(&made, "a comment");
        assert_ok(open_made(&zip, &made.out));
        assert_int_equal(cclip_zip_count(zip), 4);
        assert_memory_equal(cclip_zip_entry(zip, 0)->name, "b/stored", 8);
        check_read(zip, "b/stored", "some bytes", 10);
        check_read(zip, "b/deflated", large, sizeof large);
        check_read(zip, "a", "", 0);
        check_read(zip, "a/empty", "", 0);
        assert_null(cclip_zip_find(zip, "b/store", 7));
        assert_null(cclip_zip_find(zip, "b/stored2", 9));
        assert_null(cclip_zip_find(zip, "", 0));
        assert_int_equal(cclip_zip_find(zip, "b/deflated", 10)->deflated, 1);
        assert_true(cclip_zip_find(zip, "b/deflated", 10)->packed < sizeof large);
        assert_ok(cclip_zip_data(&data, zip, cclip_zip_entry(zip, 0)));
        assert_memory_equal(data, "some bytes", 10);
        cclip_zip_close(&zip);
        cclip_zip_close(&zip);
        made_zip_free(&made);
    }
}

static void test_empty(void **state)
{
    struct made_zip made = { .zip64 = 0 };
    struct cclip_zip *zip;
    (void)state;
    made_zip_end(&made, "");
    assert_ok(open_made(&zip, &made.out));
    assert_int_equal(cclip_zip_count(zip), 0);
    assert_null(cclip_zip_find(zip, "a", 1));
    cclip_zip_close(&zip);
    made_zip_free(&made);
}

/* Every length short of the whole is refused. */
static void test_cut(void **state)
{
    struct made_zip made = { .zip64 = 1 };
    struct cclip_zip *zip;
    (void)state;
    made_zip_add(&made, "a", "some bytes", 10, 0);
    made_zip_end(&made, "");
    for (size_t length = 0; length < made.out.length; length++) {
        assert_fails(CCLIP_ERROR_FORMAT, cclip_zip_open(&zip, made.out.data, length, "a.zip"));
        assert_null(zip);
        assert_message("a.zip");
    }
    made_zip_free(&made);
}

/* A change at a place of an archive with the entry "name" of `size` bytes, and what is said about it. */
struct damage {
    const char *after; /* a signature; the last one counts */
    size_t offset, bytes;
    uint64_t value;
    int deflated;
    cclip_status status;
    const char *words;
};

static void put_at(struct made *made, const struct damage *d)
{
    for (size_t i = made->length - 4; i != SIZE_MAX; i--)
        if (!memcmp(made->data + i, d->after, 4)) {
            for (size_t k = 0; k < d->bytes; k++)
                made->data[i + d->offset + k] = (unsigned char)(d->value >> (8 * k));
            return;
        }
    fail_msg("no such signature");
}

static void test_damaged(void **state)
{
    static const char central[] = "PK\1\2", local[] = "PK\3\4", end[] = "PK\5\6";
    static const struct damage damages[] = {
        { central, 0, 1, 'Q', 0, CCLIP_ERROR_FORMAT, "an entry of the zip directory was expected" },
        { central, 8, 2, 1, 0, CCLIP_ERROR_UNSUPPORTED, "is encrypted" },
        { central, 10, 2, 12, 0, CCLIP_ERROR_UNSUPPORTED, "a method other than deflate" },
        { central, 20, 4, 9, 0, CCLIP_ERROR_FORMAT, "is stored, but its sizes differ" },
        { central, 20, 4, 0x7fffffff, 1, CCLIP_ERROR_FORMAT, "reaches beyond the end" },
        { central, 24, 4, 0x7fffffff, 1, CCLIP_ERROR_LIMIT, "cannot unpack to so much" },
        { central, 24, 4, 0xffffffff, 1, CCLIP_ERROR_FORMAT, "lacks its zip64 sizes" },
        { central, 28, 2, 60000, 0, CCLIP_ERROR_FORMAT, "an entry longer than the zip directory" },
        { central, 42, 4, 0x7fffffff, 0, CCLIP_ERROR_FORMAT, "reaches beyond the end" },
        { end, 4, 2, 1, 0, CCLIP_ERROR_UNSUPPORTED, "several parts" },
        { end, 8, 4, 0x00090009, 0, CCLIP_ERROR_FORMAT, "9 zip entries in a directory of" },
        { end, 12, 4, 0x7fffffff, 0, CCLIP_ERROR_FORMAT, "the zip directory is said to be" },
        { end, 16, 4, 0x7fffffff, 0, CCLIP_ERROR_FORMAT, "the zip directory is said to be" },
        { end, 20, 2, 3, 0, CCLIP_ERROR_FORMAT, "without its directory" },
        { local, 0, 1, 'Q', 0, CCLIP_ERROR_FORMAT, "its local header is not there" },
        { local, 28, 2, 60000, 0, CCLIP_ERROR_FORMAT, "reaches beyond the end" },
        { local, 30, 1, 'x', 0, CCLIP_ERROR_FORMAT, "its local header has another name" },
        { local, 36, 1, 'x', 0, CCLIP_ERROR_FORMAT, "its sum is wrong" },
        { local, 36, 1, 0xff, 1, CCLIP_ERROR_FORMAT, "its packed data is damaged" },
        { central, 24, 4, 2999, 1, CCLIP_ERROR_FORMAT, "its packed data is damaged" },
        { central, 24, 4, 3001, 1, CCLIP_ERROR_FORMAT, "its packed data is damaged" },
        { central, 16, 1, 0, 1, CCLIP_ERROR_FORMAT, "its sum is wrong" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        static unsigned char data[3000], read[4096];
        const struct damage *d = &damages[i];
        struct made_zip made = { .zip64 = 0 };
        struct cclip_zip *zip;
        made_zip_add(&made, "name", data, d->deflated ? sizeof data : 10, d->deflated);
        made_zip_end(&made, "");
        put_at(&made.out, d);
        cclip_status status = open_made(&zip, &made.out);
        if (!status)
            status = cclip_zip_read(read, zip, cclip_zip_entry(zip, 0));
        if (status != d->status)
            fail_msg("damage %zu: %s: %s", i, cclip_status_name(status), cclip_error_message());
        assert_message(d->words);
        assert_message("a.zip");
        cclip_zip_close(&zip);
        made_zip_free(&made);
    }
}

static void test_two_of_a_name(void **state)
{
    struct made_zip made = { .zip64 = 0 };
    struct cclip_zip *zip;
    (void)state;
    made_zip_add(&made, "a", "1", 1, 0);
    made_zip_add(&made, "b", "2", 1, 0);
    made_zip_add(&made, "a", "3", 1, 0);
    made_zip_end(&made, "");
    assert_fails(CCLIP_ERROR_FORMAT, open_made(&zip, &made.out));
    assert_message("zip entry \"a\"");
    assert_message("there are two of this name");
    made_zip_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_two_of_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
