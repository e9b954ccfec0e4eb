/* Pickles: what each operation builds, and what is refused. Nothing is ever executed. */
#include "support/unit.h"

#include "base/limits.h"
#include "checkpoint/pickle.h"
#include "support/made_files.h"
#include "tensor/tensor.h"

#define BYTES(text) text, sizeof(text) - 1

typedef const struct cclip_pickle_value value;

static cclip_status read_bytes(struct cclip_pickle *out, const char *data, size_t length)
{
    /* A block of its own, so that a read beyond it shows under the sanitizers. */
    static char *copy;
    free(copy);
    copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, data, length);
    return cclip_pickle_read(out, copy, length, "data.pkl");
}

static void test_numbers(void **state)
{
    static const struct {
        const char *data;
        size_t length;
        int64_t integer;
    } cases[] = {
        { BYTES("\x80\2K\xff."), 255 },
        { BYTES("\x80\2M\x34\x12."), 0x1234 },
        { BYTES("\x80\2J\xfe\xff\xff\xff."), -2 },
        { BYTES("\x80\2\x8a\0."), 0 },
        { BYTES("\x80\2\x8a\1\xff."), -1 },
        { BYTES("\x80\2\x8a\2\xff\0."), 255 },
        { BYTES("\x80\2\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f."), INT64_MAX },
        { BYTES("\x80\2\x8b\2\0\0\0\0\x80."), -32768 },
    };
    struct cclip_pickle pickle;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(read_bytes(&pickle, cases[i].data, cases[i].length));
        assert_int_equal(pickle.root->kind, CCLIP_PICKLE_INTEGER);
        assert_true(pickle.root->as.integer == cases[i].integer);
        cclip_pickle_close(&pickle);
    }
    assert_ok(read_bytes(&pickle, BYTES("\x80\2G\xbf\xf8\0\0\0\0\0\0.")));
    assert_int_equal(pickle.root->kind, CCLIP_PICKLE_NUMBER);
    assert_true(pickle.root->as.number == -1.5);
    cclip_pickle_close(&pickle);
    assert_ok(read_bytes(&pickle, BYTES("\x80\2\x8a\x09\1\2\3\4\5\6\7\x08\x09.")));
    assert_int_equal(pickle.root->kind, CCLIP_PICKLE_BYTES);
    assert_int_equal(pickle.root->as.text.length, 9);
    cclip_pickle_close(&pickle);
    assert_ok(read_bytes(&pickle, BYTES("\x80\2\x88.")));
    assert_int_equal(pickle.root->kind, CCLIP_PICKLE_BOOL);
    assert_int_equal(pickle.root->as.integer, 1);
    cclip_pickle_close(&pickle);
    assert_ok(read_bytes(&pickle, BYTES("\x80\2N.")));
    assert_int_equal(pickle.root->kind, CCLIP_PICKLE_NONE);
    cclip_pickle_close(&pickle);
}

static void test_texts(void **state)
{
    static const struct {
        const char *data;
        size_t length;
        enum cclip_pickle_kind kind;
    } cases[] = {
        { BYTES("\x80\2X\3\0\0\0abc."), CCLIP_PICKLE_TEXT },
        { BYTES("\x80\4\x8c\3abc\x94."), CCLIP_PICKLE_TEXT },
        { BYTES("\x80\4\x8d\3\0\0\0\0\0\0\0abc."), CCLIP_PICKLE_TEXT },
        { BYTES("\x80\2U\3abc."), CCLIP_PICKLE_TEXT },
        { BYTES("\x80\2T\3\0\0\0abc."), CCLIP_PICKLE_TEXT },
        { BYTES("\x80\3C\3abc."), CCLIP_PICKLE_BYTES },
        { BYTES("\x80\3B\3\0\0\0abc."), CCLIP_PICKLE_BYTES },
        { BYTES("\x80\4\x8e\3\0\0\0\0\0\0\0abc."), CCLIP_PICKLE_BYTES },
        { BYTES("\x80\5\x96\3\0\0\0\0\0\0\0abc."), CCLIP_PICKLE_BYTES },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_pickle pickle;
        assert_ok(read_bytes(&pickle, cases[i].data, cases[i].length));
        assert_int_equal(pickle.root->kind, cases[i].kind);
        assert_int_equal(pickle.root->as.text.length, 3);
        assert_memory_equal(pickle.root->as.text.text, "abc", 3);
        assert_int_equal(cclip_pickle_is_text(pickle.root, "abc"), cases[i].kind == CCLIP_PICKLE_TEXT);
        assert_false(cclip_pickle_is_text(pickle.root, "ab"));
        cclip_pickle_close(&pickle);
    }
}

