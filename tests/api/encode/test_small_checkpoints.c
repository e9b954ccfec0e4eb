/* The small checkpoints of tests/data/interop, written by today's transformers and open_clip, against the
 * results that those libraries gave: embeddings, preprocessing, token ids. What is in a folder, its
 * case.json and tests/data/interop/README.md say. */
#include "support/small_models.h"

#include <cclip/cclip.h>

#include "golden/text/jsonl.h"
#include "support/npy.h"

static size_t pictures, tokenized;

/* A model of the folder and how to use it. */
struct opened {
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info;
    const cclip_json *facts;
    const char *folder;
};

static void check_embeddings(const struct opened *o)
{
    const double tolerance = cclip_json_number(cclip_json_get(o->facts, "tolerance"), 0);
    const size_t dim = o->info.embedding_dim;
    struct array image, tokens, expected;
    array_read(&image, o->folder, "image.npy");
    array_read(&tokens, o->folder, "tokens.npy");
    assert_int_equal(image.shape[2], o->info.preprocessing.height);
    assert_int_equal(image.shape[3], o->info.preprocessing.width);
    assert_int_equal(tokens.shape[1], o->info.context_length);
    const size_t most = (image.shape[0] + tokens.shape[0]) * dim;
    float *got = malloc(most * sizeof *got);
    assert_non_null(got);

    assert_ok(cclip_embed_pixels(o->session, got, image.f32, image.shape[0], 1));
    array_read(&expected, o->folder, "image_embeds_norm.npy");
    assert_int_equal(expected.count, image.shape[0] * dim);
    const double away_image = distance(got, expected.f32, expected.count, 0);
    array_close(&expected);

    int32_t *ids = array_ids(&tokens);
    assert_ok(cclip_embed_tokens(o->session, got, ids, tokens.shape[0], tokens.shape[1], 1));
    array_read(&expected, o->folder, "text_embeds_norm.npy");
    assert_int_equal(expected.count, tokens.shape[0] * dim);
    const double away_text = distance(got, expected.f32, expected.count, 0);
    array_close(&expected);

    printf("%-30s image %.1e  text %.1e\n", strrchr(o->folder, '/') + 1, away_image, away_text);
    assert_true(tolerance > 0 && away_image <= tolerance && away_text <= tolerance);
    free(ids);
    free(got);
    array_close(&image);
    array_close(&tokens);
}

/* "logit_scale" of the case is the stored logarithm. */
static void check_info(const struct opened *o)
{
    const cclip_json *bias = cclip_json_get(o->facts, "logit_bias");
    const double scale = cclip_json_number(cclip_json_get(o->facts, "logit_scale"), NAN);
    assert_int_equal(o->info.embedding_dim, cclip_json_integer(cclip_json_get(o->facts, "embed_dim"), -1));
    assert_true(fabs(log((double)o->info.logit_scale) - scale) < 1e-5);
    assert_true(fabs((double)o->info.logit_bias - cclip_json_number(bias, 0)) < 1e-6);
    assert_int_equal(o->info.is_sigmoid, bias != NULL);
}

static void check_picture(const struct opened *o)
{
    const char *name = cclip_json_string(cclip_json_get(o->facts, "picture"), NULL);
    char path[CCLIP_TEST_PATH_SIZE];
    struct array expected;
    if (!name)
        return;
    cclip_test_join(path, sizeof path, o->folder, name);
    array_read(&expected, o->folder, "picture_pixels.npy");
    const size_t count = 3 * o->info.preprocessing.height * o->info.preprocessing.width;
    assert_int_equal(expected.count, count);
    float *got = malloc(count * sizeof *got);
    assert_non_null(got);
    assert_ok(cclip_preprocess_file(got, path, &o->info.preprocessing));
    assert_true(distance(got, expected.f32, count, 0) < 1e-5);
    free(got);
    array_close(&expected);
    pictures++;
}

static void check_line(const cclip_tokenizer *tokenizer, const char *line)
{
    struct jsonl_text text = jsonl_string(jsonl_find(line, "text"));
    struct jsonl_ids expected = jsonl_array(jsonl_find(line, "ids"));
    int32_t ids[4096];
    size_t count;
    assert_non_null(text.data);
    assert_non_null(expected.data);
    assert_ok(cclip_tokenizer_encode(tokenizer, ids, 4096, &count, text.data, text.length, 4096, 0));
    if (count != expected.count || memcmp(ids, expected.data, count * sizeof *ids) != 0)
        fail_msg("other ids: %.300s", line);
    free(text.data);
    free(expected.data);
    tokenized++;
}

static void check_tokenizer(const struct opened *o)
{
    const int64_t lines = cclip_json_integer(cclip_json_get(o->facts, "tokenizer_cases"), 0);
    const cclip_tokenizer *tokenizer;
    struct cclip_buffer text;
    char path[CCLIP_TEST_PATH_SIZE];
    int64_t met = 0;
    if (!lines)
        return;
    cclip_test_join(path, sizeof path, o->folder, "tokenizer_cases.jsonl");
    assert_ok(cclip_model_get_tokenizer(o->model, &tokenizer));
    assert_ok(cclip_file_read(&text, path, (size_t)1 << 24));
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"), met++)
        check_line(tokenizer, line);
    assert_int_equal(met, lines);
    cclip_buffer_close(&text);
}

static void check_model(const struct small_model *small)
{
    struct opened o = { .folder = small->folder, .info = { .version = CCLIP_MODEL_INFO_VERSION } };
    char path[CCLIP_TEST_PATH_SIZE];
    cclip_json *facts;
    cclip_test_join(path, sizeof path, small->folder, "case.json");
    assert_ok(cclip_json_read_file(&facts, path));
    o.facts = facts;
    cclip_test_join(path, sizeof path, small->folder, small->checkpoint);
    assert_ok(cclip_model_open(&o.model, path, NULL));
    assert_ok(cclip_model_get_info(o.model, &o.info));
    assert_ok(cclip_session_open(&o.session, o.model, NULL));
    check_info(&o);
    check_embeddings(&o);
    check_picture(&o);
    check_tokenizer(&o);
    cclip_session_close(&o.session);
    cclip_model_close(&o.model);
    cclip_json_close(&facts);
}

static void test_small_checkpoints(void **state)
{
    (void)state;
    each_small_model(check_model);
    assert_true(pictures > 0 && tokenized > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_small_checkpoints) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
