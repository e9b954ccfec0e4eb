/* JSON: errors name file and place, absent values have fallbacks, what is written can be read. */
#include "support/unit.h"

#include <math.h>

#include "formats/json.h"

static cclip_json *parse(const char *text)
{
    cclip_json *root;
    assert_ok(cclip_json_parse(&root, text, strlen(text), "t.json"));
    return root;
}

static void test_values(void **state)
{
    (void)state;
    size_t length;
    cclip_json *root = parse("{\"a\": [1, 2.5, \"x\\u0000y\", true, null], \"b\": {}, \"c\": 9007199254740993}");
    const cclip_json *a = cclip_json_get(root, "a");
    assert_int_equal(cclip_json_length(a), 5);
    assert_int_equal(cclip_json_integer(cclip_json_at(a, 0), -1), 1);
    assert_int_equal(cclip_json_integer(cclip_json_at(a, 1), -1), -1); /* no integer */
    assert_true(cclip_json_number(cclip_json_at(a, 1), 0) == 2.5);
    assert_true(cclip_json_number(cclip_json_at(a, 0), 0) == 1);
    assert_memory_equal(cclip_json_string(cclip_json_at(a, 2), &length), "x\0y", 3);
    assert_int_equal(length, 3);
    assert_true(cclip_json_is_true(cclip_json_at(a, 3)) && cclip_json_bool(cclip_json_at(a, 3), 0));
    assert_true(cclip_json_is_null(cclip_json_at(a, 4)));
    assert_int_equal(cclip_json_integer(cclip_json_get(root, "c"), 0), 9007199254740993);
    cclip_json_close(&root);
    assert_null(root);
}

static void test_absent_values(void **state)
{
    (void)state;
    cclip_json *root = parse("{\"a\": 1}");
    const cclip_json *absent = cclip_json_get(cclip_json_at(cclip_json_get(root, "b"), 3), "c");
    assert_null(absent);
    assert_true(cclip_json_is_null(absent));
    assert_int_equal(cclip_json_integer(absent, 7), 7);
    assert_true(cclip_json_number(absent, 0.5) == 0.5);
    assert_int_equal(cclip_json_bool(absent, 1), 1);
    assert_null(cclip_json_string(absent, NULL));
    assert_int_equal(cclip_json_length(absent), 0);
    assert_null(cclip_json_get(cclip_json_get(root, "a"), "x")); /* a number has no keys */
    cclip_json_close(&root);
}

static void test_order_of_keys(void **state)
{
    (void)state;
    cclip_json *root = parse("{\"z\": 0, \"a\": 1, \"m\": 2, \"b\": 3}");
    struct cclip_json_iterator it;
    char keys[8] = "";
    int64_t place = 0;
    for (int valid = cclip_json_first(&it, root); valid; valid = cclip_json_next(&it)) {
        strncat(keys, it.key, 1);
        assert_int_equal(cclip_json_integer(it.value, -1), place++);
    }
    assert_string_equal(keys, "zamb");
    cclip_json_close(&root);
    root = parse("[1]");
    assert_int_equal(cclip_json_first(&it, root), 0);
    cclip_json_close(&root);
}

static void test_errors(void **state)
{
    (void)state;
    static const char *const broken[] = { "", "{", "{\"a\": 1", "[1,]", "{\"a\": 1, \"a\": 2}", "nul", "[1] 2",
                                          "\"\xff\"", "[NaN]", "1e999", "\"\\ud800\"", "123456789012345678901" };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        cclip_json *root;
        assert_fails(CCLIP_ERROR_FORMAT, cclip_json_parse(&root, broken[i], strlen(broken[i]), "t.json"));
        assert_null(root);
        assert_ptr_equal(strstr(cclip_error_message(), "t.json: "), cclip_error_message());
        assert_non_null(strstr(cclip_error_message(), "t.json: column "));
    }
    cclip_json *root;
    assert_fails(CCLIP_ERROR_FORMAT, cclip_json_parse(&root, "{\n\"a\" 1}", 8, "t.json"));
    assert_non_null(strstr(cclip_error_message(), "t.json: line 2, column "));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_json_read_file(&root, "/no/such.json"));
}

static void test_depth(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    char *text = malloc(DEPTH);
    assert_non_null(text);
    memset(text, '[', DEPTH);
    cclip_json *root;
    assert_fails(CCLIP_ERROR_FORMAT, cclip_json_parse(&root, text, DEPTH, "deep.json"));
    free(text);
}

static void test_write(void **state)
{
    (void)state;
    struct cclip_buffer out;
    cclip_buffer_open(&out, 1000);
    cclip_json *root = cclip_json_new_object(), *list = cclip_json_new_array();
    assert_ok(cclip_json_append(list, cclip_json_new_integer(-3)));
    assert_ok(cclip_json_append(list, cclip_json_new_number(0.1)));
    assert_ok(cclip_json_append(list, cclip_json_new_null()));
    assert_ok(cclip_json_set(root, "list", list));
    assert_ok(cclip_json_set(root, "text", cclip_json_new_string("\xc3\xa9\"\n", 4)));
    assert_ok(cclip_json_set(root, "yes", cclip_json_new_bool(1)));
    assert_ok(cclip_json_write(&out, root, 0));
    assert_string_equal(out.data, "{\"list\": [-3, 0.1, null], \"text\": \"\xc3\xa9\\\"\\n\", "
                                  "\"yes\": true}");
    cclip_json *again = parse(out.data);
    assert_true(cclip_json_number(cclip_json_at(cclip_json_get(again, "list"), 1), 0) == 0.1);
    cclip_json_close(&again);
    assert_true(cclip_json_set(root, "bad", cclip_json_new_string("\xff", 1)) != CCLIP_OK);
    cclip_json_close(&root);
    cclip_buffer_clear(&out);
    root = parse("[0.5, {\"deep\": 0.30000000000000004}]"); /* no bit is lost */
    assert_ok(cclip_json_write(&out, root, 0));
    assert_string_equal(out.data, "[0.5, {\"deep\": 0.30000000000000004}]");
    cclip_json_close(&root);
    cclip_buffer_close(&out);
    cclip_buffer_open(&out, 5);
    root = parse("[1, 2, 3, 4]");
    assert_fails(CCLIP_ERROR_LIMIT, cclip_json_write(&out, root, 2));
    cclip_json_close(&root);
    cclip_buffer_close(&out);
}

static void quotes_as(const char *text, size_t length, const char *expected)
{
    struct cclip_buffer out;
    cclip_buffer_open(&out, 1000);
    assert_ok(cclip_json_quote(&out, text, length));
    assert_string_equal(out.data, expected);
    cclip_buffer_close(&out);
}

static void test_quote(void **state)
{
    (void)state;
    quotes_as("a\"b\\c\n\x01", 7, "\"a\\\"b\\\\c\\n\\u0001\"");
    quotes_as("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    quotes_as("\xff", 1, "\"\\udcff\"");
    quotes_as("\xc3", 1, "\"\\udcc3\"");                     /* cut short */
    quotes_as("\xed\xa0\x80", 3, "\"\\udced\\udca0\\udc80\""); /* a surrogate */
    quotes_as("\xc0\xaf", 2, "\"\\udcc0\\udcaf\"");          /* overlong */
    quotes_as("", 0, "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_absent_values), cmocka_unit_test(test_order_of_keys),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_depth),         cmocka_unit_test(test_write),
        cmocka_unit_test(test_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
