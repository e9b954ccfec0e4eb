/* Sizes and windows as the reference computes them, the classes of public checkpoints, normalisation, backgrounds,
 * and settings that make no sense. Pixels are golden.image.preprocess' business. */
#include "support/unit.h"

#include <math.h>

#include "image/colour.h"
#include "image/preprocess.h"

static const cclip_preprocessing defaults = CCLIP_PREPROCESSING_INIT;

struct place_case {
    size_t width, height;       /* of the picture */
    size_t to_width, to_height; /* of the input */
    size_t resize_to;
    cclip_resize_mode mode;
    struct cclip_placement expected;
};

static void test_placement(void **state)
{
    /* The other side is cut, not rounded: 224 * 640 / 480 = 298.67. A window begins at half the rest, half to even. */
    static const struct place_case cases[] = {
        { 640, 480, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 298, 224, 37, 0 } },
        { 480, 640, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 224, 298, 0, 37 } },
        { 224, 224, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 224, 224, 0, 0 } },
        { 225, 224, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 225, 224, 0, 0 } },  /* 0.5 to 0 */
        { 227, 224, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 227, 224, 2, 0 } },  /* 1.5 to 2 */
        { 229, 224, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 229, 224, 2, 0 } },  /* 2.5 to 2 */
        { 3, 500, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 224, 37333, 0, 18554 } }, /* 18554.5 to even */
        { 1, 1, 224, 224, 0, CCLIP_RESIZE_SHORTEST, { 224, 224, 0, 0 } },
        { 640, 480, 224, 224, 256, CCLIP_RESIZE_SHORTEST, { 341, 256, 58, 16 } },
        { 640, 480, 224, 224, 112, CCLIP_RESIZE_SHORTEST, { 149, 112, -37, -56 } }, /* padding */
        { 640, 480, 200, 100, 0, CCLIP_RESIZE_SHORTEST, { 200, 150, 0, 25 } },
        { 640, 480, 224, 224, 0, CCLIP_RESIZE_LONGEST, { 224, 168, 0, -28 } },
        { 480, 640, 224, 224, 0, CCLIP_RESIZE_LONGEST, { 168, 224, -28, 0 } },
        { 5000, 1, 224, 224, 0, CCLIP_RESIZE_LONGEST, { 224, 1, 0, -111 } }, /* a side never vanishes */
        { 640, 480, 200, 100, 0, CCLIP_RESIZE_SQUASH, { 200, 100, 0, 0 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct place_case *c = &cases[i];
        cclip_preprocessing p = defaults;
        struct cclip_placement got;
        p.width = c->to_width;
        p.height = c->to_height;
        p.resize_to = c->resize_to;
        p.resize_mode = c->mode;
        assert_ok(cclip_preprocess_place(&got, c->width, c->height, &p));
        if (got.width != c->expected.width || got.height != c->expected.height || got.left != c->expected.left ||
            got.top != c->expected.top)
            fail_msg("case %zu: %zu x %zu at (%lld, %lld)", i, got.width, got.height, (long long)got.left,
                     (long long)got.top);
    }
}

static void test_settings_without_sense(void **state)
{
    static const struct {
        size_t width, height, resize_to;
        int mode, interpolation;
    } cases[] = { { 0, 224, 0, 0, 0 },      { 224, 0, 0, 0, 0 },  { 224, 224, 1 << 20, 0, 0 },
                  { 1 << 20, 224, 0, 0, 0 }, { 224, 224, 0, 3, 0 }, { 224, 224, 0, -1, 0 },
                  { 224, 224, 0, 0, 4 },     { 224, 224, 0, 0, -1 } };
    struct cclip_picture picture;
    unsigned char out[3];
    (void)state;
    assert_ok(cclip_picture_open(&picture, CCLIP_MODE_RGB, 1, 1));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cclip_preprocessing p = defaults;
        p.width = cases[i].width;
        p.height = cases[i].height;
        p.resize_to = cases[i].resize_to;
        p.resize_mode = (cclip_resize_mode)cases[i].mode;
        p.interpolation = (cclip_interpolation)cases[i].interpolation;
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_preprocess_u8(out, &picture, &p));
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_preprocess(NULL, &picture, &p));
    }
    cclip_picture_close(&picture);
}

static void test_normalisation(void **state)
{
    static const unsigned char in[] = { 0, 128, 255, 1, 2, 3 };
    cclip_preprocessing p = defaults;
    float out[6];
    (void)state;
    p.width = 2;
    p.height = 1;
    cclip_preprocess_normalize(out, in, &p);
    for (size_t i = 0; i < 6; i++) { /* planes, each operation rounded to float32 */
        const size_t c = i / 2;
        const float scaled = (float)in[i % 2 * 3 + c] / 255.0f, centred = scaled - p.mean[c];
        assert_true(out[i] == centred / p.std[c]);
    }
}

/* Half transparent black on white is gray, if there is a background; else the colours as they are. */
static void test_background(void **state)
{
    struct cclip_picture picture;
    cclip_preprocessing p = defaults;
    unsigned char out[3];
    (void)state;
    p.width = p.height = 1;
    assert_ok(cclip_picture_open(&picture, CCLIP_MODE_RGBA, 1, 1));
    memcpy(picture.pixels, "\x10\x20\x30\x80", 4);
    assert_ok(cclip_preprocess_u8(out, &picture, &p));
    assert_memory_equal(out, "\x10\x20\x30", 3);
    p.has_background = 1;
    memset(p.background, 255, 3);
    assert_ok(cclip_preprocess_u8(out, &picture, &p));
    assert_memory_equal(out, "\x87\x8f\x97", 3); /* (c * 128 + 255 * 127) / 255 */
    picture.pixels[3] = 0;
    assert_ok(cclip_preprocess_u8(out, &picture, &p));
    assert_memory_equal(out, "\xff\xff\xff", 3);
    cclip_picture_close(&picture);
}

static void test_colours(void **state)
{
    static const struct {
        const char *text;
        int has;
        unsigned char colour[3];
    } good[] = { { "none", 0, { 7, 7, 7 } },        { "NONE", 0, { 7, 7, 7 } },
                 { "white", 1, { 255, 255, 255 } }, { "Black", 1, { 0, 0, 0 } },
                 { "#fff", 1, { 255, 255, 255 } },  { "#1a2B3c", 1, { 0x1a, 0x2b, 0x3c } },
                 { "#09f", 1, { 0, 0x99, 0xff } } };
    static const char *const wrong[] = { "", "#", "#ff", "#ffff", "#fffffff", "#ggg", "fff", "#ff f", "transparent" };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        unsigned char colour[3] = { 7, 7, 7 };
        int has = 9;
        assert_ok(cclip_colour_parse(&has, colour, good[i].text));
        assert_int_equal(has, good[i].has);
        assert_memory_equal(colour, good[i].colour, 3);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        unsigned char colour[3] = { 7, 7, 7 };
        int has = 9;
        assert_fails(CCLIP_ERROR_ARGUMENT, cclip_colour_parse(&has, colour, wrong[i]));
        assert_true(has == 9 && colour[0] == 7 && colour[2] == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placement),     cmocka_unit_test(test_settings_without_sense),
        cmocka_unit_test(test_normalisation), cmocka_unit_test(test_background),
        cmocka_unit_test(test_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
