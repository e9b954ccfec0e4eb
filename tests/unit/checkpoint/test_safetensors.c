/* Safetensors files, and checkpoints in shards: what is read, and what is refused in which words. */
#include "support/unit.h"

#include "checkpoint/checkpoint.h"
#include "support/made_files.h"

/* A file of this header and `count` bytes of data, 0, 1, 2 ... */
static const char *make(const char *name, const char *header, size_t count)
{
    struct made made = { 0 };
    made_number(&made, strlen(header), 8);
    made_text(&made, header);
    for (size_t i = 0; i < count; i++)
        made_number(&made, i & 0xff, 1);
    const char *path = made_file(name, made.data, made.length);
    made_free(&made);
    return path;
}

static void test_types(void **state)
{
    static const struct {
        const char *name;
        enum cclip_dtype dtype;
        size_t size;
    } types[] = { { "F32", CCLIP_F32, 4 }, { "F16", CCLIP_F16, 2 }, { "BF16", CCLIP_BF16, 2 },
                  { "F64", CCLIP_F64, 8 }, { "I64", CCLIP_I64, 8 }, { "I32", CCLIP_I32, 4 },
                  { "I16", CCLIP_I16, 2 }, { "I8", CCLIP_I8, 1 },   { "U8", CCLIP_U8, 1 },
                  { "BOOL", CCLIP_BOOL, 1 } };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char header[256];
        struct cclip_checkpoint *c;
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"%s\",\"shape\":[2,3],\"data_offsets\":[0,%zu]}}", types[i].name,
                 6 * types[i].size);
        assert_ok(cclip_checkpoint_open(&c, make("types", header, 6 * types[i].size)));
        const struct cclip_tensor *tensor = cclip_checkpoint_tensor(c, 0);
        assert_int_equal(tensor->dtype, types[i].dtype);
        assert_int_equal(tensor->rank, 2);
        assert_int_equal(tensor->shape[0], 2);
        assert_int_equal(tensor->shape[1], 3);
        assert_int_equal(tensor->stride[0], 3);
        assert_int_equal(tensor->stride[1], 1);
        assert_int_equal(((const unsigned char *)tensor->data)[1], 1);
        cclip_checkpoint_close(&c);
        assert_null(c);
    }
}

/* Tensors stand in the order of their bytes, whatever the order of the header. */
static void test_several(void **state)
{
    struct cclip_checkpoint *c;
    const char *path = make("several.safetensors",
                            "{\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]},"
                            "\"__metadata__\":{\"format\":\"pt\"},"
                            "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]},"
                            "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[8,8]},"
                            "\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}    ",
                            16);
    static const char *const names[] = { "a", "empty", "b", "scalar" };
    static const unsigned char first[] = { 0, 8, 8, 12 };
    (void)state;
    assert_ok(cclip_checkpoint_open(&c, path));
    assert_string_equal(cclip_checkpoint_format(c), "safetensors");
    assert_string_equal(cclip_checkpoint_path(c), path);
    assert_null(cclip_checkpoint_gguf(c));
    assert_int_equal(cclip_checkpoint_count(c), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(cclip_checkpoint_name(c, i), names[i]);
        assert_int_equal(*(const unsigned char *)cclip_checkpoint_tensor(c, i)->data, first[i]);
        cclip_checkpoint_forget(c, i);
        assert_int_equal(*(const unsigned char *)cclip_checkpoint_tensor(c, i)->data, first[i]);
    }
    assert_int_equal(cclip_checkpoint_tensor(c, 3)->rank, 0);
    cclip_checkpoint_close(&c);
    cclip_checkpoint_close(&c); /* closed is closed */
}

static void test_forget(void **state)
{
    enum { SIZE = 1 << 20 };
    struct cclip_checkpoint *c;
    char header[128];
    (void)state;
    snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}",
             SIZE, SIZE);
    assert_ok(cclip_checkpoint_open(&c, make("forget", header, SIZE)));
    const unsigned char *data = cclip_checkpoint_tensor(c, 0)->data;
    for (int round = 0; round < 2; round++, cclip_checkpoint_forget(c, 0))
        for (size_t i = 0; i < SIZE; i += 1000)
            assert_int_equal(data[i], i & 0xff);
    cclip_checkpoint_close(&c);
}

