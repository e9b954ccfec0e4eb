/* Words, merges, special tokens, context, decoding, and every form of vocabulary file. */
#include "support/unit.h"

#include <zlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"
#include "text/merge.h"
#include "unit/text/small_tokenizer.h"

struct both {
    struct cclip_tokenizer *tokenizer;
    struct cclip_text_encoder *encoder;
};

static struct both open_small(enum cclip_text_style style)
{
    const struct cclip_text_options options = { .style = style };
    struct both both;
    assert_ok(small_open(&both.tokenizer, &options));
    assert_ok(cclip_text_encoder_open(&both.encoder, both.tokenizer));
    return both;
}

static void close_both(struct both *both)
{
    cclip_text_encoder_close(&both->encoder);
    cclip_text_tokenizer_close(&both->tokenizer);
    assert_null(both->encoder);
    assert_null(both->tokenizer);
}

/* The id of a character, as the end of its word or not. */
static int32_t id_of(char c, int ends)
{
    for (unsigned n = 0; n < 256; n++)
        if (cclip_byte_in_order(n) == (unsigned char)c)
            return (int32_t)(n + (ends ? 256 : 0));
    return -1;
}

static void expect(struct both *both, const char *text, const int32_t *wanted, size_t count)
{
    const int32_t *ids;
    size_t found;
    assert_ok(cclip_text_encode(both->encoder, &ids, &found, text, strlen(text)));
    assert_int_equal(found, count);
    assert_memory_equal(ids, wanted, count * sizeof *ids);
}
#define EXPECT(both, text, ...)                                                                    \
    do {                                                                                           \
        const int32_t wanted_[] = { __VA_ARGS__ };                                                 \
        expect(both, text, wanted_, sizeof wanted_ / sizeof *wanted_);                             \
    } while (0)

static void test_bytes(void **state)
{
    unsigned seen[256] = { 0 };
    (void)state;
    for (unsigned n = 0; n < 256; n++)
        seen[cclip_byte_in_order(n)]++;
    for (unsigned byte = 0; byte < 256; byte++) {
        assert_int_equal(seen[byte], 1);
        assert_int_equal(cclip_symbol_byte(cclip_byte_symbol(byte)), byte);
    }
    assert_int_equal(cclip_byte_symbol(0), 0x100);
    assert_int_equal(cclip_byte_symbol(0xad), 0x143);
    assert_int_equal(cclip_symbol_byte(' '), -1);
    assert_int_equal(cclip_symbol_byte(0x144), -1);
}

static void test_words(void **state)
{
    struct both both = open_small(CCLIP_STYLE_OPENAI);
    (void)state;
    EXPECT(&both, "cat DOG", SMALL_CAT, SMALL_DOG);
    EXPECT(&both, "cat's 'S", SMALL_CAT, SMALL_S, SMALL_S);
    EXPECT(&both, "'\xc5\xbf", id_of('\'', 0), id_of('\xc5', 0), id_of('\xbf', 1)); /* one word */
    EXPECT(&both, "12", id_of('1', 1), id_of('2', 1)); /* a number is one word a digit */
    EXPECT(&both, "!'s", id_of('!', 0), id_of('\'', 1), id_of('s', 1)); /* the run is greedy */
    EXPECT(&both, "cat.", SMALL_CAT, id_of('.', 1));
    EXPECT(&both, "x\xcd\x85y", id_of('x', 1), id_of('y', 1)); /* U+0345 is passed over */
    EXPECT(&both, "aaa", SMALL_AA, id_of('a', 1));
    close_both(&both);
}

static void test_specials(void **state)
{
    struct both both = open_small(CCLIP_STYLE_OPENAI);
    (void)state;
    EXPECT(&both, "<|startoftext|>cat<|EndOfText|>", SMALL_START, SMALL_CAT, SMALL_END);
    close_both(&both);
    both = open_small(CCLIP_STYLE_OPEN_CLIP);
    EXPECT(&both, "<start_of_text>cat<end_of_text>", SMALL_START, SMALL_CAT, SMALL_END);
    close_both(&both);
    both = open_small(CCLIP_STYLE_HF);
    EXPECT(&both, "<|startoftext|>cat<|endoftext|>", SMALL_START, SMALL_CAT, SMALL_END);
    /* In capitals it is no special, but it still ends the word before it. */
    EXPECT(&both, "<|D|>", id_of('<', 0), id_of('|', 1), id_of('d', 1), id_of('|', 0), id_of('>', 1));
    assert_int_equal(cclip_text_pad_id(both.tokenizer), SMALL_END);
    close_both(&both);
}

