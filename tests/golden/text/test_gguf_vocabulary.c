/* Vocabularies of GGUF files, which store no merges: every folder under $CCLIP_GOLDEN/models that holds
 * merges.txt beside .gguf files must get exactly those merges back from the tokens alone. */
#include "support/unit.h"

#include "base/file.h"
#include "base/memory.h"
#include "support/paths.h"
#include "text/tokenizer.h"

struct tokens {
    const char **text;
    size_t *lengths, count;
};

struct reader {
    const unsigned char *at, *end;
};

static uint64_t number(struct reader *r, size_t bytes)
{
    uint64_t value = 0;
    assert_true((size_t)(r->end - r->at) >= bytes);
    memcpy(&value, r->at, bytes);
    r->at += bytes;
    return value;
}

static const char *string(struct reader *r, size_t *length)
{
    *length = (size_t)number(r, 8);
    assert_true((size_t)(r->end - r->at) >= *length);
    r->at += *length;
    return (const char *)r->at - *length;
}

/* Past a value of a key; fills `tokens` from an array of strings if it is wanted. */
static void value(struct reader *r, uint64_t type, struct tokens *tokens)
{
    static const size_t sizes[13] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    size_t length;
    assert_true(type < 13);
    if (type == 8) {
        string(r, &length);
    } else if (type != 9) {
        number(r, sizes[type]);
    } else {
        const uint64_t element = number(r, 4), count = number(r, 8);
        if (tokens && element == 8) {
            tokens->count = (size_t)count;
            tokens->text = calloc((size_t)count, sizeof *tokens->text);
            tokens->lengths = calloc((size_t)count, sizeof *tokens->lengths);
        }
        for (uint64_t i = 0; i < count; i++) {
            if (tokens && element == 8)
                tokens->text[i] = string(r, &tokens->lengths[i]);
            else
                value(r, element, NULL);
        }
    }
}

/* The tokens of a GGUF file; none if it has none (an mmproj file). */
static struct tokens read_tokens(const struct cclip_mapping *file)
{
    static const char wanted[] = "tokenizer.ggml.tokens";
    struct reader r = { file->data, file->data + file->size };
    struct tokens tokens = { 0 };
    assert_true(number(&r, 4) == 0x46554747);
    number(&r, 4);
    number(&r, 8);
    for (uint64_t keys = number(&r, 8); keys; keys--) {
        size_t length;
        const char *key = string(&r, &length);
        const int is_wanted = length == strlen(wanted) && !memcmp(key, wanted, length);
        value(&r, number(&r, 4), is_wanted ? &tokens : NULL);
    }
    return tokens;
}

static size_t checked;

static void check_file(const char *path, const struct cclip_buffer *merges)
{
    struct cclip_mapping file;
    struct cclip_tokenizer *tokenizer;
    struct cclip_buffer found;
    char folder[] = "/tmp/cclip-test-XXXXXX", written[64];
    assert_ok(cclip_mapping_open(&file, path));
    struct tokens tokens = read_tokens(&file);
    if (!tokens.count) {
        cclip_mapping_close(&file);
        return;
    }
    assert_ok(cclip_text_tokenizer_open_tokens(&tokenizer, tokens.text, tokens.lengths, tokens.count,
                                               NULL));
    assert_non_null(mkdtemp(folder));
    assert_ok(cclip_text_write_vocabulary(tokenizer, folder));
    snprintf(written, sizeof written, "%s/merges.txt", folder);
    assert_ok(cclip_file_read(&found, written, (size_t)1 << 28));
    const char *from = found.data, *wanted = merges->data;
    if (strncmp(wanted, "#version", 8)) /* ours has a header */
        from = strchr(from, '\n') + 1;
    if (strcmp(from, wanted))
        fail_msg("%s: other merges than merges.txt; see %s", path, written);
    printf("%s: %zu tokens, %zu merges found again, specials %d %d\n", path, tokens.count,
           cclip_text_merge_count(tokenizer), (int)cclip_text_start_id(tokenizer),
           (int)cclip_text_end_id(tokenizer));
    checked++;
    static const char *const names[] = { "merges.txt", "vocab.json", "tokenizer_config.json" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(written, sizeof written, "%s/%s", folder, names[i]);
        remove(written);
    }
    remove(folder);
    cclip_buffer_close(&found);
    cclip_text_tokenizer_close(&tokenizer);
    cclip_mapping_close(&file);
    free(tokens.text);
    free(tokens.lengths);
}

static void walk(const char *folder)
{
    struct cclip_names names;
    struct cclip_buffer merges = { 0 };
    assert_ok(cclip_folder_list(&names, folder));
    char *list = cclip_path_join(folder, "merges.txt");
    const int has_list = cclip_is_file(list);
    if (has_list)
        assert_ok(cclip_file_read(&merges, list, (size_t)1 << 28));
    for (size_t i = 0; i < names.count; i++) {
        char *path = cclip_path_join(folder, names.names[i]);
        if (cclip_is_folder(path))
            walk(path);
        else if (has_list && cclip_path_has_suffix(path, ".gguf") &&
                 !strstr(names.names[i], "bad_")) /* made to be refused */
            check_file(path, &merges);
        cclip_release(path);
    }
    cclip_buffer_close(&merges);
    cclip_release(list);
    cclip_names_close(&names);
}

static void test_merges_are_found_again(void **state)
{
    char models[CCLIP_TEST_PATH_SIZE];
    (void)state;
    snprintf(models, sizeof models, "%s/models", cclip_test_golden());
    walk(models);
}

int main(void)
{
    char models[CCLIP_TEST_PATH_SIZE];
    snprintf(models, sizeof models, "%s/models", cclip_test_golden());
    if (!cclip_test_there(models)) {
        printf("skipped: %s is not there\n", models);
        return CCLIP_TEST_SKIP;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_merges_are_found_again) };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || checked ? failed : CCLIP_TEST_SKIP;
}
