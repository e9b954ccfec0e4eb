/* The folders of tests/data/wide: architectures wider than any golden one (ViT-H/14: 1280 wide, heads of 80),
 * with few layers. Weights and pictures are by formula; tests/interop/write_wide.py made the results. Rows
 * must be right at every place of a batch. */
#include <cclip/cclip.h>

#include "support/npy.h"
#include "support/write_open_clip.h"

static size_t models;

static void check_rows(const char *folder, const char *name, const float *got, size_t count, size_t dim)
{
    struct array expected;
    array_read(&expected, folder, name);
    assert_int_equal(expected.count, count * dim);
    const double away = distance(got, expected.f32, expected.count, 0);
    printf("%-24s %.1e\n", name, away);
    assert_true(away <= 1e-5);
    array_close(&expected);
}

static void check_folder(const char *folder, const char *work, const cclip_json *config)
{
    cclip_model *model;
    cclip_session *session;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    struct array tokens;
    assert_ok(cclip_model_open(&model, work, NULL));
    assert_ok(cclip_model_get_info(model, &info));
    assert_ok(cclip_session_open(&session, model, NULL));
    const size_t pictures = (size_t)cclip_json_integer(cclip_json_get(config, "pictures"), 0);
    array_read(&tokens, folder, "tokens.npy");
    int32_t *ids = array_ids(&tokens);
    float *pixels = formula_images(cclip_json_string(cclip_json_get(config, "image"), NULL), pictures,
                                   info.preprocessing.height, info.preprocessing.width);
    float *got = malloc((pictures + tokens.shape[0]) * info.embedding_dim * sizeof *got);
    assert_true(pictures > 1 && pixels && got);
    assert_ok(cclip_embed_pixels(session, got, pixels, pictures, 1));
    check_rows(folder, "image_embeds_norm.npy", got, pictures, info.embedding_dim);
    assert_ok(cclip_embed_tokens(session, got, ids, tokens.shape[0], tokens.shape[1], 1));
    check_rows(folder, "text_embeds_norm.npy", got, tokens.shape[0], info.embedding_dim);
    free(got);
    free(pixels);
    free(ids);
    array_close(&tokens);
    cclip_session_close(&session);
    cclip_model_close(&model);
    models++;
}

static void test_wide_models(void **state)
{
    struct cclip_names names;
    char top[CCLIP_TEST_PATH_SIZE], folder[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE];
    char work[CCLIP_TEST_PATH_SIZE];
    (void)state;
    cclip_test_join(top, sizeof top, cclip_test_data(), "wide");
    formula_work_folder(work, sizeof work, "wide");
    assert_ok(cclip_folder_list(&names, top));
    for (size_t i = 0; i < names.count; i++) {
        cclip_json *config;
        cclip_test_join(folder, sizeof folder, top, names.names[i]);
        cclip_test_join(path, sizeof path, folder, "config.json");
        assert_ok(cclip_json_read_file(&config, path));
        write_formula_folder(work, config, cclip_json_get(config, "state_dict"), 0, NULL);
        check_folder(folder, work, config);
        remove_formula_folder(work);
        cclip_json_close(&config);
    }
    cclip_names_close(&names);
    assert_true(models > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_wide_models) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