static void test_context(void **state)
{
    struct both both = open_small(CCLIP_STYLE_OPENAI);
    const int32_t *ids;
    size_t count;
    (void)state;
    assert_int_equal(cclip_text_pad_id(both.tokenizer), 0);
    assert_ok(cclip_text_tokenize(both.encoder, &ids, &count, "cat dog cat", 11, 5, 0));
    const int32_t whole[] = { SMALL_START, SMALL_CAT, SMALL_DOG, SMALL_CAT, SMALL_END };
    assert_int_equal(count, 5);
    assert_memory_equal(ids, whole, sizeof whole);
    assert_fails(CCLIP_ERROR_LIMIT, cclip_text_tokenize(both.encoder, &ids, &count, "cat dog cat", 11, 4, 0));
    assert_string_equal(cclip_error_message(),
                        "input \"cat dog cat\" is too long for context length 4: it has 5 tokens");
    assert_null(ids);
    assert_ok(cclip_text_tokenize(both.encoder, &ids, &count, "cat dog cat", 11, 4, 1));
    const int32_t cut[] = { SMALL_START, SMALL_CAT, SMALL_DOG, SMALL_END };
    assert_int_equal(count, 4);
    assert_memory_equal(ids, cut, sizeof cut);
    assert_ok(cclip_text_tokenize(both.encoder, &ids, &count, "", 0, 0, 0));
    assert_int_equal(count, 2);
    /* The first 60 bytes, no character cut. */
    char text[200] = "";
    for (int i = 0; i < 60; i++)
        strcat(text, i == 29 ? "x\xc3\xa9" : "\xc3\xa9");
    assert_fails(CCLIP_ERROR_LIMIT, cclip_text_tokenize(both.encoder, &ids, &count, text, strlen(text), 4, 0));
    assert_non_null(strstr(cclip_error_message(), "\xc3\xa9x...\" is too long"));
    close_both(&both);
}

static void test_decode(void **state)
{
    struct both both = open_small(CCLIP_STYLE_OPENAI);
    struct cclip_buffer out;
    (void)state;
    const int32_t ids[] = { SMALL_START, SMALL_CAT, id_of('\xe2', 0), id_of('\x82', 1), id_of('\xff', 1), SMALL_END };
    cclip_buffer_open(&out, 1000);
    assert_ok(cclip_text_decode(both.tokenizer, &out, ids, 6));
    assert_string_equal(out.data, "<|startoftext|>cat \xef\xbf\xbd \xef\xbf\xbd <|endoftext|>");
    const int32_t wrong[] = { SMALL_CAT, SMALL_SIZE }, negative[] = { -1 };
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_text_decode(both.tokenizer, &out, wrong, 2));
    assert_non_null(strstr(cclip_error_message(), "token 2"));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_text_decode(both.tokenizer, &out, negative, 1));
    cclip_buffer_close(&out);
    close_both(&both);
}

