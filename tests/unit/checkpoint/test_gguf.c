/* GGUF files: key-value pairs of every type, tensors, and what is refused. */
#include "support/unit.h"

#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf.h"
#include "support/made_files.h"

enum { U8, I8, U16, I16, U32, I32, F32, BOOLEAN, STRING, ARRAY, U64, I64, F64 };
enum { TYPE_F32 = 0, TYPE_Q4_0 = 2 };

static void put_text(struct made *m, const char *text)
{
    made_number(m, strlen(text), 8);
    made_text(m, text);
}

static void put_key(struct made *m, const char *key, int type)
{
    put_text(m, key);
    made_number(m, (uint64_t)type, 4);
}

static void put_text_key(struct made *m, const char *key, const char *text)
{
    put_key(m, key, STRING);
    put_text(m, text);
}

static void put_number_key(struct made *m, const char *key, int type, uint64_t value, size_t size)
{
    put_key(m, key, type);
    made_number(m, value, size);
}

static void put_array(struct made *m, const char *key, int type, uint64_t count)
{
    put_key(m, key, ARRAY);
    made_number(m, (uint64_t)type, 4);
    made_number(m, count, 8);
}

static void put_start(struct made *m, unsigned version, uint64_t tensors, uint64_t keys)
{
    made_text(m, "GGUF");
    made_number(m, version, 4);
    made_number(m, tensors, 8);
    made_number(m, keys, 8);
    put_text_key(m, "general.architecture", "clip");
}

/* Innermost dimension first, as the file has them; 0 ends them. */
static void put_tensor(struct made *m, const char *name, size_t inner, size_t outer, int type, uint64_t place)
{
    put_text(m, name);
    made_number(m, outer ? 2 : 1, 4);
    made_number(m, inner, 8);
    if (outer)
        made_number(m, outer, 8);
    made_number(m, (uint64_t)type, 4);
    made_number(m, place, 8);
}

static void pad(struct made *m, size_t alignment)
{
    while (m->length % alignment)
        made_number(m, 0, 1);
}

static cclip_status open_made(struct cclip_checkpoint **out, struct made *m)
{
    const cclip_status status = cclip_checkpoint_open(out, made_file("model.gguf", m->data, m->length));
    made_free(m);
    return status;
}

static uint64_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void open_keys(struct cclip_checkpoint **c)
{
    struct made m = { 0 };
    put_start(&m, 3, 0, 16);
    put_number_key(&m, "u8", U8, 200, 1);
    put_number_key(&m, "i8", I8, 0xff, 1);
    put_number_key(&m, "u16", U16, 60000, 2);
    put_number_key(&m, "i16", I16, 0xffff, 2);
    put_number_key(&m, "u32", U32, 4000000000u, 4);
    put_number_key(&m, "i32", I32, 0xfffffffe, 4);
    put_number_key(&m, "u64", U64, (uint64_t)1 << 40, 8);
    put_number_key(&m, "huge", U64, UINT64_MAX, 8);
    put_number_key(&m, "f32", F32, bits_of_float(1.5f), 4);
    put_number_key(&m, "f64", F64, bits_of_double(-2.25), 8);
    put_number_key(&m, "yes", BOOLEAN, 1, 1);
    put_number_key(&m, "no", BOOLEAN, 0, 1);
    put_array(&m, "mean", F32, 3);
    for (int i = 0; i < 3; i++)
        made_number(&m, bits_of_float((float)i + 0.5f), 4);
    put_array(&m, "tokens", STRING, 3);
    put_text(&m, "a");
    put_text(&m, "");
    put_text(&m, "bc");
    put_array(&m, "none", STRING, 0);
    assert_ok(open_made(c, &m));
}

