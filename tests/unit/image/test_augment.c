/* Augmentation: every step beside torchvision's result for given numbers (tests/data/augment), how the numbers are
 * drawn, and pictures at the edge of what there is. */
#include "support/unit.h"

#include <math.h>

#include "base/file.h"
#include "image/augment.h"
#include "image/colour_change.h"
#include "image/preprocess.h"
#include "support/paths.h"

enum { HEIGHT = 16, WIDTH = 20, BYTES = HEIGHT * WIDTH * 3, COLOURS = 2048, DRAWS = 20000 };

/* The formula of tests/data/augment/make.py. */
static void make_picture(struct cclip_picture *out, enum cclip_picture_mode mode, size_t width,
                         size_t height)
{
    assert_ok(cclip_picture_open(out, mode, width, height));
    const size_t channels = cclip_picture_mode_info(mode)->channels;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < channels; c++)
                out->pixels[y * out->stride + x * channels + c] = (unsigned char)(
                    x * 7 + y * 13 + c * 85 + x * y % 17 * 5 + (x / 9 + y / 7) * 40);
    for (unsigned i = 0; i < 256; i++) {
        const unsigned char entry[4] = { (unsigned char)(i + 11), (unsigned char)(3 * i + 33),
                                         (unsigned char)(7 * i + 77), 255 };
        memcpy(out->palette[i], entry, 4);
    }
}

static cclip_preprocessing input_of(size_t height, size_t width)
{
    cclip_preprocessing p = CCLIP_PREPROCESSING_INIT;
    p.height = height;
    p.width = width;
    return p;
}

struct given { /* a line of cases.tsv */
    char name[40], mode[8], background[8], order[8];
    size_t width, height;
    struct cclip_augmentation_draw draw;
};

static int read_case(struct given *out, const char *line)
{
    struct cclip_augmentation_draw *d = &out->draw;
    memset(out, 0, sizeof *out);
    const int fields = sscanf(
        line, "%39s %7s %zu %zu %7s %zu %zu %zu %zu %d %lf %lf %lf %lf %7s %lf %lf %lf %lf %d", out->name,
        out->mode, &out->width, &out->height, out->background, &d->top, &d->left, &d->height, &d->width,
        &d->flip, &d->zoom, &d->degrees, &d->shift_x, &d->shift_y, out->order, &d->factors[0],
        &d->factors[1], &d->factors[2], &d->factors[3], &d->grey);
    d->affine = d->zoom > 0;
    d->jitter = *out->order != '-';
    return fields == 20;
}

static enum cclip_picture_mode mode_of(const char *name)
{
    for (int mode = 0; mode < CCLIP_MODES; mode++)
        if (!strcmp(cclip_picture_mode_info((enum cclip_picture_mode)mode)->name, name))
            return (enum cclip_picture_mode)mode;
    fail_msg("mode %s", name);
    return CCLIP_MODE_RGB;
}

/* The changes of colour that a case names, all others off. */
static void set_strengths(struct cclip_augmentation *a, struct given *given)
{
    double *const strengths[4] = { &a->brightness, &a->contrast, &a->saturation, &a->hue };
    for (int i = 0; i < 4 && given->draw.jitter; i++) {
        given->draw.order[i] = i < (int)strlen(given->order) ? given->order[i] - '0' : 0;
        if (i < (int)strlen(given->order))
            *strengths[given->draw.order[i]] = 0.5;
    }
    if (given->draw.jitter && strlen(given->order) < 4) { /* the others come behind, and are off */
        int next = (int)strlen(given->order);
        for (int which = 0; which < 4; which++)
            if (!strchr(given->order, '0' + which))
                given->draw.order[next++] = which;
    }
}

