/* Preprocessing against the reference, byte for byte: every picture of preprocess/manifest.json and
 * every expected file that it names. Sizes are those of the expected pictures.
 *
 *   expected, expected_N         resize of the shortest side, centre crop
 *   expected_squash_FILTER       both sides, proportions lost
 *   decoded_rgb                  the decoded picture alone, as RGB
 *   FILE.float32.npy             beside an expected FILE.png: normalised with the manifest's mean and std */
#include "support/paths.h"
#include "support/unit.h"

#include "base/file.h"
#include "formats/json.h"
#include "image/picture.h"
#include "image/preprocess.h"

struct golden {
    char folder[CCLIP_TEST_PATH_SIZE];
    cclip_json *manifest;
    size_t pictures, compared, tensors;
};

static struct golden golden;

static const char *path_of(const char *file)
{
    static char path[2 * CCLIP_TEST_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", golden.folder, file);
    return path;
}

static void read_rgb(struct cclip_picture *out, const char *file)
{
    assert_ok(cclip_picture_read(out, path_of(file), NULL));
    assert_int_equal(out->mode, CCLIP_MODE_RGB);
}

static void compare(const unsigned char *got, const struct cclip_picture *want, const char *what)
{
    const size_t bytes = want->stride * want->height;
    size_t different = 0, first = 0;
    int largest = 0;
    for (size_t i = 0; i < bytes; i++) {
        const int distance = abs(got[i] - want->pixels[i]);
        if (distance && !different++)
            first = i;
        largest = distance > largest ? distance : largest;
    }
    if (different)
        fail_msg("%s: %zu of %zu bytes differ, by %d at most; the first at row %zu, column %zu", what,
                 different, bytes, largest, first / want->stride, first % want->stride / 3);
    golden.compared++;
}

/* "expected_squash_bilinear" and its like, without "expected". */
static void read_settings(cclip_preprocessing *s, const char *variant)
{
    static const struct {
        const char *name;
        cclip_interpolation filter;
    } filters[] = { { "bicubic", CCLIP_BICUBIC }, { "bilinear", CCLIP_BILINEAR },
                    { "nearest", CCLIP_NEAREST }, { "lanczos", CCLIP_LANCZOS } };
    const char *filter = strrchr(variant, '_');
    if (!strncmp(variant, "_squash", 7))
        s->resize_mode = CCLIP_RESIZE_SQUASH;
    else if (!strncmp(variant, "_longest", 8))
        s->resize_mode = CCLIP_RESIZE_LONGEST;
    for (size_t i = 0; filter && i < sizeof filters / sizeof filters[0]; i++)
        if (!strcmp(filter + 1, filters[i].name))
            s->interpolation = filters[i].filter;
}

static void read_three(float out[3], const char *key)
{
    for (size_t i = 0; i < 3; i++)
        out[i] = (float)cclip_json_number(cclip_json_at(cclip_json_get(golden.manifest, key), i), 0);
}

/* NAME.png has a tensor beside it? Then every bit of it must come out. */
static void check_tensor(const struct cclip_picture *picture, const char *file, cclip_preprocessing *s)
{
    char name[CCLIP_TEST_PATH_SIZE];
    struct cclip_mapping npy;
    snprintf(name, sizeof name, "%.*s.float32.npy", (int)(strlen(file) - 4), file);
    if (!cclip_is_file(path_of(name)))
        return;
    read_three(s->mean, "mean");
    read_three(s->std, "std");
    const size_t bytes = 3 * s->height * s->width * sizeof(float);
    float *got = malloc(bytes);
    assert_non_null(got);
    assert_ok(cclip_preprocess(got, picture, s));
    assert_ok(cclip_mapping_open(&npy, path_of(name)));
    assert_true(npy.size > bytes && strstr((const char *)npy.data + 10, "'<f4'"));
    if (memcmp(got, npy.data + npy.size - bytes, bytes) != 0)
        fail_msg("%s: not the same bits", name);
    cclip_mapping_close(&npy);
    free(got);
    golden.tensors++;
}

static void check_result(const struct cclip_picture *picture, const char *file, const char *variant)
{
    struct cclip_picture want;
    cclip_preprocessing s = CCLIP_PREPROCESSING_INIT;
    read_rgb(&want, file);
    s.height = want.height;
    s.width = want.width;
    read_settings(&s, variant);
    unsigned char *got = malloc(want.stride * want.height);
    assert_non_null(got);
    assert_ok(cclip_preprocess_u8(got, picture, &s));
    compare(got, &want, file);
    check_tensor(picture, file, &s);
    free(got);
    cclip_picture_close(&want);
}

static void check_decoded(const struct cclip_picture *picture, const char *file)
{
    struct cclip_picture want, got;
    read_rgb(&want, file);
    assert_ok(cclip_picture_convert_rgb(&got, picture));
    assert_int_equal(got.width, want.width);
    assert_int_equal(got.height, want.height);
    compare(got.pixels, &want, file);
    cclip_picture_close(&got);
    cclip_picture_close(&want);
}

/* "resized_wh": {"224": [298, 224], ...} */
static void check_sizes(const struct cclip_picture *picture, cclip_json *sizes)
{
    struct cclip_json_iterator it;
    for (int more = cclip_json_first(&it, sizes); more; more = cclip_json_next(&it)) {
        cclip_preprocessing s = CCLIP_PREPROCESSING_INIT;
        struct cclip_placement placement;
        s.height = s.width = (size_t)strtoul(it.key, NULL, 10);
        assert_ok(cclip_preprocess_place(&placement, picture->width, picture->height, &s));
        assert_int_equal(placement.width, cclip_json_integer(cclip_json_at(it.value, 0), 0));
        assert_int_equal(placement.height, cclip_json_integer(cclip_json_at(it.value, 1), 0));
    }
}

static void check_probe(const struct cclip_picture *picture, const char *path)
{
    struct cclip_mapping file;
    struct cclip_picture probed;
    assert_ok(cclip_mapping_open(&file, path));
    assert_ok(cclip_picture_probe(&probed, file.data, file.size, path, NULL));
    cclip_mapping_close(&file);
    assert_null(probed.pixels);
    assert_int_equal(probed.mode, picture->mode);
    assert_int_equal(probed.width, picture->width);
    assert_int_equal(probed.height, picture->height);
    assert_string_equal(probed.format, picture->format);
}

static void check_picture(const char *name, cclip_json *entry)
{
    struct cclip_picture picture;
    struct cclip_json_iterator it;
    const char *file = cclip_json_string(cclip_json_get(entry, "file"), NULL);
    assert_non_null(file);
    assert_ok(cclip_picture_read(&picture, path_of(file), NULL));
    const char *mode = cclip_json_string(cclip_json_get(entry, "mode"), NULL);
    if (mode && strcmp(mode, cclip_picture_mode_info(picture.mode)->name) != 0)
        fail_msg("%s: mode %s, not %s", name, cclip_picture_mode_info(picture.mode)->name, mode);
    cclip_json *size = cclip_json_get(entry, "size_wh");
    assert_int_equal(picture.width, cclip_json_integer(cclip_json_at(size, 0), 0));
    assert_int_equal(picture.height, cclip_json_integer(cclip_json_at(size, 1), 0));
    check_probe(&picture, path_of(file));
    check_sizes(&picture, cclip_json_get(entry, "resized_wh"));
    for (int more = cclip_json_first(&it, entry); more; more = cclip_json_next(&it)) {
        const char *expected = cclip_json_string(it.value, NULL);
        if (!strncmp(it.key, "expected", 8))
            check_result(&picture, expected, it.key + 8);
        else if (!strcmp(it.key, "decoded_rgb"))
            check_decoded(&picture, expected);
    }
    cclip_picture_close(&picture);
    golden.pictures++;
}

static void test_every_picture(void **state)
{
    (void)state;
    struct cclip_json_iterator it;
    cclip_json *images = cclip_json_get(golden.manifest, "images");
    for (int more = cclip_json_first(&it, images); more; more = cclip_json_next(&it))
        check_picture(it.key, it.value);
    printf("%zu pictures, %zu expected pictures and %zu tensors, all equal in every bit\n",
           golden.pictures, golden.compared, golden.tensors);
    assert_true(golden.pictures > 0 && golden.compared >= golden.pictures);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_picture) };
    snprintf(golden.folder, sizeof golden.folder, "%s/preprocess", cclip_test_golden());
    if (!cclip_test_there(path_of("manifest.json"))) {
        printf("%s is not there\n", golden.folder);
        return CCLIP_TEST_SKIP;
    }
    if (cclip_json_read_file(&golden.manifest, path_of("manifest.json"))) {
        printf("%s\n", cclip_error_message());
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cclip_json_close(&golden.manifest);
    return failed;
}
