/* What makes pictures the same file, the same pixels, or of much the same look. */
#include "support/unit.h"

#include <math.h>

#include "curate/hash_duplicates.h"
#include "curate/picture_digest.h"
#include "support/fault.h"

static void open_picture(struct cclip_picture *out, enum cclip_picture_mode mode, size_t width, size_t height)
{
    assert_ok(cclip_picture_open(out, mode, width, height));
    memset(out->pixels, 0, out->stride * height);
}

static void test_bytes(void **state)
{
    unsigned char data[40] = { 1, 2, 3 };
    struct cclip_digest seen[sizeof data];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        seen[i] = cclip_digest_bytes(data, i);
        for (size_t k = 0; k < i; k++) /* zeros at the end count too */
            assert_true(cclip_digest_compare(&seen[i], &seen[k]) != 0);
    }
    const struct cclip_digest before = cclip_digest_bytes(data, sizeof data);
    data[39] ^= 1;
    const struct cclip_digest after = cclip_digest_bytes(data, sizeof data);
    assert_true(cclip_digest_compare(&before, &after) == -cclip_digest_compare(&after, &before));
    assert_true(cclip_digest_compare(&before, &after) != 0);
}

/* A palette, grey or RGB picture of the same colours is the same; another size or another pixel is not. */
static void test_pixels(void **state)
{
    struct cclip_picture rgb, grey, palette, alpha, wide;
    struct cclip_digest a, b;
    (void)state;
    open_picture(&rgb, CCLIP_MODE_RGB, 5, 3);
    open_picture(&grey, CCLIP_MODE_L, 5, 3);
    open_picture(&palette, CCLIP_MODE_P, 5, 3);
    open_picture(&alpha, CCLIP_MODE_RGBA, 5, 3);
    open_picture(&wide, CCLIP_MODE_L, 3, 5);
    for (size_t i = 0; i < 15; i++) {
        memset(rgb.pixels + i / 5 * rgb.stride + i % 5 * 3, (int)(10 * i), 3);
        grey.pixels[i / 5 * grey.stride + i % 5] = (unsigned char)(10 * i);
        palette.pixels[i / 5 * palette.stride + i % 5] = (unsigned char)(200 - i);
        memset(palette.palette[200 - i], (int)(10 * i), 3);
        palette.palette[200 - i][3] = 255;
        wide.pixels[i / 3 * wide.stride + i % 3] = (unsigned char)(10 * i);
    }
    assert_ok(cclip_digest_pixels(&a, &rgb));
    assert_ok(cclip_digest_pixels(&b, &grey));
    assert_int_equal(cclip_digest_compare(&a, &b), 0);
    assert_ok(cclip_digest_pixels(&b, &palette));
    assert_int_equal(cclip_digest_compare(&a, &b), 0);
    assert_ok(cclip_digest_pixels(&b, &wide));
    assert_true(cclip_digest_compare(&a, &b) != 0);
    grey.pixels[grey.stride + 2] ^= 1;
    assert_ok(cclip_digest_pixels(&b, &grey));
    assert_true(cclip_digest_compare(&a, &b) != 0);
    /* What full transparency hides does not count. */
    assert_ok(cclip_digest_pixels(&a, &alpha));
    alpha.pixels[4] = 77;
    assert_ok(cclip_digest_pixels(&b, &alpha));
    assert_int_equal(cclip_digest_compare(&a, &b), 0);
    alpha.pixels[7] = 1;
    assert_ok(cclip_digest_pixels(&b, &alpha));
    assert_true(cclip_digest_compare(&a, &b) != 0);
    struct cclip_picture *const all[] = { &rgb, &grey, &palette, &alpha, &wide };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cclip_picture_close(all[i]);
}

/* Waves; `shift` moves them, `light` brightens. */
static struct cclip_digest hash_of_waves(size_t side, double shift, int light)
{
    struct cclip_picture picture;
    struct cclip_digest hash;
    open_picture(&picture, CCLIP_MODE_RGB, side, side);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            memset(picture.pixels + y * picture.stride + 3 * x,
                   (int)(110 + 70 * sin(9 * ((double)x + 0.5) / (double)side + shift) *
                                   cos(7 * ((double)y + 0.5) / (double)side)) + light, 3);
    assert_ok(cclip_difference_hash(&hash, &picture));
    cclip_picture_close(&picture);
    return hash;
}

static void test_look(void **state)
{
    const struct cclip_digest a = hash_of_waves(90, 0, 0), smaller = hash_of_waves(61, 0, 0),
                              lighter = hash_of_waves(90, 0, 30), other = hash_of_waves(90, 2, 0);
    const struct cclip_digest plain = { { 0, 0 } }, hashes[] = { a, other, smaller, plain, plain, lighter };
    const size_t order[] = { 5, 4, 3, 2, 1, 0 };
    struct cclip_hash_neighbour out[6];
    (void)state;
    assert_int_equal(cclip_hash_distance(&a, &a), 0);
    assert_true(cclip_hash_distance(&a, &smaller) <= 4);
    assert_true(cclip_hash_distance(&a, &lighter) <= 4);
    assert_true(cclip_hash_distance(&a, &other) > 20);
    assert_ok(cclip_hash_duplicates(out, hashes, order, 6, 6));
    assert_true(out[5].row == 5 && out[2].row == 5 && out[0].row == 5 && out[1].row == 1);
    assert_true(out[3].row == 3 && out[4].row == 4); /* of plain ones nothing is known */
    assert_true(out[0].distance <= 4);
    assert_int_equal(cclip_hash_nearest(&a, hashes + 1, 2, 6).row, 1);
    assert_true(cclip_hash_nearest(&other, hashes + 2, 4, 6).row == SIZE_MAX);
}

static cclip_status life(void *context)
{
    const struct cclip_picture *picture = context;
    static const struct cclip_digest hashes[2] = { { { 1, 2 } }, { { 3, 4 } } };
    static const size_t order[] = { 0, 1 };
    struct cclip_hash_neighbour out[2];
    struct cclip_digest digest;
    cclip_status status = cclip_digest_pixels(&digest, picture);
    if (!status)
        status = cclip_difference_hash(&digest, picture);
    return status ? status : cclip_hash_duplicates(out, hashes, order, 2, 3);
}

static void test_memory(void **state)
{
    struct cclip_picture picture;
    (void)state;
    open_picture(&picture, CCLIP_MODE_RGBA, 20, 10);
    assert_true(cclip_fault_each(life, &picture) > 3);
    cclip_picture_close(&picture);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bytes), cmocka_unit_test(test_pixels),
                                        cmocka_unit_test(test_look), cmocka_unit_test(test_memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