static void check_case(struct given *given, const unsigned char *expected)
{
    struct cclip_augmentation a = { .fill = { 10, 200, 90 } };
    struct cclip_picture picture;
    unsigned char out[BYTES];
    cclip_preprocessing p = input_of(HEIGHT, WIDTH);
    unsigned colour = 0;
    if (sscanf(given->background, "%6x", &colour) == 1 && *given->background != '-')
        p.has_background = 1;
    for (int c = 0; c < 3; c++)
        given->draw.background[c] = (uint8_t)(colour >> (16 - 8 * c));
    set_strengths(&a, given);
    make_picture(&picture, mode_of(given->mode), given->width, given->height);
    assert_ok(cclip_augment_u8(out, &picture, &p, &a, &given->draw));
    for (size_t i = 0; i < BYTES; i++)
        if (out[i] != expected[i])
            fail_msg("%s: byte %zu is %u, torchvision has %u", given->name, i, out[i], expected[i]);
    cclip_picture_close(&picture);
}

/* The bytes of a uint8 .npy file, behind its header. */
static const unsigned char *array(struct cclip_mapping *file, const char *name, size_t bytes)
{
    char path[CCLIP_TEST_PATH_SIZE + 64];
    snprintf(path, sizeof path, "%s/augment/%s", cclip_test_data(), name);
    assert_ok(cclip_mapping_open(file, path));
    const size_t header = 10 + (size_t)file->data[8] + 256u * file->data[9];
    assert_int_equal(file->size, header + bytes);
    return file->data + header;
}

static void test_torchvision(void **state)
{
    struct cclip_mapping file;
    struct cclip_buffer cases;
    char path[CCLIP_TEST_PATH_SIZE + 64];
    size_t count = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/augment/cases.tsv", cclip_test_data());
    assert_ok(cclip_file_read(&cases, path, 1 << 20));
    for (const char *at = cases.data; *at; at++)
        count += *at == '\n';
    count--; /* the header */
    assert_true(count > 30);
    const unsigned char *expected = array(&file, "expected.npy", count * BYTES);
    const char *line = strchr(cases.data, '\n') + 1;
    for (size_t i = 0; i < count; i++, line = strchr(line, '\n') + 1) {
        struct given given;
        assert_true(read_case(&given, line));
        check_case(&given, expected + i * BYTES);
    }
    cclip_mapping_close(&file);
    cclip_buffer_close(&cases);
}

static void test_hue(void **state)
{
    static const double turns[] = { 0.5, -0.1, 0.0, 0.3 };
    static const uint32_t first[] = { 0x26C754, 0x26C755, 0x26C756, 0x26C757, 0x2DCE5B,
                                      0x2DCE5C, 0x2DCE5D, 0x2DCE5E, 0x4CC726, 0x4DC726 };
    struct cclip_mapping file;
    const unsigned char *expected = array(&file, "colours.npy", sizeof turns / sizeof *turns * COLOURS * 3);
    (void)state;
    for (size_t t = 0; t < sizeof turns / sizeof *turns; t++) {
        unsigned char row[COLOURS * 3];
        for (uint64_t i = 0; i < COLOURS; i++) {
            const uint32_t colour =
                i < sizeof first / sizeof *first ? first[i] : (uint32_t)(i * 8191 * 4099 % (1u << 24));
            row[3 * i] = (unsigned char)(colour >> 16);
            row[3 * i + 1] = (unsigned char)(colour >> 8);
            row[3 * i + 2] = (unsigned char)colour;
        }
        cclip_change_hue(row, COLOURS, turns[t]);
        assert_memory_equal(row, expected + t * sizeof row, sizeof row);
    }
    cclip_mapping_close(&file);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%g where %g is expected, within %g", value, expected, tolerance);
}

