/* Which members of a tar file are one sample. */
#include "support/unit.h"

#include "base/limits.h"
#include "data/shard_group.h"

static void test_keys(void **state)
{
    static const struct {
        const char *name, *key, *extension; /* extension NULL: belongs to no sample */
    } cases[] = {
        { "000.jpg", "000", "jpg" },           { "a/b.c/000.seg.png", "a/b.c/000", "seg.png" },
        { "./000.cls", "./000", "cls" },       { "000", "", NULL },
        { "a.b/000", "", NULL },               { ".hidden", "", NULL },
        { "a/._000.jpg", "", NULL },           { "000.", "", NULL },
        { "a/b/", "", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *extension = NULL;
        size_t length = 0;
        assert_int_equal(cclip_shard_key(cases[i].name, &length, &extension), cases[i].extension != NULL);
        assert_int_equal(length, strlen(cases[i].key));
        if (cases[i].extension)
            assert_string_equal(extension, cases[i].extension);
    }
}

/* Each name of a text, with a bar before it where it begins a sample. */
static void check(const char *names)
{
    struct cclip_shard_group group;
    char text[256], expected[512] = "", seen[512] = "";
    cclip_shard_group_open(&group);
    snprintf(text, sizeof text, "%s", names);
    for (char *name = strtok(text, " "); name; name = strtok(NULL, " ")) {
        const int begins = *name == '|';
        name += begins;
        snprintf(expected + strlen(expected), 64, " %s%s", begins ? "|" : "", name);
        snprintf(seen + strlen(seen), 64, " %s%s", cclip_shard_group_takes(&group, name) ? "" : "|", name);
        assert_ok(cclip_shard_group_add(&group, name));
        assert_true(cclip_shard_group_has_key_of(&group, name));
        assert_false(cclip_shard_group_takes(&group, name)); /* once more it begins another sample */
    }
    assert_string_equal(seen, expected);
    cclip_shard_group_close(&group);
}

static void test_groups(void **state)
{
    (void)state;
    check("|a.jpg a.txt |b.jpg b.txt |a.json");
    check("|n.webp n.txt |n.webp n.txt |n.webp |n.webp n.txt"); /* the third has no caption */
    check("|n.jpg n.png n.mask.png |n.PNG n.jpg");              /* case does not count in extensions, */
    check("|n.jpg |N.txt |n.txt");                              /* and does in keys */
    check("|n.jpg n.jp n.jpgg n.json |n.jp");                   /* no part of an extension is one */
    check("|a/n.jpg |b/n.txt |n.txt");
}

static void test_limits(void **state)
{
    struct cclip_shard_group group;
    char name[3 * CCLIP_LIMIT_PATH];
    cclip_status status = CCLIP_OK;
    size_t count = 0;
    (void)state;
    cclip_shard_group_open(&group);
    assert_ok(cclip_shard_group_add(&group, "README")); /* of no sample */
    assert_false(cclip_shard_group_has_key_of(&group, "README"));
    for (; !status && count < 100000; count++) {
        snprintf(name, sizeof name, "n.%zu", count);
        status = cclip_shard_group_add(&group, name);
    }
    assert_fails(CCLIP_ERROR_LIMIT, status);
    assert_non_null(strstr(cclip_error_message(), "too many members in one sample"));
    assert_true(count > 1000);
    memset(name, 'k', sizeof name);
    strcpy(name + sizeof name - 5, ".txt");
    assert_fails(CCLIP_ERROR_LIMIT, cclip_shard_group_add(&group, name));
    assert_ok(cclip_shard_group_add(&group, "o.txt"));
    cclip_shard_group_close(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_keys), cmocka_unit_test(test_groups),
                                        cmocka_unit_test(test_limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
