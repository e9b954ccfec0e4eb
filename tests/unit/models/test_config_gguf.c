/* Configurations of clip.cpp's GGUF files: a file with every key, and with one of them missing or wrong. */
#include "support/fault.h"
#include "support/unit.h"

#include "checkpoint/checkpoint.h"
#include "models/config_gguf.h"
#include "support/made_files.h"

enum type { UINT32 = 4, FLOAT32 = 6, BOOL = 7, STRING = 8, ARRAY = 9 };

struct pair {
    const char *key;
    enum type type;
    double number;    /* or how many elements */
    const char *text; /* or the elements of an array, all alike */
};

static const struct pair complete[] = {
    { "general.architecture", STRING, 0, "clip" },
    { "clip.has_text_encoder", BOOL, 1, NULL },
    { "clip.has_vision_encoder", BOOL, 1, NULL },
    { "clip.use_gelu", BOOL, 0, NULL },
    { "clip.text.context_length", UINT32, 20, NULL },
    { "clip.text.embedding_length", UINT32, 48, NULL },
    { "clip.text.feed_forward_length", UINT32, 96, NULL },
    { "clip.text.projection_dim", UINT32, 16, NULL },
    { "clip.text.attention.head_count", UINT32, 3, NULL },
    { "clip.text.attention.layer_norm_epsilon", FLOAT32, 0.25, NULL },
    { "clip.text.block_count", UINT32, 2, NULL },
    { "clip.vision.image_size", UINT32, 32, NULL },
    { "clip.vision.patch_size", UINT32, 8, NULL },
    { "clip.vision.embedding_length", UINT32, 64, NULL },
    { "clip.vision.feed_forward_length", UINT32, 128, NULL },
    { "clip.vision.projection_dim", UINT32, 16, NULL },
    { "clip.vision.attention.head_count", UINT32, 4, NULL },
    { "clip.vision.attention.layer_norm_epsilon", FLOAT32, 0.125, NULL },
    { "clip.vision.block_count", UINT32, 3, NULL },
    { "clip.vision.image_mean", ARRAY, 3, NULL },
    { "clip.vision.image_std", ARRAY, 3, NULL },
    { "tokenizer.ggml.tokens", ARRAY, 7, "token" },
};
enum { PAIRS = sizeof complete / sizeof complete[0] };

static void put_string(struct made *m, const char *text)
{
    made_number(m, strlen(text), 8);
    made_text(m, text);
}

static void put_float(struct made *m, double number)
{
    const float value = (float)number;
    made_put(m, &value, sizeof value);
}

static void put_pair(struct made *m, const struct pair *pair)
{
    put_string(m, pair->key);
    made_number(m, pair->type, 4);
    if (pair->type == STRING) {
        put_string(m, pair->text);
    } else if (pair->type == ARRAY) {
        made_number(m, pair->text ? STRING : FLOAT32, 4);
        made_number(m, (uint64_t)pair->number, 8);
        for (int i = 0; i < (int)pair->number; i++) {
            if (pair->text)
                put_string(m, pair->text);
            else
                put_float(m, 0.5);
        }
    } else if (pair->type == FLOAT32) {
        put_float(m, pair->number);
    } else {
        made_number(m, (uint64_t)pair->number, pair->type == BOOL ? 1 : 4);
    }
}

/* The complete file with `other` in place of its namesake; without that key if its type is 0. A key that
 * is no one's namesake is added. */
static const char *make(const struct pair *other)
{
    struct made m = { .data = NULL };
    size_t count = 0;
    int replaced = 0;
    for (size_t i = 0; i < PAIRS; i++)
        replaced |= other && !strcmp(complete[i].key, other->key);
    count = PAIRS + (other && !replaced) - (other && replaced && !other->type);
    made_text(&m, "GGUF");
    made_number(&m, 3, 4);
    made_number(&m, 0, 8);
    made_number(&m, count, 8);
    for (size_t i = 0; i < PAIRS; i++) {
        const int same = other && !strcmp(complete[i].key, other->key);
        if (!same)
            put_pair(&m, &complete[i]);
        else if (other->type)
            put_pair(&m, other);
    }
    if (other && !replaced)
        put_pair(&m, other);
    while (m.length % 32)
        made_number(&m, 0, 1);
    const char *path = made_file("config.gguf", m.data, m.length);
    made_free(&m);
    return path;
}

static cclip_status read_config(struct cclip_config *out, const struct pair *other)
{
    struct cclip_checkpoint *checkpoint;
    assert_ok(cclip_checkpoint_open(&checkpoint, make(other)));
    const cclip_status status =
        cclip_config_from_gguf(out, cclip_checkpoint_gguf(checkpoint), "x.gguf");
    cclip_checkpoint_close(&checkpoint);
    return status;
}

