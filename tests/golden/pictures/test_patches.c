/* The tokens inside the image towers of golden/models: every folder with an open_clip checkpoint and activations of
 * its blocks. After `layer` blocks they are visual.block<layer - 1>; before the first one visual.ln_pre, or
 * visual.embed where a model has no ln_pre. */
#include "support/npy.h"

#include <cclip/cclip.h>

static size_t compared, folders;

static int read_activation(struct array *out, const char *folder, const char *name, size_t number)
{
    char path[CCLIP_TEST_PATH_SIZE], file[64];
    snprintf(file, sizeof file, name, number);
    snprintf(path, sizeof path, "%s/act/%s.npy", folder, file);
    if (!cclip_test_there(path))
        return 0;
    array_read_file(out, path);
    return 1;
}

static void compare(cclip_session *session, const cclip_model_info *info, const struct array *image,
                    const struct array *expected, int layer, const char *folder)
{
    const size_t pictures = image->shape[0], size = info->image_tokens * info->image_width;
    float *out = calloc(pictures * size, sizeof *out);
    assert_non_null(out);
    assert_int_equal(expected->count % size, 0);
    assert_true(expected->count && expected->count <= pictures * size);
    assert_ok(cclip_embed_patches(session, out, image->f32, pictures, layer));
    const double far = distance(out, expected->f32, expected->count, 0);
    if (!(far <= 1e-5 * largest_magnitude(expected->f32, expected->count) + 1e-6))
        fail_msg("%s: after %d blocks: %g from the reference", folder, layer, far);
    compared++;
    array_close((struct array *)expected);
    free(out);
}

static void check_folder(const char *folder)
{
    cclip_model *model = NULL;
    cclip_session *session = NULL;
    cclip_model_info info = { .version = CCLIP_MODEL_INFO_VERSION };
    struct array image, expected;
    assert_ok(cclip_model_open(&model, folder, NULL));
    assert_ok(cclip_model_get_info(model, &info));
    assert_ok(cclip_session_open(&session, model, NULL));
    array_read(&image, folder, "image.npy");
    for (size_t layer = 1; layer <= info.image_layers; layer++)
        if (read_activation(&expected, folder, "visual.block%zu", layer - 1))
            compare(session, &info, &image, &expected, (int)layer, folder);
    if (read_activation(&expected, folder, "visual.ln_pre", 0) ||
        read_activation(&expected, folder, "visual.embed", 0))
        compare(session, &info, &image, &expected, 0, folder);
    array_close(&image);
    cclip_session_close(&session);
    cclip_model_close(&model);
}

static void test_every_folder(void **state)
{
    struct cclip_names names;
    char top[CCLIP_TEST_PATH_SIZE], path[3 * CCLIP_TEST_PATH_SIZE];
    (void)state;
    snprintf(top, sizeof top, "%s/models", cclip_test_golden());
    assert_ok(cclip_folder_list(&names, top));
    for (size_t i = 0; i < names.count; i++) {
        static const char *const needed[] = { "act/visual.block0.npy", "open_clip_config.json", "image.npy" };
        char folder[2 * CCLIP_TEST_PATH_SIZE];
        int there = 1;
        snprintf(folder, sizeof folder, "%s/%s", top, names.names[i]);
        for (int n = 0; n < 3; n++) {
            snprintf(path, sizeof path, "%s/%s", folder, needed[n]);
            there &= cclip_test_there(path);
        }
        snprintf(path, sizeof path, "%s/open_clip_model.safetensors", folder);
        const int safetensors = cclip_test_there(path);
        snprintf(path, sizeof path, "%s/open_clip_pytorch_model.bin", folder);
        if (!there || !(safetensors || cclip_test_there(path)))
            continue;
        check_folder(folder);
        folders++;
    }
    cclip_names_close(&names);
    printf("%zu models, %zu activations\n", folders, compared);
    assert_true(compared > folders || !folders);
}

int main(void)
{
    if (!cclip_test_there(cclip_test_golden()))
        return CCLIP_TEST_SKIP;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_folder) };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || folders ? failed : CCLIP_TEST_SKIP;
}