static void test_keys(void **state)
{
    struct cclip_checkpoint *c;
    uint64_t u;
    double d;
    int b;
    (void)state;
    open_keys(&c);
    const struct cclip_gguf *g = cclip_checkpoint_gguf(c);
    assert_non_null(g);
    static const struct {
        const char *key;
        double value;
    } numbers[] = { { "u8", 200 },  { "i8", -1 },          { "u16", 60000 }, { "i16", -1 },
                    { "i32", -2 },  { "u32", 4000000000.0 }, { "f32", 1.5 }, { "f64", -2.25 },
                    { "u64", 1099511627776.0 }, { "absent", 7 } };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_ok(cclip_gguf_number(&d, g, numbers[i].key, 7));
        assert_true(d == numbers[i].value);
        if (numbers[i].value >= 0 && numbers[i].key[0] != 'f') {
            assert_ok(cclip_gguf_unsigned(&u, g, numbers[i].key, 7));
            assert_true((double)u == numbers[i].value);
        } else {
            assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_unsigned(&u, g, numbers[i].key, 7));
            assert_message(numbers[i].key);
        }
        assert_int_equal(cclip_gguf_has(g, numbers[i].key), strcmp(numbers[i].key, "absent") != 0);
    }
    assert_ok(cclip_gguf_bool(&b, g, "yes", 0));
    assert_int_equal(b, 1);
    assert_ok(cclip_gguf_bool(&b, g, "no", 1));
    assert_int_equal(b, 0);
    assert_ok(cclip_gguf_bool(&b, g, "absent", 1));
    assert_int_equal(b, 1);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_unsigned(&u, g, "huge", 0));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_bool(&b, g, "u8", 0));
    assert_message("model.gguf: key \"u8\": true or false was expected, but it is of type u8");
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_number(&d, g, "mean", 0));
    assert_message("key \"mean\": a number was expected, but it is an array of f32");
    cclip_checkpoint_close(&c);
}

static void test_texts_and_arrays(void **state)
{
    struct cclip_checkpoint *c;
    struct cclip_gguf_text text, *texts;
    double values[3] = { 9, 9, 9 };
    size_t length;
    (void)state;
    open_keys(&c);
    const struct cclip_gguf *g = cclip_checkpoint_gguf(c);
    assert_ok(cclip_gguf_string(&text, g, "general.architecture"));
    assert_int_equal(text.length, 4);
    assert_memory_equal(text.text, "clip", 4);
    assert_ok(cclip_gguf_string(&text, g, "absent"));
    assert_null(text.text);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_string(&text, g, "u8"));
    assert_ok(cclip_gguf_numbers(values, 2, &length, g, "mean"));
    assert_int_equal(length, 3); /* all of them, as many as fit are given */
    assert_true(values[0] == 0.5 && values[1] == 1.5 && values[2] == 9);
    assert_ok(cclip_gguf_numbers(values, 3, &length, g, "absent"));
    assert_int_equal(length, 0);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_numbers(values, 3, &length, g, "tokens"));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_numbers(values, 3, &length, g, "f32"));
    assert_ok(cclip_gguf_strings(&texts, &length, g, "tokens"));
    assert_int_equal(length, 3);
    assert_memory_equal(texts[0].text, "a", 1);
    assert_int_equal(texts[1].length, 0);
    assert_int_equal(texts[2].length, 2);
    assert_memory_equal(texts[2].text, "bc", 2);
    cclip_release(texts);
    assert_ok(cclip_gguf_strings(&texts, &length, g, "none"));
    assert_int_equal(length, 0);
    cclip_release(texts);
    assert_ok(cclip_gguf_strings(&texts, &length, g, "absent"));
    assert_null(texts);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_gguf_strings(&texts, &length, g, "mean"));
    cclip_checkpoint_close(&c);
}

/* Tensors in another order than their bytes, an alignment of its own, and 2-D shapes turned around. */
static void test_tensors(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        struct made m = { 0 };
        struct cclip_checkpoint *c;
        put_start(&m, version, 3, 2);
        put_number_key(&m, "general.alignment", U32, 64, 4);
        put_tensor(&m, "b", 32, 2, TYPE_Q4_0, 64);
        put_tensor(&m, "a", 3, 2, TYPE_F32, 0);
        put_tensor(&m, "c", 1, 0, TYPE_F32, 128);
        pad(&m, 64);
        for (int i = 0; i < 6; i++)
            made_number(&m, bits_of_float((float)i), 4);
        pad(&m, 64);
        for (int i = 0; i < 2; i++) {
            made_number(&m, 0x3c00, 2); /* a scale of 1 */
            for (int k = 0; k < 16; k++)
                made_number(&m, (uint64_t)(i ? 0xf0 : 0x98), 1);
        }
        pad(&m, 64);
        made_number(&m, bits_of_float(7), 4);
        assert_ok(open_made(&c, &m));
        assert_string_equal(cclip_checkpoint_format(c), "GGUF");
        assert_int_equal(cclip_checkpoint_count(c), 3);
        const struct cclip_tensor *b = cclip_checkpoint_tensor(c, 0), *a = cclip_checkpoint_tensor(c, 1);
        float values[64];
        assert_string_equal(cclip_checkpoint_name(c, 0), "b");
        assert_int_equal(a->rank, 2);
        assert_int_equal(a->shape[0], 2);
        assert_int_equal(a->shape[1], 3);
        cclip_tensor_to_f32(values, a);
        for (int i = 0; i < 6; i++)
            assert_true(values[i] == (float)i);
        assert_int_equal(b->dtype, CCLIP_Q4_0);
        assert_int_equal(b->shape[0], 2);
        assert_int_equal(b->shape[1], 32);
        cclip_tensor_to_f32(values, b);
        assert_true(values[0] == 0 && values[16] == 1 && values[32] == -8 && values[48] == 7);
        cclip_tensor_to_f32(values, cclip_checkpoint_tensor(c, 2));
        assert_true(values[0] == 7);
        for (size_t i = 0; i < 3; i++)
            cclip_checkpoint_forget(c, i);
        cclip_checkpoint_close(&c);
    }
}

