/* A trained vocabulary: its layout, its words, and that whatever goes in comes out again. */
#include "support/unit.h"

#include "base/file.h"
#include "base/random.h"
#include "text/tokenizer_parts.h"
#include "text/vocabulary_trainer.h"

static const char *const captions[] = {
    "A photo of a cat, isn't it?",
    "a photo of two cats & a dog",
    "the dog's photo: 1234 bones",
    "caf\xc3\xa9 na\xc3\xafve stra\xc3\x9f\x65",
    "\xe6\x97\xa5\xe6\x9c\xac\xe3\x81\xae\xe5\x86\x99\xe7\x9c\x9f",
    "<|endoftext|> a photo <|startoftext|>",
    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80 smile",
    "",
};
enum { CAPTIONS = sizeof captions / sizeof captions[0] };

static void train(struct cclip_tokenizer **out, enum cclip_text_style style, size_t wanted)
{
    struct cclip_vocabulary_trainer trainer;
    const struct cclip_text_options options = { .style = style };
    const struct cclip_merge_training training = { wanted, 1, NULL, NULL };
    uint64_t tokens, found = 0;
    assert_ok(cclip_vocabulary_trainer_open(&trainer, &options));
    for (size_t i = 0; i < CAPTIONS; i++)
        assert_ok(cclip_vocabulary_trainer_add(&trainer, captions[i], strlen(captions[i])));
    assert_int_equal(trainer.captions, CAPTIONS);
    assert_ok(cclip_vocabulary_trainer_learn(out, &tokens, &trainer, &training));
    struct cclip_text_encoder *encoder;
    assert_ok(cclip_text_encoder_open(&encoder, *out));
    for (size_t i = 0; i < CAPTIONS; i++) {
        const int32_t *ids;
        size_t count;
        assert_ok(cclip_text_encode(encoder, &ids, &count, captions[i], strlen(captions[i])));
        for (size_t k = 0; k < count; k++)
            found += ids[k] < (*out)->start; /* the special strings of the captions are no words */
    }
    assert_int_equal(found, tokens);
    cclip_text_encoder_close(&encoder);
    cclip_vocabulary_trainer_close(&trainer);
}

static void test_layout(void **state)
{
    (void)state;
    struct cclip_tokenizer *tokenizer;
    train(&tokenizer, CCLIP_STYLE_HF, 30);
    assert_int_equal(cclip_text_vocabulary_size(tokenizer), 544);
    assert_int_equal(cclip_text_merge_count(tokenizer), 30);
    assert_int_equal(cclip_text_start_id(tokenizer), 542);
    assert_int_equal(cclip_text_end_id(tokenizer), 543);
    assert_int_equal(cclip_vocabulary_find(&tokenizer->vocabulary, "!", 1), 0);
    assert_int_equal(cclip_vocabulary_find(&tokenizer->vocabulary, "!</w>", 5), 256);
    cclip_text_tokenizer_close(&tokenizer);
}

/* No two tokens have one text: each merge is known again by its token. */
static void test_distinct_texts(void **state)
{
    (void)state;
    struct cclip_tokenizer *tokenizer;
    train(&tokenizer, CCLIP_STYLE_HF, 5000);
    for (size_t id = 0; id < tokenizer->vocabulary.count; id++) {
        size_t length;
        const char *text = cclip_vocabulary_text(&tokenizer->vocabulary, id, &length);
        assert_int_equal(cclip_vocabulary_find(&tokenizer->vocabulary, text, length), id);
    }
    cclip_text_tokenizer_close(&tokenizer);
}

