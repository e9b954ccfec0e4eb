/* Small files of every format and mode (tests/fuzz/corpora): what they are decoded to, limits, looking without
 * decoding, EXIF orientation, transparency, and pictures written and read again. */
#include "support/paths.h"
#include "support/unit.h"

#include "base/file.h"
#include "image/picture.h"
#include "image/write_picture.h"

struct file {
    const char *name;
    enum cclip_picture_mode mode;
    int alpha;
};

static const struct file files[] = {
    { "jpeg/rgb", CCLIP_MODE_RGB, 0 },         { "jpeg/gray", CCLIP_MODE_L, 0 },
    { "jpeg/cmyk", CCLIP_MODE_CMYK, 0 },       { "jpeg/progressive", CCLIP_MODE_RGB, 0 },
    { "jpeg/turned", CCLIP_MODE_RGB, 0 },      { "png/1", CCLIP_MODE_1, 0 },
    { "png/l", CCLIP_MODE_L, 0 },              { "png/la", CCLIP_MODE_LA, 1 },
    { "png/p", CCLIP_MODE_P, 0 },              { "png/palette_transparent", CCLIP_MODE_P, 1 },
    { "png/rgb", CCLIP_MODE_RGB, 0 },          { "png/rgb_key", CCLIP_MODE_RGB, 1 },
    { "png/rgba", CCLIP_MODE_RGBA, 1 },        { "png/i16", CCLIP_MODE_I, 0 },
    { "webp/lossy", CCLIP_MODE_RGB, 0 },       { "webp/lossless", CCLIP_MODE_RGBA, 1 },
    { "bmp/1", CCLIP_MODE_1, 0 },              { "bmp/l", CCLIP_MODE_L, 0 },
    { "bmp/p", CCLIP_MODE_P, 0 },              { "bmp/rgb", CCLIP_MODE_RGB, 0 },
    { "bmp/rgba", CCLIP_MODE_RGB, 0 },        { "ppm/rgb", CCLIP_MODE_RGB, 0 },
    { "ppm/gray", CCLIP_MODE_L, 0 },           { "ppm/bits", CCLIP_MODE_1, 0 },
    { "ppm/text", CCLIP_MODE_RGB, 0 },         { "ppm/deep", CCLIP_MODE_RGB, 0 },
    { "tiff/rgb", CCLIP_MODE_RGB, 0 },         { "tiff/cmyk", CCLIP_MODE_CMYK, 0 },
    { "tiff/l", CCLIP_MODE_L, 0 },             { "tiff/p", CCLIP_MODE_P, 0 },
    { "svg/shapes", CCLIP_MODE_RGBA, 1 },
};
enum { FILES = sizeof files / sizeof files[0] };

static const char *path_of(const char *name)
{
    static char path[CCLIP_TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", cclip_test_in_source("tests/fuzz/corpora"), name);
    return path;
}

/* A format whose library this build lacks is refused by name; everything else must be there. */
static int is_built(const char *name)
{
    const char *const *formats = cclip_picture_formats();
    const size_t length = strcspn(name, "/");
    for (; *formats; formats++)
        if (strlen(*formats) == length && !strncmp(*formats, name, length))
            return 1;
    assert_true(!strncmp(name, "tiff", 4) || !strncmp(name, "svg", 3));
    return 0;
}

static void test_every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        struct cclip_picture picture, looked;
        struct cclip_mapping file;
        if (!is_built(files[i].name)) {
            assert_fails(CCLIP_ERROR_UNSUPPORTED, cclip_picture_read(&picture, path_of(files[i].name), NULL));
            continue;
        }
        assert_ok(cclip_picture_read(&picture, path_of(files[i].name), NULL));
        if (picture.mode != files[i].mode || cclip_picture_has_alpha(&picture) != files[i].alpha)
            fail_msg("%s: mode %s, transparency %d", files[i].name, cclip_picture_mode_info(picture.mode)->name,
                     cclip_picture_has_alpha(&picture));
        assert_ok(cclip_mapping_open(&file, path_of(files[i].name)));
        assert_ok(cclip_picture_probe(&looked, file.data, file.size, "looked at", NULL));
        cclip_mapping_close(&file);
        assert_null(looked.pixels);
        assert_true(looked.width == picture.width && looked.height == picture.height);
        assert_string_equal(looked.format, picture.format);
        assert_int_equal(picture.orientation, 1); /* only when it is asked for */
        cclip_picture_close(&picture);
    }
}