#define TENSOR(name, dtype, shape, begin, end)                                                     \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void test_refused(void **state)
{
    static const struct {
        const char *header;
        size_t count;
        cclip_status status;
        const char *words;
    } cases[] = {
        { "{" TENSOR("w", "F8_E4M3", "[4]", "0", "4") "}", 4, CCLIP_ERROR_UNSUPPORTED,
          "tensor \"w\": type \"F8_E4M3\" is not supported" },
        { "{" TENSOR("w", "F32", "[2,3]", "0", "20") "}", 20, CCLIP_ERROR_FORMAT,
          "tensor \"w\": f32 [2, 3] takes 24 bytes, but has 20" },
        { "{" TENSOR("w", "U8", "[20]", "0", "20") "}", 19, CCLIP_ERROR_FORMAT,
          "tensor \"w\": bytes 0 to 20, but only 19 follow the header: is the file cut short?" },
        { "{" TENSOR("w", "U8", "[20]", "0", "20") "}", 21, CCLIP_ERROR_FORMAT,
          "21 bytes follow the header, but its tensors take 20" },
        { "{" TENSOR("a", "U8", "[8]", "0", "8") "," TENSOR("b", "U8", "[8]", "4", "12") "}", 12,
          CCLIP_ERROR_FORMAT, "tensors \"a\" (bytes 0 to 8) and \"b\" (bytes 4 to 12) overlap" },
        { "{" TENSOR("b", "U8", "[8]", "0", "8") "," TENSOR("a", "U8", "[8]", "0", "8") "}", 8,
          CCLIP_ERROR_FORMAT, "tensors \"a\" (bytes 0 to 8) and \"b\" (bytes 0 to 8) overlap" },
        { "{" TENSOR("a", "U8", "[4]", "0", "4") "," TENSOR("b", "U8", "[4]", "6", "10") "}", 10,
          CCLIP_ERROR_FORMAT, "bytes 4 to 6, before tensor \"b\", belong to no tensor" },
        { "{" TENSOR("w", "U8", "[4]", "4", "0") "}", 4, CCLIP_ERROR_FORMAT, "data_offsets" },
        { "{" TENSOR("w", "U8", "[4]", "-4", "0") "}", 4, CCLIP_ERROR_FORMAT, "data_offsets" },
        { "{" TENSOR("w", "U8", "[4]", "0.0", "4") "}", 4, CCLIP_ERROR_FORMAT, "data_offsets" },
        { "{" TENSOR("w", "U8", "[-4]", "0", "4") "}", 4, CCLIP_ERROR_FORMAT, "sizes of 0 or more" },
        { "{" TENSOR("w", "U8", "\"4\"", "0", "4") "}", 4, CCLIP_ERROR_FORMAT, "has no \"shape\"" },
        { "{" TENSOR("w", "U8", "[1,1,1,1,1,1,1,1,4]", "0", "4") "}", 4, CCLIP_ERROR_LIMIT,
          "9 dimensions" },
        { "{" TENSOR("w", "U8", "[4294967296,4294967296]", "0", "4") "}", 4, CCLIP_ERROR_LIMIT,
          "tensor \"w\": a tensor of more than" },
        { "{\"w\":{\"shape\":[4],\"data_offsets\":[0,4]}}", 4, CCLIP_ERROR_FORMAT, "has no \"dtype\"" },
        { "{\"w\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, CCLIP_ERROR_FORMAT, "data_offsets" },
        { "{\"w\":4}", 4, CCLIP_ERROR_FORMAT, "must be an object" },
        { "{" TENSOR("w", "U8", "[4]", "0", "4") "," TENSOR("w", "U8", "[4]", "4", "8") "}", 8,
          CCLIP_ERROR_FORMAT, "duplicate object key" },
        { "{\"__metadata__\":{\"n\":1}," TENSOR("w", "U8", "[4]", "0", "4") "}", 4, CCLIP_ERROR_FORMAT,
          "\"__metadata__\" must hold texts only" },
        { "{" TENSOR("w", "U8", "[4]", "0", "4"), 4, CCLIP_ERROR_FORMAT, "safetensors header: " },
        { "{" TENSOR("w", "U8", "[99999999999999999999]", "0", "4") "}", 4, CCLIP_ERROR_FORMAT,
          "safetensors header: " },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_checkpoint *c;
        const char *path = make("refused.safetensors", cases[i].header, cases[i].count);
        assert_fails(cases[i].status, cclip_checkpoint_open(&c, path));
        assert_null(c);
        assert_message(cases[i].words);
        assert_message(path);
    }
}

static void test_header_length(void **state)
{
    static const struct {
        uint64_t length;
        cclip_status status;
        const char *words;
    } cases[] = {
        { (uint64_t)1 << 60, CCLIP_ERROR_LIMIT, "a safetensors header of 1152921504606846976 bytes" },
        { UINT64_MAX, CCLIP_ERROR_LIMIT, "a safetensors header of 18446744073709551615 bytes" },
        { 9, CCLIP_ERROR_FORMAT, "a safetensors header of 9 bytes in a file of 16: is the file cut short?" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made = { 0 };
        struct cclip_checkpoint *c;
        made_number(&made, cases[i].length, 8);
        made_text(&made, "{}      ");
        const char *path = made_file("length", made.data, made.length);
        assert_fails(cases[i].status, cclip_checkpoint_open(&c, path));
        assert_message(cases[i].words);
        made_free(&made);
    }
}

/* What a file is instead is said by name. */
static void test_other_formats(void **state)
{
#define BYTES(text) text, sizeof(text) - 1
    static const struct {
        const char *data;
        size_t length;
        const char *words;
    } cases[] = {
        { BYTES(""), "is empty" },
        { BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "git lfs pull" },
        { BYTES("\x89HDF\r\n\x1a\n\0\0"), "an HDF5 file" },
        { BYTES("\x93NUMPY\1\0"), "a NumPy array" },
        { BYTES("\x1f\x8b\x08\0\0\0\0\0\0\0"), "gzip data" },
        { BYTES("\x1c\0\0\0TFL3\0\0\0\0"), "TensorFlow Lite" },
        { BYTES("\x08\x07\x12\x07pytorch\x1a\x05" "1.0"), "an ONNX model" },
        { BYTES("\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), "saved by PyTorch before 1.6" },
        { BYTES("\x80\4\x95\0\0\0\0"), "a bare Python pickle" },
        { BYTES("FUGG\0\0\0\3"), "big-endian" },
        { BYTES("tjgg\1\0\0\0"), "a GGML file" },
        { BYTES("a photo of a cat\n"), "a text file" },
        { BYTES("{\"architectures\": [\"CLIPModel\"]}"), "a JSON file" },
        { BYTES("<!DOCTYPE html><html>"), "an HTML page" },
        { BYTES("\1\2\3"), "none of the known formats" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_checkpoint *c;
        const char *path = made_file("other", cases[i].data, cases[i].length);
        const cclip_status status = cclip_checkpoint_open(&c, path);
        assert_true(status == CCLIP_ERROR_UNSUPPORTED || status == CCLIP_ERROR_FORMAT);
        assert_message(cases[i].words);
        assert_message(path);
    }
    struct cclip_checkpoint *c;
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_checkpoint_open(&c, made_path("absent")));
    assert_fails(CCLIP_ERROR_IO, cclip_checkpoint_open(&c, made_folder));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_checkpoint_open(&c, made_file("x.safetensors", "\1\2", 2)));
    assert_message("2 bytes; a safetensors file has");
}

#define SHARD_A "{" TENSOR("a", "U8", "[2]", "0", "2") "," TENSOR("c", "U8", "[1]", "2", "3") "}"
#define SHARD_B "{" TENSOR("b", "U8", "[4]", "0", "4") "}"

static cclip_status open_index(struct cclip_checkpoint **c, const char *map)
{
    char text[512];
    snprintf(text, sizeof text, "{\"metadata\":{\"total_size\":7},\"weight_map\":%s}", map);
    return cclip_checkpoint_open_sharded(
        c, made_file("model.safetensors.index.json", text, strlen(text)));
}

static void test_shards(void **state)
{
    struct cclip_checkpoint *c;
    (void)state;
    make("one", SHARD_A, 3);
    make("two", SHARD_B, 4);
    assert_ok(open_index(&c, "{\"a\":\"one\",\"b\":\"two\",\"c\":\"one\"}"));
    assert_string_equal(cclip_checkpoint_format(c), "safetensors");
    assert_string_equal(cclip_checkpoint_path(c), made_path("model.safetensors.index.json"));
    assert_int_equal(cclip_checkpoint_count(c), 3);
    static const char *const names[] = { "a", "c", "b" };
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(cclip_checkpoint_name(c, i), names[i]);
        cclip_checkpoint_forget(c, i);
    }
    assert_int_equal(cclip_checkpoint_tensor(c, 2)->shape[0], 4);
    assert_int_equal(((const unsigned char *)cclip_checkpoint_tensor(c, 2)->data)[3], 3);
    cclip_checkpoint_close(&c);
}

static void test_shards_refused(void **state)
{
    static const struct {
        const char *map;
        cclip_status status;
        const char *words;
    } cases[] = {
        { "{}", CCLIP_ERROR_FORMAT, "\"weight_map\" must name a file" },
        { "[\"one\"]", CCLIP_ERROR_FORMAT, "\"weight_map\" must name a file" },
        { "{\"a\":1}", CCLIP_ERROR_FORMAT, "tensor \"a\": a file name was expected" },
        { "{\"a\":\"\"}", CCLIP_ERROR_FORMAT, "tensor \"a\": a file name was expected" },
        { "{\"a\":\"one\\u0000x\"}", CCLIP_ERROR_FORMAT, "a file name was expected" },
        { "{\"a\":\"../one\"}", CCLIP_ERROR_FORMAT, "\"../one\" is not a file beside the index" },
        { "{\"a\":\"/etc/passwd\"}", CCLIP_ERROR_FORMAT, "is not a file beside the index" },
        { "{\"a\":\"..\"}", CCLIP_ERROR_FORMAT, "is not a file beside the index" },
        { "{\"a\":\"absent\"}", CCLIP_ERROR_NOT_FOUND, "absent" },
        { "{\"a\":\"one\"}", CCLIP_ERROR_MISMATCH, "tensor \"c\" is not listed in" },
        { "{\"a\":\"one\",\"c\":\"one\",\"b\":\"two\",\"d\":\"two\"}", CCLIP_ERROR_MISMATCH,
          "tensor \"d\" is not in \"two\"" },
        { "{\"a\":\"one\",\"c\":\"two\",\"b\":\"two\"}", CCLIP_ERROR_MISMATCH,
          "tensor \"c\" is in this file, but" },
        { "{\"a\":\"one\",\"b\":\"two\",\"c\":\"three\"}", CCLIP_ERROR_FORMAT,
          "tensor \"b\": there are two of this name" },
    };
    (void)state;
    make("one", SHARD_A, 3);
    make("two", SHARD_B, 4);
    make("three", SHARD_B, 4);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_checkpoint *c;
        assert_fails(cases[i].status, open_index(&c, cases[i].map));
        assert_null(c);
        assert_message(cases[i].words);
        assert_message(made_folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),         cmocka_unit_test(test_several),
        cmocka_unit_test(test_forget),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_header_length), cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_shards),        cmocka_unit_test(test_shards_refused),
    };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
