/* Every small picture of tests/fuzz/corpora, decoded, preprocessed in each way and written, each allocation failing in
 * turn. Pictures that are damaged on purpose are left out. */
#include "support/unit.h"

#include "base/file.h"
#include "image/preprocess.h"
#include "image/write_picture.h"
#include "support/fault.h"
#include "support/paths.h"

static char path[3 * CCLIP_TEST_PATH_SIZE];

static cclip_status preprocess(const struct cclip_picture *picture)
{
    float out[3 * 7 * 9];
    cclip_status status = CCLIP_OK;
    for (int mode = 0; mode <= CCLIP_RESIZE_SQUASH && !status; mode++)
        for (int background = 0; background < 2 && !status; background++) {
            cclip_preprocessing p = CCLIP_PREPROCESSING_INIT;
            p.width = 9;
            p.height = 7;
            p.resize_mode = (cclip_resize_mode)mode;
            p.has_background = background;
            p.interpolation = background ? CCLIP_NEAREST : CCLIP_LANCZOS;
            status = cclip_preprocess(out, picture, &p);
        }
    return status;
}

static cclip_status convert(const struct cclip_picture *picture)
{
    struct cclip_picture rgba = { 0 }, turned = { 0 };
    struct cclip_buffer file;
    cclip_buffer_open(&file, 1 << 22);
    cclip_status status = cclip_picture_convert_rgba(&rgba, picture);
    rgba.orientation = 6;
    if (!status)
        status = cclip_picture_orient(&turned, &rgba);
    const struct cclip_pixels pixels = { turned.pixels, turned.width, turned.height, turned.stride, 4 };
    const struct cclip_pixels gray = { turned.pixels, turned.width, turned.height, turned.stride, 1 };
    if (!status)
        status = cclip_png_write(&file, &pixels);
    if (!status)
        status = cclip_jpeg_write(&file, &gray, 80);
    cclip_buffer_close(&file);
    cclip_picture_close(&turned);
    cclip_picture_close(&rgba);
    return status;
}

static cclip_status life(void *context)
{
    struct cclip_picture picture;
    (void)context;
    cclip_status status = cclip_picture_read(&picture, path, NULL);
    if (status)
        return status;
    status = preprocess(&picture);
    if (!status)
        status = convert(&picture);
    cclip_picture_close(&picture);
    return status;
}

static size_t fail_each(const char *format)
{
    struct cclip_names names;
    char folder[2 * CCLIP_TEST_PATH_SIZE];
    size_t pictures = 0;
    snprintf(folder, sizeof folder, "%s/%s", cclip_test_in_source("tests/fuzz/corpora"), format);
    assert_ok(cclip_folder_list(&names, folder));
    for (size_t i = 0; i < names.count; i++) {
        struct cclip_picture picture;
        snprintf(path, sizeof path, "%s/%s", folder, names.names[i]);
        if (cclip_picture_read(&picture, path, NULL))
            continue;
        cclip_picture_close(&picture);
        assert_true(cclip_fault_each(life, NULL) > 5);
        pictures++;
    }
    cclip_names_close(&names);
    return pictures;
}

static void test_every_format(void **state)
{
    static const char *const formats[] = { "jpeg", "png", "webp", "gif", "bmp", "ppm", "tiff", "heif", "svg" };
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        const size_t pictures = fail_each(formats[i]);
        assert_true(pictures > 0 || i > 5); /* the last three may be missing in this build */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_format) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
