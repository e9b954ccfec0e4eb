/* A vocabulary from captions through the public interface: learned, used, written, read again. */
#include "support/unit.h"

#include <cclip/cclip.h>

static const char *const captions[] = { "a photo of a cat", "a photo of a dog",
                                        "a drawing of a cat's dog" };

static void open_trainer(cclip_tokenizer_trainer **out, size_t size,
                         int (*progress)(void *, size_t, size_t), void *user)
{
    cclip_tokenizer_training_options options = CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT;
    options.size = size;
    options.progress = progress;
    options.user = user;
    assert_ok(cclip_tokenizer_trainer_open(out, &options));
}

static void add_captions(cclip_tokenizer_trainer *trainer)
{
    for (size_t i = 0; i < sizeof captions / sizeof captions[0]; i++)
        assert_ok(cclip_tokenizer_trainer_add(trainer, captions[i], strlen(captions[i])));
}

static size_t encode(const cclip_tokenizer *tokenizer, int32_t ids[64], const char *text)
{
    size_t count;
    assert_ok(cclip_tokenizer_encode(tokenizer, ids, 64, &count, text, strlen(text), 0, 0));
    return count;
}

static void remove_vocabulary(const char *folder)
{
    static const char *const names[] = { "vocab.json", "merges.txt", "tokenizer_config.json" };
    char path[200];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(remove(folder), 0);
}

static void test_learn_and_write(void **state)
{
    (void)state;
    cclip_tokenizer_trainer *trainer;
    cclip_tokenizer *learned, *read;
    cclip_tokenizer_training_info info = { .version = CCLIP_TOKENIZER_TRAINING_INFO_VERSION };
    int32_t ids[64], again[64];
    char folder[] = "/tmp/cclip-vocabulary-XXXXXX", length_text[32];
    size_t length;
    open_trainer(&trainer, 520, NULL, NULL);
    add_captions(trainer);
    assert_fails(CCLIP_ERROR_FORMAT, cclip_tokenizer_trainer_add(trainer, "\xff", 1));
    assert_ok(cclip_tokenizer_trainer_learn(&learned, &info, trainer));
    assert_int_equal(info.captions, 3);
    assert_int_equal(info.words, 5 + 5 + 7);
    assert_int_equal(info.distinct_words, 7);
    assert_int_equal(info.merges, 6);
    assert_int_equal(cclip_tokenizer_vocabulary_size(learned), 520);
    size_t tokens = 0;
    for (size_t i = 0; i < 3; i++)
        tokens += encode(learned, ids, captions[i]) - 2;
    assert_int_equal(info.tokens, tokens);
    assert_non_null(mkdtemp(folder));
    assert_ok(cclip_tokenizer_write(learned, folder, 24));
    assert_fails(CCLIP_ERROR_ARGUMENT,
                 cclip_tokenizer_write(learned, folder, 24)); /* not over another */
    assert_ok(cclip_tokenizer_open(&read, folder, NULL));
    const size_t count = encode(learned, ids, "a cat's dog draws");
    assert_int_equal(encode(read, again, "a cat's dog draws"), count);
    assert_memory_equal(ids, again, count * sizeof *ids);
    assert_ok(
        cclip_tokenizer_decode(read, length_text, sizeof length_text, &length, ids + 1, count - 2));
    assert_string_equal(length_text, "a cat 's dog draws ");
    cclip_tokenizer_close(&read);
    cclip_tokenizer_close(&learned);
    cclip_tokenizer_trainer_close(&trainer);
    remove_vocabulary(folder);
}

static void test_more_captions_later(void **state)
{
    (void)state;
    cclip_tokenizer_trainer *trainer;
    cclip_tokenizer *first, *second;
    open_trainer(&trainer, 49408, NULL, NULL);
    add_captions(trainer);
    assert_ok(cclip_tokenizer_trainer_learn(&first, NULL, trainer));
    add_captions(trainer);
    assert_ok(cclip_tokenizer_trainer_learn(&second, NULL, trainer));
    /* Each word occurs twice now: more of them become tokens. */
    assert_in_range(cclip_tokenizer_vocabulary_size(first), 515, 560);
    assert_true(cclip_tokenizer_vocabulary_size(second) > cclip_tokenizer_vocabulary_size(first));
    cclip_tokenizer_close(&first);
    cclip_tokenizer_close(&second);
    cclip_tokenizer_trainer_close(&trainer);
}

static int stop(void *user, size_t done, size_t total)
{
    (void)done;
    (void)total;
    ++*(int *)user;
    return 1;
}

static void test_failures(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 513, (size_t)4 << 21, SIZE_MAX };
    cclip_tokenizer_trainer *trainer;
    cclip_tokenizer *tokenizer = (void *)1;
    cclip_tokenizer_training_options options = CCLIP_TOKENIZER_TRAINING_OPTIONS_INIT;
    cclip_tokenizer_training_info info = { .version = 7 };
    for (size_t i = 0; i < 4; i++) {
        options.size = sizes[i];
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_tokenizer_trainer_open(&trainer, &options));
        assert_null(trainer);
    }
    options.size = 600;
    options.style = (cclip_tokenizer_style)9;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_tokenizer_trainer_open(&trainer, &options));
    assert_ok(cclip_tokenizer_trainer_open(&trainer, NULL));
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_tokenizer_trainer_learn(&tokenizer, NULL, trainer));
    assert_null(tokenizer);
    assert_ok(cclip_tokenizer_trainer_add(trainer, " \t", 2)); /* a caption without words */
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_tokenizer_trainer_learn(&tokenizer, NULL, trainer));
    assert_string_equal(cclip_error_message(), "no words in 1 captions");
    add_captions(trainer);
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_tokenizer_trainer_learn(&tokenizer, &info, trainer));
    cclip_tokenizer_trainer_close(&trainer);
    assert_null(trainer);
}

static void test_cancel(void **state)
{
    (void)state;
    cclip_tokenizer_trainer *trainer;
    cclip_tokenizer *tokenizer = (void *)1;
    int calls = 0;
    open_trainer(&trainer, 49408, stop, &calls);
    for (unsigned n = 0; n < 2000; n++) {
        char caption[32];
        const int length = snprintf(caption, sizeof caption, "w%c%c%c", 'a' + n % 26,
                                    'a' + n / 5 % 26, 'a' + n / 26 % 26);
        assert_ok(cclip_tokenizer_trainer_add(trainer, caption, (size_t)length));
    }
    assert_fails(CCLIP_ERROR_CANCELLED, cclip_tokenizer_trainer_learn(&tokenizer, NULL, trainer));
    assert_null(tokenizer);
    assert_int_equal(calls, 1);
    cclip_tokenizer_trainer_close(&trainer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learn_and_write),
        cmocka_unit_test(test_more_captions_later),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