static void bad_version_1(struct made *m)
{
    put_start(m, 1, 0, 1);
}

static void bad_version_4(struct made *m)
{
    put_start(m, 4, 0, 1);
}

static void bad_big_endian(struct made *m)
{
    put_start(m, 0x03000000, 0, 1);
}

static void bad_tensor_count(struct made *m)
{
    put_start(m, 3, (uint64_t)1 << 61, 1);
}

/* As many tensors as fit into the file, which is one more than are accepted. */
static void bad_many_tensors(struct made *m)
{
    put_start(m, 3, CCLIP_LIMIT_TENSORS + 1, 1);
    for (size_t i = 0; i <= CCLIP_LIMIT_TENSORS * 3; i++)
        made_number(m, 0, 8);
}

static void bad_key_count(struct made *m)
{
    put_start(m, 3, 0, 1000);
}

static void bad_one_key_more(struct made *m)
{
    put_start(m, 3, 0, 2);
}

static void bad_array_count(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_array(m, "tokenizer.ggml.tokens", STRING, (uint64_t)1 << 60);
}

static void bad_text_length(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_key(m, "name", STRING);
    made_number(m, UINT64_MAX, 8);
    made_zeros(m, 100);
}

static void bad_type(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_key(m, "name", 13);
    made_zeros(m, 100);
}

static void bad_nested_array(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_array(m, "name", ARRAY, 1);
    made_zeros(m, 100);
}

static void bad_twice(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_text_key(m, "general.architecture", "clip");
}

static void bad_architecture(struct made *m)
{
    made_text(m, "GGUF\3");
    made_zeros(m, 3);
    made_number(m, 0, 8);
    made_number(m, 1, 8);
    put_text_key(m, "general.architecture", "llama");
}

static void bad_no_architecture(struct made *m)
{
    made_text(m, "GGUF\3");
    made_zeros(m, 3);
    made_number(m, 0, 8);
    made_number(m, 1, 8);
    put_text_key(m, "general.name", "llama");
}

static void bad_projector(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_text_key(m, "clip.projector_type", "mlp");
}

static void bad_projector_type(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_text_key(m, "general.type", "mmproj");
}

static void bad_projector_tensor(struct made *m)
{
    put_start(m, 3, 1, 1);
    put_tensor(m, "mm.0.weight", 4, 0, TYPE_F32, 0);
    made_zeros(m, 100);
}

static void bad_alignment(struct made *m)
{
    put_start(m, 3, 0, 2);
    put_number_key(m, "general.alignment", U32, 24, 4);
}

static void put_one(struct made *m, size_t inner, size_t outer, int type, uint64_t place, size_t bytes)
{
    put_start(m, 3, 1, 1);
    put_tensor(m, "v.w", inner, outer, type, place);
    pad(m, 32);
    made_zeros(m, bytes);
}

static void bad_tensor_type(struct made *m)
{
    put_one(m, 256, 0, 12, 0, 144);
}

static void bad_unknown_tensor_type(struct made *m)
{
    put_one(m, 256, 0, 1000, 0, 144);
}

static void bad_cut(struct made *m)
{
    put_one(m, 8, 2, TYPE_F32, 0, 63);
}

static void bad_blocks(struct made *m)
{
    put_one(m, 33, 1, TYPE_Q4_0, 0, 63);
}

static void bad_place(struct made *m)
{
    put_one(m, 1, 0, TYPE_F32, 4, 63);
}

static void bad_far_place(struct made *m)
{
    put_one(m, 8, 0, TYPE_F32, UINT64_MAX - 31, 63);
}

static void bad_hole(struct made *m)
{
    put_one(m, 1, 0, TYPE_F32, 32, 64);
}

static void bad_elements(struct made *m)
{
    put_one(m, (size_t)1 << 40, (size_t)1 << 40, TYPE_F32, 0, 64);
}

static void bad_rank(struct made *m)
{
    put_start(m, 3, 1, 1);
    put_text(m, "v.w");
    made_number(m, 9, 4);
    made_zeros(m, 100);
}