static void test_complete(void **state)
{
    struct cclip_config c;
    (void)state;
    assert_ok(read_config(&c, NULL));
    assert_int_equal(c.embedding_dim, 16);
    assert_int_equal(c.vision.image_height, 32);
    assert_int_equal(c.vision.image_width, 32);
    assert_int_equal(c.vision.patch_size, 8);
    assert_int_equal(c.vision.transformer.width, 64);
    assert_int_equal(c.vision.transformer.mlp_width, 128);
    assert_int_equal(c.vision.transformer.heads, 4);
    assert_int_equal(c.vision.transformer.layers, 3);
    assert_true(c.vision.transformer.epsilon == 0.125f);
    assert_int_equal(c.vision.transformer.activation, CCLIP_ACTIVATION_QUICK_GELU);
    assert_int_equal(c.text.transformer.width, 48);
    assert_int_equal(c.text.transformer.layers, 2);
    assert_true(c.text.transformer.epsilon == 0.25f);
    assert_int_equal(c.text.context_length, 20);
    assert_int_equal(c.text.vocabulary_size, 7);
    assert_int_equal(c.text.pool, CCLIP_POOL_END_TOKEN);
    assert_int_equal(c.text.end_id, 6);
    assert_true(c.no_logit_scale && !c.has_logit_bias);
    assert_true(c.preprocessing.mean[2] == 0.5f && c.preprocessing.std[0] == 0.5f);
    assert_int_equal(c.preprocessing.height, 32);
}

/* May be absent, or say something else. */
static void test_options(void **state)
{
    struct cclip_config c;
    const struct pair gelu = { "clip.use_gelu", BOOL, 1, NULL };
    const struct pair no_mean = { "clip.vision.image_mean", 0, 0, NULL };
    const struct pair no_epsilon = { "clip.text.attention.layer_norm_epsilon", 0, 0, NULL };
    const struct pair no_tokens = { "tokenizer.ggml.tokens", 0, 0, NULL };
    (void)state;
    assert_ok(read_config(&c, &gelu));
    assert_int_equal(c.text.transformer.activation, CCLIP_ACTIVATION_GELU);
    assert_int_equal(c.vision.transformer.activation, CCLIP_ACTIVATION_GELU);
    assert_ok(read_config(&c, &no_mean));
    assert_true(c.preprocessing.mean[0] == 0.48145466f);
    assert_ok(read_config(&c, &no_epsilon));
    assert_true(c.text.transformer.epsilon == 1e-5f);
    assert_ok(read_config(&c, &no_tokens));
    assert_int_equal(c.text.vocabulary_size, 49408);
}

static void test_refused(void **state)
{
    static const struct {
        struct pair pair;
        cclip_status status;
        const char *message;
    } cases[] = {
        { { "clip.text.block_count", 0, 0, NULL }, CCLIP_ERROR_FORMAT,
          "x.gguf: no key \"clip.text.block_count\"" },
        { { "clip.vision.patch_size", UINT32, 4294967295.0, NULL }, CCLIP_ERROR_FORMAT,
          "x.gguf: \"clip.vision.patch_size\" is 4294967295, more than any model has" },
        { { "clip.vision.projection_dim", UINT32, 24, NULL }, CCLIP_ERROR_MISMATCH,
          "x.gguf: pictures are projected to 24 values and texts to 16" },
        { { "clip.vision.image_mean", ARRAY, 2, NULL }, CCLIP_ERROR_FORMAT,
          "x.gguf: \"clip.vision.image_mean\" must be three numbers" },
        { { "clip.text.attention.head_count", UINT32, 5, NULL }, CCLIP_ERROR_FORMAT,
          "x.gguf: text width 48 is not a multiple of 5 heads" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cclip_config c;
        assert_fails(cases[i].status, read_config(&c, &cases[i].pair));
        assert_string_equal(cclip_error_message(), cases[i].message);
    }
    const struct pair wrong_type = { "clip.use_gelu", UINT32, 1, NULL };
    struct cclip_config c;
    assert_fails(CCLIP_ERROR_FORMAT, read_config(&c, &wrong_type));
    assert_message("clip.use_gelu");
}

static void test_no_vocabulary(void **state)
{
    const struct pair none = { "tokenizer.ggml.tokens", 0, 0, NULL };
    struct cclip_checkpoint *checkpoint;
    struct cclip_tokenizer *tokenizer;
    (void)state;
    assert_ok(cclip_checkpoint_open(&checkpoint, make(&none)));
    assert_fails(CCLIP_ERROR_NOT_FOUND,
                 cclip_config_gguf_tokenizer(&tokenizer, cclip_checkpoint_gguf(checkpoint), NULL));
    assert_null(tokenizer);
    cclip_checkpoint_close(&checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_complete), cmocka_unit_test(test_options),
                                        cmocka_unit_test(test_refused),
                                        cmocka_unit_test(test_no_vocabulary) };
    return cmocka_run_group_tests(tests, made_folder_open, made_folder_close);
}