/* Long words take another way through the merges; both must agree, in both orders. */
static void test_merge_orders(void **state)
{
    struct cclip_vocabulary v;
    struct cclip_merger merger = { 0 };
    static const char *const tokens[] = { "a", "b", "ab", "aba", "abab", "bb", "abb" };
    (void)state;
    cclip_vocabulary_open(&v);
    for (size_t i = 0; i < 7; i++)
        assert_ok(cclip_vocabulary_set(&v, i, tokens[i], strlen(tokens[i])));
    assert_ok(cclip_vocabulary_index(&v, 8));
    assert_ok(cclip_vocabulary_merge(&v, "ab", 2, "a", 1)); /* before the pair it needs */
    assert_ok(cclip_vocabulary_merge(&v, "a", 1, "b", 1));
    assert_ok(cclip_vocabulary_merge(&v, "ab", 2, "ab", 2));
    assert_ok(cclip_vocabulary_merge(&v, "b", 1, "b", 1));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_vocabulary_merge(&v, "b", 1, "a", 1));
    uint32_t rounds[4] = { 0, 1, 0, 1 }, singly[4] = { 0, 1, 0, 1 };
    size_t count = 4;
    assert_ok(cclip_merge_word(&merger, &v, rounds, &count, CCLIP_MERGE_ROUNDS));
    assert_int_equal(count, 1); /* ab ab, then abab */
    assert_int_equal(rounds[0], 4);
    count = 4;
    assert_ok(cclip_merge_word(&merger, &v, singly, &count, CCLIP_MERGE_SINGLY));
    assert_int_equal(count, 2); /* ab, aba, b */
    assert_int_equal(singly[0], 3);
    for (enum cclip_merge_order order = CCLIP_MERGE_ROUNDS; order <= CCLIP_MERGE_SINGLY; order++) {
        uint32_t seed = 1;
        for (int round = 0; round < 2000; round++) {
            /* A long word of two halves that cannot merge across 'x': the halves fit the short way. */
            uint32_t word[97], left[48], right[48];
            size_t all = 97, l = 48, r = 48;
            for (size_t i = 0; i < 97; i++) {
                seed = seed * 1664525 + 1013904223;
                word[i] = seed >> 31;
            }
            memcpy(left, word, sizeof left);
            memcpy(right, word + 49, sizeof right);
            word[48] = 5; /* "bb" merges with nothing */
            assert_ok(cclip_merge_word(&merger, &v, word, &all, order));
            assert_ok(cclip_merge_word(&merger, &v, left, &l, order));
            assert_ok(cclip_merge_word(&merger, &v, right, &r, order));
            assert_int_equal(all, l + 1 + r);
            assert_memory_equal(word, left, l * sizeof *left);
            assert_memory_equal(word + l + 1, right, r * sizeof *right);
        }
    }
    cclip_merger_close(&merger);
    cclip_vocabulary_close(&v);
}

static char folder[] = "/tmp/cclip-tokenizer-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    assert_ok(cclip_file_write(in_folder(name), text, strlen(text)));
}

static void clear_folder(void)
{
    struct cclip_names names;
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++)
        remove(in_folder(names.names[i]));
    cclip_names_close(&names);
}

static void expect_file(const char *path, enum cclip_text_style style, size_t size)
{
    struct both both;
    assert_ok(cclip_text_tokenizer_open(&both.tokenizer, path, NULL));
    assert_ok(cclip_text_encoder_open(&both.encoder, both.tokenizer));
    assert_int_equal(cclip_text_style(both.tokenizer), style);
    assert_int_equal(cclip_text_vocabulary_size(both.tokenizer), size);
    assert_int_equal(cclip_text_start_id(both.tokenizer), SMALL_START);
    assert_int_equal(cclip_text_end_id(both.tokenizer), SMALL_END);
    assert_int_equal(cclip_text_merge_count(both.tokenizer), SMALL_MERGES);
    EXPECT(&both, "cat Dog's", SMALL_CAT, SMALL_DOG, SMALL_S);
    close_both(&both);
}

static void test_merge_list(void **state)
{
    char list[512] = "bpe.txt#version: 0.2\n";
    (void)state;
    for (size_t i = 0; i < SMALL_MERGES; i++)
        sprintf(list + strlen(list), "%s %s\r\n", small_merges[i][0], small_merges[i][1]);
    put("list.txt", list);
    expect_file(in_folder("list.txt"), CCLIP_STYLE_OPENAI, SMALL_SIZE);
    put("merges.txt", strchr(list, '\n') + 1); /* no header, no vocab.json */
    expect_file(folder, CCLIP_STYLE_OPENAI, SMALL_SIZE);
    gzFile file = gzopen(in_folder("list.txt.gz"), "wb");
    gzputs(file, list);
    gzclose(file);
    expect_file(in_folder("list.txt.gz"), CCLIP_STYLE_OPENAI, SMALL_SIZE);
    clear_folder();
}