/* Area even within the scale, ratio even in its logarithm, every place inside the picture. */
static void test_crop_draws(void **state)
{
    const cclip_preprocessing p = input_of(224, 224);
    struct cclip_augmentation a;
    struct cclip_random random;
    double area = 0, least = 1, most = 0, ratio = 0, left = 0, top = 0;
    (void)state;
    cclip_augmentation_init(&a);
    a.scale[0] = 0.3;
    a.scale[1] = 0.7;
    cclip_random_seed(&random, 1, 2);
    for (int i = 0; i < DRAWS; i++) {
        struct cclip_augmentation_draw d;
        cclip_augmentation_draw(&d, &a, 1000, 900, &p, &random);
        assert_true(d.width && d.height && d.left + d.width <= 1000 && d.top + d.height <= 900);
        assert_false(d.flip || d.affine || d.jitter || d.grey);
        const double part = (double)(d.width * d.height) / 900000.0;
        area += part / DRAWS;
        least = part < least ? part : least;
        most = part > most ? part : most;
        ratio += log((double)d.width / (double)d.height) / DRAWS;
        left += (double)d.left / (double)(1000 - d.width + 1) / DRAWS;
        top += (double)d.top / (double)(900 - d.height + 1) / DRAWS;
    }
    assert_near(area, 0.5, 0.004);
    assert_near(least, 0.3, 0.002);
    assert_near(most, 0.7, 0.002);
    assert_near(ratio, 0, 0.01);
    assert_near(left, 0.5, 0.01);
    assert_near(top, 0.5, 0.01);
}

static void test_other_draws(void **state)
{
    const cclip_preprocessing p = input_of(100, 50);
    const struct cclip_augmentation a = { .flip = 0.5, .affine = 0.25, .degrees = 20, .shift = 0.1,
                                          .zoom = { 0.8, 1.2 }, .jitter = 0.8, .brightness = 0.4,
                                          .contrast = 2, .saturation = 0.3, .hue = 0.1, .grey = 0.2,
                                          .random_background = 1 };
    struct cclip_random random;
    double sums[12] = { 0 };
    int orders[4][4] = { { 0 } };
    (void)state;
    cclip_random_seed(&random, 3, 4);
    for (int i = 0; i < DRAWS; i++) {
        struct cclip_augmentation_draw d;
        cclip_augmentation_draw(&d, &a, 10, 10, &p, &random);
        assert_int_equal(d.width, 0);
        assert_true(fabs(d.degrees) <= 20 && fabs(d.shift_x) <= 5 && fabs(d.shift_y) <= 10);
        assert_true(d.shift_x == rint(d.shift_x) && d.zoom >= 0.8 && d.zoom <= 1.2);
        assert_true(d.factors[0] >= 0.6 && d.factors[0] <= 1.4 && d.factors[1] >= 0 && d.factors[1] <= 3);
        const double values[12] = { d.flip, d.affine, d.jitter, d.grey, d.degrees, d.shift_x, d.zoom,
                                    d.factors[0], d.factors[1], d.factors[2], d.factors[3],
                                    d.background[0] };
        for (int k = 0; k < 12; k++)
            sums[k] += values[k] / DRAWS;
        for (int k = 0; k < 4; k++)
            orders[k][d.order[k]]++;
    }
    static const double expected[12] = { 0.5, 0.25, 0.8, 0.2, 0, 0, 1, 1, 1.5, 1, 0, 127.5 };
    static const double spread[12] = { 0.5, 0.5, 0.5, 0.5, 12, 3, 0.12, 0.24, 0.9, 0.18, 0.06, 74 };
    for (int k = 0; k < 12; k++) /* 4 standard errors */
        assert_near(sums[k], expected[k], 4 * spread[k] / sqrt(DRAWS));
    for (int k = 0; k < 16; k++)
        assert_near(orders[k / 4][k % 4], DRAWS / 4.0, 4 * sqrt(DRAWS * 0.1875));
}

/* Transparent but for a black block in the middle. */
static void make_block(struct cclip_picture *out)
{
    assert_ok(cclip_picture_open(out, CCLIP_MODE_RGBA, 20, 16));
    memset(out->pixels, 0, 16 * out->stride);
    for (size_t y = 6; y < 10; y++)
        for (size_t x = 8; x < 12; x++)
            out->pixels[y * out->stride + 4 * x + 3] = 255;
}