/* The words are those that the tokenizer finds. */
static void test_words(void **state)
{
    (void)state;
    static const struct {
        enum cclip_text_style style;
        const char *caption;
        size_t words, distinct;
    } cases[] = {
        { CCLIP_STYLE_HF, "The dog's 12 DOGS!! dog", 8, 7 },
        { CCLIP_STYLE_OPENAI, "a &amp; a", 3, 2 },
        { CCLIP_STYLE_HF, "a &amp; a", 5, 4 },
        { CCLIP_STYLE_HF, "<|endoftext|>a<|startoftext|>", 1, 1 },
        { CCLIP_STYLE_OPEN_CLIP, "<end_of_text> x", 1, 1 },
        { CCLIP_STYLE_HF, " \t\n", 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_vocabulary_trainer trainer;
        const struct cclip_text_options options = { .style = cases[i].style };
        assert_ok(cclip_vocabulary_trainer_open(&trainer, &options));
        assert_ok(
            cclip_vocabulary_trainer_add(&trainer, cases[i].caption, strlen(cases[i].caption)));
        assert_int_equal(trainer.words, cases[i].words);
        assert_int_equal(trainer.counts.count, cases[i].distinct);
        cclip_vocabulary_trainer_close(&trainer);
    }
}

static void test_refused_caption_counts_for_nothing(void **state)
{
    (void)state;
    struct cclip_vocabulary_trainer trainer;
    const struct cclip_text_options options = { .style = CCLIP_STYLE_HF };
    assert_ok(cclip_vocabulary_trainer_open(&trainer, &options));
    assert_fails(CCLIP_ERROR_FORMAT, cclip_vocabulary_trainer_add(&trainer, "good words \xff", 12));
    assert_int_equal(trainer.captions, 0);
    assert_int_equal(trainer.counts.count, 0);
    assert_ok(
        cclip_vocabulary_trainer_add(&trainer, "a\0b", 3)); /* a zero is a character like others */
    assert_int_equal(trainer.words, 3);
    cclip_vocabulary_trainer_close(&trainer);
}

/* Half of the texts are any characters, half any bytes. */
static size_t random_text(char *text, size_t capacity, struct cclip_random *random)
{
    const int bytes = (int)cclip_random_below(random, 2);
    const size_t wanted = cclip_random_below(random, (uint32_t)capacity - 4);
    size_t length = 0;
    while (length < wanted) {
        static const uint32_t ranges[] = { 0x80, 0x80, 0x250, 0x3000, 0x10000, 0x20000 };
        const uint32_t c =
            (uint32_t)cclip_random_below(random, ranges[cclip_random_below(random, 6)]);
        if (bytes)
            text[length++] = (char)cclip_random_below(random, 256);
        else if (c < 0xd800 || c > 0xdfff)
            length += cclip_utf8_encode(text + length, c);
    }
    return length;
}

/* The cleaned text, as ids and back, is the cleaned text but for the white space between its words.
 */
static void test_round_trip(void **state)
{
    (void)state;
    struct cclip_random random;
    cclip_random_seed(&random, 3, 0);
    for (int style = CCLIP_STYLE_OPENAI; style <= CCLIP_STYLE_HF; style++) {
        struct cclip_tokenizer *trained, *bytes;
        struct cclip_text_encoder *encoders[2];
        const struct cclip_text_options options = { .style = (enum cclip_text_style)style };
        size_t encoded = 0;
        train(&trained, options.style, 400);
        assert_ok(cclip_text_tokenizer_open_merges(&bytes, NULL, 0, &options));
        assert_ok(cclip_text_encoder_open(&encoders[0], trained));
        assert_ok(cclip_text_encoder_open(&encoders[1], bytes));
        for (unsigned round = 0; round < 3000; round++) {
            char text[120];
            const size_t length = random_text(text, sizeof text, &random);
            struct cclip_buffer out[2];
            size_t counts[2] = { 0, 0 };
            cclip_status status[2];
            for (int k = 0; k < 2; k++) {
                const int32_t *ids;
                cclip_buffer_open(&out[k], 1 << 16);
                status[k] = cclip_text_encode(encoders[k], &ids, &counts[k], text, length);
                if (!status[k])
                    assert_ok(cclip_text_decode(k ? bytes : trained, &out[k], ids, counts[k]));
            }
            assert_int_equal(status[0], status[1]);
            assert_true(status[0] == CCLIP_OK || status[0] == CCLIP_ERROR_FORMAT);
            assert_true(counts[0] <= counts[1]);
            assert_int_equal(out[0].length, out[1].length);
            if (out[0].length)
                assert_memory_equal(out[0].data, out[1].data, out[0].length);
            encoded += counts[0] > 0;
            cclip_buffer_close(&out[0]);
            cclip_buffer_close(&out[1]);
        }
        assert_in_range(encoded, 1000, 3000);
        cclip_text_encoder_close(&encoders[0]);
        cclip_text_encoder_close(&encoders[1]);
        cclip_text_tokenizer_close(&trained);
        cclip_text_tokenizer_close(&bytes);
    }
}

/* Every merge is used again by the tokenizer that reads the files, whichever order of joining it
 * has. */
static void test_files(void **state)
{
    (void)state;
    char folder[] = "/tmp/cclip-trained-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct cclip_tokenizer *trained, *read;
    train(&trained, CCLIP_STYLE_HF, 100);
    assert_ok(cclip_text_write_vocabulary_for(trained, folder, 32));
    assert_ok(cclip_text_tokenizer_open(&read, folder, NULL));
    assert_int_equal(cclip_text_style(read), CCLIP_STYLE_HF);
    assert_int_equal(cclip_text_vocabulary_size(read), cclip_text_vocabulary_size(trained));
    assert_int_equal(cclip_text_merge_count(read), cclip_text_merge_count(trained));
    assert_memory_equal(read->vocabulary.ranked, trained->vocabulary.ranked,
                        cclip_text_merge_count(read) * sizeof *trained->vocabulary.ranked);
    cclip_text_tokenizer_close(&read);
    cclip_text_tokenizer_close(&trained);
    static const char *const names[] = { "vocab.json", "merges.txt", "tokenizer_config.json" };
    for (size_t i = 0; i < 3; i++) {
        char *path = cclip_path_join(folder, names[i]);
        assert_int_equal(remove(path), 0);
        free(path);
    }
    assert_int_equal(remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_distinct_texts),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refused_caption_counts_for_nothing),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