static void test_written_folder(void **state)
{
    struct both both = open_small(CCLIP_STYLE_HF);
    (void)state;
    assert_ok(cclip_text_write_vocabulary_for(both.tokenizer, folder, 77));
    close_both(&both);
    expect_file(folder, CCLIP_STYLE_HF, SMALL_SIZE);
    expect_file(in_folder("vocab.json"), CCLIP_STYLE_HF, SMALL_SIZE);
    expect_file(in_folder("merges.txt"), CCLIP_STYLE_HF, SMALL_SIZE);
    struct cclip_buffer text;
    assert_ok(cclip_file_read(&text, in_folder("tokenizer_config.json"), 10000));
    assert_non_null(strstr(text.data, "\"bos_token\": \"<|startoftext|>\""));
    assert_non_null(strstr(text.data, "\"model_max_length\": 77"));
    cclip_buffer_close(&text);
    /* open_clip around a transformers tokenizer: its cleaning, then theirs */
    put("open_clip_config.json", "{\"model_cfg\": {\"text_cfg\": {\"hf_tokenizer_name\": \".\"}}}");
    const struct cclip_text_options options = { .style = CCLIP_STYLE_OPEN_CLIP };
    assert_ok(cclip_text_tokenizer_open(&both.tokenizer, folder, &options));
    assert_ok(cclip_text_encoder_open(&both.encoder, both.tokenizer));
    EXPECT(&both, "&amp;cat <|endoftext|>", id_of('&', 1), SMALL_CAT, SMALL_END);
    assert_int_equal(cclip_text_pad_id(both.tokenizer), SMALL_END);
    close_both(&both);
    clear_folder();
}

