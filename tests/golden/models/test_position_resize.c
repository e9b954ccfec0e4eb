/* Position tables of another size against the reference: every folder below $CCLIP_GOLDEN/models whose
 * config.json lists "cases". "visual_HxW" and "text_N" are made from visual_source.npy and text_source.npy;
 * e2e_X_image.npy is for the model "source" with the image size of that picture. */
#include "golden/models/engine.h"
#include "support/npy.h"
#include "support/write_open_clip.h"

#include "models/position_resize.h"

static char work[CCLIP_TEST_PATH_SIZE];
static size_t folders, compared;

static void check(const char *name, const float *got, const struct array *expected)
{
    const double away = distance(got, expected->f32, expected->count, 0);
    const double most = 1e-5 * largest_magnitude(expected->f32, expected->count) + 1e-6;
    printf("  %-16s off by %.1e\n", name, away);
    if (!(away <= most))
        fail_msg("%s is off by %.3g; %.3g is allowed", name, away, most);
    compared++;
}

/* The class token's row is the one that is left over beside a square grid. */
static void check_table(const char *folder, const char *name)
{
    struct array source, expected;
    char file[200];
    size_t height, width, rows;
    const int visual = sscanf(name, "visual_%zux%zu", &height, &width) == 2;
    array_read(&source, folder, visual ? "visual_source.npy" : "text_source.npy");
    snprintf(file, sizeof file, "%s.npy", name);
    array_read(&expected, folder, file);
    const size_t channels = source.shape[1];
    assert_int_equal(expected.shape[1], channels);
    float *got = engine_floats(expected.count);
    if (visual) {
        const size_t side = (size_t)sqrt((double)source.shape[0]);
        assert_int_equal(expected.shape[0], source.shape[0] - side * side + height * width);
        assert_ok(cclip_resize_grid_positions(got, height, width, source.f32, source.shape[0],
                                              source.shape[0] - side * side, channels));
    } else {
        assert_int_equal(sscanf(name, "text_%zu", &rows), 1);
        assert_int_equal(expected.shape[0], rows);
        cclip_resize_line_positions(got, rows, source.f32, source.shape[0], channels);
    }
    check(name, got, &expected);
    free(got);
    array_close(&source);
    array_close(&expected);
}

/* The source model's weights beside a configuration with the size of `image`. */
static void write_model(const char *models, const char *source, const struct array *image)
{
    char folder[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE];
    cclip_json *config;
    cclip_test_join(folder, sizeof folder, models, source);
    cclip_test_join(path, sizeof path, folder, "config.json");
    assert_ok(cclip_json_read_file(&config, path));
    cclip_json *vision = cclip_json_get(cclip_json_get(config, "model_cfg"), "vision_cfg");
    cclip_json *size = cclip_json_new_array();
    assert_ok(cclip_json_append(size, cclip_json_new_integer((int64_t)image->shape[2])));
    assert_ok(cclip_json_append(size, cclip_json_new_integer((int64_t)image->shape[3])));
    assert_ok(cclip_json_set(vision, "image_size", size));
    write_formula_folder(work, config, cclip_json_get(config, "state_dict"), 0, NULL);
    cclip_json_close(&config);
}

static void check_end_to_end(const char *models, const char *folder, const char *source, const char *file)
{
    struct engine e;
    struct array image, expected;
    char name[200];
    array_read(&image, folder, file);
    snprintf(name, sizeof name, "%.*s_embeds.npy", (int)(strlen(file) - 4), file);
    array_read(&expected, folder, name);
    write_model(models, source, &image);
    engine_open(&e, 1);
    engine_open_model(&e, work);
    assert_int_equal(expected.count, image.shape[0] * engine_dim(&e));
    float *got = engine_images(&e, image.f32, image.shape[0]);
    check(name, got, &expected);
    free(got);
    engine_close(&e);
    remove_formula_folder(work);
    array_close(&image);
    array_close(&expected);
}

static void check_folder(const char *models, const char *folder, const cclip_json *config)
{
    struct cclip_json_iterator it;
    struct cclip_names names;
    const char *source = cclip_json_string(cclip_json_get(config, "source"), NULL);
    assert_non_null(source);
    printf("%s\n", folder);
    for (int more = cclip_json_first(&it, cclip_json_get(config, "cases")); more; more = cclip_json_next(&it))
        check_table(folder, it.key);
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++)
        if (!strncmp(names.names[i], "e2e_", 4) && cclip_path_has_suffix(names.names[i], "_image.npy"))
            check_end_to_end(models, folder, source, names.names[i]);
    cclip_names_close(&names);
    folders++;
}

static void test_position_tables(void **state)
{
    struct cclip_names names;
    char models[CCLIP_TEST_PATH_SIZE];
    (void)state;
    cclip_test_join(models, sizeof models, cclip_test_golden(), "models");
    assert_ok(cclip_folder_list(&names, models));
    for (size_t i = 0; i < names.count; i++) {
        char folder[CCLIP_TEST_PATH_SIZE], path[CCLIP_TEST_PATH_SIZE];
        cclip_json *config;
        cclip_test_join(folder, sizeof folder, models, names.names[i]);
        cclip_test_join(path, sizeof path, folder, "config.json");
        if (!cclip_is_file(path))
            continue;
        assert_ok(cclip_json_read_file(&config, path));
        if (cclip_json_get(config, "cases"))
            check_folder(models, folder, config);
        cclip_json_close(&config);
    }
    cclip_names_close(&names);
    assert_true(!folders || compared > folders);
}

/* A table that is no square grid beside the class token cannot be resized. */
static void test_refused(void **state)
{
    const float table[8] = { 0 };
    float out[8];
    (void)state;
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_resize_grid_positions(out, 1, 1, table, 8, 1, 1));
    assert_fails(CCLIP_ERROR_MISMATCH, cclip_resize_grid_positions(out, 1, 1, table, 1, 1, 1));
}

static int remove_work(void **state)
{
    (void)state;
    remove_formula_folder(work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_position_tables), cmocka_unit_test(test_refused) };
    char models[CCLIP_TEST_PATH_SIZE];
    cclip_test_join(models, sizeof models, cclip_test_golden(), "models");
    formula_work_folder(work, sizeof work, "position-resize");
    if (!cclip_test_there(models))
        return CCLIP_TEST_SKIP;
    const int failed = cmocka_run_group_tests(tests, NULL, remove_work);
    return failed || folders ? failed : CCLIP_TEST_SKIP;
}
