/* cclip_embed_files: the same bits as one picture after the other, whatever the number of files and of
 * threads; what cannot be read is skipped, named, zero; memory does not grow with the number of files. */
#include "api/pictures/small_session.h"

#include <sys/resource.h>

static const char *const models[] = { "hf_clip_bf16", "hf_siglip", "oc_resnet" };
enum { MODELS = sizeof models / sizeof models[0], FILES = 450 };

static char folder[] = "/tmp/cclip-files-XXXXXX";

static const char *write_file(const char *name, const void *data, size_t size)
{
    static char paths[4][CCLIP_TEST_PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, CCLIP_TEST_PATH_SIZE, "%s/%s", folder, name);
    assert_ok(cclip_file_write(path, data, size));
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    make_pictures(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return remove_pictures(folder);
}

/* Each picture alone, through pixels. */
static float *one_by_one(struct small_session *s, char **paths, size_t count, int normalize)
{
    float *out = calloc(count * s->info.embedding_dim, sizeof *out);
    float *pixels = calloc(s->pixels, sizeof *pixels);
    assert_true(out && pixels);
    for (size_t i = 0; i < count; i++) {
        assert_ok(cclip_preprocess_file(pixels, paths[i], &s->info.preprocessing));
        assert_ok(cclip_embed_pixels(s->session, out + i * s->info.embedding_dim, pixels, 1, normalize));
    }
    free(pixels);
    return out;
}

static void check_model(const char *name, char **paths)
{
    static const int threads[] = { 1, 3 };
    static const size_t counts[] = { 1, 61, FILES };
    struct small_session s;
    open_small(&s, name, 2);
    const size_t dim = s.info.embedding_dim;
    float *raw = one_by_one(&s, paths, FILES, 0), *normalized = one_by_one(&s, paths, FILES, 1);
    float *out = calloc(FILES * dim, sizeof *out);
    close_small(&s);
    for (size_t t = 0; t < 2; t++) {
        open_small(&s, name, threads[t]);
        for (size_t c = 0; c < 3; c++) {
            memset(out, 255, FILES * dim * sizeof *out);
            assert_ok(cclip_embed_files(s.session, out, (const char *const *)paths, counts[c], NULL, 0, NULL, NULL));
            assert_memory_equal(out, raw, counts[c] * dim * sizeof *out);
            assert_ok(cclip_embed_files(s.session, out, (const char *const *)paths, counts[c],
                                        &s.info.preprocessing, 1, NULL, NULL));
            assert_memory_equal(out, normalized, counts[c] * dim * sizeof *out);
        }
        close_small(&s);
    }
    free(out);
    free(raw);
    free(normalized);
}

static void test_same_bits(void **state)
{
    char **paths = picture_paths(folder, FILES);
    (void)state;
    for (size_t m = 0; m < MODELS; m++)
        check_model(models[m], paths);
    free_paths(paths, FILES);
}

struct skips {
    size_t count, places[FILES], stop_at;
    cclip_status statuses[FILES];
    char messages[FILES][256];
};

static int on_skip(void *user, size_t index, cclip_status status, const char *message)
{
    struct skips *skips = user;
    assert_true(skips->count < FILES);
    skips->places[skips->count] = index;
    skips->statuses[skips->count] = status;
    snprintf(skips->messages[skips->count], sizeof skips->messages[0], "%s", message);
    return ++skips->count == skips->stop_at;
}

/* At the beginning, at the end, in pairs, alone. */
static const size_t bad[] = { 0, 7, 8, 100, 101, 102, FILES - 1 };
enum { BAD = sizeof bad / sizeof bad[0] };

static char **paths_with_bad_ones(void)
{
    char **paths = picture_paths(folder, FILES);
    const char *files[] = { write_file("broken.png", "\x89PNG\r\n\x1a\n no", 11),
                            write_file("cut.ppm", "P6 9 9 255\nabc", 14), write_file("empty.jpg", "", 0),
                            "/no/such/picture.png" };
    for (size_t i = 0; i < BAD; i++) {
        free(paths[bad[i]]);
        paths[bad[i]] = strdup(files[i % 4]);
    }
    return paths;
}

static void test_skips(void **state)
{
    struct small_session s;
    struct skips skips = { .count = 0 };
    char **paths = paths_with_bad_ones(), **good = picture_paths(folder, FILES);
    (void)state;
    open_small(&s, models[0], 2);
    const size_t dim = s.info.embedding_dim;
    float *expected = one_by_one(&s, good, FILES, 1), *out = calloc(FILES * dim, sizeof *out);
    for (size_t i = 0; i < BAD; i++)
        memset(expected + bad[i] * dim, 0, dim * sizeof *expected);
    memset(out, 255, FILES * dim * sizeof *out);
    assert_ok(cclip_embed_files(s.session, out, (const char *const *)paths, FILES, NULL, 1, on_skip, &skips));
    assert_memory_equal(out, expected, FILES * dim * sizeof *out);
    assert_int_equal(skips.count, BAD);
    for (size_t i = 0; i < BAD; i++) {
        assert_int_equal(skips.places[i], bad[i]);
        assert_non_null(strstr(skips.messages[i], paths[bad[i]]));
        assert_int_equal(skips.statuses[i], i % 4 == 3 ? CCLIP_ERROR_NOT_FOUND : CCLIP_ERROR_FORMAT);
    }
    close_small(&s);
    free(out);
    free(expected);
    free_paths(paths, FILES);
    free_paths(good, FILES);
}

static void test_stop_and_no_callback(void **state)
{
    struct small_session s;
    struct skips skips = { .stop_at = 3 };
    char **paths = paths_with_bad_ones();
    (void)state;
    open_small(&s, models[0], 2);
    float *out = calloc(FILES * s.info.embedding_dim, sizeof *out);
    assert_fails(CCLIP_ERROR_CANCELLED,
                 cclip_embed_files(s.session, out, (const char *const *)paths, FILES, NULL, 1, on_skip, &skips));
    assert_int_equal(skips.count, 3);
    assert_non_null(strstr(cclip_error_message(), paths[bad[2]]));
    assert_fails(CCLIP_ERROR_FORMAT,
                 cclip_embed_files(s.session, out, (const char *const *)paths, FILES, NULL, 1, NULL, NULL));
    assert_non_null(strstr(cclip_error_message(), paths[0]));
    assert_fails(CCLIP_ERROR_NOT_FOUND, /* the first in order, although a later one is decoded first, perhaps */
                 cclip_embed_files(s.session, out, (const char *const *)paths + 9, FILES - 9, NULL, 1, NULL, NULL));
    close_small(&s);
    free(out);
    free_paths(paths, FILES);
}

static void test_all_bad_and_none(void **state)
{
    struct small_session s;
    struct skips skips = { .count = 0 };
    const char *path = write_file("empty.jpg", "", 0), *paths[FILES];
    (void)state;
    open_small(&s, models[0], 2);
    float *out = calloc(FILES * s.info.embedding_dim, sizeof *out);
    for (size_t i = 0; i < FILES; i++)
        paths[i] = path;
    assert_ok(cclip_embed_files(s.session, out, paths, FILES, NULL, 1, on_skip, &skips));
    assert_int_equal(skips.count, FILES);
    assert_ok(cclip_embed_files(s.session, NULL, NULL, 0, NULL, 1, NULL, NULL));
    close_small(&s);
    free(out);
}

static void test_preprocessing(void **state)
{
    struct small_session s;
    const char *paths[] = { cclip_test_in_source("share/demo/cat.webp") }; /* it is transparent */
    (void)state;
    open_small(&s, models[0], 1);
    const size_t dim = s.info.embedding_dim;
    float *plain = calloc(dim, sizeof *plain), *laid = calloc(dim, sizeof *laid);
    float *pixels = calloc(s.pixels, sizeof *pixels);
    cclip_preprocessing p = s.info.preprocessing;
    assert_ok(cclip_preprocessing_set_background(&p, "#ff00ff"));
    assert_ok(cclip_embed_files(s.session, plain, paths, 1, NULL, 1, NULL, NULL));
    assert_ok(cclip_embed_files(s.session, laid, paths, 1, &p, 1, NULL, NULL));
    assert_memory_not_equal(plain, laid, dim * sizeof *plain);
    assert_ok(cclip_preprocess_file(pixels, paths[0], &p));
    assert_ok(cclip_embed_pixels(s.session, plain, pixels, 1, 1));
    assert_memory_equal(plain, laid, dim * sizeof *plain);
    p.width++;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_embed_files(s.session, laid, paths, 1, &p, 1, NULL, NULL));
    p.width--;
    p.version = 77;
    assert_fails(CCLIP_ERROR_ARGUMENT, cclip_embed_files(s.session, laid, paths, 1, &p, 1, NULL, NULL));
    close_small(&s);
    free(plain);
    free(laid);
    free(pixels);
}