/* End token; pre-tokenizer; end and start token; type of model; unknown token. */
#define JSON_HEAD                                                                                  \
    "{\"added_tokens\": [{\"id\": %d, \"content\": \"%s\", \"special\": true}],"                     \
    "\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"},"                \
    "{\"type\": \"Replace\"}, {\"type\": \"Lowercase\"}]}, \"pre_tokenizer\": %s,"                   \
    "\"post_processor\": {\"type\": \"RobertaProcessing\", \"sep\": [\"%s\", %d],"                 \
    "\"cls\": [\"%s\", %d]}, \"model\": {\"type\": \"%s\", \"end_of_word_suffix\":"                \
    "\"</w>\", \"unk_token\": \"%s\", \"vocab\": {"

/* tokenizer.json of the small vocabulary; `pairs`: merges as arrays. */
static void put_tokenizer_json(const char *name, const char *model, const char *steps, int pairs)
{
    char texts[SMALL_SIZE][32];
    const char *tokens[SMALL_SIZE];
    struct cclip_buffer out;
    cclip_buffer_open(&out, 1 << 20);
    small_tokens(texts, tokens);
    assert_ok(cclip_buffer_format(&out, JSON_HEAD, SMALL_END, tokens[SMALL_END], steps, tokens[SMALL_END], SMALL_END,
                                  tokens[SMALL_START], SMALL_START, model, tokens[SMALL_END]));
    for (size_t i = 0; i < SMALL_END; i++) { /* the end token is an added one only */
        assert_ok(cclip_buffer_text(&out, i ? ", " : ""));
        assert_ok(cclip_json_quote(&out, tokens[i], strlen(tokens[i])));
        assert_ok(cclip_buffer_format(&out, ": %zu", i));
    }
    assert_ok(cclip_buffer_text(&out, "}, \"merges\": ["));
    for (size_t i = 0; i < SMALL_MERGES; i++)
        assert_ok(cclip_buffer_format(&out, pairs ? "%s[\"%s\", \"%s\"]" : "%s\"%s %s\"", i ? ", " : "",
                                      small_merges[i][0], small_merges[i][1]));
    assert_ok(cclip_buffer_text(&out, "]}}"));
    put(name, out.data);
    cclip_buffer_close(&out);
}

#define BYTE_LEVEL "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\"}, {\"type\": \"ByteLevel\"}]}"

static void test_tokenizer_json(void **state)
{
    struct cclip_tokenizer *tokenizer;
    (void)state;
    put_tokenizer_json("tokenizer.json", "BPE", BYTE_LEVEL, 0);
    expect_file(folder, CCLIP_STYLE_HF, SMALL_SIZE);
    put_tokenizer_json("tokenizer.json", "BPE", BYTE_LEVEL, 1);
    expect_file(in_folder("tokenizer.json"), CCLIP_STYLE_HF, SMALL_SIZE);
    static const char *const models[] = { "Unigram", "WordPiece", "BPE", "BPE" };
    static const char *const steps[] = { BYTE_LEVEL, BYTE_LEVEL, "{\"type\": \"Metaspace\"}", "null" };
    static const char *const named[] = { "Unigram", "WordPiece", "byte-level", "byte-level" };
    for (size_t i = 0; i < 4; i++) {
        put_tokenizer_json("tokenizer.json", models[i], steps[i], 0);
        assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_text_tokenizer_open(&tokenizer, folder, NULL));
        assert_non_null(strstr(cclip_error_message(), named[i]));
        assert_non_null(strstr(cclip_error_message(), "--tokens"));
        assert_non_null(strstr(cclip_error_message(), "tokenizer.json"));
        assert_null(tokenizer);
    }
    clear_folder();
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *name, *text, *named;
        cclip_status status;
    } cases[] = {
        { "a.txt", "", "no merges", CCLIP_ERROR_FORMAT },
        { "a.txt", "#version: 0.2\na\n", "line 2", CCLIP_ERROR_FORMAT },
        { "a.txt", "a b c\n", "line 1", CCLIP_ERROR_FORMAT },
        { "a.txt", "a b\nab xy\n", "line 2: \"xy\"", CCLIP_ERROR_FORMAT },
        { "vocab.json", "{}", "merges.txt", CCLIP_ERROR_NOT_FOUND },
        { "tokenizer.json", "{}", "model", CCLIP_ERROR_FORMAT },
        { "tokenizer.json", "[", "column 1", CCLIP_ERROR_FORMAT },
        { "tokenizer.json", "{\"model\": {\"type\": \"BPE\"}}", "vocab", CCLIP_ERROR_FORMAT },
        { "list.gz", "\x1f\x8b\x08", "gzip", CCLIP_ERROR_FORMAT },
    };
    struct cclip_tokenizer *tokenizer;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(cases[i].name, cases[i].text);
        assert_fails(cases[i].status, cclip_text_tokenizer_open(&tokenizer, in_folder(cases[i].name), NULL));
        assert_non_null(strstr(cclip_error_message(), cases[i].named));
        assert_non_null(strstr(cclip_error_message(), cases[i].name));
        clear_folder();
    }
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_text_tokenizer_open(&tokenizer, folder, NULL));
    assert_fails(CCLIP_ERROR_NOT_FOUND, cclip_text_tokenizer_open(&tokenizer, in_folder("absent"), NULL));
    static const struct {
        const char *vocabulary, *merges, *named;
    } pairs[] = {
        { "[]", "a b\n", "not an object" },
        { "{\"a\": -1}", "a b\n", "\"a\"" },
        { "{\"a\": 1, \"b\": 1}", "a b\n", "id 1" },
        { "{\"a\": 1, \"b\": 2}", "a b\n", "\"ab\" is not in the vocabulary" },
        { "{\"a\": 1, \"b\": 2, \"ab\": 0}", "a b\n", "no end token" },
        { "{\"a\": 99999999999}", "a b\n", "limit" },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        put("vocab.json", pairs[i].vocabulary);
        put("merges.txt", pairs[i].merges);
        assert_true(cclip_text_tokenizer_open(&tokenizer, folder, NULL) != CCLIP_OK);
        if (!strstr(cclip_error_message(), pairs[i].named))
            fail_msg("\"%s\" lacks \"%s\"", cclip_error_message(), pairs[i].named);
        assert_non_null(strstr(cclip_error_message(), folder));
        clear_folder();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_words),
        cmocka_unit_test(test_specials),       cmocka_unit_test(test_context),
        cmocka_unit_test(test_decode),         cmocka_unit_test(test_merge_orders),
        cmocka_unit_test(test_merge_list),     cmocka_unit_test(test_written_folder),
        cmocka_unit_test(test_tokenizer_json), cmocka_unit_test(test_bad_files),
    };
    if (!mkdtemp(folder))
        return 1;
    const int result = cmocka_run_group_tests(tests, NULL, NULL);
    remove(folder);
    return result;
}