static void put_two(struct made *m, const char *second, uint64_t place)
{
    put_start(m, 3, 2, 1);
    put_tensor(m, "v.w", 12, 0, TYPE_F32, 0);
    put_tensor(m, second, 8, 0, TYPE_F32, place);
    pad(m, 32);
    made_zeros(m, 128);
}

static void bad_overlap(struct made *m)
{
    put_two(m, "v.x", 32);
}

static void bad_two_of_a_name(struct made *m)
{
    put_two(m, "v.w", 64);
}

static void test_refused(void **state)
{
    static const struct {
        void (*make)(struct made *m);
        cclip_status status;
        const char *words;
    } cases[] = {
        { bad_version_1, CCLIP_ERROR_UNSUPPORTED, "GGUF version 1; 2 and 3 are read" },
        { bad_version_4, CCLIP_ERROR_UNSUPPORTED, "GGUF version 4; 2 and 3 are read" },
        { bad_big_endian, CCLIP_ERROR_UNSUPPORTED, "big-endian" },
        { bad_tensor_count, CCLIP_ERROR_FORMAT, "claims 2305843009213693952 tensors in a file of" },
        { bad_many_tensors, CCLIP_ERROR_LIMIT, "65537 tensors; at most 65536 are accepted" },
        { bad_key_count, CCLIP_ERROR_FORMAT, "1000 keys in a file of" },
        { bad_one_key_more, CCLIP_ERROR_FORMAT, "the file ends within a key: is it cut short?" },
        { bad_array_count, CCLIP_ERROR_FORMAT, "key \"tokenizer.ggml.tokens\": 1152921504606846976 elements" },
        { bad_text_length, CCLIP_ERROR_FORMAT, "18446744073709551615 bytes, but only 100 are left" },
        { bad_type, CCLIP_ERROR_FORMAT, "key \"name\": unknown type 13" },
        { bad_nested_array, CCLIP_ERROR_UNSUPPORTED, "key \"name\": an array of arrays" },
        { bad_twice, CCLIP_ERROR_FORMAT, "key \"general.architecture\": stands there twice" },
        { bad_architecture, CCLIP_ERROR_UNSUPPORTED, "a model of architecture \"llama\", not a CLIP" },
        { bad_no_architecture, CCLIP_ERROR_FORMAT, "no key \"general.architecture\"" },
        { bad_projector, CCLIP_ERROR_UNSUPPORTED, "a multimodal projector of llama.cpp (mmproj)" },
        { bad_projector_type, CCLIP_ERROR_UNSUPPORTED, "a multimodal projector" },
        { bad_projector_tensor, CCLIP_ERROR_UNSUPPORTED, "a multimodal projector" },
        { bad_alignment, CCLIP_ERROR_FORMAT, "general.alignment 24 is no power of two" },
        { bad_tensor_type, CCLIP_ERROR_UNSUPPORTED, "tensor \"v.w\": type Q4_K (12) is not supported" },
        { bad_unknown_tensor_type, CCLIP_ERROR_UNSUPPORTED, "type unknown (1000)" },
        { bad_cut, CCLIP_ERROR_FORMAT, "tensor \"v.w\": bytes 0 to 64 of the data, which has only 63" },
        { bad_blocks, CCLIP_ERROR_FORMAT, "tensor \"v.w\": rows of 33 elements, but q4_0 has blocks of 32" },
        { bad_place, CCLIP_ERROR_FORMAT, "tensor \"v.w\": its place, byte 4, is no multiple of 32" },
        { bad_far_place, CCLIP_ERROR_FORMAT, "tensor \"v.w\": begins at byte 18446744073709551584" },
        { bad_hole, CCLIP_ERROR_FORMAT, "bytes 0 to 32 before it belong to no tensor" },
        { bad_elements, CCLIP_ERROR_LIMIT, "tensor \"v.w\": a tensor of more than" },
        { bad_rank, CCLIP_ERROR_LIMIT, "a tensor of 9 dimensions" },
        { bad_overlap, CCLIP_ERROR_FORMAT,
          "tensor \"v.x\": bytes 32 to 64 overlap tensor \"v.w\" (bytes 0 to 48)" },
        { bad_two_of_a_name, CCLIP_ERROR_FORMAT, "tensor \"v.w\": there are two of this name" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made m = { 0 };
        struct cclip_checkpoint *c;
        cases[i].make(&m);
        const cclip_status status = open_made(&c, &m);
        if (status != cases[i].status)
            fail_msg("case %zu (%s): %s: %s", i, cases[i].words, cclip_status_name(status),
                     cclip_error_message());
        assert_null(c);
        assert_message(cases[i].words);
        assert_message("model.gguf");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_texts_and_arrays),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