/* Every way to a list of the integers 1, 2, 3. */
static void test_lists(void **state)
{
    static const struct {
        const char *data;
        size_t length;
    } cases[] = {
        { BYTES("\x80\2(K\1K\2K\3t.") },       { BYTES("\x80\2K\1K\2K\3\x87.") },
        { BYTES("\x80\2(K\1K\2K\3l.") },       { BYTES("\x80\2](K\1K\2K\3e.") },
        { BYTES("\x80\2]K\1aK\2aK\3a.") },     { BYTES("\x80\4\x8f(K\1K\2K\3\x90.") },
        { BYTES("\x80\4(K\1K\2K\3\x91.") },    { BYTES("\x80\2]q\0(K\1K\2eK\3a0h\0.") },
        { BYTES("\x80\2](K\1K\2(NN1K\3e.") },  { BYTES("\x80\4\x95\1\0\0\0\0\0\0\0](K\1K\2K\3e.") },
    };
    struct cclip_pickle pickle;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(read_bytes(&pickle, cases[i].data, cases[i].length));
        assert_int_equal(pickle.root->kind, CCLIP_PICKLE_LIST);
        assert_int_equal(pickle.root->as.list.count, 3);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(cclip_pickle_item(pickle.root, k)->as.integer, k + 1);
        assert_null(cclip_pickle_item(pickle.root, 3));
        assert_null(cclip_pickle_get(pickle.root, "a"));
        cclip_pickle_close(&pickle);
    }
    assert_ok(read_bytes(&pickle, BYTES("\x80\2K\1\x85.")));
    assert_int_equal(pickle.root->as.list.count, 1);
    cclip_pickle_close(&pickle);
    assert_ok(read_bytes(&pickle, BYTES("\x80\2NN\x86.")));
    assert_int_equal(pickle.root->as.list.count, 2);
    cclip_pickle_close(&pickle);
}

static void test_dicts(void **state)
{
    static const struct {
        const char *data;
        size_t length;
    } cases[] = {
        { BYTES("\x80\2}(U\1aK\1U\1bK\2u.") },
        { BYTES("\x80\2(U\1aK\1U\1bK\2d.") },
        { BYTES("\x80\2}U\1bK\2sU\1aK\7sU\1aK\1s.") },
        { BYTES("\x80\2ccollections\nOrderedDict\n)R(U\1aK\1U\1bK\2u.") },
        { BYTES("\x80\2ccollections\nOrderedDict\n)R(U\1aK\1U\1bK\2u}U\1xNsb.") },
        { BYTES("\x80\2ccollections\nOrderedDict\n](U\1aK\1\x86U\1bK\2\x86" "e\x85R.") },
        { BYTES("\x80\4\x8c\x0b" "collections\x94\x8c\x0bOrderedDict\x94\x93)R(U\1aK\1U\1bK\2u.") },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_pickle pickle;
        assert_ok(read_bytes(&pickle, cases[i].data, cases[i].length));
        assert_int_equal(pickle.root->kind, CCLIP_PICKLE_DICT);
        assert_int_equal(cclip_pickle_get(pickle.root, "a")->as.integer, 1);
        assert_int_equal(cclip_pickle_get(pickle.root, "b")->as.integer, 2);
        assert_null(cclip_pickle_get(pickle.root, "c"));
        assert_null(cclip_pickle_item(pickle.root, 0));
        cclip_pickle_close(&pickle);
    }
}

static void test_calls(void **state)
{
    struct cclip_pickle pickle;
    (void)state;
    assert_ok(read_bytes(&pickle, BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nHalfStorage"
                                        "\nU\1""0tQK\1tR.")));
    value *call = pickle.root;
    assert_int_equal(call->kind, CCLIP_PICKLE_CALL);
    assert_int_equal(cclip_pickle_item(call, 0)->as.global->role, CCLIP_ROLE_TENSOR);
    value *arguments = cclip_pickle_item(call, 1), *storage = cclip_pickle_item(arguments, 0);
    assert_int_equal(storage->kind, CCLIP_PICKLE_PERSISTENT);
    assert_true(cclip_pickle_is_text(cclip_pickle_item(storage, 0), "storage"));
    assert_int_equal(cclip_pickle_item(storage, 1)->as.global->dtype, CCLIP_F16);
    assert_int_equal(cclip_pickle_item(arguments, 1)->as.integer, 1);
    assert_null(cclip_pickle_item(call, 2));
    cclip_pickle_close(&pickle);

    assert_ok(read_bytes(&pickle, BYTES("\x80\2c__torch__.a.b\nModel\n)\x81}U\1aK\1sb.")));
    assert_int_equal(cclip_pickle_item(pickle.root, 0)->as.global->role, CCLIP_ROLE_MODULE);
    assert_int_equal(cclip_pickle_get(cclip_pickle_item(pickle.root, 2), "a")->as.integer, 1);
    cclip_pickle_close(&pickle);
}

