/* Weights that are NaN or infinite: the model works, and the log is told once, with file and tensor, when
 * the tower that has them is first used. */
#include "support/small_models.h"

#include <cclip/cclip.h>

#include <math.h>
#include <unistd.h>

#include "support/write_open_clip.h"

static char work[CCLIP_TEST_PATH_SIZE], weights[CCLIP_TEST_PATH_SIZE];
static char lines[8][600];
static size_t line_count;

static void keep_line(void *user, cclip_log_level level, const char *message)
{
    (void)user;
    if (level == CCLIP_LOG_WARNING && line_count < 8)
        snprintf(lines[line_count++], sizeof lines[0], "%s", message);
}

/* A copy of a small model, and the byte of its weights file where tensor `name` begins. */
static size_t copy_model(const char *name)
{
    static const char *const files[] = { "config.json", "model.safetensors" };
    char from[CCLIP_TEST_PATH_SIZE], to[CCLIP_TEST_PATH_SIZE];
    struct cclip_buffer text;
    cclip_json *header;
    assert_ok(cclip_folder_make(work));
    cclip_buffer_open(&text, 0);
    for (size_t i = 0; i < 2; i++) {
        cclip_buffer_close(&text);
        cclip_test_join(from, sizeof from, cclip_test_in_source("tests/data/interop/hf_siglip"), files[i]);
        cclip_test_join(to, sizeof to, work, files[i]);
        assert_ok(cclip_file_read(&text, from, (size_t)1 << 26));
        assert_ok(cclip_file_write(to, text.data, text.length));
    }
    size_t length = 0;
    for (int i = 8; i-- > 0;)
        length = length << 8 | (unsigned char)text.data[i];
    assert_ok(cclip_json_parse(&header, text.data + 8, length, weights));
    const cclip_json *offsets = cclip_json_get(cclip_json_get(header, name), "data_offsets");
    assert_non_null(offsets);
    const size_t begin = 8 + length + (size_t)cclip_json_integer(cclip_json_at(offsets, 0), 0);
    cclip_json_close(&header);
    cclip_buffer_close(&text);
    return begin;
}

static void put(size_t at, float value)
{
    FILE *file = fopen(weights, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

/* Uses the image tower twice, then the text tower twice. */
static void use_model(size_t lines_after_open, size_t lines_after_images, size_t lines_after_texts)
{
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    line_count = 0;
    cclip_log_set(keep_line, NULL);
    assert_ok(cclip_model_open(&model, work, NULL));
    assert_int_equal(line_count, lines_after_open);
    assert_ok(cclip_model_get_info(model, &info));
    assert_ok(cclip_session_open(&session, model, NULL));
    float *pixels = formula_images("input.image", 1, info.preprocessing.height, info.preprocessing.width);
    float *out = malloc(info.embedding_dim * sizeof *out);
    int32_t *ids = calloc(info.context_length, sizeof *ids);
    assert_true(pixels && out && ids);
    for (int i = 0; i < 2; i++)
        assert_ok(cclip_embed_pixels(session, out, pixels, 1, 1));
    assert_int_equal(line_count, lines_after_images);
    for (int i = 0; i < 2; i++)
        assert_ok(cclip_embed_tokens(session, out, ids, 1, info.context_length, 1));
    assert_int_equal(line_count, lines_after_texts);
    cclip_log_set(NULL, NULL);
    free(pixels);
    free(out);
    free(ids);
    cclip_session_close(&session);
    cclip_model_close(&model);
}

static void expect_line(const char *tensor)
{
    assert_non_null(strstr(lines[0], work));
    assert_non_null(strstr(lines[0], tensor));
    assert_non_null(strstr(lines[0], "NaN"));
    assert_null(strchr(lines[0], '\n'));
}

static void test_sound(void **state)
{
    (void)state;
    copy_model("logit_scale");
    use_model(0, 0, 0);
}

static void test_image_tower(void **state)
{
    (void)state;
    put(copy_model("vision_model.encoder.layers.0.mlp.fc1.weight"), NAN);
    use_model(0, 1, 1);
    expect_line("\"vision_model.encoder.layers.0.mlp.fc1.weight\"");
}

static void test_text_tower(void **state)
{
    (void)state;
    put(copy_model("text_model.embeddings.token_embedding.weight") + 4, INFINITY);
    use_model(0, 0, 1);
    expect_line("\"text_model.embeddings.token_embedding.weight\"");
}

static void test_logit_scale(void **state)
{
    (void)state;
    put(copy_model("logit_scale"), NAN);
    use_model(1, 1, 1);
    expect_line("logit_scale");
}

static int remove_work(void **state)
{
    (void)state;
    remove_formula_folder(work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sound, remove_work),
        cmocka_unit_test_teardown(test_image_tower, remove_work),
        cmocka_unit_test_teardown(test_text_tower, remove_work),
        cmocka_unit_test_teardown(test_logit_scale, remove_work),
    };
    formula_work_folder(work, sizeof work, "not-finite");
    cclip_test_join(weights, sizeof weights, work, "model.safetensors");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