/* The background is drawn as often as asked, and never one that hides the picture. */
static void test_random_background(void **state)
{
    cclip_preprocessing p = input_of(16, 20);
    const struct cclip_augmentation a = { .random_background = 0.3 };
    struct cclip_picture block;
    struct cclip_random random;
    int drawn = 0;
    (void)state;
    p.has_background = 1;
    memset(p.background, 255, 3);
    make_block(&block);
    cclip_random_seed(&random, 1, 2);
    for (int i = 0; i < 2000; i++) {
        struct cclip_augmentation_draw d;
        unsigned char out[BYTES];
        cclip_augmentation_draw(&d, &a, 20, 16, &p, &random);
        assert_ok(cclip_augment_u8(out, &block, &p, &a, &d));
        drawn += d.background_drawn;
        assert_true(d.background_drawn || (out[0] == 255 && out[1] == 255 && out[2] == 255));
        assert_true(out[0] + out[1] + out[2] >= 3 * 255 / 5 - 3); /* the block is black */
    }
    assert_near(drawn, 600, 4 * sqrt(2000 * 0.21));
    cclip_picture_close(&block);
}

/* What a shift brings in: the edge's pixels where that is asked for and the picture is opaque. */
static void test_edge(void **state)
{
    const cclip_preprocessing p = input_of(16, 20);
    const struct cclip_augmentation_draw right = { .affine = 1, .zoom = 1, .shift_x = 5 };
    struct cclip_picture picture;
    unsigned char plain[BYTES], edge[BYTES];
    (void)state;
    make_picture(&picture, CCLIP_MODE_RGB, 20, 16);
    const struct cclip_augmentation filled = { .fill = { 1, 2, 3 } }, continued = { .edge = 1 };
    assert_ok(cclip_augment_u8(plain, &picture, &p, &filled, &right));
    assert_ok(cclip_augment_u8(edge, &picture, &p, &continued, &right));
    for (size_t y = 0; y < 16; y++)
        for (size_t x = 0; x < 20; x++)
            for (size_t c = 0; c < 3; c++) {
                const size_t at = (y * 20 + x) * 3 + c;
                assert_int_equal(plain[at], x < 5 ? c + 1 : edge[at]);
                assert_int_equal(edge[at], picture.pixels[y * picture.stride + (x < 5 ? 0 : x - 5) * 3 + c]);
            }
    cclip_picture_close(&picture);
}

/* A step's numbers are the same whatever else is on. */
static void test_steps_are_apart(void **state)
{
    const cclip_preprocessing p = input_of(64, 64);
    const struct cclip_augmentation flip = { .flip = 0.5 };
    struct cclip_augmentation all = { .flip = 0.5, .affine = 1, .degrees = 90, .jitter = 1, .hue = 0.5 };
    (void)state;
    all.scale[0] = 0.1;
    all.scale[1] = 1;
    for (uint64_t i = 0; i < 200; i++) {
        struct cclip_augmentation_draw x, y;
        struct cclip_random random;
        cclip_random_seed(&random, 9, i);
        cclip_augmentation_draw(&x, &flip, 30, 40, &p, &random);
        cclip_random_seed(&random, 9, i);
        cclip_augmentation_draw(&y, &all, 300, 7, &p, &random);
        assert_int_equal(x.flip, y.flip);
    }
}

/* Every mode, from one pixel on, with everything on: the same result twice, finite, and inside memory (with the
 * sanitizers). */
static void test_edges(void **state)
{
    static const size_t sides[] = { 1, 2, 3, 1000 };
    const struct cclip_augmentation all = { .scale = { 0.01, 1 }, .ratio = { 0.75, 4.0 / 3 }, .flip = 0.5,
                                            .affine = 1, .degrees = 180, .shift = 0.5, .zoom = { 0.1, 3 },
                                            .jitter = 1, .brightness = 1, .contrast = 1, .saturation = 1,
                                            .hue = 0.5, .grey = 0.2, .random_background = 1 };
    const cclip_preprocessing p = input_of(5, 9);
    (void)state;
    for (int k = 0; k < 16 * CCLIP_MODES; k++) {
        struct cclip_picture picture;
        float first[3 * 45], second[3 * 45];
        make_picture(&picture, (enum cclip_picture_mode)(k / 16), sides[k % 4], sides[k / 4 % 4]);
        picture.palette_has_alpha = 1;
        for (uint64_t seed = 0; seed < 5; seed++) {
            struct cclip_random random;
            cclip_random_seed(&random, seed, 0);
            assert_ok(cclip_augment(first, &picture, &p, &all, &random));
            cclip_random_seed(&random, seed, 0);
            assert_ok(cclip_augment(second, &picture, &p, &all, &random));
            assert_memory_equal(first, second, sizeof first);
            for (size_t i = 0; i < 3 * 45; i++)
                assert_true(fabsf(first[i]) < 10);
        }
        cclip_picture_close(&picture);
    }
}