/* Refused by what the header says, before anything of that size is allocated. */
static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        struct cclip_picture_limits side, pixels, bytes;
        struct cclip_picture picture;
        if (!is_built(files[i].name) || !strncmp(files[i].name, "svg", 3)) /* drawings have no size of their own */
            continue;
        cclip_picture_limits_init(&side);
        cclip_picture_limits_init(&pixels);
        cclip_picture_limits_init(&bytes);
        assert_ok(cclip_picture_read(&picture, path_of(files[i].name), NULL));
        const size_t width = picture.width, height = picture.height;
        cclip_picture_close(&picture);
        side.side = (width > height ? width : height) - 1;
        pixels.pixels = width * height - 1;
        bytes.file = 10;
        assert_fails(CCLIP_ERROR_LIMIT, cclip_picture_read(&picture, path_of(files[i].name), &side));
        assert_null(picture.pixels);
        assert_fails(CCLIP_ERROR_LIMIT, cclip_picture_read(&picture, path_of(files[i].name), &pixels));
        assert_fails(CCLIP_ERROR_LIMIT, cclip_picture_read(&picture, path_of(files[i].name), &bytes));
        pixels.pixels++;
        assert_ok(cclip_picture_read(&picture, path_of(files[i].name), &pixels));
        cclip_picture_close(&picture);
    }
}

/* What follows a picture in its file changes nothing. */
static void test_bytes_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        struct cclip_picture alone, followed;
        struct cclip_mapping file;
        if (!is_built(files[i].name) || !strncmp(files[i].name, "svg", 3))
            continue;
        assert_ok(cclip_mapping_open(&file, path_of(files[i].name)));
        unsigned char *longer = malloc(file.size + 500);
        assert_non_null(longer);
        memcpy(longer, file.data, file.size);
        memset(longer + file.size, 'x', 500);
        assert_ok(cclip_picture_decode(&alone, file.data, file.size, files[i].name, NULL));
        assert_ok(cclip_picture_decode(&followed, longer, file.size + 500, files[i].name, NULL));
        assert_true(alone.width == followed.width && alone.stride == followed.stride);
        assert_memory_equal(alone.pixels, followed.pixels, alone.stride * alone.height);
        cclip_picture_close(&alone);
        cclip_picture_close(&followed);
        cclip_mapping_close(&file);
        free(longer);
    }
}

/* abc
 * def  in the eight ways a camera may have stored it. */
static void test_orientation(void **state)
{
    static const struct {
        size_t width;
        const char *stored;
    } cases[9] = { [1] = { 3, "abcdef" }, [2] = { 3, "cbafed" }, [3] = { 3, "fedcba" }, [4] = { 3, "defabc" },
                   [5] = { 2, "adbecf" }, [6] = { 2, "cfbead" }, [7] = { 2, "fcebda" }, [8] = { 2, "daebfc" } };
    (void)state;
    for (int o = 1; o <= 8; o++) {
        struct cclip_picture stored, upright;
        assert_ok(cclip_picture_open(&stored, CCLIP_MODE_L, cases[o].width, 6 / cases[o].width));
        memcpy(stored.pixels, cases[o].stored, 6);
        stored.orientation = o;
        assert_ok(cclip_picture_orient(&upright, &stored));
        if (upright.width != 3 || memcmp(upright.pixels, "abcdef", 6))
            fail_msg("orientation %d: %zu wide, %.6s", o, upright.width, (const char *)upright.pixels);
        assert_int_equal(upright.orientation, 1);
        cclip_picture_close(&upright);
        cclip_picture_close(&stored);
    }
}