static void test_refused(void **state)
{
    static const struct {
        const char *data;
        size_t length;
        cclip_status status;
        const char *words;
    } cases[] = {
        { BYTES("\x80\2cos\nsystem\nU\x0btouch pwned\x85R."), CCLIP_ERROR_UNSUPPORTED,
          "data.pkl: byte 2: wants os.system, which" },
        { BYTES("\x80\4\x8c\2os\x8c\6system\x93."), CCLIP_ERROR_UNSUPPORTED, "byte 14: wants os.system" },
        { BYTES("\x80\2c__builtin__\neval\n."), CCLIP_ERROR_UNSUPPORTED, "wants __builtin__.eval" },
        { BYTES("\x80\2cbuiltins\ngetattr\n."), CCLIP_ERROR_UNSUPPORTED, "wants builtins.getattr" },
        { BYTES("\x80\2c__torch__evil\nX\n."), CCLIP_ERROR_UNSUPPORTED, "wants __torch__evil.X" },
        { BYTES("\x80\2ctorch\nFloatStorag\n."), CCLIP_ERROR_UNSUPPORTED, "wants torch.FloatStorag" },
        { BYTES("\x80\2ctorch.hub\nload\n."), CCLIP_ERROR_UNSUPPORTED, "wants torch.hub.load" },
        { BYTES("\x80\2(ios\nsystem\n."), CCLIP_ERROR_UNSUPPORTED, "byte 3: operation 0x69" },
        { BYTES("\x80\2(cos\nsystem\no."), CCLIP_ERROR_UNSUPPORTED, "wants os.system" },
        { BYTES("\x80\2\x82\1."), CCLIP_ERROR_UNSUPPORTED, "operation 0x82" },
        { BYTES("\x80\2P1\n."), CCLIP_ERROR_UNSUPPORTED, "operation 0x50" },
        { BYTES("\x80\2I1\n."), CCLIP_ERROR_UNSUPPORTED, "operation 0x49" },
        { BYTES("\x80\2\0."), CCLIP_ERROR_UNSUPPORTED, "byte 2: operation 0x00" },
        { BYTES("\x80\6N."), CCLIP_ERROR_UNSUPPORTED, "pickle protocol 6" },
        { BYTES("\x80\2K\1)R."), CCLIP_ERROR_UNSUPPORTED, "a call of something that is not named" },
        { BYTES("\x80\2ctorch\nSize\nK\1R."), CCLIP_ERROR_UNSUPPORTED, "a call of something" },
        { BYTES("\x80\2X\1\0\0\0aX\1\0\0\0b\x93."), CCLIP_ERROR_UNSUPPORTED, "wants a.b" },
        { BYTES("\x80\2K\1K\2\x93."), CCLIP_ERROR_FORMAT, "named by something that is no text" },
        { BYTES(""), CCLIP_ERROR_FORMAT, "byte 0: the pickle ends without its stop" },
        { BYTES("\x80"), CCLIP_ERROR_FORMAT, "ends within an operation" },
        { BYTES("\x80\2NN"), CCLIP_ERROR_FORMAT, "byte 4: the pickle ends without its stop" },
        { BYTES("\x80\2NN."), CCLIP_ERROR_FORMAT, "ends with 2 values" },
        { BYTES("\x80\2."), CCLIP_ERROR_FORMAT, "ends with 0 values" },
        { BYTES("\x80\2N(."), CCLIP_ERROR_FORMAT, "ends with 1 values" },
        { BYTES("\x80\2J\1\2\3"), CCLIP_ERROR_FORMAT, "ends within an operation" },
        { BYTES("\x80\2G\1\2\3"), CCLIP_ERROR_FORMAT, "ends within an operation" },
        { BYTES("\x80\2ctorch\nSize"), CCLIP_ERROR_FORMAT, "ends within an operation" },
        { BYTES("\x80\2X\xff\xff\xff\xff" "abc."), CCLIP_ERROR_FORMAT, "a text of 4294967295 bytes, but only 4" },
        { BYTES("\x80\2\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), CCLIP_ERROR_FORMAT, "but only 1 are left" },
        { BYTES("\x80\2" "0."), CCLIP_ERROR_FORMAT, "stack is too short" },
        { BYTES("\x80\2N(0."), CCLIP_ERROR_FORMAT, "stack is too short" },
        { BYTES("\x80\2K\1(\x85t."), CCLIP_ERROR_FORMAT, "stack is too short" },
        { BYTES("\x80\2Nt."), CCLIP_ERROR_FORMAT, "mark is missing" },
        { BYTES("\x80\2N1."), CCLIP_ERROR_FORMAT, "mark is missing" },
        { BYTES("\x80\2}(NNu" "1."), CCLIP_ERROR_FORMAT, "mark is missing" },
        { BYTES("\x80\2}(Nu."), CCLIP_ERROR_FORMAT, "a dictionary's key without a value" },
        { BYTES("\x80\2(Nd."), CCLIP_ERROR_FORMAT, "a dictionary's key without a value" },
        { BYTES("\x80\2](NNu."), CCLIP_ERROR_FORMAT, "something that is no dictionary" },
        { BYTES("\x80\2}(Ne."), CCLIP_ERROR_FORMAT, "something that is no list" },
        { BYTES("\x80\2NNa."), CCLIP_ERROR_FORMAT, "something that is no list" },
        { BYTES("\x80\2(Ne."), CCLIP_ERROR_FORMAT, "something that is no list" },
        { BYTES("\x80\2h\0."), CCLIP_ERROR_FORMAT, "memo number 0 was never set" },
        { BYTES("\x80\2Nq\5h\4."), CCLIP_ERROR_FORMAT, "memo number 4 was never set" },
        { BYTES("\x80\2Nr\xff\xff\xff\x7f."), CCLIP_ERROR_FORMAT, "memo number 2147483647 in a pickle of 9" },
        { BYTES("\x80\2q\0."), CCLIP_ERROR_FORMAT, "stack is too short" },
        { BYTES("\x80\2NNb."), CCLIP_ERROR_FORMAT, "a state for something" },
        { BYTES("\x80\2ctorch\nSize\n)RNbNb."), CCLIP_ERROR_FORMAT, "a state for something" },
        { BYTES("\x80\2NQ."), CCLIP_ERROR_FORMAT, "a persistent id that is no tuple" },
        { BYTES("\x80\2ccollections\nOrderedDict\nK\1\x85R."), CCLIP_ERROR_FORMAT, "other than pairs" },
        { BYTES("\x80\2ccollections\nOrderedDict\n]K\1a\x85R."), CCLIP_ERROR_FORMAT, "other than pairs" },
        { BYTES("\x80\2}q\0X\6\0\0\0weighth\0s."), CCLIP_ERROR_FORMAT, "an object that contains itself" },
        { BYTES("\x80\2]q\0]h\0aa."), CCLIP_ERROR_FORMAT, "an object that contains itself" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_pickle pickle;
        const cclip_status status = read_bytes(&pickle, cases[i].data, cases[i].length);
        if (status != cases[i].status)
            fail_msg("case %zu (%s): %s %s", i, cases[i].words, cclip_status_name(status), cclip_error_message());
        assert_null(pickle.root);
        assert_message(cases[i].words);
        assert_message("data.pkl: ");
    }
}

/* `count` times `before`, then `count` times `after`. */
static cclip_status read_repeated(const char *before, const char *middle, const char *after, size_t count)
{
    struct made made = { 0 };
    struct cclip_pickle pickle;
    made_text(&made, "\x80\2");
    for (size_t i = 0; i < count; i++)
        made_text(&made, before);
    made_text(&made, middle);
    for (size_t i = 0; i < count; i++)
        made_text(&made, after);
    made_text(&made, ".");
    const cclip_status status = cclip_pickle_read(&pickle, made.data, made.length, "data.pkl");
    cclip_pickle_close(&pickle);
    made_free(&made);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    assert_ok(read_repeated("](", "N", "e", 200));
    assert_fails(CCLIP_ERROR_LIMIT, read_repeated("](", "N", "e", CCLIP_LIMIT_PICKLE_DEPTH + 1));
    assert_message("nested deeper than 256");
    assert_fails(CCLIP_ERROR_LIMIT, read_repeated("](", "N", "e", 100000));
    assert_fails(CCLIP_ERROR_LIMIT, read_repeated("]", "N", "a", 100000));
    assert_message("objects nested deeper than 256");
    assert_fails(CCLIP_ERROR_LIMIT, read_repeated("N", "", "0", CCLIP_LIMIT_PICKLE_OBJECTS + 1));
    assert_message("more than 8388608 objects");
    /* A value that is there once and named often counts as often. */
    assert_fails(CCLIP_ERROR_LIMIT, read_repeated("", "]Nq\1\x30", "h\1a", CCLIP_LIMIT_PICKLE_OBJECTS));
    assert_message("more than 8388608 objects");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_texts),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_dicts),   cmocka_unit_test(test_calls),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