/* Ratios that no try fits: the largest cut in the middle. */
static void test_middle(void **state)
{
    const cclip_preprocessing p = input_of(8, 8);
    struct cclip_augmentation a;
    struct cclip_augmentation_draw d;
    struct cclip_random random;
    (void)state;
    cclip_augmentation_init(&a);
    cclip_random_seed(&random, 0, 0);
    cclip_augmentation_draw(&d, &a, 1000, 30, &p, &random);
    assert_true(d.width == 40 && d.height == 30 && d.left == 480 && d.top == 0);
    cclip_augmentation_draw(&d, &a, 30, 1000, &p, &random);
    assert_true(d.width == 30 && d.height == 40 && d.left == 0 && d.top == 480);
    a.scale[0] = a.scale[1] = 0.0001;
    cclip_augmentation_draw(&d, &a, 20, 21, &p, &random);
    assert_true(d.width == 20 && d.height == 21);
}

/* With nothing on, a picture is prepared as for evaluation. */
static void test_off(void **state)
{
    const struct cclip_augmentation off = { 0 };
    cclip_preprocessing p = input_of(10, 10);
    struct cclip_picture picture;
    struct cclip_random random;
    float out[300], expected[300];
    (void)state;
    cclip_random_seed(&random, 0, 0);
    p.has_background = 1;
    p.background[1] = 77;
    make_picture(&picture, CCLIP_MODE_RGBA, 31, 17);
    assert_ok(cclip_augment(out, &picture, &p, &off, &random));
    assert_ok(cclip_preprocess(expected, &picture, &p));
    assert_memory_equal(out, expected, sizeof out);
    p.width = 0;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_augment(out, &picture, &p, &off, &random));
    cclip_picture_close(&picture);
}

static void test_check(void **state)
{
    struct cclip_augmentation a;
    (void)state;
    cclip_augmentation_init(&a);
    assert_ok(cclip_augmentation_check(&a));
    double *const values[] = { &a.flip, &a.affine, &a.degrees, &a.shift, &a.jitter, &a.brightness,
                               &a.contrast, &a.saturation, &a.hue, &a.grey };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        static const double wrong[] = { -0.1, 1e9, NAN };
        for (size_t k = 0; k < 3; k++) {
            *values[i] = wrong[k];
            assert_fails(CCLIP_ERROR_ARGUMENT, cclip_augmentation_check(&a));
        }
        *values[i] = 0;
    }
    double *const ranges[] = { a.scale, a.ratio, a.zoom };
    static const double wrong[][2] = { { 0, 1 }, { -1, 1 }, { 0.6, 0.5 }, { 1, 1e9 }, { NAN, 1 }, { 0.5, NAN } };
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            memcpy(ranges[i], wrong[k], sizeof wrong[k]);
            assert_fails(CCLIP_ERROR_ARGUMENT, cclip_augmentation_check(&a));
        }
        ranges[i][0] = ranges[i][1] = 0;
    }
    assert_ok(cclip_augmentation_check(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchvision), cmocka_unit_test(test_hue),
        cmocka_unit_test(test_crop_draws),  cmocka_unit_test(test_other_draws),
        cmocka_unit_test(test_random_background), cmocka_unit_test(test_edge),
        cmocka_unit_test(test_steps_are_apart), cmocka_unit_test(test_edges),
        cmocka_unit_test(test_middle),      cmocka_unit_test(test_off),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