static void test_orientation_of_a_file(void **state)
{
    struct cclip_picture_limits limits;
    struct cclip_picture picture;
    (void)state;
    cclip_picture_limits_init(&limits);
    limits.read_orientation = 1;
    assert_ok(cclip_picture_read(&picture, path_of("jpeg/turned"), &limits));
    assert_in_range(picture.orientation, 2, 8);
    cclip_picture_close(&picture);
}

static void test_transparency(void **state)
{
    static const char *const names[] = { "png/la", "png/palette_transparent", "png/rgb_key", "png/rgba", "png/rgb" };
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct cclip_picture picture, rgba, rgb, laid;
        size_t clear = 0;
        assert_ok(cclip_picture_read(&picture, path_of(names[i]), NULL));
        for (size_t c = 0; c < 3 && picture.has_key; c++)
            picture.key[c] = picture.pixels[c]; /* the file's own key is nowhere in it */
        assert_ok(cclip_picture_convert_rgba(&rgba, &picture));
        assert_ok(cclip_picture_convert_rgb(&rgb, &picture));
        assert_ok(cclip_picture_compose(&laid, &picture, (const unsigned char *)"\x12\x34\x56"));
        for (size_t p = 0; p < picture.width * picture.height; p++) {
            const unsigned char *pixel = rgba.pixels + 4 * p;
            assert_memory_equal(pixel, rgb.pixels + 3 * p, 3);
            clear += pixel[3] < 255;
            if (pixel[3] == 0)
                assert_memory_equal(laid.pixels + 3 * p, "\x12\x34\x56", 3);
            if (pixel[3] == 255)
                assert_memory_equal(laid.pixels + 3 * p, pixel, 3);
        }
        if ((clear > 0) != (i != 4))
            fail_msg("%s: %zu pixels are transparent", names[i], clear);
        cclip_picture_close(&picture);
        cclip_picture_close(&rgba);
        cclip_picture_close(&rgb);
        cclip_picture_close(&laid);
    }
}

static void test_written_and_read(void **state)
{
    static const enum cclip_picture_mode modes[] = { [1] = CCLIP_MODE_L, [3] = CCLIP_MODE_RGB, [4] = CCLIP_MODE_RGBA };
    unsigned char pixels[13 * 11 * 4];
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * 37 + i / 50);
    for (size_t channels = 1; channels <= 4; channels++) {
        const struct cclip_pixels in = { pixels, 13, 11, 13 * channels, channels };
        struct cclip_picture picture;
        struct cclip_buffer out;
        cclip_buffer_open(&out, 1 << 20);
        if (channels == 2) {
            assert_fails(CCLIP_ERROR_ARGUMENT, cclip_png_write(&out, &in));
            continue;
        }
        assert_ok(cclip_png_write(&out, &in));
        assert_ok(cclip_picture_decode(&picture, out.data, out.length, "written", NULL));
        assert_int_equal(picture.mode, modes[channels]);
        assert_memory_equal(picture.pixels, pixels, 13 * 11 * channels);
        cclip_picture_close(&picture);
        cclip_buffer_clear(&out);
        if (channels == 4) {
            assert_fails(CCLIP_ERROR_ARGUMENT, cclip_jpeg_write(&out, &in, 90));
        } else {
            assert_ok(cclip_jpeg_write(&out, &in, 90));
            assert_ok(cclip_picture_decode(&picture, out.data, out.length, "written", NULL));
            assert_true(picture.width == 13 && picture.height == 11 && picture.mode == modes[channels]);
            cclip_picture_close(&picture);
        }
        cclip_buffer_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_format), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bytes_behind), cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_orientation_of_a_file), cmocka_unit_test(test_transparency),
        cmocka_unit_test(test_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