/* AddressSanitizer asks for its settings: freed memory is used again soon, so that test_memory can count. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1";
}

/* Twenty thousand files: their pixels together are 138 MB. */
static void test_memory(void **state)
{
    enum { MANY = 20000 };
    struct small_session s;
    struct rusage before, after;
    const char *path = write_file("small.ppm", "P6 2 2 255\nabcdefghijkl", 23);
    const char **paths = calloc(MANY, sizeof *paths);
    (void)state;
    open_small(&s, models[0], 2);
    float *out = calloc(MANY * s.info.embedding_dim, sizeof *out);
    assert_true(out && paths);
    memset(out, 1, MANY * s.info.embedding_dim * sizeof *out);
    for (size_t i = 0; i < MANY; i++)
        paths[i] = path;
    assert_ok(cclip_embed_files(s.session, out, paths, 600, NULL, 1, NULL, NULL));
    getrusage(RUSAGE_SELF, &before);
    assert_ok(cclip_embed_files(s.session, out, paths, MANY, NULL, 1, NULL, NULL));
    getrusage(RUSAGE_SELF, &after);
    assert_memory_equal(out, out + (MANY - 1) * s.info.embedding_dim, s.info.embedding_dim * sizeof *out);
    const char *sanitizers = getenv("CCLIP_SANITIZE"); /* they keep memory of their own, a thread */
    const long most = (sanitizers && *sanitizers ? 100 : 20) << 10; /* KiB */
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, most);
    close_small(&s);
    free(out);
    free(paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),        cmocka_unit_test(test_skips),
        cmocka_unit_test(test_stop_and_no_callback), cmocka_unit_test(test_all_bad_and_none),
        cmocka_unit_test(test_preprocessing),    cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
